//! The values a run has, by name.

use std::{fmt, ops::Index};

use super::{KeyRef, MetricKey};

/// Metric values by name, in the order they first appeared.
///
/// ```
/// use lightning_core::Metrics;
///
/// let mut metrics = Metrics::default();
/// metrics.set("val_loss", 0.25);
/// assert_eq!(metrics.value("val_loss"), Some(0.25));
/// assert_eq!(metrics["val_loss"], 0.25);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    entries: Vec<(String, f64)>,
}

impl Metrics {
    /// The value of a declared metric.
    pub fn get<M, D, S>(&self, key: MetricKey<M, D, S>) -> Option<f64> {
        self.value(&KeyRef::from(key).display())
    }

    /// The value under a name.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.entries.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// Sets a value, keeping the place of a name that is already there.
    pub fn set(&mut self, name: &str, value: f64) {
        match self.entries.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.entries.push((name.to_owned(), value)),
        }
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.entries.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// The names, for error messages.
    pub(crate) fn names(&self) -> String {
        if self.entries.is_empty() {
            return "none".to_owned();
        }
        self.entries.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    }
}

impl Index<&str> for Metrics {
    type Output = f64;

    /// The value under a name.
    ///
    /// # Panics
    /// When there is no such metric, as indexing does everywhere in Rust; [`value`](Metrics::value) does not.
    fn index(&self, name: &str) -> &f64 {
        match self.entries.iter().find(|(known, _)| known == name) {
            Some((_, value)) => value,
            None => panic!("no metric is called `{name}`; there are: {}", self.names()),
        }
    }
}

impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.entries.iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>();
        f.write_str(&all.join(", "))
    }
}
