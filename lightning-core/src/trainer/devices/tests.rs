use super::*;

// A build for GPUs may run on a machine without one, which `Device::default` does not check.
#[cfg(not(any(feature = "cuda", feature = "metal", feature = "rocm", feature = "vulkan", feature = "wgpu")))]
#[test]
fn the_first_available_device_is_the_default_of_burn() {
    let first = available().next().unwrap();
    assert_eq!(first.device, Device::default());
    let choice = best(available(), Some(Precision::Mixed16)).unwrap();
    assert_eq!(choice.device, Device::default());
    assert_eq!(choice.note, None);
}

#[test]
fn no_device_is_an_error() {
    let error = best(std::iter::empty(), None).unwrap_err();
    assert_eq!(error.message(), "a run needs a device, and the build and the machine offer none");
}

#[test]
fn the_cpu_is_noted_beside_a_better_device() {
    let named = |name| Available { name, device: Device::default() };
    let note = unused([named("cuda"), named("cpu")].into_iter()).unwrap();
    assert_eq!(note, "the run uses the CPU, and this machine has a device for `accelerator(\"cuda\")`");
    assert_eq!(unused([named("cpu")].into_iter()), None);
    assert_eq!(unused(std::iter::empty()), None);
}

/// A build without the accelerator has said so before.
#[test]
fn only_devices_of_the_build_are_looked_for() {
    check_present(Accelerator::Cpu, 0).unwrap();
    #[cfg(not(feature = "cuda"))]
    check_present(Accelerator::Cuda, 7).unwrap();
}

#[test]
fn the_error_of_an_unsupported_type_names_the_devices_that_support_it() {
    let error = unsupported(&["cuda".to_owned(), "cpu".to_owned()], Precision::MixedBf16, &[]);
    assert_eq!(
        error.message(),
        "`precision(\"bf16-mixed\")` needs a device that supports bfloat16, found `cuda`, `cpu`"
    );
    assert!(error.remedy().unwrap().starts_with("no device of this build supports it"));
    let error = unsupported(&["metal".to_owned()], Precision::True64, &["cpu".to_owned()]);
    assert_eq!(error.message(), "`precision(\"64-true\")` needs a device that supports float64, found `metal`");
    assert_eq!(error.remedy(), Some("write `.accelerator(\"cpu\")` or `.precision(\"32-true\")`"));
}

/// Of the backends in tests, the deprecated one does not support 16-bit floats.
#[cfg(all(feature = "ndarray", feature = "flex"))]
#[test]
fn an_unsupported_device_is_rejected_and_the_others_are_named() {
    #[expect(deprecated, reason = "the feature exists as long as Burn has the backend")]
    let ndarray = || Device::ndarray();
    let error = checked("ndarray", ndarray(), Some(Precision::Mixed16)).unwrap_err();
    assert_eq!(error.message(), "`precision(\"16-mixed\")` needs a device that supports float16, found `ndarray`");
    assert!(error.remedy().unwrap().contains(".accelerator(\"cpu\")"));
    let both = || [Available { name: "ndarray", device: ndarray() }, Available { name: "cpu", device: Device::flex() }];
    let choice = best(both().into_iter(), Some(Precision::Mixed16)).unwrap();
    assert_eq!(choice.device, Device::flex());
    assert!(choice.note.unwrap().contains("which `ndarray` does not support"));
    assert_eq!(best(both().into_iter(), None).unwrap().device, ndarray());
}
