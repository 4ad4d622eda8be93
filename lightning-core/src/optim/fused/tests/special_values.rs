//! Tiny numbers, infinities and NaN.

use super::*;

/// Whether two numbers are equal to one part in a million, or differ by less than 1e-30.
fn close(a: f32, b: f32) -> bool {
    (a - b).abs() <= 1e-6 * b.abs() + 1e-30
}

#[test]
fn without_gradients_averages_become_zero_and_nothing_else_changes() {
    let mut rng = Rng::new(7);
    for Pair { text, fused, burn } in pairs() {
        // Not flushed: the sign of a tiny number decides, averages are subtracted, or ε is tiny.
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
            // Starting at zero, Adam with weight decay would amplify a denormal number.
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
fn nan_and_infinity_spread_as_with_burn() {
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
