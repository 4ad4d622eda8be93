//! The kind of a classification: binary, multiclass, multilabel, or labels of unknown classes.

use crate::error::{Error, ErrorKind};

/// The kind of a classification and its number of classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Two classes, of which class 1 is the positive one.
    Binary,
    /// One of several classes.
    Multiclass(usize),
    /// Several labels, each of which is true or false.
    Multilabel(usize),
    /// One of an unknown number of classes: only right and wrong are told apart.
    Labels,
}

impl Task {
    /// Returns the number of classes or labels that are counted separately.
    pub(crate) fn classes(self) -> usize {
        match self {
            Self::Binary => 2,
            Self::Multiclass(classes) | Self::Multilabel(classes) => classes,
            Self::Labels => 1,
        }
    }

    /// Returns the number of different targets.
    pub(crate) fn targets(self) -> usize {
        match self {
            Self::Multilabel(_) => 2,
            task => task.classes(),
        }
    }

    /// Returns the number of scores of a sample: one in a binary task.
    pub(crate) fn columns(self) -> usize {
        if self == Self::Binary { 1 } else { self.classes() }
    }

    pub(crate) fn is_multilabel(self) -> bool {
        matches!(self, Self::Multilabel(_))
    }

    fn describe(self) -> String {
        match self {
            Self::Binary => "a binary task".to_owned(),
            Self::Multiclass(classes) => format!("{classes} classes"),
            Self::Multilabel(labels) => format!("{labels} labels"),
            Self::Labels => "class labels".to_owned(),
        }
    }

    /// Returns the name of the task in a stored state.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Multiclass(_) => "multiclass",
            Self::Multilabel(_) => "multilabel",
            Self::Labels => "labels",
        }
    }

    /// Returns the task of a [`name`](Self::name) and a number of [`classes`](Self::classes);
    /// `None` if the two do not fit.
    pub(crate) fn named(name: &str, classes: usize) -> Option<Self> {
        let task = match name {
            "binary" => Self::Binary,
            "multiclass" => Self::Multiclass(classes),
            "multilabel" => Self::Multilabel(classes),
            "labels" => Self::Labels,
            _ => return None,
        };
        (task.classes() == classes).then_some(task)
    }

    /// Rejects a batch of another task than the batches before.
    ///
    /// # Errors
    /// If the tasks differ.
    pub(crate) fn check_same(self, known: Option<Self>) -> Result<(), Error> {
        let Some(known) = known.filter(|known| *known != self) else { return Ok(()) };
        let (found, known) = (self.describe(), known.describe());
        let text = format!(
            "all batches of a metric must have the same classes, found a batch of {found} after \
             batches of {known}"
        );
        Err(Error::new(ErrorKind::Metric, text).help("pass predictions and targets of the same form in every batch"))
    }

    /// Rejects the state of another task.
    ///
    /// # Errors
    /// If both tasks are known and differ.
    pub(crate) fn check_mergeable(own: Option<Self>, other: Option<Self>) -> Result<(), Error> {
        let (Some(own), Some(other)) = (own, other) else { return Ok(()) };
        if own == other {
            return Ok(());
        }
        let (own, other) = (own.describe(), other.describe());
        let text = format!("metrics that are merged must have the same classes, found counts of {other} and of {own}");
        Err(Error::new(ErrorKind::Metric, text).help("merge metrics that were updated with the same kind of batches"))
    }

    /// Rejects a number of class names that is not that of the classes.
    ///
    /// # Errors
    /// If there are names, and not one per class.
    pub(crate) fn check_names(self, names: &[String]) -> Result<(), Error> {
        let (classes, names) = (self.classes(), names.len());
        if names == 0 || names == classes {
            return Ok(());
        }
        let text = format!("`class_names` must name every class, found {names} names for {classes} classes");
        Err(Error::new(ErrorKind::Metric, text).help("pass one name per class"))
    }

    /// The error for `count` targets or predicted labels that are not classes of this task.
    pub(crate) fn no_such_class(self, what: &str, count: u64) -> Error {
        let last = self.targets().saturating_sub(1);
        let text = format!("{what} must be classes from 0 to {last}, found {count} outside of this range");
        Error::new(ErrorKind::Metric, text)
            .help("write `.ignore_index(…)` for a target that must not count, such as padding")
    }
}
