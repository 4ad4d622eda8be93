//! What values a parameter can have, and how they are written in a journal.

use serde_json::{Value, json};

use super::number;
use crate::error::{Error, Result};

/// The largest integer whose neighbours are exact in an `f64`, as which values are stored.
const LARGEST: i64 = 1 << 53;

/// The values that a parameter can have.
///
/// A value is stored as a number: that of a categorical parameter is the index of the choice.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Distribution {
    /// Real numbers from `low` to `high`, in steps of `step` from `low` if it is set.
    Float {
        /// The least value.
        low: f64,
        /// The greatest value.
        high: f64,
        /// Whether the logarithm of the value is distributed uniformly.
        log: bool,
        /// The distance of neighbours.
        step: Option<f64>,
    },
    /// Integers from `low` to `high`, in steps of `step` from `low`.
    Int {
        /// The least value.
        low: i64,
        /// The greatest value.
        high: i64,
        /// Whether the logarithm of the value is distributed uniformly.
        log: bool,
        /// The distance of neighbours, 1 with `log`.
        step: i64,
    },
    /// One of some values, in no order.
    Categorical {
        /// The values.
        choices: Vec<Value>,
    },
}

impl Distribution {
    /// # Errors
    /// If no value can be drawn from it. `name` is the name of the parameter.
    pub(super) fn check(&self, name: &str) -> Result<()> {
        let wrong = |what: String, help: &str| Err(Error::config(format!("`{name}`: {what}")).help(help));
        match self {
            Self::Float { low, high, .. } if !low.is_finite() || !high.is_finite() || !(high - low).is_finite() => {
                wrong(
                    format!("the ends of a range must be finite, found {low}..{high}"),
                    "write a range such as `uniform(0.0..1.0)`",
                )
            }
            Self::Float { low, high, .. } if low >= high => wrong(
                format!("a range must start below its end, found {low}..{high}"),
                "write the smaller number first, or leave the parameter out of the space",
            ),
            Self::Float { low, high, log: true, .. } if *low <= 0.0 => wrong(
                format!("a logarithmic range must start above 0, found {low}..{high}"),
                "write a range such as `log_uniform(1e-5..1e-1)`, or take `uniform`",
            ),
            Self::Float { log: true, step: Some(step), .. } => wrong(
                format!("a logarithmic range has no steps, found a step of {step}"),
                "leave out `.step(…)`, or take `uniform`",
            ),
            Self::Float { low, high, step: Some(step), .. } if !(*step > 0.0 && *step <= high - low) => wrong(
                format!("a step must be above 0 and at most the length of {low}..{high}, found {step}"),
                "write a smaller step, such as a tenth of the range",
            ),
            Self::Int { low, high, .. } if *low < -LARGEST || *high > LARGEST => wrong(
                "the ends of a range of integers must be between -2^53 and 2^53".to_owned(),
                "write a smaller range; a random seed is better derived from `trial.number()`",
            ),
            Self::Int { low, high, .. } if low > high => wrong(
                format!("a range must start below its end, found {low}..={high}"),
                "write the smaller number first",
            ),
            Self::Int { low, high, log: true, .. } if *low < 1 => wrong(
                format!("a logarithmic range of integers must start at 1 or above, found {low}..={high}"),
                "write a range such as `int(1..=1024).log()`, or leave out `.log()`",
            ),
            Self::Int { log: true, step, .. } if *step != 1 => wrong(
                format!("a logarithmic range has no steps, found a step of {step}"),
                "leave out `.step(…)` or `.log()`",
            ),
            Self::Int { low, high, step, .. } if *step < 1 || *step > (high - low).max(1) => wrong(
                format!("a step must be at least 1 and at most the length of {low}..={high}, found {step}"),
                "write a smaller step",
            ),
            Self::Categorical { choices } if choices.is_empty() => wrong(
                "a choice needs at least one value, found none".to_owned(),
                "write the values, such as `choice([32, 64])`, or leave the parameter out of the space",
            ),
            Self::Categorical { choices } if (1..choices.len()).any(|at| choices[..at].contains(&choices[at])) => {
                wrong(
                    format!("each value of a choice must occur once, found {}", list(choices)),
                    "remove the second occurrence",
                )
            }
            _ => Ok(()),
        }
    }

    /// Returns the number of values; `None` for real numbers without steps.
    pub fn len(&self) -> Option<usize> {
        match self {
            Self::Float { low, high, step, .. } => step.map(|step| ((high - low) / step + 1e-9).floor() as usize + 1),
            Self::Int { low, high, step, .. } => Some(((high - low) / step) as usize + 1),
            Self::Categorical { choices } => Some(choices.len()),
        }
    }

