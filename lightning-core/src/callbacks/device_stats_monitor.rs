//! Logs memory, CPU and GPU usage.

mod gpu;
mod host;
mod poller;
mod sample;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use self::{
    gpu::{GpuLibrary, Gpus},
    poller::{Figure, Poller, Source},
    sample::Sample,
};
use super::{Callback, CallbackContext, CallbackInfo, logged_steps::LoggedSteps};
use crate::error::Result;

/// The time from one reading of the GPUs to the next: their drivers take milliseconds to answer,
/// and have averages over a second or so.
const PERIOD: Duration = Duration::from_secs(1);
const PREFIX: &str = "DeviceStatsMonitor.on_train_batch_end/";

/// Logs the memory and time used by the process, the machine and its GPUs, at every logged training
/// step.
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
/// | `gpu_utilization_percent/0` | time in which a kernel ran on GPU 0, in percent |
/// | `gpu_memory_used_mib/0`, `gpu_memory_total_mib/0` | its memory in use and in all, in MiB |
/// | `gpu_temperature_celsius/0` | its temperature, in °C |
/// | `gpu_power_watts/0` | the power that it takes, in W |
///
/// Memory and CPU time are read from `/proc` on Linux, and elsewhere with the feature `sysinfo`.
/// The GPUs are those of the machine that the NVIDIA driver knows, in its order, with the feature
/// `nvml`, which needs no CUDA toolkit. Where there is no `/proc`, and of GPUs, values are read once
/// per second on another thread. If there is no driver, a warning is given once, and a value that
/// cannot be read is left out; the others are logged. `build` rejects the callback without a
/// logger.
#[derive(Clone, Debug, Default)]
pub struct DeviceStatsMonitor {
    stats: Option<Vec<DeviceStat>>,
    steps: LoggedSteps,
    last: Option<(Instant, Sample)>,
    /// What is read on other threads.
    polled: Vec<Arc<Poller>>,
    /// Whether it was said that there are no GPUs.
    told: bool,
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

    /// Whether GPUs are logged: without the feature only if they are requested.
    fn wants_gpus(&self) -> bool {
        match &self.stats {
            Some(stats) => stats.iter().any(|stat| stat.is_of_gpu()),
            None => cfg!(feature = "nvml"),
        }
    }

    /// Reads `source` from now on.
    fn poll(&mut self, source: Box<dyn Source>, period: Duration) {
        // Without a thread there are no figures, as without a source.
        self.polled.extend(Poller::start(source, period).ok().map(Arc::new));
    }

    /// Starts to read the GPUs of a library. Returns a warning if there is none, once.
    fn start_gpus(
        &mut self,
        library: std::result::Result<Box<dyn GpuLibrary>, String>,
        period: Duration,
    ) -> Option<String> {
        match library {
            Ok(library) => {
                self.poll(Box::new(Gpus(library)), period);
                None
            }
            Err(_) if self.told => None,
            Err(why) => {
                self.told = true;
                Some(format!("`DeviceStatsMonitor` logs no GPUs: {why}"))
            }
        }
    }

    /// Returns what was read on other threads, as far as it is wanted.
    fn polled(&self) -> Vec<Figure> {
        let all = self.polled.iter().flat_map(|poller| poller.latest());
        all.filter(|figure| self.wants(figure.stat.key())).collect()
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
    /// `gpu_utilization_percent`: time in which a kernel ran on a GPU.
    GpuUtilizationPercent,
    /// `gpu_memory_used_mib`: memory in use on a GPU.
    GpuMemoryUsedMib,
    /// `gpu_memory_total_mib`: memory of a GPU.
    GpuMemoryTotalMib,
    /// `gpu_temperature_celsius`: temperature of a GPU.
    GpuTemperatureCelsius,
    /// `gpu_power_watts`: power that a GPU takes.
    GpuPowerWatts,
}

impl DeviceStat {
    /// Returns the name in the log, without the prefix and the number of the GPU.
    pub const fn key(self) -> &'static str {
        match self {
            Self::ProcessRssMib => "process_rss_mib",
            Self::ProcessCpuPercent => "process_cpu_percent",
            Self::CpuPercent => "cpu_percent",
            Self::CpuVmPercent => "cpu_vm_percent",
            Self::CpuSwapPercent => "cpu_swap_percent",
            Self::GpuUtilizationPercent => "gpu_utilization_percent",
            Self::GpuMemoryUsedMib => "gpu_memory_used_mib",
            Self::GpuMemoryTotalMib => "gpu_memory_total_mib",
            Self::GpuTemperatureCelsius => "gpu_temperature_celsius",
            Self::GpuPowerWatts => "gpu_power_watts",
        }
    }

