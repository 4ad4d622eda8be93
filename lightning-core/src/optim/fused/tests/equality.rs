//! Values, states and records, bit by bit.

use super::*;

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
                let what = format!("{text} {shape:?} {dtype:?}");
                match dtype {
                    DType::F32 => assert_equal(&fused, &burn, &what),
                    // Burn rounds the numbers of the configuration to `f32`; `the_numbers_are_torchs`
                    // says which of the two is right.
                    _ => assert_close(&fused, &burn, &what),
                }
            }
        }
    }
}

/// With numbers that `f32` holds exactly, and corrections that it holds too, Burn rounds nothing.
#[test]
fn in_float64_the_operations_are_burns() {
    let decay = Some(WeightDecayConfig::new(0.015_625));
    let momentum = |nesterov| Some(MomentumConfig::new().with_momentum(0.5).with_nesterov(nesterov));
    let mut rules = Vec::new();
    macro_rules! add {
        ($steps:literal, $config:expr) => {
            rules.push(($steps, format!("{:?}", $config), $config.update_rule()));
        };
    }
    let epsilon = 0.000_976_562_5;
    add!(1000, SgdConfig::new());
    add!(1000, SgdConfig::new().with_weight_decay(decay.clone()).with_momentum(momentum(false)));
    add!(1000, SgdConfig::new().with_weight_decay(decay.clone()).with_momentum(momentum(true)));
    add!(1000, AdaGradConfig::new().with_epsilon(epsilon).with_weight_decay(decay.clone()));
    add!(1000, LionConfig::new().with_beta_1(0.5).with_beta_2(0.75).with_weight_decay(0.125));
    for centered in [false, true] {
        for momentum in [0.0, 0.5] {
            let config = || RmsPropConfig::new().with_alpha(0.75).with_epsilon(epsilon).with_centered(centered);
            add!(1000, config().with_momentum(momentum).with_weight_decay(decay.clone()));
        }
    }
    for amsgrad in [false, true] {
        // `0.75^8` has 16 bits, and `f32` 24.
        let config =
            || AdamWConfig::new().with_beta_1(0.5).with_beta_2(0.75).with_epsilon(epsilon).with_amsgrad(amsgrad);
        add!(8, config().with_weight_decay(0.125));
        add!(8, config().with_weight_decay(0.125).with_cautious_weight_decay(true));
        // `1 − 0.4375` is 0.75², so that the root of the correction is exact in the first step.
        let config =
            || AdamConfig::new().with_beta_1(0.5).with_beta_2(0.4375).with_epsilon(epsilon).with_amsgrad(amsgrad);
        add!(1, config().with_weight_decay(decay.clone()));
    }
    // The root of `1 − 0.4375` is 0.75.
    let config = || AdanConfig::new().with_beta_1(0.5).with_beta_2(0.75).with_beta_3(0.4375).with_epsilon(epsilon);
    add!(1, config().with_weight_decay(0.125));
    add!(1, config().with_weight_decay(0.125).with_no_prox(true));
    let mut rng = Rng::new(8);
    for (steps, text, rule) in rules {
        let start = numbers(&mut rng, &[5, 13], 0.5);
        let mut fused = Runner::new(rule.clone(), &start, DType::F64);
        let mut burn = Runner::new(rule.unfused(), &start, DType::F64);
        for step in 0..steps {
            let gradient = tensor(gradient(&mut rng, &[5, 13], step), DType::F64);
            let lr = 0.01 / (1.0 + step as f64 / 100.0);
            fused.step(lr, gradient.clone(), 1.0);
            burn.step(lr, gradient, 1.0);
        }
        assert_equal(&fused, &burn, &text);
    }
}

#[test]
fn a_record_of_either_loads_into_the_other() {
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
            // Each continues as the other.
            runners = [runners[1].resumed(fused.clone()), runners[0].resumed(burn.clone())];
        }
    }
}

#[test]
fn an_incomplete_record_is_refused_as_by_burn() {
    let Pair { fused, burn, .. } = adam();
    for rule in [fused, burn] {
        let mut runner = Runner::new(rule.clone(), &TensorData::from([1.0f32, 2.0]), DType::F32);
        runner.step(0.1, tensor(TensorData::from([1.0f32, 1.0]), DType::F32), 1.0);
        let sink = runner.record();
        let mut source = StateSource::new(sink.scalars.into_iter().collect());
        let (name, data) = sink.tensors.into_iter().next().unwrap();
        source.insert_tensor(name, data);
        assert!(rule.state_unflatten(1, "net.weight", &mut source, &device()).is_none());
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
        // With no other owner left, the state is changed in place.
        drop(leaves);
        let place = |runner: &Runner| {
            let leaves = fused.share_state("", runner.state.as_ref().unwrap(), &mut StateSink::default());
            leaves.iter().map(|leaf| leaf.data().unwrap().as_bytes().as_ptr()).collect::<Vec<_>>()
        };
        let address = place(&runner);
        step(&mut runner);
        assert_eq!(place(&runner), address, "{text}");
    }
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
    let Pair { fused, burn, .. } = adam();
    let start = numbers(&mut Rng::new(4), &[3, 5], 1.0);
    let mut fused = Runner::new(fused, &start, DType::F32);
    let mut burn = Runner::new(burn, &start, DType::F32);
    for step in 0..3 {
        let kept = (fused.value.clone().unwrap(), fused.values());
        let wide = Tensor::<2>::from_bridge(tensor(gradient(&mut Rng::new(step), &[5, 6], 0), DType::F32));
        let strided = wide.clone().slice([0..5, 1..4]).transpose();
        fused.step(0.1, strided.clone().into_bridge(), 1.0);
        burn.step(0.1, strided.into_bridge(), 1.0);
        assert_eq!(data(&kept.0), kept.1, "a shared value must not change");
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
