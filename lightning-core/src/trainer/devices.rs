//! Chooses the device of a run: the best of those that the enabled features and the machine offer
//! and that support the run's float type.

use burn::tensor::{Device, DeviceType, FloatDType};

use crate::{
    error::{Error, Result},
    os::panics::catch_panic,
    precision::Precision,
    settings::{Accelerator, device_at},
};

/// A device that the build and the machine offer.
struct Available {
    /// The name of its accelerator.
    name: &'static str,
    device: Device,
}

/// The chosen device.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) device: Device,
    /// What to print about the choice, if a better device was passed over.
    pub(crate) note: Option<String>,
}

/// Chooses the device number `index` of an accelerator.
///
/// # Errors
/// If the accelerator is not part of the build, has no such device on this machine, or does not
/// support the float type of the precision.
pub(crate) fn choose(accelerator: Accelerator, index: usize, precision: Option<Precision>) -> Result<Choice> {
    match accelerator {
        Accelerator::Auto if index > 0 && std::env::var_os("BURN_DEVICE").is_none() => {
            // Of several processes each has a device of the accelerator that one would take.
            let computed = precision.unwrap_or_default().compute_dtype();
            let best = available().find(|it| supports(&it.device, computed));
            match best.and_then(|it| it.name.parse().ok()) {
                Some(named) if !matches!(named, Accelerator::Auto | Accelerator::Cpu) => {
                    choose(named, index, precision)
                }
                _ => device_at(accelerator, index).map(|device| Choice { device, note: None }),
            }
        }
        named if index > 0 && named != Accelerator::Auto => {
            let device = device_at(named, index)?;
            check_present(named, index)?;
            checked(named.name(), device, precision)
        }
        Accelerator::Auto if std::env::var_os("BURN_DEVICE").is_some() => {
            // Burn reads the variable, and panics if it names a device that does not exist.
            let device = catch_panic(|| Ok(Device::default())).map_err(|error| {
                Error::config(error.message().to_owned()).help("unset `BURN_DEVICE`, or name another device")
            })?;
            checked("BURN_DEVICE", device, precision)
        }
        Accelerator::Auto => best(available(), precision),
        Accelerator::Cpu => {
            let Choice { device, .. } = checked("cpu", accelerator.device()?, precision)?;
            Ok(Choice { device, note: unused(available()) })
        }
        named => {
            let device = named.device()?;
            check_present(named, 0)?;
            checked(named.name(), device, precision)
        }
    }
}

/// Returns a note of a device that is faster than the CPU, which was asked for.
fn unused(available: impl Iterator<Item = Available>) -> Option<String> {
    let Available { name, .. } = available.into_iter().next().filter(|best| best.name != "cpu")?;
    Some(format!("the run uses the CPU, and this machine has a device for `accelerator(\"{name}\")`"))
}

/// Checks that the machine has the device number `index` of an accelerator, which Burn would
/// otherwise find out when it is first used.
///
/// # Errors
/// If it has not.
fn check_present(accelerator: Accelerator, index: usize) -> Result<()> {
    let name = accelerator.name();
    let Some((_, kind)) = kinds().iter().find(|(known, _)| *known == name) else { return Ok(()) };
    let found = catch_panic(|| Ok(Device::enumerate(kind.clone()).into_iter().count())).unwrap_or_default();
    if index < found {
        return Ok(());
    }
    let others: Vec<String> = available().map(|it| it.name.to_owned()).filter(|other| other != name).collect();
    let error = Error::config(match found {
        0 => format!("`accelerator(\"{name}\")` needs such a device, found none on this machine"),
        _ => format!("`devices([{index}])` must be below the number of `{name}` devices, found {found}"),
    });
    Err(match others.as_slice() {
        [] => error.help("check the driver with the tools of its vendor"),
        others => error.help(format!("this machine has {}; `accelerator(\"auto\")` takes the best", listed(others))),
    })
}

/// Checks that a device supports the precision.
fn checked(name: &str, device: Device, precision: Option<Precision>) -> Result<Choice> {
    match precision {
        Some(precision) if !supports(&device, precision.compute_dtype()) => {
            Err(unsupported(&[name.to_owned()], precision, &supporting(available(), precision.compute_dtype())))
        }
        _ => Ok(Choice { device, note: None }),
    }
}

