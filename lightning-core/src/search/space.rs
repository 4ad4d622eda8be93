//! The hyperparameters that are searched: paths with distributions, and a base for all others.

use std::marker::PhantomData;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{builders::IntoDistribution, distribution::same, parameter::Parameter};
use crate::{
    error::{ConfigErrors, Error, Result},
    params::{from_json, to_json},
};

/// What a [`Study`](super::Study) searches: a [`Space`], or the space that the macro generates.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a space of hyperparameters",
    label = "expected a space",
    note = "write the space of the module: `NetSpace::new()` for `Net`"
)]
pub trait SearchSpace {
    /// The hyperparameters.
    type Hparams;

    /// Returns the space.
    fn into_space(self) -> Space<Self::Hparams>;
}

/// Hyperparameters whose space is known: what the attributes `#[hparam(search = …)]` say. Implemented by
/// the macro for the struct `<Name>Hparams`.
pub trait DefaultSpace: Sized {
    /// Returns the space.
    fn search_space() -> Space<Self>;
}

/// The hyperparameters `H` that are searched, by their paths, and the values of all others.
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// use lightning_core::search::{Space, choice, int, log_uniform, uniform};
///
/// #[derive(Clone, Debug, Serialize, Deserialize)]
/// struct Hparams {
///     lr: f64,
///     optimizer: String,
///     momentum: f64,
///     encoder: Encoder,
/// }
/// #[derive(Clone, Debug, Serialize, Deserialize)]
/// struct Encoder {
///     depth: usize,
/// }
///
/// let base = Hparams { lr: 1e-3, optimizer: "adam".to_owned(), momentum: 0.0, encoder: Encoder { depth: 2 } };
/// let space = Space::<Hparams>::new()
///     .base(base)
///     .set("lr", log_uniform(1e-5..1e-1))
///     .set("optimizer", choice(["adam", "sgd"]))
///     .set("momentum", uniform(0.0..0.99).when("optimizer", "sgd"))
///     .set("encoder.depth", int(1..=8));
/// ```
#[derive(Clone, Debug)]
pub struct Space<H> {
    base: Option<std::result::Result<Value, String>>,
    parameters: Vec<Parameter>,
    marker: PhantomData<fn() -> H>,
}

impl<H> Default for Space<H> {
    fn default() -> Self {
        Self { base: None, parameters: Vec::new(), marker: PhantomData }
    }
}

impl<H> Space<H> {
    /// Creates a space without parameters. Hyperparameters that are not searched have their
    /// defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Searches the hyperparameter `path`, such as `lr`, or `encoder.depth` of a nested module.
    #[must_use]
    pub fn set<T, D: IntoDistribution<T>>(mut self, path: &str, distribution: D) -> Self {
        self.parameters.extend(distribution.into_parameters().into_iter().map(|parameter| parameter.below(path)));
        self
    }

    /// As [`set`](Self::set), in place of what was set for the hyperparameter before.
    #[must_use]
    pub fn replace<T, D: IntoDistribution<T>>(mut self, path: &str, distribution: D) -> Self {
        let is_at = |known: &str| known.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        self.parameters.retain(|parameter| !is_at(&parameter.path));
        self.set(path, distribution)
    }

    /// Returns the parameters so far.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }
}

impl<H: Serialize + DeserializeOwned> Space<H> {
    /// Sets the values of the hyperparameters that are not searched, or whose condition does not
    /// hold.
    #[must_use]
    pub fn base(mut self, hparams: H) -> Self {
        self.base = Some(to_json(&hparams).map_err(|error| error.to_string()));
        self
    }

