//! The metric values of a run, by name.

use std::{any::type_name, fmt, ops::Index, sync::OnceLock};

use super::{KeyRef, Matrix, MetricKey, MetricValue, ThresholdCurves, ambient::short};
use crate::error::{Error, ErrorKind, Result};

/// Metric values by name, in the order of their first appearance.
///
/// Callbacks, hooks and [`testing::capture`](crate::testing::capture) return them; the reports of a
/// run return [`ModuleMetrics`](super::ModuleMetrics), which dereferences to them.
///
/// The metrics of a run belong to its module. A key of another module has no value there, and the
/// hook or callback that looked it up ends with an error. Captured values belong to the modules
/// that logged them.
///
/// ```
/// use lightning_core::Metrics;
///
/// let mut metrics = Metrics::default();
/// metrics.set("val_loss", 0.25);
/// assert_eq!(metrics.value("val_loss"), Some(0.25));
/// assert_eq!(metrics["val_loss"], 0.25);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    entries: Vec<(String, f64)>,
    matrices: Vec<(String, Matrix)>,
    curves: Vec<(String, ThresholdCurves)>,
    /// The loaders with names: index and suffix.
    loaders: Vec<(usize, String)>,
    /// The module of the run, by the name of its type.
    module: Option<&'static str>,
    /// The first key of another module that was looked up.
    foreign: OnceLock<String>,
    /// Outside of a run: the values of each module that logs.
    captured: Vec<Captured>,
}

/// The values of a declared metric that a module has logged outside of a run.
#[derive(Clone, Debug)]
struct Captured {
    /// The name of the module's type.
    module: &'static str,
    name: &'static str,
    values: Metrics,
}

impl PartialEq for Metrics {
    fn eq(&self, other: &Self) -> bool {
        let Self { entries, matrices, curves, loaders, module: _, foreign: _, captured: _ } = self;
        *entries == other.entries && *matrices == other.matrices && *curves == other.curves && *loaders == other.loaders
    }
}

impl Metrics {
    /// Returns the value of a declared metric: `metrics.get(Net::VAL_LOSS)`.
    pub fn get<M, D, S>(&self, key: MetricKey<M, D, S>) -> Option<f64> {
        self.own(key)?.find(key.into())
    }

    /// Sets the module of the run, by the name of its type.
    pub(crate) fn set_module(&mut self, type_name: &'static str) {
        self.module = Some(type_name);
    }

    /// Returns the same values, of the module of `other`.
    pub(super) fn of_module_of(self, other: &Self) -> Self {
        Self { module: other.module, ..self }
    }

    /// Sets the value of a declared metric that `module` has logged outside of a run.
    pub(crate) fn capture(&mut self, module: &'static str, name: &'static str, value: &MetricValue) {
        self.set_value(name, "", "", value);
        let known = self.captured.iter_mut().find(|known| (known.module, known.name) == (module, name));
        match known {
            Some(known) => known.values.set_value(name, "", "", value),
            None => {
                let mut values = Self::default();
                values.set_value(name, "", "", value);
                self.captured.push(Captured { module, name, values });
            }
        }
    }

    /// Returns the values in which to look up a key; `None` if it is one of another module. During
    /// a run such a key is kept for [`check_keys`](Self::check_keys).
    fn own<M, D, S>(&self, key: MetricKey<M, D, S>) -> Option<&Self> {
        let found = type_name::<M>();
        let mut captured = self.captured.iter().filter(|known| known.name == key.name()).peekable();
        if captured.peek().is_some() {
            return captured.find(|known| known.module == found).map(|known| &known.values);
        }
        let Some(module) = self.module.filter(|module| *module != found) else { return Some(self) };
        self.foreign.get_or_init(|| {
            let (module, found) = (short(module), short(found));
            format!("a metric key must be of the running module `{module}`, found `{}` of `{found}`", key.name())
        });
        None
    }

    /// # Errors
    /// If a key of another module was looked up since the last call.
    pub(crate) fn check_keys(&mut self) -> Result<()> {
        match self.foreign.take() {
            None => Ok(()),
            Some(message) => Err(Error::new(ErrorKind::Metric, message)
                .help("use a key of the running module, or a name: `metrics.value(\"train_loss\")`")),
        }
    }

    /// Returns the value of a metric, by a key without its types.
    pub(crate) fn find(&self, key: KeyRef) -> Option<f64> {
        self.names_of(key, "").find_map(|name| self.value(&name))
    }

    /// Returns one value of a metric that has several: `metrics.part(Net::PRECISION, "cat")`.
    pub fn part<M, D, S>(&self, key: MetricKey<M, D, S>, part: &str) -> Option<f64> {
        self.own(key)?.find_part(key.into(), part)
    }

    pub(super) fn find_part(&self, key: KeyRef, part: &str) -> Option<f64> {
        self.names_of(key, part).find_map(|name| self.value(&name))
    }

