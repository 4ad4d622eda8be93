//! The fused optimizers against Burn's, bit by bit, and against torch's numbers.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod equality;
mod special_values;
mod table;

use burn::{
    grad_clipping::GradientClippingConfig,
    optim::{DynOptimizer, DynState, StateSink, StateSource, decay::WeightDecayConfig, momentum::MomentumConfig},
    tensor::{DType, Device, Tensor, TensorData, kind::BridgeTensor},
};

use super::*;
use crate::{random::Rng, tensor::any_rank::with_rank};

/// Shapes of parameters; the last is large enough to be shared between threads.
const SHAPES: [&[usize]; 5] = [&[1], &[7], &[5, 13], &[3, 2, 4, 3], &[523, 511]];

fn device() -> Device {
    #[cfg(feature = "flex")]
    return Device::flex();
    #[cfg(not(feature = "flex"))]
    Device::default()
}

fn tensor(data: TensorData, dtype: DType) -> BridgeTensor {
    let data = data.convert_dtype(dtype);
    let options = (&device(), dtype);
    with_rank!(data.rank(), D => Tensor::<D>::from_data(data, options).into_bridge(), unreachable!())
}

fn data(tensor: &BridgeTensor) -> TensorData {
    with_rank!(tensor.rank(), D => Tensor::<D>::from_bridge(tensor.clone()).into_data(), unreachable!())
}

/// Random numbers of several magnitudes, some of them zero.
fn numbers(rng: &mut Rng, shape: &[usize], magnitude: f64) -> TensorData {
    let count = shape.iter().product();
    let mut number = || match rng.random_range(0..8) {
        0 => 0.0,
        1 => rng.normal() * magnitude * 1e-6,
        2 => rng.normal() * magnitude * 1e3,
        _ => rng.normal() * magnitude,
    };
    TensorData::new((0..count).map(|_| number()).collect::<Vec<f64>>(), shape.to_vec())
}

/// One parameter and its optimizer.
struct Runner {
    rule: UpdateRule,
    value: Option<BridgeTensor>,
    state: Option<DynState>,
}

impl Runner {
    fn new(rule: UpdateRule, start: &TensorData, dtype: DType) -> Self {
        Self { rule, value: Some(tensor(start.clone(), dtype)), state: None }
    }

    fn step(&mut self, lr: f64, gradient: BridgeTensor, factor: f64) {
        let value = self.value.take().unwrap();
        let (value, state) = self.rule.step_scaled(value.rank(), lr, value, gradient, self.state.take(), factor);
        (self.value, self.state) = (Some(value), state);
    }

    fn values(&self) -> TensorData {
        data(self.value.as_ref().unwrap())
    }

    fn record(&self) -> StateSink {
        let mut sink = StateSink::default();
        self.rule.state_flatten("net.weight", self.state.as_ref().unwrap(), &mut sink);
        sink.tensors.sort_by(|a, b| a.0.cmp(&b.0));
        sink
    }

    /// Continues from this runner's record with another rule.
    fn resumed(&self, rule: UpdateRule) -> Self {
        let sink = self.record();
        let mut source = StateSource::new(sink.scalars.into_iter().collect());
        for (name, data) in sink.tensors {
            source.insert_tensor(name, data);
        }
        let rank = self.value.as_ref().unwrap().rank();
        let state = rule.state_unflatten(rank, "net.weight", &mut source, &device());
        assert!(state.is_some(), "the record is complete");
        Self { rule, value: self.value.clone(), state }
    }
}

fn assert_equal(fused: &Runner, burn: &Runner, what: &str) {
    assert_eq!(fused.values().as_bytes(), burn.values().as_bytes(), "{what}: values");
    let (fused, burn) = (fused.record(), burn.record());
    assert_eq!(fused.scalars, burn.scalars, "{what}");
    let names = |sink: &StateSink| sink.tensors.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&fused), names(&burn), "{what}");
    for ((name, a), (_, b)) in fused.tensors.iter().zip(&burn.tensors) {
        assert_eq!((a.shape(), a.dtype()), (b.shape(), b.dtype()), "{what}: {name}");
        assert_eq!(a.as_bytes(), b.as_bytes(), "{what}: {name}");
    }
}

