//! Fused against Burn's own optimizers, bit by bit, and against torch's numbers.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use burn::{
    grad_clipping::GradientClippingConfig,
    optim::{DynState, StateSink, decay::WeightDecayConfig, momentum::MomentumConfig},
    tensor::{DType, Device, Tensor, TensorData, kind::BridgeTensor},
};

use super::{Rule, rule_for, *};
use crate::{random::Rng, tensor::any_rank::with_rank};

/// Shapes of every kind of parameter; the last is shared between threads.
const SHAPES: [&[usize]; 5] = [&[1], &[7], &[5, 13], &[3, 2, 4, 3], &[523, 511]];

fn device() -> Device {
    Device::flex()
}

fn tensor(data: TensorData, dtype: DType) -> BridgeTensor {
    let data = data.convert_dtype(dtype);
    let options = (&device(), dtype);
    with_rank!(data.rank(), D => Tensor::<D>::from_data(data, options).into_bridge(), unreachable!())
}

fn data(tensor: &BridgeTensor) -> TensorData {
    with_rank!(tensor.rank(), D => Tensor::<D>::from_bridge(tensor.clone()).into_data(), unreachable!())
}

/// Numbers of many magnitudes, some of them zero.
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
    rule: Rule,
    value: Option<BridgeTensor>,
    state: Option<DynState>,
}

