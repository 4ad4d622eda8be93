//! The range test of learning rates, on the page of the run that it came before.

use serde_json::{Value, json};

use crate::params::state::{f64_from_json, f64_to_json};

/// The largest number of points of the curve on a page.
const MOST_POINTS: usize = 500;

/// The losses of a range test, and the rate that it suggests.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RateTest {
    /// Learning rates and losses, in the order of the steps.
    pub(crate) curve: Vec<(f64, f64)>,
    pub(crate) suggestion: Option<f64>,
    /// Whether each rate is a fixed factor above the last one.
    pub(crate) is_log: bool,
}

impl RateTest {
    /// The data of a page: of a long test every n-th point, and that of the suggestion.
    pub(super) fn to_json(&self) -> Value {
        let Self { curve, suggestion, is_log } = self;
        let every = curve.len().div_ceil(MOST_POINTS).max(1);
        let kept =
            curve.iter().enumerate().filter(|(index, (rate, _))| index % every == 0 || Some(*rate) == *suggestion);
        let (rates, losses): (Vec<Value>, Vec<Value>) =
            kept.map(|(_, (rate, loss))| (f64_to_json(*rate), f64_to_json(*loss))).unzip();
        json!({ "rates": rates, "losses": losses, "suggestion": suggestion, "is_log": is_log })
    }

    /// Reads what [`to_json`](Self::to_json) has written; `None` if there was no test.
    pub(super) fn from_json(value: &Value) -> Option<Self> {
        let numbers = |name: &str| -> Option<Vec<f64>> { value[name].as_array()?.iter().map(f64_from_json).collect() };
        let curve = numbers("rates")?.into_iter().zip(numbers("losses")?).collect();
        Some(Self { curve, suggestion: value["suggestion"].as_f64(), is_log: value["is_log"] == true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let test = RateTest {
            curve: vec![(1e-8, 2.5), (1e-4, 1.5), (1.0, f64::INFINITY)],
            suggestion: Some(1e-4),
            is_log: true,
        };
        let value = test.to_json();
        assert_eq!(value["losses"], json!([2.5, 1.5, "inf"]));
        assert_eq!(RateTest::from_json(&value), Some(test));
        for none in [Value::Null, json!({}), json!({ "rates": [0.1], "losses": ["many"] })] {
            assert_eq!(RateTest::from_json(&none), None);
        }
    }

    #[test]
    fn a_long_test_is_thinned_and_keeps_its_suggestion() {
        let curve: Vec<(f64, f64)> = (1..=10_000).map(|step| (f64::from(step), 1.0)).collect();
        let value = RateTest { curve, suggestion: Some(7.0), is_log: false }.to_json();
        let rates: Vec<f64> = value["rates"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
        assert_eq!((rates.len(), &rates[..4]), (501, &[1.0, 7.0, 21.0, 41.0][..]));
    }
}