    /// Returns the names that a key may stand for: a loader with a name has an index as well.
    fn names_of<'a>(&'a self, key: KeyRef, part: &'a str) -> impl Iterator<Item = String> + 'a {
        let index = key.loader_index();
        let named = self.loaders.iter().filter(move |(loader, _)| Some(*loader) == index);
        let suffixes = std::iter::once(key.loader_suffix()).chain(named.map(|(_, suffix)| suffix.clone()));
        suffixes.map(move |suffix| key.name_of(part, &suffix))
    }

    /// Remembers the suffix of a loader.
    pub(crate) fn name_loader(&mut self, index: usize, suffix: &str) {
        if !suffix.is_empty() && !self.loaders.iter().any(|(known, name)| *known == index && name == suffix) {
            self.loaders.push((index, suffix.to_owned()));
        }
    }

    /// Returns the value under a name.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.entries.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// Sets a value; an existing name keeps its place.
    pub fn set(&mut self, name: &str, value: f64) {
        match self.entries.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.entries.push((name.to_owned(), value)),
        }
    }

    /// Returns the table of a metric such as [`ConfusionMatrix`](crate::metrics::ConfusionMatrix).
    pub fn matrix<M, D, S>(&self, key: MetricKey<M, D, S>) -> Option<&Matrix> {
        self.matrix_part(key, "")
    }

    /// Returns one table of a metric that has several:
    /// `metrics.matrix_part(Net::CONFUSION, "cat")`.
    pub fn matrix_part<M, D, S>(&self, key: MetricKey<M, D, S>, part: &str) -> Option<&Matrix> {
        self.own(key)?.find_matrix(key.into(), part)
    }

    pub(super) fn find_matrix(&self, key: KeyRef, part: &str) -> Option<&Matrix> {
        self.names_of(key, part)
            .find_map(|name| self.matrices.iter().find(|(known, _)| *known == name).map(|(_, matrix)| matrix))
    }

    /// Returns the curves of a metric such as [`Roc`](crate::metrics::Roc). A checkpoint does not
    /// have them: in a resumed run they are there after the next epoch that has the metric.
    pub fn curves<M, D, S>(&self, key: MetricKey<M, D, S>) -> Option<&ThresholdCurves> {
        self.own(key)?.find_curves(key.into())
    }

    pub(super) fn find_curves(&self, key: KeyRef) -> Option<&ThresholdCurves> {
        self.names_of(key, "")
            .find_map(|name| self.curves.iter().find(|(known, _)| *known == name).map(|(_, curves)| curves))
    }

    /// Names and tables, in order.
    pub(crate) fn matrices(&self) -> impl Iterator<Item = (&str, &Matrix)> {
        self.matrices.iter().map(|(name, matrix)| (name.as_str(), matrix))
    }

    /// Sets the value of a stateful metric; `view` and `suffix` are those of step or epoch and of
    /// the loader.
    pub(crate) fn set_value(&mut self, name: &str, view: &str, suffix: &str, value: &MetricValue) {
        match value {
            MetricValue::Scalar(value) => self.set(&format!("{name}{view}{suffix}"), *value),
            MetricValue::Named(parts) => {
                for (part, value) in parts {
                    self.set(&format!("{name}_{part}{view}{suffix}"), *value);
                }
            }
            MetricValue::Curves(curves) => {
                self.set_value(name, view, suffix, curves.areas());
                put(&mut self.curves, format!("{name}{view}{suffix}"), curves);
            }
            MetricValue::Matrix(_) | MetricValue::Matrices(_) => {
                for (part, matrix) in value.tables() {
                    put(&mut self.matrices, format!("{name}{part}{view}{suffix}"), matrix);
                }
            }
        }
    }

    /// Returns names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.entries.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// Returns the number of values.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the first loader that has a value of this name, if the name alone has none.
    pub(crate) fn loader_of(&self, name: &str) -> Option<&str> {
        if self.value(name).is_some() {
            return None;
        }
        let loader = |known: &'_ str| known.strip_prefix(name).and_then(|rest| rest.strip_prefix('/')).is_some();
        let (known, _) = self.entries.iter().find(|(known, _)| loader(known))?;
        known.get(name.len() + 1..)
    }

    /// Removes everything.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.matrices.clear();
        self.curves.clear();
        self.loaders.clear();
    }

    /// Lists the names, for messages.
    pub(crate) fn names(&self) -> String {
        if self.entries.is_empty() {
            return "none".to_owned();
        }
        self.entries.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    }
}

/// Sets the value of a name.
fn put<T: Clone>(values: &mut Vec<(String, T)>, name: String, value: &T) {
    match values.iter_mut().find(|(known, _)| *known == name) {
        Some((_, old)) => value.clone_into(old),
        None => values.push((name, value.clone())),
    }
}

impl Index<&str> for Metrics {
    type Output = f64;

    /// Returns the value under a name.
    ///
    /// # Panics
    /// If there is no such metric; [`value`](Metrics::value) returns `None` instead.
    fn index(&self, name: &str) -> &f64 {
        match self.entries.iter().find(|(known, _)| known == name) {
            Some((_, value)) => value,
            None => panic!("unknown metric `{name}`; available: {}", self.names()),
        }
    }
}

impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.entries.iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>();
        f.write_str(&all.join(", "))
    }
}