/// Chooses the first device that supports the precision.
fn best(available: impl Iterator<Item = Available>, precision: Option<Precision>) -> Result<Choice> {
    let computed = precision.unwrap_or_default().compute_dtype();
    let mut passed = Vec::new();
    for Available { name, device } in available {
        if !supports(&device, computed) {
            passed.push(name.to_owned());
            continue;
        }
        let note = precision.filter(|_| !passed.is_empty()).map(|precision| {
            format!(
                "the run uses `{name}`: `precision(\"{precision}\")` computes in {}, which {} does not support",
                dtype_name(computed),
                listed(&passed)
            )
        });
        return Ok(Choice { device, note });
    }
    match precision {
        Some(precision) if !passed.is_empty() => Err(unsupported(&passed, precision, &[])),
        _ => Err(Error::config("a run needs a device, and the build and the machine offer none")
            .help("write `lightning-core = { …, features = [\"flex\"] }` in Cargo.toml to use the CPU")),
    }
}

fn supports(device: &Device, dtype: FloatDType) -> bool {
    device.supports_dtype(dtype)
}

/// Returns the names of the devices that support a type.
fn supporting(available: impl Iterator<Item = Available>, dtype: FloatDType) -> Vec<String> {
    available.filter(|it| supports(&it.device, dtype)).map(|it| it.name.to_owned()).collect()
}

/// The error of a precision that the devices `names` do not support, and the devices `supporting`
/// do.
fn unsupported(names: &[String], precision: Precision, supporting: &[String]) -> Error {
    let dtype = dtype_name(precision.compute_dtype());
    let error = Error::config(format!(
        "`precision(\"{precision}\")` needs a device that supports {dtype}, found {}",
        listed(names)
    ));
    match supporting.first() {
        None => error.help(
            "no device of this build supports it: write `.precision(\"32-true\")`, or enable the feature of another \
             backend",
        ),
        Some(first) => error.help(format!("write `.accelerator(\"{first}\")` or `.precision(\"32-true\")`")),
    }
}

fn listed(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn dtype_name(dtype: FloatDType) -> &'static str {
    match dtype {
        FloatDType::F64 => "float64",
        FloatDType::F32 | FloatDType::Flex32 => "float32",
        FloatDType::F16 => "float16",
        FloatDType::BF16 => "bfloat16",
    }
}

/// Returns the accelerators of this build with the kinds of their devices, the best first, in Burn's
/// order.
fn kinds() -> &'static [(&'static str, DeviceType)] {
    &[
        #[cfg(feature = "cuda")]
        ("cuda", DeviceType::Cuda),
        #[cfg(feature = "metal")]
        ("metal", DeviceType::Metal),
        #[cfg(feature = "rocm")]
        ("rocm", DeviceType::Rocm),
        #[cfg(feature = "vulkan")]
        ("vulkan", DeviceType::Vulkan),
        #[cfg(feature = "wgpu")]
        ("wgpu", DeviceType::Wgpu),
        #[cfg(feature = "tch")]
        ("tch", DeviceType::LibTorch),
        #[cfg(feature = "flex")]
        ("cpu", DeviceType::Flex),
        #[cfg(all(feature = "ndarray", not(feature = "flex")))]
        ("cpu", DeviceType::NdArray),
    ]
}

/// Returns the first device of each accelerator of this build that the machine has, the best first.
fn available() -> impl Iterator<Item = Available> {
    let listed = kinds().iter().cloned().filter_map(|(name, kind)| {
        // A missing driver may panic in place of giving an empty list.
        let devices = catch_panic(|| Ok(Device::enumerate(kind).into_iter().collect::<Vec<_>>())).unwrap_or_default();
        devices.into_iter().next().map(|device| Available { name, device })
    });
    // LibTorch enumerates only GPUs.
    #[cfg(all(feature = "tch", not(any(feature = "flex", feature = "ndarray"))))]
    let listed = listed.chain(std::iter::once_with(|| {
        #[expect(deprecated, reason = "the feature exists as long as Burn has the backend")]
        let device = Device::libtorch();
        Available { name: "tch", device }
    }));
    listed
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
