//! The strategy, the devices and the machines of a run.

use std::fmt;

use burn::tensor::Device;

use super::{SettingsRecord, accelerator::Accelerator, builder::TrainerBuilder};
use crate::{
    distributed::Ddp,
    error::{ConfigErrors, Error, Result},
};

/// What [`devices`](crate::trainer::TrainerBuilder::devices) takes: a number of devices, or their
/// indices.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Devices {
    /// The first `n` devices.
    Count(i128),
    /// The devices with these indices in the accelerator's list, counted from 0.
    Indices(Vec<usize>),
}

macro_rules! devices_from {
    ($($number:ty),*) => {
        $(impl From<$number> for Devices {
            fn from(count: $number) -> Self {
                Self::Count(count as i128)
            }
        })*
    };
}

devices_from!(i32, i64, u32, u64, usize);

impl<const N: usize> From<[usize; N]> for Devices {
    fn from(indices: [usize; N]) -> Self {
        Self::Indices(indices.into())
    }
}

impl From<Vec<usize>> for Devices {
    fn from(indices: Vec<usize>) -> Self {
        Self::Indices(indices)
    }
}

impl fmt::Display for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Indices(indices) => write!(f, "{indices:?}"),
        }
    }
}

/// What [`strategy`](crate::trainer::TrainerBuilder::strategy) takes: a name, or a
/// [`Ddp`](crate::distributed::Ddp) with settings.
pub trait IntoStrategy {
    /// Returns the name and the settings.
    #[doc(hidden)]
    fn into_strategy(self) -> (String, Ddp);
}

impl IntoStrategy for &str {
    fn into_strategy(self) -> (String, Ddp) {
        (self.to_owned(), Ddp::new())
    }
}

impl IntoStrategy for String {
    fn into_strategy(self) -> (String, Ddp) {
        (self, Ddp::new())
    }
}

impl IntoStrategy for Ddp {
    fn into_strategy(self) -> (String, Ddp) {
        ("ddp".to_owned(), self)
    }
}

/// The strategy, the devices and the machines of a run.
#[derive(Clone, Debug)]
pub(crate) struct StrategySettings {
    /// `None`: not set.
    pub(crate) devices: Option<Devices>,
    pub(crate) num_nodes: usize,
    pub(crate) strategy: String,
    pub(crate) ddp: Ddp,
}

impl Default for StrategySettings {
    fn default() -> Self {
        Self { devices: None, num_nodes: 1, strategy: "auto".to_owned(), ddp: Ddp::new() }
    }
}

impl StrategySettings {
    pub(crate) fn check(&self, problems: &mut ConfigErrors) {
        let Self { devices, num_nodes, strategy, ddp: _ } = self;
        if let Some(devices) = devices
            && self.count().is_none()
        {
            problems.add(
                format!("`devices` must name at least 1 device, found `devices({devices})`"),
                "write a number from 1 on, or indices as in `devices([0, 1])`",
            );
        }
        if *num_nodes == 0 {
            problems
                .add("`num_nodes` must be at least 1, found 0", "write the number of machines, or remove the setting");
        }
        match strategy.as_str() {
            "auto" | "ddp" => {}
            "single_device" if self.count().is_some_and(|count| count > 1) || *num_nodes > 1 => problems.add(
                "`strategy(\"single_device\")` uses one device, and several are set",
                "write `strategy(\"ddp\")`, or remove `devices` and `num_nodes`",
            ),
            "single_device" => {}
            _ => problems.add(format!("unknown strategy `{strategy}`"), "use \"auto\", \"single_device\" or \"ddp\""),
        }
    }

    /// Returns the number of devices on this machine, if it is set and valid.
    pub(crate) fn count(&self) -> Option<usize> {
        let count = match self.devices.as_ref()? {
            Devices::Count(count) => usize::try_from(*count).ok()?,
            Devices::Indices(indices) => indices.len(),
        };
        (count > 0).then_some(count)
    }

    /// Returns the number of devices of each machine, if it is set; `None` for an index of one.
    pub(crate) fn count_per_node(&self) -> Option<usize> {
        let is_index = matches!(&self.devices, Some(Devices::Indices(indices)) if indices.len() == 1);
        self.count().filter(|_| !is_index)
    }

