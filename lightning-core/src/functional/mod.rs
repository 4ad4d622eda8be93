//! Losses and measures of a batch, as functions of tensors.
//!
//! Every loss is computed in float32 when its input is float16 or bfloat16, since sums and exponentials in half precision lose what
//! training needs; float64 stays float64. The dtype of the result says which it was. All are means over the batch (over all elements
//! where there are no classes), and gradients flow to the input and, where they are floats, to the targets.

use burn::tensor::{DType, FloatDType, Int, Tensor};

/// The cross entropy of classification: `mean_i( log Σ_c exp(logits[i, c]) − logits[i, targets[i]] )`.
///
/// `logits` is `[batch, classes]`, unnormalised; `targets` is `[batch]`, each in `0..classes`. The largest logit of a row is subtracted
/// first, so no logit is too large. A class masked by a logit of −∞ has probability 0.
///
/// The formula is that of the multinomial logistic regression (Bishop, "Pattern Recognition and Machine Learning", 2006, equations 4.104
/// and 4.108), and of `torch.nn.functional.cross_entropy`.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use lightning_core::functional::cross_entropy;
///
/// let device = Device::default();
/// let logits = Tensor::<2>::from_data([[2.0, 0.0], [0.0, 0.0]], &device);
/// let targets = Tensor::<1, Int>::from_data([0, 1], &device);
/// let loss: f32 = cross_entropy(logits, targets).into_scalar();
/// let expected = ((1.0 + (-2.0_f32).exp()).ln() + 2.0_f32.ln()) / 2.0;
/// assert!((loss - expected).abs() < 1e-6);
/// ```
///
/// # Panics
///
/// Where `targets` has another length than `logits` has rows, and, on a CPU device, where a target is no class.
pub fn cross_entropy(logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    let logits = computable(logits);
    // Not Burn's `log_softmax`: it would subtract the normaliser from every class, forward and backward, where one a row is used. The
    // largest logit cancels in the gradient, so it is found outside the graph: for 64 rows of 10, forward and backward 16 µs instead of 21.
    let largest = logits.clone().without_autodiff().max_dim(1);
    let shifted = logits - largest;
    let normaliser = shifted.clone().exp().sum_dim(1).log();
    (normaliser - pick(shifted, targets)).mean()
}

/// The negative log likelihood: `−mean_i( log_probs[i, targets[i]] )`.
///
/// `log_probs` is `[batch, classes]`, the logarithms of probabilities; `targets` is `[batch]`, each in `0..classes`.
/// The formula is that of `torch.nn.functional.nll_loss`; after a `log_softmax` it is the [`cross_entropy`].
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use lightning_core::functional::nll_loss;
///
/// let device = Device::default();
/// let log_probs = Tensor::<2>::from_data([[0.25, 0.75], [0.5, 0.5]], &device).log();
/// let loss: f32 = nll_loss(log_probs, Tensor::<1, Int>::from_data([1, 0], &device)).into_scalar();
/// assert!((loss + (0.75_f32.ln() + 0.5_f32.ln()) / 2.0).abs() < 1e-6);
/// ```
///
/// # Panics
///
/// Where `targets` has another length than `log_probs` has rows, and, on a CPU device, where a target is no class.
pub fn nll_loss(log_probs: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    pick(computable(log_probs), targets).mean().neg()
}

/// The cross entropy of independent yes-or-no decisions: `mean( max(x, 0) − x·t + log(1 + exp(−|x|)) )` for logits `x` and targets `t`.
///
/// Both have the same shape; targets are probabilities in `[0, 1]`, usually 0 or 1. The formula is
/// `−mean( t·log σ(x) + (1 − t)·log(1 − σ(x)) )` (Bishop 2006, equation 4.90) in the form that neither overflows nor cancels, as in
/// `torch.nn.functional.binary_cross_entropy_with_logits`. Its gradient is `(σ(x) − t) / n` everywhere, at 0 too.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use lightning_core::functional::bce_with_logits;
///
/// let device = Device::default();
/// let logits = Tensor::<1>::from_data([0.0, 1e4], &device);
/// let loss: f32 = bce_with_logits(logits, Tensor::from_data([1.0, 1.0], &device)).into_scalar();
/// assert!((loss - 2.0_f32.ln() / 2.0).abs() < 1e-6);
/// ```
///
/// # Panics
///
/// Where the shapes differ.
pub fn bce_with_logits<const D: usize>(logits: Tensor<D>, targets: Tensor<D>) -> Tensor<1> {
    check_shapes("bce_with_logits", &logits, &targets);
    let (logits, targets) = same_dtype(logits, targets);
    // max(x, 0) = x·p and −|x| = x·(1 − 2p) with p = 1 where x ≥ 0, else 0. With p constant, the gradient is right at 0 as well, where
    // those of max and |x| would both be 0.
    let positive = logits.clone().without_autodiff().greater_equal_scalar(0.0).float().cast(logits.dtype());
    let flip = positive.clone() * -2.0 + 1.0;
    (logits.clone() * (positive - targets) + (logits * flip).exp().log1p()).mean()
}

