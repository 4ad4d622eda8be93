//! One parameter of a space.

use serde::Serialize;
use serde_json::Value;

use super::distribution::Distribution;
use crate::params::to_json;

/// A parameter of a space: where its value goes, what it can be, and when it is there.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Parameter {
    /// The path of the hyperparameter, such as `encoder.depth`; empty for the hyperparameter that
    /// the distribution is set for.
    pub path: String,
    /// Its values.
    pub distribution: Distribution,
    /// The condition under which it is there.
    pub condition: Option<Condition>,
    /// What is wrong with its values.
    pub(super) fault: Option<String>,
}

impl Parameter {
    /// Creates a parameter that is always there.
    pub fn new(path: impl Into<String>, distribution: Distribution) -> Self {
        Self { path: path.into(), distribution, condition: None, fault: None }
    }

    /// Returns the parameter of a hyperparameter `prefix`. The condition of a parameter of a nested
    /// space names a parameter of the same space.
    #[must_use]
    pub fn below(mut self, prefix: &str) -> Self {
        if self.path.is_empty() {
            self.path = prefix.to_owned();
            return self;
        }
        self.path = format!("{prefix}.{}", self.path);
        if let Some(condition) = &mut self.condition {
            condition.path = format!("{prefix}.{}", condition.path);
        }
        self
    }
}

/// A parameter is only there while another one has a value.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Condition {
    /// The path of the other parameter.
    pub path: String,
    /// Its value.
    pub value: Value,
}

impl Condition {
    /// Creates the condition that the parameter `path` has a value.
    pub fn new<T: Serialize + ?Sized>(path: impl Into<String>, value: &T) -> Self {
        // A value that JSON does not have is none of the other parameter: the check of the space
        // tells so.
        Self { path: path.into(), value: to_json(value).unwrap_or_default() }
    }
}
