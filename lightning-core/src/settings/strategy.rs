//! The strategy, the devices and the machines of a run.

use std::fmt;

use burn::tensor::Device;

use super::{SettingsRecord, accelerator::Accelerator, builder::TrainerBuilder};
use crate::error::{ConfigErrors, Error, Result};

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

/// The strategy, the devices and the machines of a run.
#[derive(Clone, Debug)]
pub(crate) struct StrategySettings {
    pub(crate) devices: Devices,
    pub(crate) num_nodes: usize,
    pub(crate) strategy: String,
}

impl Default for StrategySettings {
    fn default() -> Self {
        Self { devices: Devices::Count(1), num_nodes: 1, strategy: "auto".to_owned() }
    }
}

const ONE_DEVICE: &str = "a run uses one device: remove the setting, or write an index, as in `devices([0])`";

impl StrategySettings {
    pub(crate) fn check(&self, problems: &mut ConfigErrors) {
        let Self { devices, num_nodes, strategy } = self;
        let count = match devices {
            Devices::Count(count) => *count,
            Devices::Indices(indices) => indices.len() as i128,
        };
        match count {
            1 => {}
            _ => problems.add(format!("`devices` must name 1 device, found `devices({devices})`"), ONE_DEVICE),
        }
        match num_nodes {
            1 => {}
            _ => problems
                .add(format!("`num_nodes` must be 1, found {num_nodes}"), "a run uses one machine: remove the setting"),
        }
        if !matches!(strategy.as_str(), "auto" | "single_device") {
            problems.add(
                format!("unknown strategy `{strategy}`"),
                "use \"auto\" or \"single_device\": a run uses one device",
            );
        }
    }

    /// Adds nothing: the choice of the one device does not change the results.
    pub(super) fn record(&self, record: &mut SettingsRecord) {
        let Self { devices: _, num_nodes: _, strategy: _ } = self;
        let _ = record;
    }

    /// Returns the index of the run's device in the accelerator's list.
    pub(crate) fn index(&self) -> usize {
        match &self.devices {
            Devices::Count(_) => 0,
            Devices::Indices(indices) => indices.first().copied().unwrap_or(0),
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
    /// Sets the device: an index in the accelerator's list (`[1]`), or the number of devices, which
    /// must be 1. Default: the first device.
    #[must_use]
    pub fn devices(mut self, devices: impl Into<Devices>) -> Self {
        self.settings.strategy.devices = devices.into();
        self
    }

    /// Sets the number of machines, which must be 1. Default: 1.
    #[must_use]
    pub fn num_nodes(mut self, machines: usize) -> Self {
        self.settings.strategy.num_nodes = machines;
        self
    }

    /// Sets how devices train together: `"auto"` or `"single_device"`, which are the same. Default:
    /// `"auto"`.
    #[must_use]
    pub fn strategy(mut self, strategy: impl Into<String>) -> Self {
        self.settings.strategy.strategy = strategy.into();
        self
    }
}