/// The mean squared error: `mean( (pred − target)² )`, both of the same shape; as `torch.nn.functional.mse_loss`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use lightning_core::functional::mse_loss;
///
/// let device = Device::default();
/// let pred = Tensor::<1>::from_data([1.0, 2.0], &device);
/// let loss: f32 = mse_loss(pred, Tensor::from_data([1.0, 4.0], &device)).into_scalar();
/// assert_eq!(loss, 2.0);
/// ```
///
/// # Panics
///
/// Where the shapes differ.
pub fn mse_loss<const D: usize>(pred: Tensor<D>, target: Tensor<D>) -> Tensor<1> {
    check_shapes("mse_loss", &pred, &target);
    let (pred, target) = same_dtype(pred, target);
    (pred - target).square().mean()
}

/// The mean absolute error: `mean( |pred − target| )`, both of the same shape; as `torch.nn.functional.l1_loss`. Where the two are equal
/// the gradient is 0.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use lightning_core::functional::l1_loss;
///
/// let device = Device::default();
/// let pred = Tensor::<1>::from_data([1.0, 2.0], &device);
/// let loss: f32 = l1_loss(pred, Tensor::from_data([1.0, 4.0], &device)).into_scalar();
/// assert_eq!(loss, 1.0);
/// ```
///
/// # Panics
///
/// Where the shapes differ.
pub fn l1_loss<const D: usize>(pred: Tensor<D>, target: Tensor<D>) -> Tensor<1> {
    check_shapes("l1_loss", &pred, &target);
    let (pred, target) = same_dtype(pred, target);
    (pred - target).abs().mean()
}

/// Huber's loss: the mean of `d²/2` where `|d| ≤ delta` and of `delta·(|d| − delta/2)` beyond, for `d = pred − target`.
///
/// Both have the same shape. It is quadratic for small errors and linear for large ones: Peter J. Huber, "Robust Estimation of a Location
/// Parameter", Annals of Mathematical Statistics 35, 1964; as `torch.nn.functional.huber_loss`. A `delta` that is not positive gives NaN.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use lightning_core::functional::huber;
///
/// let device = Device::default();
/// let pred = Tensor::<1>::from_data([0.5, 3.0], &device);
/// let loss: f32 = huber(pred, Tensor::from_data([0.0, 0.0], &device), 1.0).into_scalar();
/// assert_eq!(loss, (0.125 + 2.5) / 2.0);
/// ```
///
/// # Panics
///
/// Where the shapes differ.
pub fn huber<const D: usize>(pred: Tensor<D>, target: Tensor<D>, delta: f64) -> Tensor<1> {
    check_shapes("huber", &pred, &target);
    let (pred, target) = same_dtype(pred, target);
    let error = pred - target;
    if delta.is_nan() || delta <= 0.0 {
        return (error * f64::NAN).mean();
    }
    // With c = d clamped to ±delta, both branches are c·(d − c/2), and the gradient is c: so c may be a constant.
    let clamped = error.clone().without_autodiff().clamp(-delta, delta);
    let half = clamped.clone() * 0.5;
    ((error - half) * clamped).mean()
}

/// The Kullback-Leibler divergence of the predicted from the target distribution: `Σ target·(log target − log_input) / batch`.
///
/// `log_input` holds logarithms of probabilities, `target` probabilities; both have the same shape, and dimension 0 is the batch. This is
/// torch's `kl_div` with `reduction="batchmean"`, the one that agrees with the definition (Kullback and Leibler, "On Information and
/// Sufficiency", 1951), not torch's default. A target of 0 adds nothing.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use lightning_core::functional::kl_div;
///
/// let device = Device::default();
/// let log_input = Tensor::<2>::from_data([[0.5, 0.5]], &device).log();
/// let loss: f32 = kl_div(log_input, Tensor::from_data([[1.0, 0.0]], &device)).into_scalar();
/// assert!((loss - 2.0_f32.ln()).abs() < 1e-6);
/// ```
///
/// # Panics
///
/// Where the shapes differ.
pub fn kl_div<const D: usize>(log_input: Tensor<D>, target: Tensor<D>) -> Tensor<1> {
    check_shapes("kl_div", &log_input, &target);
    let (log_input, target) = same_dtype(log_input, target);
    let batch = log_input.dims().first().copied().unwrap_or(1);
    // The smallest normal number in place of 0: its logarithm is finite, and times 0 it is 0.
    let log_target = target.clone().clamp_min(f64::from(f32::MIN_POSITIVE)).log();
    (target * (log_target - log_input)).sum() / batch as f64
}