    /// Returns whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// Returns the stored number of the value that is nearest to a number.
    pub fn nearest(&self, stored: f64) -> f64 {
        match self {
            Self::Float { low, high, step: None, .. } => stored.clamp(*low, *high),
            Self::Float { low, high, step: Some(step), .. } => {
                let last = ((high - low) / step + 1e-9).floor();
                low + ((stored - low) / step).round().clamp(0.0, last) * step
            }
            Self::Int { low, high, step, .. } => {
                let (low, step, last) = (*low as f64, *step as f64, ((high - low) / step) as f64);
                low + ((stored - low) / step).round().clamp(0.0, last) * step
            }
            // Plus 0: a number that is rounded up to 0 has a sign.
            Self::Categorical { choices } => stored.round().clamp(0.0, (choices.len().max(1) - 1) as f64) + 0.0,
        }
    }

    /// Returns whether a stored number is one of the values.
    pub fn contains(&self, stored: f64) -> bool {
        match self {
            _ if !stored.is_finite() => false,
            Self::Float { low, high, step: None, .. } => (*low..=*high).contains(&stored),
            Self::Float { step: Some(step), .. } => (self.nearest(stored) - stored).abs() <= 1e-8 * step,
            Self::Int { .. } | Self::Categorical { .. } => self.nearest(stored) == stored,
        }
    }

    /// Returns the value of a stored number.
    pub fn value(&self, stored: f64) -> Value {
        match self {
            Self::Float { .. } => json!(stored),
            Self::Int { .. } => json!(stored.round() as i64),
            Self::Categorical { choices } => choices.get(stored.round().max(0.0) as usize).cloned().unwrap_or_default(),
        }
    }

    /// Returns the stored number of a value; `None` if the parameter cannot have it.
    pub fn stored(&self, value: &Value) -> Option<f64> {
        match self {
            Self::Float { .. } | Self::Int { .. } => value.as_f64().filter(|stored| self.contains(*stored)),
            Self::Categorical { choices } => {
                let found = choices.iter().position(|choice| same(choice, value) || plain(choice) == *value)?;
                Some(found as f64)
            }
        }
    }

    /// Returns the values at the ends of a range, or all choices.
    pub(super) fn samples(&self) -> Vec<Value> {
        match self {
            Self::Float { low, high, .. } => vec![json!(low), json!(high)],
            Self::Int { low, high, .. } => vec![json!(low), json!(high)],
            Self::Categorical { choices } => choices.clone(),
        }
    }

    /// Returns what the values are, for messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Float { low, high, log, .. } => format!("{low}..{high}{}", if *log { ", logarithmic" } else { "" }),
            Self::Int { low, high, log, .. } => format!("{low}..={high}{}", if *log { ", logarithmic" } else { "" }),
            Self::Categorical { choices } => format!("one of {}", list(choices)),
        }
    }

    /// Returns whether one study can have both distributions for a parameter, by the rule of
    /// Optuna: the same kind, both logarithmic or neither, and the same choices.
    pub(super) fn is_compatible(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Float { log: a, .. }, Self::Float { log: b, .. }) => a == b,
            (Self::Int { log: a, .. }, Self::Int { log: b, .. }) => a == b,
            (Self::Categorical { choices: a }, Self::Categorical { choices: b }) => {
                a.iter().map(plain).eq(b.iter().map(plain))
            }
            _ => false,
        }
    }

    /// Returns the text of a journal. Choices that are not plain are written as JSON in a text.
    pub(super) fn to_journal(&self) -> String {
        let value = match self {
            Self::Float { low, high, log, step } => {
                json!({"name": "FloatDistribution", "attributes": {"step": step, "low": low, "high": high, "log": log}})
            }
            Self::Int { low, high, log, step } => {
                json!({"name": "IntDistribution", "attributes": {"log": log, "step": step, "low": low, "high": high}})
            }
            Self::Categorical { choices } => {
                let choices: Vec<Value> = choices.iter().map(plain).collect();
                json!({"name": "CategoricalDistribution", "attributes": {"choices": choices}})
            }
        };
        value.to_string()
    }

    /// Reads the text of a journal.
    pub(super) fn from_journal(text: &str) -> Option<Self> {
        let value = number::parse(text).ok()?;
        let of = &value["attributes"];
        let log = of["log"].as_bool().unwrap_or(false);
        match value["name"].as_str()? {
            "FloatDistribution" => Some(Self::Float {
                low: of["low"].as_f64()?,
                high: of["high"].as_f64()?,
                log,
                step: of["step"].as_f64(),
            }),
            "IntDistribution" => Some(Self::Int {
                low: of["low"].as_i64()?,
                high: of["high"].as_i64()?,
                log,
                step: of["step"].as_i64().unwrap_or(1),
            }),
            "CategoricalDistribution" => Some(Self::Categorical { choices: of["choices"].as_array()?.clone() }),
            _ => None,
        }
    }
}

