//! Every loss against PyTorch: the numbers are those of `tests/reference/functional.py`.

use burn::tensor::{DType, Device, FloatDType, Int, Tensor, TensorData};
use serde::Deserialize;

use super::*;
use crate::tensor::{labels, readback};

#[derive(Deserialize)]
struct Reference {
    cases: std::collections::BTreeMap<String, Vec<Case>>,
}

/// One loss at one point, as PyTorch computes it: see `tests/reference/functional.py`.
#[derive(Deserialize)]
struct Case {
    name: String,
    dtype: String,
    delta: Option<f64>,
    shape: [usize; 2],
    input: Vec<Option<f64>>,
    target: Vec<f64>,
    value: f64,
    grad: Vec<f64>,
    target_grad: Option<Vec<f64>>,
    #[serde(default)]
    options: Options,
}

#[derive(Default, Deserialize)]
struct Options {
    weights: Option<Vec<f64>>,
    ignore_index: Option<i64>,
    smoothing: Option<f64>,
}

impl Case {
    fn dtype(&self) -> DType {
        match self.dtype.as_str() {
            "f64" => DType::F64,
            "f32" => DType::F32,
            "f16" => DType::F16,
            "bf16" => DType::BF16,
            other => panic!("dtype {other}"),
        }
    }

    /// The tolerances of a value and of a gradient, relative to their size.
    fn tolerances(&self) -> (f64, f64) {
        // The gradient of a half-precision input is itself rounded to half precision.
        match self.dtype() {
            DType::F64 => (1e-12, 1e-12),
            DType::F16 => (2e-6, 1e-3),
            DType::BF16 => (2e-6, 8e-3),
            _ => (2e-6, 2e-6),
        }
    }

    fn leaf(&self, values: Vec<f64>, device: &Device) -> Tensor<2> {
        Tensor::from_data(TensorData::new(values, self.shape), (device, self.dtype())).require_grad()
    }

    fn input(&self) -> Tensor<2> {
        let values = self.input.iter().map(|value| value.unwrap_or(f64::NEG_INFINITY)).collect();
        self.leaf(values, &Device::default().autodiff())
    }

    fn classes(&self, device: &Device) -> Tensor<1, Int> {
        let targets: Vec<i64> = self.target.iter().map(|target| *target as i64).collect();
        Tensor::from_data(TensorData::new(targets, [self.shape[0]]), device)
    }

    fn check(&self, loss: &Tensor<1>, leaf: &Tensor<2>, target: Option<&Tensor<2>>) {
        let expected = if self.dtype == "f64" { DType::F64 } else { DType::F32 };
        assert_eq!(loss.dtype(), expected, "{}", self.name);
        let (of_value, of_grad) = self.tolerances();
        let value: f64 = loss.clone().into_scalar();
        close(&self.name, &[value], &[self.value], of_value);
        let grads = loss.backward();
        close(&self.name, &host(leaf.grad(&grads)), &self.grad, of_grad);
        if let (Some(target), Some(expected)) = (target, &self.target_grad) {
            close(&self.name, &host(target.grad(&grads)), expected, of_grad);
        }
    }
}

fn host(tensor: Option<Tensor<2>>) -> Vec<f64> {
    let tensor = tensor.expect("a gradient").cast(FloatDType::F64);
    tensor.into_data().try_to_vec().expect("float64")
}

#[track_caller]
fn close(name: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{name}");
    for (found, expected) in found.iter().zip(expected) {
        let bound = tolerance * expected.abs().max(0.1);
        assert!((found - expected).abs() <= bound, "{name}: found {found}, torch has {expected}");
    }
}

fn cases(function: &str) -> Vec<Case> {
    let text = include_str!("../../../tests/reference/functional.json");
    let mut reference: Reference = serde_json::from_str(text).expect("the reference numbers");
    reference.cases.remove(function).expect("cases of the function")
}

fn check_classes(function: &str, loss: impl Fn(&Case, Tensor<2>, Tensor<1, Int>) -> Tensor<1>) {
    for case in cases(function) {
        // Targets come from a loader, on the plain device, or are computed by a step, on the
        // autodiff device.
        for device in [Device::default(), Device::default().autodiff()] {
            let leaf = case.input();
            case.check(&loss(&case, leaf.clone(), case.classes(&device)), &leaf, None);
        }
    }
}

fn check_floats(function: &str, loss: impl Fn(&Case, Tensor<2>, Tensor<2>) -> Tensor<1>) {
    for case in cases(function) {
        let leaf = case.input();
        let target = case.leaf(case.target.clone(), &Device::default().autodiff());
        case.check(&loss(&case, leaf.clone(), target.clone()), &leaf, Some(&target));
        let plain = target.without_autodiff();
        case.check(&loss(&case, leaf.clone(), plain), &leaf, None);
    }
}

#[test]
fn cross_entropy_is_torchs() {
    check_classes("cross_entropy", |_, logits, targets| cross_entropy(logits, targets));
}

#[test]
fn nll_loss_is_torchs() {
    check_classes("nll_loss", |_, log_probs, targets| nll_loss(log_probs, targets));
}

