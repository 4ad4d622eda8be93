//! Keys without their types: which value of which metric, as the engine looks it up.

/// Which value of a metric that is logged for steps and the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// The only one.
    Whole,
    Step,
    Epoch,
}

/// Which evaluation loader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoaderRef {
    /// The only one.
    Only,
    Index(usize),
    Named(&'static str),
}

/// One of several evaluation loaders: its index or name.
#[derive(Clone, Copy, Debug)]
pub struct LoaderName(pub(super) LoaderRef);

impl From<usize> for LoaderName {
    fn from(index: usize) -> Self {
        Self(LoaderRef::Index(index))
    }
}

impl From<&'static str> for LoaderName {
    fn from(name: &'static str) -> Self {
        Self(LoaderRef::Named(name))
    }
}

/// A key without its types, as the engine looks it up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyRef {
    pub(super) name: &'static str,
    /// Whether the metric is logged for steps and the epoch, under two names.
    pub(super) forks: bool,
    pub(super) view: View,
    pub(super) loader: LoaderRef,
}

impl KeyRef {
    /// Returns the name of the value among the metrics of a run.
    pub(crate) fn display(self) -> String {
        self.name_of("", &self.loader_suffix())
    }

    /// Returns the suffix of the loader.
    pub(crate) fn loader_suffix(self) -> String {
        match self.loader {
            LoaderRef::Only => String::new(),
            LoaderRef::Index(index) => format!("/dataloader_idx_{index}"),
            LoaderRef::Named(loader) => format!("/{loader}"),
        }
    }

    /// Returns the name with the suffixes of a part of the value and of a loader.
    pub(crate) fn name_of(self, part: &str, loader: &str) -> String {
        let view = match (self.forks, self.view) {
            (true, View::Step) => "_step",
            (true, View::Epoch) => "_epoch",
            _ => "",
        };
        let underscore = if part.is_empty() { "" } else { "_" };
        format!("{}{underscore}{part}{view}{loader}", self.name)
    }

    /// Returns the index of the loader, if the key has one.
    pub(crate) const fn loader_index(self) -> Option<usize> {
        match self.loader {
            LoaderRef::Index(index) => Some(index),
            LoaderRef::Only | LoaderRef::Named(_) => None,
        }
    }

    /// Returns the name of the metric itself.
    pub(crate) const fn metric(self) -> &'static str {
        self.name
    }
}
