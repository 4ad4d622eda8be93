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
