//! What is known of the classes of a classification.

/// What is known of the classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Yes or no: class 1 is the positive one.
    Binary,
    /// One of so many classes.
    Multiclass(usize),
    /// So many labels, each yes or no.
    Multilabel(usize),
    /// One of an unknown number of classes: only right and wrong are told apart.
    Labels,
}

impl Task {
    /// How many classes or labels are counted one by one.
    pub(crate) fn classes(self) -> usize {
        match self {
            Self::Binary => 2,
            Self::Multiclass(classes) | Self::Multilabel(classes) => classes,
            Self::Labels => 1,
        }
    }

    /// How many different targets there may be.
    pub(crate) fn targets(self) -> usize {
        match self {
            Self::Multilabel(_) => 2,
            task => task.classes(),
        }
    }

    pub(crate) fn describe(self) -> String {
        match self {
            Self::Binary => "a yes-or-no task".to_owned(),
            Self::Multiclass(classes) => format!("{classes} classes"),
            Self::Multilabel(labels) => format!("{labels} labels, each yes or no"),
            Self::Labels => "labels".to_owned(),
        }
    }

    /// The task in a stored state.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Multiclass(_) => "multiclass",
            Self::Multilabel(_) => "multilabel",
            Self::Labels => "labels",
        }
    }

    /// What [`name`](Self::name) and [`classes`](Self::classes) gave.
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
}