impl Runner {
    fn new(rule: Rule, start: &TensorData, dtype: DType) -> Self {
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

    /// Another optimizer that goes on from this one's record.
    fn resumed(&self, rule: Rule) -> Self {
        let sink = self.record();
        let mut source = burn::optim::StateSource::new(sink.scalars.into_iter().collect());
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

#[test]
fn a_state_that_is_shared_stays_as_it_was() {
    let mut rng = Rng::new(3);
    for Pair { text, fused, .. } in pairs() {
        let start = numbers(&mut rng, &[40, 3], 1.0);
        let mut runner = Runner::new(fused.clone(), &start, DType::F32);
        let mut step =
            |runner: &mut Runner| runner.step(0.1, tensor(numbers(&mut rng, &[40, 3], 1.0), DType::F32), 1.0);
        step(&mut runner);
        let Some(state) = runner.state.clone() else { continue };
        let before = runner.record();
        let mut sink = StateSink::default();
        let leaves = fused.share_state("net.weight", &state, &mut sink);
        drop(state);
        step(&mut runner);
        for leaf in &leaves {
            sink.tensors.push((leaf.name.clone(), leaf.data().unwrap().clone()));
        }
        sink.tensors.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(sink.scalars, before.scalars, "{text}");
        assert_eq!(sink.tensors, before.tensors, "{text}");
        // Nobody else holds it any more: it is changed where it lies.
        drop(leaves);
        let place = |runner: &Runner| {
            let leaves = fused.share_state("", runner.state.as_ref().unwrap(), &mut StateSink::default());
            leaves.iter().map(|leaf| leaf.data().unwrap().as_bytes().as_ptr()).collect::<Vec<_>>()
        };
        let lies = place(&runner);
        step(&mut runner);
        assert_eq!(place(&runner), lies, "{text}");
    }
}

/// An optimizer, fused and as Burn has it.
struct Pair {
    text: String,
    fused: Rule,
    burn: Rule,
}

/// Every kind of configuration that is fused.
fn pairs() -> Vec<Pair> {
    let mut pairs = Vec::new();
    macro_rules! add {
        ($config:expr) => {{
            let config = $config;
            let fused = rule_for(&config, config.build());
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
    add!(AdamConfig::new().with_grad_clipping(Some(GradientClippingConfig::Norm(1.0))));
    pairs
}

/// The gradient of step `step`: a magnitude that changes, and none at all for a while.
fn gradient(rng: &mut Rng, shape: &[usize], step: usize) -> TensorData {
    let magnitude = match step % 100 {
        50..60 => 0.0,
        60..80 => 1e-5,
        _ => 0.1,
    };
    numbers(rng, shape, magnitude)
}

#[test]
fn a_thousand_steps_are_equal_to_burns_bit_by_bit() {
    let mut rng = Rng::new(1);
    for Pair { text, fused, burn } in pairs() {
        for (index, shape) in SHAPES.iter().enumerate() {
            for dtype in [DType::F32, DType::F64] {
                let start = numbers(&mut rng, shape, 0.5);
                let mut fused = Runner::new(fused.clone(), &start, dtype);
                let mut burn = Runner::new(burn.clone(), &start, dtype);
                let steps = if index + 1 == SHAPES.len() { 4 } else { 1000 };
                for step in 0..steps {
                    let gradient = tensor(gradient(&mut rng, shape, step), dtype);
                    let lr = 0.01 / (1.0 + step as f64 / 100.0);
                    fused.step(lr, gradient.clone(), 1.0);
                    burn.step(lr, gradient, 1.0);
                }
                assert_ne!(fused.values(), start.convert_dtype(dtype));
                assert_equal(&fused, &burn, &format!("{text} {shape:?} {dtype:?}"));
            }
        }
    }
}

#[test]
fn a_record_of_either_goes_on_with_the_other() {
    let mut rng = Rng::new(2);
    let shape = &[4, 9];
    for Pair { text, fused, burn } in pairs() {
        let start = numbers(&mut rng, shape, 0.5);
        let mut runners =
            [Runner::new(fused.clone(), &start, DType::F32), Runner::new(burn.clone(), &start, DType::F32)];
        for round in 0..4 {
            for step in 0..10 {
                let gradient = tensor(gradient(&mut rng, shape, 10 * round + step), DType::F32);
                runners.iter_mut().for_each(|runner| runner.step(0.01, gradient.clone(), 1.0));
            }
            assert_equal(&runners[0], &runners[1], &text);
            // Each goes on as the other.
            runners = [runners[1].resumed(fused.clone()), runners[0].resumed(burn.clone())];
        }
    }
}

#[test]
fn an_incomplete_record_is_refused_as_by_burn() {
    let AdamPair { fused, burn } = adam();
    for rule in [fused, burn] {
        let mut runner = Runner::new(rule.clone(), &TensorData::from([1.0f32, 2.0]), DType::F32);
        runner.step(0.1, tensor(TensorData::from([1.0f32, 1.0]), DType::F32), 1.0);
        let sink = runner.record();
        let mut source = burn::optim::StateSource::new(sink.scalars.into_iter().collect());
        let (name, data) = sink.tensors.into_iter().next().unwrap();
        source.insert_tensor(name, data);
        assert!(rule.state_unflatten(1, "net.weight", &mut source, &device()).is_none());
    }
}

struct AdamPair {
    fused: Rule,
    burn: Rule,
}

fn adam() -> AdamPair {
    let config = AdamConfig::new();
    let fused = rule_for(&config, config.build());
    AdamPair { burn: fused.clone().unfused(), fused }
}

#[test]
fn a_factor_is_a_factor_on_the_gradient() {
    let mut rng = Rng::new(3);
    for Pair { text, fused, burn } in pairs() {
        let start = numbers(&mut rng, &[6], 0.5);
        let mut runners = [&fused, &fused, &burn].map(|rule| Runner::new(rule.clone(), &start, DType::F32));
        for step in 0..20 {
            let gradient = gradient(&mut rng, &[6], step);
            let scaled = TensorData::new(gradient.iter::<f32>().map(|g| g * 0.3).collect(), [6]);
            runners[0].step(0.01, tensor(gradient.clone(), DType::F32), f64::from(0.3f32));
            runners[1].step(0.01, tensor(scaled, DType::F32), 1.0);
            runners[2].step(0.01, tensor(gradient, DType::F32), f64::from(0.3f32));
        }
        assert_equal(&runners[0], &runners[1], &text);
        assert_equal(&runners[0], &runners[2], &text);
    }
}

#[test]
fn shared_values_and_strided_gradients_are_not_harmed() {
    let AdamPair { fused, burn } = adam();
    let start = numbers(&mut Rng::new(4), &[3, 5], 1.0);
    let mut fused = Runner::new(fused, &start, DType::F32);
    let mut burn = Runner::new(burn, &start, DType::F32);
    for step in 0..3 {
        let kept = (fused.value.clone().unwrap(), fused.values());
        let wide = Tensor::<2>::from_bridge(tensor(gradient(&mut Rng::new(step), &[5, 6], 0), DType::F32));
        let strided = wide.clone().slice([0..5, 1..4]).transpose();
        fused.step(0.1, strided.clone().into_bridge(), 1.0);
        burn.step(0.1, strided.into_bridge(), 1.0);
        assert_eq!(data(&kept.0), kept.1, "what somebody else holds stays");
        assert_equal(&fused, &burn, "strided");
    }
}

#[test]
fn half_precision_falls_back_to_burn() {
    for Pair { text, fused, burn } in pairs() {
        for dtype in [DType::F16, DType::BF16] {
            let mut rng = Rng::new(5);
            let start = numbers(&mut rng, &[8], 0.5);
            let mut runners = [Runner::new(fused.clone(), &start, dtype), Runner::new(burn.clone(), &start, dtype)];
            for step in 0..5 {
                let gradient = tensor(gradient(&mut rng, &[8], step), dtype);
                runners.iter_mut().for_each(|runner| runner.step(0.01, gradient.clone(), 0.5));
            }
            assert_equal(&runners[0], &runners[1], &text);
        }
    }
}

/// Equal to one part in a million; what moves by less than 1e-30 has not moved.
fn close(a: f32, b: f32) -> bool {
    (a - b).abs() <= 1e-6 * b.abs() + 1e-30
}

#[test]
fn without_gradients_averages_become_zero_and_nothing_else_changes() {
    let mut rng = Rng::new(7);
    for Pair { text, fused, burn } in pairs() {
        // Where the sign of the smallest number counts, and with an epsilon of next to nothing.
        let keeps =
            ["Lion", "1e-16", "cautious_weight_decay: true", "centered: true"].iter().any(|word| text.contains(word));
        let start = numbers(&mut rng, &[16], 0.5);
        let mut fused = Runner::new(fused, &start, DType::F32);
        let mut burn = Runner::new(burn, &start, DType::F32);
        for step in 0..4000 {
            let gradient = if step < 10 { gradient(&mut rng, &[16], step) } else { TensorData::zeros::<f64, _>([16]) };
            let gradient = tensor(gradient, DType::F32);
            fused.step(1e-3, gradient.clone(), 1.0);
            burn.step(1e-3, gradient, 1.0);
        }
        let denormal = |data: &TensorData| data.iter::<f32>().any(|x| x != 0.0 && x.abs() < f32::MIN_POSITIVE);
        if !keeps {
            assert!(!fused.record().tensors.iter().any(|(_, data)| denormal(data)), "{text}");
        }
        for (a, b) in fused.values().iter::<f32>().zip(burn.values().iter::<f32>()) {
            assert!(close(a, b), "{text}: {a:e} instead of {b:e}");
        }
    }
}

#[test]
fn tiny_gradients_train_as_with_burn() {
    for Pair { text, fused, burn } in pairs() {
        for magnitude in [1e-42f32, 1e-30, 1e-20, 1e-19, 1e-18, 1e-10] {
            // From zero Adam's decay would make something of the smallest number.
            let start = TensorData::from([if magnitude < f32::MIN_POSITIVE { 0.5 } else { 0.0f32 }, 1.0, -1.0]);
            let mut fused = Runner::new(fused.clone(), &start, DType::F32);
            let mut burn = Runner::new(burn.clone(), &start, DType::F32);
            for _ in 0..50 {
                let gradient = tensor(TensorData::from([magnitude, -magnitude, magnitude * 0.5]), DType::F32);
                fused.step(0.1, gradient.clone(), 1.0);
                burn.step(0.1, gradient, 1.0);
            }
            for (a, b) in fused.values().iter::<f32>().zip(burn.values().iter::<f32>()) {
                assert!(close(a, b), "{text} {magnitude:e}: {a:e} instead of {b:e}");
            }
        }
    }
}

#[test]
fn numbers_that_are_none_go_where_burn_lets_them_go() {
    let bad = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1.0];
    for Pair { text, fused, burn } in pairs() {
        let start = TensorData::from([1.0f32, 1.0, 1.0, f32::INFINITY]);
        let mut fused = Runner::new(fused, &start, DType::F32);
        let mut burn = Runner::new(burn, &start, DType::F32);
        for _ in 0..3 {
            fused.step(0.1, tensor(TensorData::from(bad), DType::F32), 1.0);
            burn.step(0.1, tensor(TensorData::from(bad), DType::F32), 1.0);
        }
        let kind = |x: f32| if x.is_nan() { None } else { Some(x.to_bits()) };
        let kinds = |runner: &Runner| runner.values().iter::<f32>().map(kind).collect::<Vec<_>>();
        assert_eq!(kinds(&fused), kinds(&burn), "{text}");
    }
}

#[test]
fn configurations_that_are_not_covered_are_burns() {
    macro_rules! fused {
        ($config:expr) => {{
            let config = $config;
            rule_for(&config, config.build()).is_fused()
        }};
    }
    assert!(!fused!(burn::optim::AdanConfig::new()));
    assert!(!fused!(burn::optim::MuonConfig::new()));
    assert!(!fused!(AdamConfig::new().with_epsilon(f32::INFINITY)), "a number that JSON does not have");
    assert!(fused!(AdamConfig::new()));
}

#[test]
fn the_numbers_are_torchs() {
    #[derive(Deserialize)]
    struct Reference {
        lr: f64,
        start: Vec<f64>,
        gradients: Vec<Vec<f64>>,
        cases: Vec<Case>,
    }
    #[derive(Deserialize)]
    struct Case {
        optimizer: String,
        config: serde_json::Value,
        values: std::collections::BTreeMap<usize, Vec<f64>>,
    }
    let text = include_str!("../../../../tests/reference/optimizers.json");
    let reference: Reference = serde_json::from_str(text).unwrap();
    let row = |numbers: &[f64]| TensorData::new(numbers.to_vec(), [numbers.len()]);
    let mut checked = 0;
    for Case { optimizer, config, values } in reference.cases {
        macro_rules! rule {
            ($kind:ty) => {{
                let config: $kind = serde_json::from_value(config.clone()).unwrap();
                rule_for(&config, config.build())
            }};
        }
        let rule = match optimizer.as_str() {
            "Sgd" => rule!(SgdConfig),
            "Adam" => rule!(AdamConfig),
            "AdamW" => rule!(AdamWConfig),
            "RmsProp" => rule!(RmsPropConfig),
            "AdaGrad" => rule!(AdaGradConfig),
            "Lion" => rule!(LionConfig),
            other => panic!("{other}"),
        };
        // Rounding: the numbers of a configuration are `f32` in Burn, so `f64` gains little.
        for (dtype, tolerance) in [(DType::F64, 2e-6), (DType::F32, 2e-5)] {
            let mut runner = Runner::new(rule.clone(), &row(&reference.start), dtype);
            for (index, gradient) in reference.gradients.iter().enumerate() {
                runner.step(reference.lr, tensor(row(gradient), dtype), 1.0);
                let Some(expected) = values.get(&(index + 1)) else { continue };
                for (found, expected) in runner.values().iter::<f64>().zip(expected) {
                    let error = (found - expected).abs() / (1.0 + expected.abs());
                    assert!(error <= tolerance, "{optimizer} {config} step {}: {found} {expected}", index + 1);
                    checked += 1;
                }
            }
        }
    }
    assert_eq!(checked, 20 * 2 * 5 * 4);
}
