//! The rows of the table: which are fused, that each is compared with Burn, and torch's numbers.

use serde::Deserialize;

use super::*;

/// A fused optimizer without a configuration in `pairs` would not be compared with Burn.
#[test]
fn every_fused_row_is_compared_with_burn() {
    let pairs = pairs();
    for (name, is_fused) in rows() {
        let is_compared = pairs.iter().any(|pair| pair.text.starts_with(&format!("{name} ")));
        assert_eq!(is_compared, is_fused, "{name}");
    }
}

#[test]
fn configurations_that_are_not_covered_are_burns() {
    assert!(!LambConfig::new().update_rule().is_fused());
    assert!(!MuonConfig::new().update_rule().is_fused());
    let infinite = AdamConfig::new().with_epsilon(f32::INFINITY);
    assert!(!infinite.update_rule().is_fused(), "a number that JSON does not have");
    assert!(AdamConfig::new().update_rule().is_fused());
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
    let text = include_str!("../../../../../tests/reference/optimizers.json");
    let reference: Reference = serde_json::from_str(text).unwrap();
    let row = |numbers: &[f64]| TensorData::new(numbers.to_vec(), [numbers.len()]);
    let mut checked = 0;
    for Case { optimizer, config, values } in reference.cases {
        let rule = update_rule_from_json(&format!("{optimizer}Config"), &config).expect("the table has it");
        assert!(rule.is_fused(), "{optimizer}");
        for (dtype, tolerance) in [(DType::F64, 1e-12), (DType::F32, 2e-5)] {
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
    assert_eq!(checked, 23 * 2 * 6 * 4);
}
