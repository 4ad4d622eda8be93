//! Paths of parameters.

/// Separates the parts of a path.
pub(super) const SEPARATOR: char = '.';

/// The path of the current parameter, in one string.
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

/// Returns whether `path` is `root` or below it.
pub(crate) fn is_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
