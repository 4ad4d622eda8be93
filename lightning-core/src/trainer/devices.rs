//! Which device a run is on: the best that the enabled features and the machine offer and that computes in the run's type.

use burn::tensor::{Device, DeviceType, FloatDType};

use crate::{
    error::{Error, Result},
    os::panics::catch_panic,
    precision::Precision,
    settings::{Accelerator, strategy::device_at},
};

/// A device that this build and this machine offer.
struct Offer {
    /// The name of its accelerator.
    name: &'static str,
    device: Device,
}

/// The device chosen, and what there is to say about the choice.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) device: Device,
    pub(crate) note: Option<String>,
}

/// Chooses the device: of a named accelerator the one at a place of its list.
///
/// # Errors
/// When the accelerator is not part of the build, has no device on this machine, or cannot compute in the precision's type.
pub(crate) fn choose(accelerator: Accelerator, index: usize, precision: Option<Precision>) -> Result<Choice> {
    match accelerator {
        named if index > 0 => checked(named.name(), device_at(named, index)?, precision),
        Accelerator::Auto if std::env::var_os("BURN_DEVICE").is_some() => {
            // The environment decides, and Burn panics where it asks for what there is not.
            let device = catch_panic(|| Ok(Device::default())).map_err(|error| {
                Error::config(error.message().to_owned()).help("unset `BURN_DEVICE`, or name another")
            })?;
            checked("BURN_DEVICE", device, precision)
        }
        Accelerator::Auto => best(offers(), precision),
        named => checked(named.name(), named.device()?, precision),
    }
}

fn checked(name: &str, device: Device, precision: Option<Precision>) -> Result<Choice> {
    match precision {
        Some(precision) if !supports(&device, precision.compute_dtype()) => {
            Err(unsupported(&[name.to_owned()], precision, &able(offers(), precision.compute_dtype())))
        }
        _ => Ok(Choice { device, note: None }),
    }
}

/// The first that computes in the type.
fn best(offers: impl Iterator<Item = Offer>, precision: Option<Precision>) -> Result<Choice> {
    let computed = precision.unwrap_or_default().compute_dtype();
    let mut passed = Vec::new();
    for Offer { name, device } in offers {
        if !supports(&device, computed) {
            passed.push(name.to_owned());
            continue;
        }
        let note = precision.filter(|_| !passed.is_empty()).map(|precision| {
            format!(
                "the run is on `{name}`: `{precision}` computes in {}, which {} cannot",
                dtype_name(computed),
                listed(&passed)
            )
        });
        return Ok(Choice { device, note });
    }
    match precision {
        Some(precision) if !passed.is_empty() => Err(unsupported(&passed, precision, &[])),
        _ => Err(Error::config("this build has no device")
            .help("write `lightning-core = { …, features = [\"flex\"] }` in Cargo.toml")),
    }
}

fn supports(device: &Device, dtype: FloatDType) -> bool {
    device.supports_dtype(dtype)
}

/// The devices that compute in the type.
fn able(offers: impl Iterator<Item = Offer>, dtype: FloatDType) -> Vec<String> {
    offers.filter(|offer| supports(&offer.device, dtype)).map(|offer| offer.name.to_owned()).collect()
}

fn unsupported(names: &[String], precision: Precision, able: &[String]) -> Error {
    let dtype = dtype_name(precision.compute_dtype());
    let error =
        Error::config(format!("`precision(\"{precision}\")` computes in {dtype}, which {} cannot", listed(names)));
    if able.is_empty() {
        error
            .help("no device of this build can: use `precision(\"32-true\")`, or enable the feature of another backend")
    } else {
        error.help(format!("{} can: set `accelerator(…)`, or use `precision(\"32-true\")`", listed(able)))
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

/// What this build and this machine offer, the best first, in Burn's order.
fn offers() -> impl Iterator<Item = Offer> {
    let kinds: &[(&'static str, DeviceType)] = &[
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
    ];
    let listed = kinds.iter().cloned().filter_map(|(name, kind)| {
        // A driver that is not there may end in a panic rather than in an empty list.
        let devices = catch_panic(|| Ok(Device::enumerate(kind).into_iter().collect::<Vec<_>>())).unwrap_or_default();
        devices.into_iter().next().map(|device| Offer { name, device })
    });
    // LibTorch lists its GPUs only.
    #[cfg(all(feature = "tch", not(any(feature = "flex", feature = "ndarray"))))]
    let listed = listed.chain(std::iter::once_with(|| {
        #[expect(deprecated, reason = "the feature exists as long as Burn has the backend")]
        let device = Device::libtorch();
        Offer { name: "tch", device }
    }));
    listed
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    // A build for GPUs may run on a machine that has none, which Burn does not look at.
    #[cfg(not(any(feature = "cuda", feature = "metal", feature = "rocm", feature = "vulkan", feature = "wgpu")))]
    #[test]
    fn the_first_offer_is_what_burn_would_take() {
        let first = offers().next().unwrap();
        assert_eq!(first.device, Device::default());
        let choice = best(offers(), Some(Precision::Mixed16)).unwrap();
        assert_eq!(choice.device, Device::default());
        assert_eq!(choice.note, None);
    }

    #[test]
    fn no_offer_is_an_error() {
        let error = best(std::iter::empty(), None).unwrap_err();
        assert_eq!(error.message(), "this build has no device");
    }

    #[test]
    fn a_type_that_no_device_computes_in() {
        let error = unsupported(&["cuda".to_owned(), "cpu".to_owned()], Precision::MixedBf16, &[]);
        assert_eq!(error.message(), "`precision(\"bf16-mixed\")` computes in bfloat16, which `cuda`, `cpu` cannot");
        assert!(error.remedy().unwrap().starts_with("no device of this build can"));
        let error = unsupported(&["metal".to_owned()], Precision::True64, &["cpu".to_owned()]);
        assert_eq!(error.message(), "`precision(\"64-true\")` computes in float64, which `metal` cannot");
        assert_eq!(error.remedy(), Some("`cpu` can: set `accelerator(…)`, or use `precision(\"32-true\")`"));
    }

    /// The deprecated backend is the one here that has no 16 bits.
    #[cfg(all(feature = "ndarray", feature = "flex"))]
    #[test]
    fn a_device_that_cannot_is_refused_with_those_that_can() {
        #[expect(deprecated, reason = "the feature exists as long as Burn has the backend")]
        let ndarray = || Device::ndarray();
        let error = checked("ndarray", ndarray(), Some(Precision::Mixed16)).unwrap_err();
        assert_eq!(error.message(), "`precision(\"16-mixed\")` computes in float16, which `ndarray` cannot");
        assert!(error.remedy().unwrap().starts_with("`cpu` can"));
        let both = || [Offer { name: "ndarray", device: ndarray() }, Offer { name: "cpu", device: Device::flex() }];
        let choice = best(both().into_iter(), Some(Precision::Mixed16)).unwrap();
        assert_eq!(choice.device, Device::flex());
        assert!(choice.note.unwrap().contains("which `ndarray` cannot"));
        assert_eq!(best(both().into_iter(), None).unwrap().device, ndarray());
    }
}