#[test]
fn the_options_of_cross_entropy_are_torchs() {
    let options = |case: &Case| {
        let Options { weights, ignore_index, smoothing } = &case.options;
        let mut loss = CrossEntropy::new();
        if let Some(weights) = weights {
            loss = loss.class_weights(weights.clone());
        }
        if let Some(index) = ignore_index {
            loss = loss.ignore_index(*index);
        }
        loss.label_smoothing(smoothing.unwrap_or(0.0))
    };
    for deferred in [false, true] {
        readback::deferring(deferred, || {
            check_classes("cross_entropy_options", |case, logits, targets| options(case).forward(logits, targets));
            check_classes("cross_entropy", |case, logits, targets| options(case).forward(logits, targets));
        });
    }
}

#[test]
fn the_weight_of_positive_targets_is_torchs() {
    check_floats("bce_options", |case, logits, targets| {
        BceWithLogits::new().pos_weight(case.options.weights.clone().expect("weights")).forward(logits, targets)
    });
    check_floats("bce_with_logits", |_, logits, targets| BceWithLogits::new().forward(logits, targets));
}

#[test]
fn weights_are_lists_or_tensors() {
    let device = Device::default();
    let logits = || Tensor::<2>::from_data([[1.0, 0.0], [0.0, 0.5]], &device);
    let targets = || Tensor::<1, Int>::from_data([0, 1], &device);
    let tensor = Tensor::<1>::from_data([1.0, 3.0], &device);
    let loss = |weights: ClassWeights| -> f64 {
        CrossEntropy::new().class_weights(weights).forward(logits(), targets()).into_scalar()
    };
    let expected = loss([1.0, 3.0].into());
    for weights in [vec![1.0, 3.0].into(), [1.0, 3.0].as_slice().into(), (&tensor).into(), tensor.into()] {
        assert_eq!(loss(weights), expected);
    }
}

/// The message of a panic.
fn panic_of(body: impl FnOnce() -> Tensor<1>) -> String {
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).expect_err("a panic");
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .expect("a text")
}

#[test]
fn a_label_that_is_not_a_class_is_named() {
    let device = Device::default();
    let logits = || Tensor::<2>::zeros([3, 2], &device);
    let labels = |labels: [i64; 3], dtype: DType| Tensor::<1, Int>::from_data(labels, (&device, dtype));
    for dtype in [DType::I64, DType::I32, DType::I8, DType::U8, DType::U32] {
        let found = panic_of(|| cross_entropy(logits(), labels([0, 1, 2], dtype)));
        let expected = "`cross_entropy` needs targets from 0 to 1 for 2 classes, found 2 at index 2 of the batch";
        assert!(found.starts_with(expected), "{found}");
    }
    let found = panic_of(|| cross_entropy(logits(), labels([0, -100, 1], DType::I64)));
    assert!(found.contains("found -100 at index 1") && found.contains("ignore_index(-100)"), "{found}");
    let found = panic_of(|| nll_loss(logits(), labels([7, 0, 1], DType::I64)));
    assert!(found.contains("`nll_loss`") && found.contains("found 7 at index 0"), "{found}");
    let found = panic_of(|| accuracy(&logits(), &labels([0, 5, 1], DType::I64)));
    assert!(found.contains("`accuracy`") && found.contains("found 5 at index 1"), "{found}");
    let ignoring = CrossEntropy::new().ignore_index(-100);
    let found = panic_of(|| ignoring.forward(logits(), labels([0, -100, -1], DType::I64)));
    assert!(found.contains("found -1 at index 2"), "{found}");
}

#[test]
fn a_label_on_a_device_is_named_when_values_are_read_next() {
    readback::deferring(true, || {
        labels::forget_checks();
        let device = Device::default();
        let before = readback::waits();
        let logits = || Tensor::<2>::zeros([3, 2], &device);
        let right = cross_entropy(logits(), Tensor::from_data([0, 1, 1], &device));
        let wrong = cross_entropy(logits(), Tensor::from_data([0, 2, 1], &device));
        let ignored = CrossEntropy::new().ignore_index(9).forward(logits(), Tensor::from_data([0, 9, 1], &device));
        assert_eq!(readback::waits(), before, "no batch waits for the device");
        assert!(wrong.into_scalar::<f64>().is_nan());
        close("ignored", &[ignored.into_scalar()], &[2.0_f64.ln()], 1e-6);
        let error = readback::read(vec![right.clone()]).expect_err("the label").to_string();
        assert!(
            error.contains("`cross_entropy` needs targets from 0 to 1 for 2 classes, found 2 at index 1"),
            "{error}"
        );
        // It is told once.
        assert!(readback::read(vec![right]).is_ok());
    });
}

#[test]
#[should_panic(expected = "`class_weights` must have one weight per class, found 2 weights for 3 classes")]
fn every_class_needs_a_weight() {
    let device = Device::default();
    let loss = CrossEntropy::new().class_weights([1.0, 2.0]);
    let _ = loss.forward(Tensor::zeros([2, 3], &device), Tensor::zeros([2], &device));
}

