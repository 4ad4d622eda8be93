//! How a run is spread over devices and machines: which of an accelerator's devices it uses.

use std::fmt;

use burn::tensor::Device;

use super::{SettingsRecord, accelerator::Accelerator, builder::TrainerBuilder};
use crate::error::{ConfigErrors, Error, Result};

/// What [`devices`](crate::trainer::TrainerBuilder::devices) takes: a number of devices, or the indices of some.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Devices {
    /// The first so many.
    Count(i128),
    /// The ones at these places of the accelerator's list.
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

/// How a run is spread over devices and machines.
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

const ONE_DEVICE: &str = "a run uses one device: leave it out, or choose one by its index, as in `devices([0])`";

impl StrategySettings {
    pub(crate) fn check(&self, problems: &mut ConfigErrors) {
        let Self { devices, num_nodes, strategy } = self;
        let count = match devices {
            Devices::Count(count) => *count,
            Devices::Indices(indices) => indices.len() as i128,
        };
        match count {
            1 => {}
            ..1 => problems.add(format!("`devices({devices})` is no device"), ONE_DEVICE),
            _ => problems.add(format!("`devices({devices})` is more than one device"), ONE_DEVICE),
        }
        match num_nodes {
            1 => {}
            0 => problems.add("`num_nodes(0)` runs nowhere", "leave it out to run on this machine"),
            _ => problems.add(
                format!("`num_nodes({num_nodes})` is more than one machine"),
                "a run uses one machine: leave it out",
            ),
        }
        if !matches!(strategy.as_str(), "auto" | "single_device") {
            problems.add(
                format!("`strategy({strategy:?})` spreads a run over devices"),
                "a run uses one device: use \"auto\" or \"single_device\"",
            );
        }
    }

    /// Adds nothing: one device computes what another computes.
    pub(super) fn record(&self, record: &mut SettingsRecord) {
        let Self { devices: _, num_nodes: _, strategy: _ } = self;
        let _ = record;
    }

    /// The place of the run's device in the accelerator's list.
    pub(crate) fn index(&self) -> usize {
        match &self.devices {
            Devices::Count(_) => 0,
            Devices::Indices(indices) => indices.first().copied().unwrap_or(0),
        }
    }
}

/// The accelerator's device at a place of its list.
///
/// # Errors
/// When the accelerator is not part of the build, or has no list of devices to choose from.
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
                "`devices([{index}])` chooses among devices, and `accelerator(\"{name}\")` has one"
            ))
            .help("name the accelerator whose device it is, as in `accelerator(\"cuda\")`, or leave `devices` out"))
        }
        #[allow(unreachable_patterns, reason = "with every feature on, nothing is left")]
        // Says that it is not part of the build.
        missing => missing.device(),
    }
}

impl<M> TrainerBuilder<M> {
    /// Which device: one of the accelerator's by its index (`[1]`), or their number, which is 1. Default: the first.
    #[must_use]
    pub fn devices(mut self, devices: impl Into<Devices>) -> Self {
        self.settings.strategy.devices = devices.into();
        self
    }

    /// How many machines. Only 1, the default, is possible.
    #[must_use]
    pub fn num_nodes(mut self, machines: usize) -> Self {
        self.settings.strategy.num_nodes = machines;
        self
    }

    /// How a run is spread over devices: `"auto"`, the default, and `"single_device"` are possible, and mean the same.
    #[must_use]
    pub fn strategy(mut self, strategy: impl Into<String>) -> Self {
        self.settings.strategy.strategy = strategy.into();
        self
    }
}