/// Compares values as far as numbers rounded to `f32` allow, and the names of the records.
fn assert_close(fused: &Runner, burn: &Runner, what: &str) {
    for (a, b) in fused.values().iter::<f64>().zip(burn.values().iter::<f64>()) {
        assert!((a - b).abs() <= 1e-4 * (1.0 + b.abs()), "{what}: {a} {b}");
    }
    let (fused, burn) = (fused.record(), burn.record());
    assert_eq!(fused.scalars, burn.scalars, "{what}");
    for ((a, x), (b, y)) in fused.tensors.iter().zip(&burn.tensors) {
        assert_eq!((a, x.shape(), x.dtype()), (b, y.shape(), y.dtype()), "{what}");
    }
    assert_eq!(fused.tensors.len(), burn.tensors.len(), "{what}");
}

/// The fused and Burn's rule of one configuration.
struct Pair {
    text: String,
    fused: UpdateRule,
    burn: UpdateRule,
}

/// Configurations of every fused optimizer, in all of its forms.
fn pairs() -> Vec<Pair> {
    let mut pairs = Vec::new();
    macro_rules! add {
        ($config:expr) => {{
            let config = $config;
            let fused = config.update_rule();
            assert!(fused.is_fused(), "{config:?}");
            pairs.push(Pair { text: format!("{config:?}"), burn: fused.clone().unfused(), fused });
        }};
    }
    let decay = Some(WeightDecayConfig::new(0.01));
    let momentum = |dampening, nesterov| Some(MomentumConfig::new().with_dampening(dampening).with_nesterov(nesterov));
    add!(SgdConfig::new());
    add!(SgdConfig::new().with_weight_decay(decay.clone()));
    add!(SgdConfig::new().with_momentum(momentum(0.0, false)));
    add!(SgdConfig::new().with_momentum(momentum(0.1, true)).with_weight_decay(decay.clone()));
    for amsgrad in [false, true] {
        add!(AdamConfig::new().with_amsgrad(amsgrad));
        add!(AdamConfig::new().with_amsgrad(amsgrad).with_epsilon(1e-8).with_weight_decay(decay.clone()));
        add!(AdamConfig::new().with_amsgrad(amsgrad).with_beta_2(0.5).with_epsilon(1e-16));
        for cautious in [false, true] {
            let config = || AdamWConfig::new().with_amsgrad(amsgrad).with_cautious_weight_decay(cautious);
            add!(config());
            add!(config().with_weight_decay(0.1).with_epsilon(1e-8));
            add!(config().with_weight_decay(0.0));
        }
    }
    for centered in [false, true] {
        for momentum in [0.0, 0.9] {
            let config = || RmsPropConfig::new().with_centered(centered).with_momentum(momentum);
            add!(config());
            add!(config().with_weight_decay(decay.clone()).with_epsilon(1e-3));
        }
    }
    add!(AdaGradConfig::new());
    add!(AdaGradConfig::new().with_lr_decay(0.01).with_weight_decay(decay.clone()));
    add!(LionConfig::new());
    add!(LionConfig::new().with_weight_decay(0.1).with_beta_1(0.5));
    for no_prox in [false, true] {
        add!(AdanConfig::new().with_no_prox(no_prox));
        add!(AdanConfig::new().with_no_prox(no_prox).with_weight_decay(0.1).with_epsilon(1e-6));
    }
    add!(AdanConfig::new().with_beta_1(0.9).with_beta_3(0.5).with_epsilon(1e-16));
    add!(AdamConfig::new().with_grad_clipping(Some(GradientClippingConfig::Norm(1.0))));
    pairs
}

fn adam() -> Pair {
    let config = AdamConfig::new();
    let fused = config.update_rule();
    Pair { text: format!("{config:?}"), burn: fused.clone().unfused(), fused }
}

/// The gradient of a step: its magnitude varies, and it is zero for some steps.
fn gradient(rng: &mut Rng, shape: &[usize], step: usize) -> TensorData {
    let magnitude = match step % 100 {
        50..60 => 0.0,
        60..80 => 1e-5,
        _ => 0.1,
    };
    numbers(rng, shape, magnitude)
}
