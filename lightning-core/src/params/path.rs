//! Paths of parameters.

/// Separates the parts of a parameter's path.
pub(super) const SEPARATOR: char = '.';

/// The path of the parameter being looked at, kept in one string.
#[derive(Debug, Default)]
pub(super) struct PathStack {
    pub(super) path: String,
    starts: Vec<usize>,
}

impl PathStack {
    pub(super) fn enter(&mut self, name: &str) {
        self.starts.push(self.path.len());
        if !self.path.is_empty() {
            self.path.push(SEPARATOR);
        }
        self.path.push_str(name);
    }

    pub(super) fn exit(&mut self) {
        if let Some(start) = self.starts.pop() {
            self.path.truncate(start);
        }
    }
}

/// Whether `path` is `root` or lies below it.
pub(crate) fn is_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