#[test]
#[should_panic(expected = "`label_smoothing` must be from 0 to 1, found 1.5")]
fn a_smoothing_is_a_share() {
    let device = Device::default();
    let _ =
        CrossEntropy::new().label_smoothing(1.5).forward(Tensor::zeros([2, 3], &device), Tensor::zeros([2], &device));
}

#[test]
fn bce_with_logits_is_torchs() {
    check_floats("bce_with_logits", |_, logits, targets| bce_with_logits(logits, targets));
}

#[test]
fn mse_loss_is_torchs() {
    check_floats("mse_loss", |_, pred, target| mse_loss(pred, target));
}

#[test]
fn l1_loss_is_torchs() {
    check_floats("l1_loss", |_, pred, target| l1_loss(pred, target));
}

#[test]
fn huber_is_torchs() {
    check_floats("huber", |case, pred, target| huber(pred, target, case.delta.expect("a delta")));
}

/// The cases in double precision have batches of 3, 5, 7 and 10: Burn divides gradients in float32.
#[test]
fn kl_div_is_torchs() {
    check_floats("kl_div", |_, log_input, target| kl_div(log_input, target));
}

/// `1 + exp(-20)` rounds to 1 in float32, so a plain logarithm would lose the whole loss.
#[test]
fn small_losses_of_sure_decisions_survive() {
    let device = Device::default();
    for (logit, target) in [(20.0, 1.0), (-20.0, 0.0)] {
        let loss: f64 = bce_with_logits(Tensor::<1>::from_data([logit], &device), Tensor::from_data([target], &device))
            .into_scalar();
        close("sure", &[loss * 1e9], &[2.061_153_620_314_381], 1e-5);
    }
}

#[test]
fn losses_take_tensors_without_autodiff() {
    let device = Device::default();
    let logits = Tensor::<2>::from_data([[0.0, 0.0]], &device);
    let loss = cross_entropy(logits.clone(), Tensor::from_data([1], &device));
    assert!(!loss.is_require_grad());
    close("plain", &[loss.into_scalar()], &[2.0_f64.ln()], 1e-6);
    let loss = bce_with_logits(logits.clone(), logits.clone() + 1.0);
    close("plain", &[loss.into_scalar()], &[2.0_f64.ln()], 1e-6);
    let loss = huber(logits.clone(), logits.clone() + 3.0, 1.0);
    close("plain", &[loss.into_scalar()], &[2.5], 1e-6);
}

#[test]
fn targets_take_the_dtype_of_the_input() {
    let device = Device::default();
    let pred = Tensor::<1>::from_data([1.0, 2.0], (&device, DType::F64));
    let target = Tensor::<1>::from_data([1.0, 4.0], (&device, DType::F16));
    assert_eq!(mse_loss(pred.clone(), target.clone()).dtype(), DType::F64);
    assert_eq!(mse_loss(target, pred).dtype(), DType::F32);
}

#[test]
fn a_delta_that_is_not_positive_gives_nan() {
    let error = || Tensor::<1>::from_data([1.0], &Device::default());
    for delta in [0.0, -1.0, f64::NAN] {
        assert!(huber(error(), error(), delta).into_scalar::<f64>().is_nan());
    }
}

#[test]
fn accuracy_counts_the_rows_that_are_right() {
    for device in [Device::default(), Device::default().autodiff()] {
        let logits =
            Tensor::<2>::from_data([[1.0, 1.0, 0.0], [0.0, 1.0, 2.0], [1e4, -1e4, 0.0], [0.0, 0.5, 0.25]], &device);
        let targets = Tensor::<1, Int>::from_data([0, 2, 1, 1], &device);
        let share = accuracy(&logits, &targets);
        assert_eq!((share.dtype(), share.is_autodiff()), (DType::F32, false));
        assert_eq!(share.into_scalar::<f64>(), 0.75);
        let half = accuracy(&logits.cast(FloatDType::F16), &targets);
        assert_eq!((half.dtype(), half.into_scalar::<f64>()), (DType::F32, 0.75));
    }
}

#[test]
fn accuracy_takes_any_integers() {
    let device = Device::default();
    let logits = Tensor::<2>::from_data([[0.0, 1.0]], &device);
    for dtype in [DType::I64, DType::U8] {
        let targets = Tensor::<1, Int>::from_data([1], (&device, dtype));
        assert_eq!(accuracy(&logits, &targets).into_scalar::<f64>(), 1.0);
        close("loss", &[nll_loss(logits.clone(), targets).into_scalar()], &[-1.0], 0.0);
    }
}

#[test]
#[should_panic(expected = "`mse_loss` needs two tensors of the same shape, found [4, 1] and [4, 3]")]
fn shapes_are_not_broadcast() {
    let device = Device::default();
    let _ = mse_loss(Tensor::<2>::zeros([4, 1], &device), Tensor::zeros([4, 3], &device));
}

#[test]
#[should_panic(expected = "`targets` must have one class per row, found 1 targets for 2 rows")]
fn every_row_needs_a_target() {
    let device = Device::default();
    let _ = cross_entropy(Tensor::zeros([2, 3], &device), Tensor::zeros([1], &device));
}