    /// Checks everything: distributions, conditions, paths and types.
    pub(super) fn checked(&self) -> Result<Checked> {
        let base = match &self.base {
            Some(Ok(base)) => base.clone(),
            Some(Err(error)) => {
                return Err(Error::config(format!(
                    "the base of a space must be hyperparameters that JSON can hold: {error}"
                ))
                .help("leave out what is not plain data"));
            }
            // The defaults, where all hyperparameters have one.
            None => {
                let empty = Value::Object(Map::new());
                from_json::<H>(&empty).ok().and_then(|defaults| to_json(&defaults).ok()).unwrap_or(empty)
            }
        };
        let mut errors = ConfigErrors::default();
        for Parameter { path, distribution, fault, .. } in &self.parameters {
            if let Some(fault) = fault {
                errors.add(format!("`{path}`: {fault}"), "write values of plain data");
            }
            errors.take(distribution.check(path));
        }
        check_paths(&self.parameters, &mut errors);
        let parameters = ordered(self.parameters.clone(), &mut errors);
        errors.finish()?;
        let space = Checked { base, parameters };
        space.check_types::<H>()?;
        Ok(space)
    }
}

/// The hyperparameters of a nested module.
impl<H> IntoDistribution<H> for Space<H> {
    fn into_parameters(self) -> Vec<Parameter> {
        let mut parameters = self.parameters;
        if self.base.is_some() {
            // Its other values are those that the base of the whole has for the nested module.
            let fault = "the space of a nested module must have no base: give the base of the whole space";
            parameters.iter_mut().for_each(|parameter| parameter.fault = Some(fault.to_owned()));
        }
        parameters
    }
}

impl<H> SearchSpace for Space<H> {
    type Hparams = H;

    fn into_space(self) -> Self {
        self
    }
}

/// A space that is known to fit its hyperparameters.
#[derive(Clone, Debug)]
pub(super) struct Checked {
    pub(super) base: Value,
    /// A parameter stands behind the one that its condition names.
    pub(super) parameters: Vec<Parameter>,
}

impl Checked {
    /// Returns the hyperparameters with these values, given by path.
    pub(super) fn hparams<'a>(&self, values: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
        let mut hparams = self.base.clone();
        for (path, value) in values {
            if self.parameters.iter().any(|parameter| parameter.path == path) {
                place(&mut hparams, path, value);
            }
        }
        hparams
    }

    /// Returns whether a parameter is there, given the values of those before it.
    pub(super) fn holds(&self, parameter: &Parameter, value: impl Fn(&str) -> Option<Value>) -> bool {
        parameter
            .condition
            .as_ref()
            .is_none_or(|condition| value(&condition.path).is_some_and(|value| same(&value, &condition.value)))
    }

    fn check_types<H: Serialize + DeserializeOwned>(&self) -> Result<()> {
        let mut all = self.base.clone();
        for Parameter { path, distribution, .. } in &self.parameters {
            place(&mut all, path, distribution.samples().into_iter().next().unwrap_or_default());
        }
        let mut errors = ConfigErrors::default();
        let whole = from_json::<H>(&all);
        let known = whole.as_ref().ok().and_then(|hparams| to_json(hparams).ok()).unwrap_or_else(|| self.base.clone());
        for Parameter { path, distribution, .. } in &self.parameters {
            if whole.is_ok() && find(&known, path).is_none() {
                errors.add(format!("the space has `{path}`, which is not a hyperparameter"), nearest(path, &known));
                continue;
            }
            let mut fault = None;
            for value in distribution.samples() {
                let mut one = if whole.is_ok() { all.clone() } else { self.base.clone() };
                place(&mut one, path, value.clone());
                if let Err(error) = from_json::<H>(&one)
                    && !(whole.is_err() && error.to_string().contains("missing field"))
                {
                    fault.get_or_insert((value, error));
                }
            }
            if let Some((value, error)) = fault {
                errors.add(
                    format!(
                        "`{path}`: every value of {} must fit the hyperparameter, but {value} does not: {error}",
                        distribution.describe()
                    ),
                    "integers have `int(1..=8)`, floats `uniform(0.0..1.0)`, everything else `choice([…])`",
                );
            }
        }
        errors.finish()?;
        whole.map(|_| ()).map_err(|error| {
            Error::config("the hyperparameters that are not searched must have values")
                .caused_by(error)
                .help("give the space `.base(hparams)`, or the hyperparameter a default: `#[hparam(default = …)]`")
        })
    }
}

