//! Logs memory and CPU usage.

mod sample;

use std::time::Instant;

use self::sample::Sample;
use super::{Callback, CallbackContext, CallbackInfo, logged_steps::LoggedSteps};
use crate::error::Result;

/// Logs the memory and CPU time used by the process and the machine, at every logged training step.
///
/// ```
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// use lightning_core::{callbacks::{DeviceStat, DeviceStatsMonitor}, prelude::*};
/// # #[lightning_module]
/// # #[optimizer(SgdConfig::new(), lr = 0.1)]
/// # struct Net {
/// #     #[init(LinearConfig::new(4, 1).init(device))]
/// #     layer: Linear,
/// # }
/// # #[lightning_module]
/// # impl Net {
/// #     fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
/// #         self.layer.forward(batch).mean()
/// #     }
/// # }
///
/// let monitor = DeviceStatsMonitor::new().filter_keys([DeviceStat::ProcessRssMib]);
/// let trainer = Net::trainer().callback(monitor);
/// # let _ = trainer;
/// ```
///
/// All names start with `DeviceStatsMonitor.on_train_batch_end/`:
///
/// | name | value |
/// |---|---|
/// | `process_rss_mib` | resident memory of the process, in MiB |
/// | `process_cpu_percent` | CPU time of the process since the last record; 100 is one core |
/// | `cpu_percent` | CPU time of the machine since the last record; 100 is all cores |
/// | `cpu_vm_percent` | memory in use on the machine, in percent |
/// | `cpu_swap_percent` | swap space in use on the machine, in percent |
///
/// The values are read from `/proc`, which only Linux has. On other systems a warning is given and
/// nothing is logged. GPU usage is not logged, because Burn does not report it. `build` rejects
/// the callback without a logger.
#[derive(Clone, Debug, Default)]
pub struct DeviceStatsMonitor {
    stats: Option<Vec<DeviceStat>>,
    steps: LoggedSteps,
    last: Option<(Instant, Sample)>,
}

impl DeviceStatsMonitor {
    /// Logs all values.
    pub fn new() -> Self {
        Self::default()
    }

    /// Logs only these values.
    #[must_use]
    pub fn filter_keys(mut self, stats: impl IntoIterator<Item = DeviceStat>) -> Self {
        self.stats = Some(stats.into_iter().collect());
        self
    }

    fn wants(&self, key: &str) -> bool {
        self.stats.as_ref().is_none_or(|stats| stats.iter().any(|wanted| wanted.key() == key))
    }
}

/// A value of a [`DeviceStatsMonitor`].
///
/// ```
/// use lightning_core::callbacks::DeviceStat;
///
/// assert_eq!(DeviceStat::ProcessRssMib.key(), "process_rss_mib");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceStat {
    /// `process_rss_mib`: resident memory of the process.
    ProcessRssMib,
    /// `process_cpu_percent`: CPU time of the process.
    ProcessCpuPercent,
    /// `cpu_percent`: CPU time of the machine.
    CpuPercent,
    /// `cpu_vm_percent`: memory in use on the machine.
    CpuVmPercent,
    /// `cpu_swap_percent`: swap space in use on the machine.
    CpuSwapPercent,
}

impl DeviceStat {
    /// Returns the name in the log, without the prefix.
    pub const fn key(self) -> &'static str {
        match self {
            Self::ProcessRssMib => "process_rss_mib",
            Self::ProcessCpuPercent => "process_cpu_percent",
            Self::CpuPercent => "cpu_percent",
            Self::CpuVmPercent => "cpu_vm_percent",
            Self::CpuSwapPercent => "cpu_swap_percent",
        }
    }
}

impl<M> Callback<M> for DeviceStatsMonitor {
    fn info(&self) -> CallbackInfo {
        CallbackInfo::new().needs_logger("DeviceStatsMonitor")
    }

    fn on_train_start(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.steps.start(cx);
        self.last = Sample::read().map(|sample| (Instant::now(), sample));
        if self.last.is_none() {
            cx.view.console.warn(
                "`DeviceStatsMonitor` logs nothing: it needs `/proc`, which this system does not have".to_owned(),
            );
        }
        Ok(())
    }

    fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if !self.steps.is_due(cx) {
            return Ok(());
        }
        let Some(sample) = Sample::read() else { return Ok(()) };
        let now = Instant::now();
        let since = self.last.as_ref().map(|(then, before)| ((now - *then).as_secs_f64(), before));
        for (key, value) in sample.row(since).into_iter().filter(|(key, _)| self.wants(key)) {
            cx.log(&format!("DeviceStatsMonitor.on_train_batch_end/{key}"), &value);
        }
        self.last = Some((now, sample));
        Ok(())
    }
}
