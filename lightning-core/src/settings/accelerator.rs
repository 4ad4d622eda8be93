//! Where computation happens.

use std::str::FromStr;

use burn::tensor::Device;

use super::builder::TrainerBuilder;
use crate::error::{Error, Result};

/// Where computation happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Accelerator {
    /// The best device of the machine that the enabled features and the run's precision support.
    /// The environment variable `BURN_DEVICE` overrides it, as everywhere in Burn.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// An NVIDIA GPU; feature `cuda`.
    Cuda,
    /// A GPU through WebGPU; feature `wgpu`.
    Wgpu,
    /// A GPU through Vulkan; feature `vulkan`.
    Vulkan,
    /// An Apple GPU; feature `metal`.
    Metal,
    /// An AMD GPU; feature `rocm`.
    Rocm,
}

impl FromStr for Accelerator {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Ok(match name {
            "auto" => Self::Auto,
            "cpu" => Self::Cpu,
            "cuda" | "gpu" => Self::Cuda,
            "wgpu" => Self::Wgpu,
            "vulkan" => Self::Vulkan,
            "metal" | "mps" => Self::Metal,
            "rocm" => Self::Rocm,
            other => {
                return Err(Error::config(format!("unknown accelerator `{other}`"))
                    .help("use one of auto, cpu, cuda, wgpu, vulkan, metal, rocm"));
            }
        })
    }
}

/// What [`accelerator`](crate::trainer::TrainerBuilder::accelerator) takes: an [`Accelerator`] or
/// its name.
pub trait IntoAccelerator {
    /// Returns the accelerator.
    ///
    /// # Errors
    /// If the name is unknown.
    fn into_accelerator(self) -> Result<Accelerator>;
}

impl IntoAccelerator for Accelerator {
    fn into_accelerator(self) -> Result<Accelerator> {
        Ok(self)
    }
}

impl IntoAccelerator for &str {
    fn into_accelerator(self) -> Result<Accelerator> {
        self.parse()
    }
}

impl Accelerator {
    /// Returns the name of the accelerator.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Wgpu => "wgpu",
            Self::Vulkan => "vulkan",
            Self::Metal => "metal",
            Self::Rocm => "rocm",
        }
    }

    /// Returns the first device of the accelerator.
    ///
    /// # Errors
    /// If the feature of the accelerator is not enabled.
    pub(crate) fn device(self) -> Result<Device> {
        match self {
            Self::Auto => Ok(Device::default()),
            Self::Cpu => cpu_device(),
            #[cfg(feature = "cuda")]
            Self::Cuda => Ok(Device::cuda(0)),
            #[cfg(feature = "rocm")]
            Self::Rocm => Ok(Device::rocm(0)),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Ok(Device::vulkan(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(feature = "metal")]
            Self::Metal => Ok(Device::metal(burn::tensor::DeviceKind::DefaultDevice)),
            #[allow(unreachable_patterns, reason = "with every feature on, nothing is left")]
            missing => {
                let feature = missing.name();
                Err(Error::config(format!("the accelerator `{feature}` is not part of this build"))
                    .help(format!(
                        "write `lightning-core = {{ …, features = [\"{feature}\"] }}` in Cargo.toml, or use `accelerator(\"auto\")`"
                    )))
            }
        }
    }
}

#[cfg(feature = "flex")]
#[allow(clippy::unnecessary_wraps, reason = "the other build can fail")]
pub(super) fn cpu_device() -> Result<Device> {
    Ok(Device::flex())
}

#[cfg(all(feature = "ndarray", not(feature = "flex")))]
#[allow(clippy::unnecessary_wraps, reason = "the other build can fail")]
pub(super) fn cpu_device() -> Result<Device> {
    #[expect(deprecated, reason = "the feature exists as long as Burn has the backend")]
    Ok(Device::ndarray())
}

#[cfg(not(any(feature = "flex", feature = "ndarray")))]
pub(super) fn cpu_device() -> Result<Device> {
    Err(Error::config("the accelerator `cpu` is not part of this build")
        .help("write `lightning-core = { …, features = [\"flex\"] }` in Cargo.toml"))
}

impl<M, K> TrainerBuilder<M, K> {
    /// Sets where to compute: an [`Accelerator`](crate::settings::Accelerator) or its name
    /// (`"auto"`, `"cpu"`, `"cuda"`, …). Default: `"auto"`.
    #[must_use]
    pub fn accelerator(mut self, accelerator: impl IntoAccelerator) -> Self {
        if let Some(accelerator) = self.errors.take(accelerator.into_accelerator()) {
            self.settings.accelerator = accelerator;
        }
        self
    }
}