    /// Adds nothing: which devices a run has does not change the results, and a checkpoint stores
    /// the number of processes by itself.
    pub(super) fn record(&self, record: &mut SettingsRecord) {
        let Self { devices: _, num_nodes: _, strategy: _, ddp: _ } = self;
        let _ = record;
    }

    /// Returns the index of the device of a process in the accelerator's list. `local`: the number
    /// of the process on its machine.
    pub(crate) fn index(&self, local: usize) -> usize {
        match &self.devices {
            None | Some(Devices::Count(_)) => local,
            Some(Devices::Indices(indices)) => indices.get(local).copied().unwrap_or(0),
        }
    }
}

/// Returns the accelerator's device with this index.
///
/// # Errors
/// If the accelerator is not part of the build, or does not have several devices.
pub(crate) fn device_at(accelerator: Accelerator, index: usize) -> Result<Device> {
    if index == 0 {
        return accelerator.device();
    }
    #[cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal"))]
    let gpu = burn::tensor::DeviceKind::DiscreteGpu(index);
    match accelerator {
        #[cfg(feature = "cuda")]
        Accelerator::Cuda => Ok(Device::cuda(index)),
        #[cfg(feature = "rocm")]
        Accelerator::Rocm => Ok(Device::rocm(index)),
        #[cfg(feature = "wgpu")]
        Accelerator::Wgpu => Ok(Device::wgpu(gpu)),
        #[cfg(feature = "vulkan")]
        Accelerator::Vulkan => Ok(Device::vulkan(gpu)),
        #[cfg(feature = "metal")]
        Accelerator::Metal => Ok(Device::metal(gpu)),
        Accelerator::Auto | Accelerator::Cpu => {
            let name = accelerator.name();
            Err(Error::config(format!(
                "`devices([{index}])` needs an accelerator with several devices, found `accelerator(\"{name}\")`"
            ))
            .help("name the device's accelerator, as in `accelerator(\"cuda\")`, or remove `devices`"))
        }
        #[allow(unreachable_patterns, reason = "with every feature on, nothing is left")]
        // Returns the error that the accelerator is not part of the build.
        missing => missing.device(),
    }
}

impl<M, K> TrainerBuilder<M, K> {
    /// Sets the devices of each machine that train together: a number, or indices in the
    /// accelerator's list (`[0, 2]`). Default: the first device.
    ///
    /// With several, the program starts itself again under `mpirun`, once for each device; see
    /// [`distributed`](crate::distributed).
    #[must_use]
    pub fn devices(mut self, devices: impl Into<Devices>) -> Self {
        self.settings.strategy.devices = Some(devices.into());
        self
    }

    /// Sets the number of machines that train together. Default: 1.
    ///
    /// A program on several machines is started by `mpirun` or `srun`; see
    /// [`distributed`](crate::distributed).
    #[must_use]
    pub fn num_nodes(mut self, machines: usize) -> Self {
        self.settings.strategy.num_nodes = machines;
        self
    }

    /// Sets how devices train together: `"single_device"`, `"ddp"`, a
    /// [`Ddp`](crate::distributed::Ddp) with settings, or `"auto"`, which is `"ddp"` where the
    /// program was started as several processes or `devices` and `num_nodes` ask for them. Default:
    /// `"auto"`.
    #[must_use]
    pub fn strategy(mut self, strategy: impl IntoStrategy) -> Self {
        (self.settings.strategy.strategy, self.settings.strategy.ddp) = strategy.into_strategy();
        self
    }

    /// Sets whether the batches of loaders are divided among the processes. Turn it off for loaders
    /// that divide them already, as with a [`DistributedSampler`](crate::data::DistributedSampler)
    /// of your own. Default: `true`.
    #[must_use]
    pub fn use_distributed_sampler(mut self, divides: bool) -> Self {
        self.settings.strategy.ddp.divides = divides;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_process_has_the_device_with_its_number_on_the_machine() {
        let with = |devices| StrategySettings { devices, ..StrategySettings::default() };
        // Without `devices` too, as when `mpirun -n 4` starts the program.
        assert_eq!(with(None).index(3), 3);
        assert_eq!(with(Some(Devices::Count(4))).index(3), 3);
        assert_eq!(with(Some(Devices::Indices(vec![2, 5]))).index(1), 5);
    }
}