/// The share of rows whose largest logit is that of the target, in float32 and without gradient.
///
/// `logits` is `[batch, classes]` (probabilities or their logarithms do as well), `targets` is `[batch]`. Of equal largest logits the
/// first counts.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use lightning_core::functional::accuracy;
///
/// let device = Device::default();
/// let logits = Tensor::<2>::from_data([[2.0, 0.0], [0.0, 1.0], [3.0, 1.0]], &device);
/// let share: f32 = accuracy(&logits, &Tensor::<1, Int>::from_data([0, 1, 1], &device)).into_scalar();
/// assert!((share - 2.0 / 3.0).abs() < 1e-6);
/// ```
///
/// # Panics
///
/// Where `targets` has another length than `logits` has rows.
pub fn accuracy(logits: &Tensor<2>, targets: &Tensor<1, Int>) -> Tensor<1> {
    let [batch, _] = logits.dims();
    let best = logits.clone().without_autodiff().argmax(1).reshape([batch]);
    let targets = targets.clone().without_autodiff().cast(best.dtype());
    best.equal(targets).float().cast(FloatDType::F32).mean()
}

/// The tensor in a dtype in which a loss can be computed.
fn computable<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    match tensor.dtype() {
        DType::F16 | DType::BF16 => tensor.cast(FloatDType::F32),
        _ => tensor,
    }
}

/// Both in the dtype in which a loss of the first can be computed.
fn same_dtype<const D: usize>(input: Tensor<D>, target: Tensor<D>) -> (Tensor<D>, Tensor<D>) {
    let input = computable(input);
    let dtype: FloatDType = input.dtype().into();
    (input, target.cast(dtype))
}

/// The value of each row at its target: `[batch, 1]`.
fn pick(values: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<2> {
    let ([rows, _], [len]) = (values.dims(), targets.dims());
    // Gather itself would accept fewer targets than rows.
    assert!(rows == len, "there are {rows} rows of classes and {len} targets: give one target a row");
    values.gather(1, targets.reshape([len, 1]))
}

/// Broadcasting `[batch, 1]` with `[batch]` or `[1]` trains on nonsense without a word, so it is refused.
fn check_shapes<const D: usize>(name: &str, input: &Tensor<D>, target: &Tensor<D>) {
    let (input, target) = (input.dims(), target.dims());
    assert!(input == target, "`{name}` compares shape {input:?} with shape {target:?}: give both the same shape");
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};
    use serde::Deserialize;

    use super::*;

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

        /// How far a value and a gradient may be off, relative to their size.
        fn tolerances(&self) -> (f64, f64) {
            // The gradient of a half precision input is itself rounded to half precision.
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

    fn check_classes(function: &str, loss: fn(Tensor<2>, Tensor<1, Int>) -> Tensor<1>) {
        for case in cases(function) {
            // Targets come from a loader, on the plain device, or are made by a step, on the differentiating one.
            for device in [Device::default(), Device::default().autodiff()] {
                let leaf = case.input();
                case.check(&loss(leaf.clone(), case.classes(&device)), &leaf, None);
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
        check_classes("cross_entropy", cross_entropy);
    }

    #[test]
    fn nll_loss_is_torchs() {
        check_classes("nll_loss", nll_loss);
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

    #[test]
    fn kl_div_is_torchs() {
        check_floats("kl_div", |_, log_input, target| kl_div(log_input, target));
    }

    /// Where `1 + exp(-20)` rounds to 1 in float32, a plain logarithm would lose the loss altogether.
    #[test]
    fn small_losses_of_sure_decisions_survive() {
        let device = Device::default();
        for (logit, target) in [(20.0, 1.0), (-20.0, 0.0)] {
            let loss: f64 =
                bce_with_logits(Tensor::<1>::from_data([logit], &device), Tensor::from_data([target], &device))
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
    #[should_panic(expected = "`mse_loss` compares shape [4, 1] with shape [4, 3]")]
    fn shapes_are_not_broadcast() {
        let device = Device::default();
        let _ = mse_loss(Tensor::<2>::zeros([4, 1], &device), Tensor::zeros([4, 3], &device));
    }

    #[test]
    #[should_panic(expected = "there are 2 rows of classes and 1 targets")]
    fn every_row_needs_a_target() {
        let device = Device::default();
        let _ = cross_entropy(Tensor::zeros([2, 3], &device), Tensor::zeros([1], &device));
    }
}