    const fn is_of_gpu(self) -> bool {
        match self {
            Self::ProcessRssMib
            | Self::ProcessCpuPercent
            | Self::CpuPercent
            | Self::CpuVmPercent
            | Self::CpuSwapPercent => false,
            Self::GpuUtilizationPercent
            | Self::GpuMemoryUsedMib
            | Self::GpuMemoryTotalMib
            | Self::GpuTemperatureCelsius
            | Self::GpuPowerWatts => true,
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
        self.polled.clear();
        if self.last.is_none() {
            match host::open() {
                Some(source) => self.poll(source, PERIOD),
                None => cx.view.console.warn(
                    "`DeviceStatsMonitor` logs neither memory nor CPU time: this system has no `/proc`; turn on the \
                     feature `sysinfo` of `lightning-core`"
                        .to_owned(),
                ),
            }
        }
        if self.wants_gpus()
            && let Some(warning) = self.start_gpus(gpu::open(), PERIOD)
        {
            cx.view.console.warn(warning);
        }
        Ok(())
    }

    fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if !self.steps.is_due(cx) {
            return Ok(());
        }
        for figure in self.polled() {
            cx.log(&format!("{PREFIX}{}", figure.name()), &figure.value);
        }
        let Some(sample) = Sample::read() else { return Ok(()) };
        let now = Instant::now();
        let since = self.last.as_ref().map(|(then, before)| ((now - *then).as_secs_f64(), before));
        for (key, value) in sample.row(since).into_iter().filter(|(key, _)| self.wants(key)) {
            cx.log(&format!("{PREFIX}{key}"), &value);
        }
        self.last = Some((now, sample));
        Ok(())
    }

    fn on_train_end(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.polled.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::{gpu::GpuReading, *};

    struct OneGpu;

    impl GpuLibrary for OneGpu {
        fn count(&self) -> usize {
            1
        }

        fn reading(&self, _gpu: usize) -> GpuReading {
            GpuReading { utilization_percent: Some(99), power_milliwatts: Some(1_500), ..GpuReading::default() }
        }
    }

    fn wait_for(monitor: &DeviceStatsMonitor) -> Vec<(String, f64)> {
        let start = Instant::now();
        while monitor.polled().is_empty() && start.elapsed() < Duration::from_secs(10) {
            thread::sleep(Duration::from_millis(1));
        }
        monitor.polled().iter().map(|figure| (figure.name(), figure.value)).collect()
    }

    #[test]
    fn figures_of_gpus_can_be_chosen() {
        let mut monitor = DeviceStatsMonitor::new();
        assert_eq!(monitor.start_gpus(Ok(Box::new(OneGpu)), PERIOD), None);
        let expected = [("gpu_utilization_percent/0".to_owned(), 99.0), ("gpu_power_watts/0".to_owned(), 1.5)];
        assert_eq!(wait_for(&monitor), expected);

        let mut monitor = DeviceStatsMonitor::new().filter_keys([DeviceStat::GpuPowerWatts, DeviceStat::CpuPercent]);
        assert!(monitor.wants_gpus());
        assert_eq!(monitor.start_gpus(Ok(Box::new(OneGpu)), PERIOD), None);
        assert_eq!(wait_for(&monitor), [("gpu_power_watts/0".to_owned(), 1.5)]);
        assert!(!DeviceStatsMonitor::new().filter_keys([DeviceStat::CpuPercent]).wants_gpus());
    }

    #[test]
    fn an_absent_driver_is_reported_once() {
        let mut monitor = DeviceStatsMonitor::new();
        let absent = || Err("the NVIDIA driver's library cannot be used: no such file".to_owned());
        let warning = "`DeviceStatsMonitor` logs no GPUs: the NVIDIA driver's library cannot be used: no such file";
        assert_eq!(monitor.start_gpus(absent(), PERIOD).as_deref(), Some(warning));
        assert_eq!(monitor.start_gpus(absent(), PERIOD), None);
        assert!(monitor.polled().is_empty());
    }
}