/// A choice as another program can have it: text, number, boolean or null.
fn plain(choice: &Value) -> Value {
    match choice {
        Value::Array(_) | Value::Object(_) => Value::String(choice.to_string()),
        plain => plain.clone(),
    }
}

/// Whether two values are equal; the integer 1 is equal to the real number 1.0.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        _ => a == b,
    }
}

pub(super) fn list(values: &[Value]) -> String {
    values.iter().map(Value::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn float(low: f64, high: f64, log: bool, step: Option<f64>) -> Distribution {
        Distribution::Float { low, high, log, step }
    }

    fn int(low: i64, high: i64, log: bool, step: i64) -> Distribution {
        Distribution::Int { low, high, log, step }
    }

    #[test]
    fn wrong_distributions_are_told() {
        let choices = |choices: Vec<Value>| Distribution::Categorical { choices };
        for (distribution, text) in [
            (float(0.0, 1.0, true, None), "`x`: a logarithmic range must start above 0, found 0..1"),
            (float(1.0, 1.0, false, None), "`x`: a range must start below its end, found 1..1"),
            (float(0.0, f64::INFINITY, false, None), "`x`: the ends of a range must be finite, found 0..inf"),
            (float(0.0, 1.0, false, Some(0.0)), "`x`: a step must be above 0 and at most the length of 0..1, found 0"),
            (float(0.1, 1.0, true, Some(0.1)), "`x`: a logarithmic range has no steps, found a step of 0.1"),
            (int(3, 2, false, 1), "`x`: a range must start below its end, found 3..=2"),
            (int(0, 2, true, 1), "`x`: a logarithmic range of integers must start at 1 or above, found 0..=2"),
            (int(1, 8, true, 2), "`x`: a logarithmic range has no steps, found a step of 2"),
            (int(1, 8, false, 0), "`x`: a step must be at least 1 and at most the length of 1..=8, found 0"),
            (int(0, i64::MAX, false, 1), "`x`: the ends of a range of integers must be between -2^53 and 2^53"),
            (choices(vec![]), "`x`: a choice needs at least one value, found none"),
            (choices(vec![json!(1), json!(1)]), "`x`: each value of a choice must occur once, found 1, 1"),
        ] {
            assert_eq!(distribution.check("x").unwrap_err().message(), text);
        }
        for distribution in [float(-1.0, 1.0, false, Some(0.5)), int(1, 1, true, 1), int(0, 9, false, 3)] {
            distribution.check("x").unwrap();
        }
    }

    #[test]
    fn values_are_stored_as_numbers() {
        let steps = float(0.0, 1.0, false, Some(0.3));
        assert_eq!((steps.len(), steps.nearest(0.5), steps.nearest(5.0)), (Some(4), 0.6, 0.8999999999999999));
        assert!(steps.contains(0.3) && !steps.contains(0.4));
        let threes = int(1, 9, false, 3);
        assert_eq!((threes.len(), threes.nearest(9.0), threes.value(4.0)), (Some(3), 7.0, json!(4)));
        assert_eq!((threes.stored(&json!(7)), threes.stored(&json!(8))), (Some(7.0), None));
        let choice = Distribution::Categorical { choices: vec![json!("a"), json!({"b": 1}), json!(2)] };
        assert_eq!(choice.stored(&json!({"b": 1})), Some(1.0));
        assert_eq!(choice.stored(&json!("{\"b\":1}")), Some(1.0), "as another program knows it");
        assert_eq!((choice.stored(&json!(2.0)), choice.stored(&json!("c"))), (Some(2.0), None));
        assert_eq!(choice.value(1.0), json!({"b": 1}));
    }

    #[test]
    fn a_journal_has_the_distributions_of_optuna() {
        let text = float(1e-5, 0.1, true, None).to_journal();
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap(),
            json!({"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-5, "high": 0.1, "log": true}})
        );
        for distribution in [float(0.0, 1.0, false, Some(0.25)), int(1, 64, true, 1)] {
            assert_eq!(Distribution::from_journal(&distribution.to_journal()), Some(distribution));
        }
        let choice = Distribution::Categorical { choices: vec![json!([1, 2]), json!(true)] };
        let read = Distribution::from_journal(&choice.to_journal()).unwrap();
        assert_eq!(read, Distribution::Categorical { choices: vec![json!("[1,2]"), json!(true)] });
        assert!(choice.is_compatible(&read) && !choice.is_compatible(&int(0, 1, false, 1)));
        assert!(!float(0.1, 1.0, true, None).is_compatible(&float(0.1, 1.0, false, None)));
    }
}