/// Checks that paths do not overlap and conditions can hold.
fn check_paths(parameters: &[Parameter], errors: &mut ConfigErrors) {
    for (at, Parameter { path, condition, .. }) in parameters.iter().enumerate() {
        let overlaps = |other: &Parameter| {
            let inside = |outer: &str, inner: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'));
            other.path == *path || inside(&other.path, path) || inside(path, &other.path)
        };
        if let Some(other) = parameters[..at].iter().find(|other| overlaps(other)) {
            errors.add(
                format!("each hyperparameter must be in the space once, found `{}` and `{path}`", other.path),
                "remove one of them",
            );
        }
        let Some(condition) = condition else { continue };
        match parameters.iter().find(|parameter| parameter.path == condition.path) {
            None => errors.add(
                format!("`{path}`: a condition must name a parameter of the space, found `{}`", condition.path),
                "set that parameter as well, by a `choice`",
            ),
            Some(parent) if parent.distribution.stored(&condition.value).is_none() => errors.add(
                format!(
                    "`{path}`: its condition can never hold: `{}` is {}, not {}",
                    parent.path,
                    parent.distribution.describe(),
                    condition.value
                ),
                "write one of its values in `.when(…)`",
            ),
            Some(_) => {}
        }
    }
}

/// Puts parameters behind those that their conditions name.
fn ordered(mut rest: Vec<Parameter>, errors: &mut ConfigErrors) -> Vec<Parameter> {
    let mut done: Vec<Parameter> = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        let is_ready = |parameter: &Parameter| {
            parameter.condition.as_ref().is_none_or(|condition| !rest.iter().any(|other| other.path == condition.path))
        };
        match rest.iter().position(is_ready) {
            Some(at) => done.push(rest.remove(at)),
            None => {
                let names = crate::text::listed(rest.iter().map(|parameter| parameter.path.as_str()));
                errors.add(format!("conditions must not form a circle, found one of {names}"), "remove one `.when(…)`");
                return done;
            }
        }
    }
    done
}

/// Puts a value at a path.
fn place(object: &mut Value, path: &str, value: Value) {
    let mut at = object;
    for part in path.split('.') {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        let Value::Object(entries) = at else { return };
        at = entries.entry(part).or_insert(Value::Null);
    }
    *at = value;
}

/// Returns the value at a path.
pub(super) fn find<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(object, |at, part| at.as_object()?.get(part))
}

/// Returns the paths of all leaves, and of the objects that hold them.
fn paths(value: &Value, prefix: &str, found: &mut Vec<String>) {
    let Some(entries) = value.as_object() else { return };
    for (name, value) in entries {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        paths(value, &path, found);
        found.push(path);
    }
}

/// Returns what to write in place of an unknown path.
fn nearest(path: &str, known: &Value) -> String {
    let mut names = Vec::new();
    paths(known, "", &mut names);
    names.retain(|name| name != path && find(known, name).is_some());
    match names.iter().map(|name| (distance(name, path), name)).min() {
        Some((distance, name)) if distance <= 2.max(path.len() / 3) => format!("write `{name}`"),
        _ => format!("the hyperparameters are {}", crate::text::listed(names.iter().map(String::as_str))),
    }
}

/// Returns the number of characters to insert, remove or replace.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (at, c) in a.chars().enumerate() {
        let mut before = std::mem::replace(&mut row[0], at + 1);
        for (column, other) in b.iter().enumerate() {
            let replaced = before + usize::from(c != *other);
            before = row[column + 1];
            row[column + 1] = replaced.min(before + 1).min(row[column] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
