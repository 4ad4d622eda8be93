//! Paths of parameters.

use std::cell::Cell;

/// Separates the parts of a path.
pub(super) const SEPARATOR: char = '.';

thread_local! {
    /// The memory of the last stack that was dropped. Every optimizer step visits the module.
    static SPARE: Cell<(String, Vec<usize>)> = const { Cell::new((String::new(), Vec::new())) };
}

/// The path of the current parameter, in one string.
#[derive(Debug)]
pub(super) struct PathStack {
    pub(super) path: String,
    starts: Vec<usize>,
}

impl PathStack {
    /// Returns an empty path.
    pub(super) fn new() -> Self {
        let (mut path, mut starts) = SPARE.try_with(Cell::take).unwrap_or_default();
        path.clear();
        starts.clear();
        Self { path, starts }
    }

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

impl Drop for PathStack {
    fn drop(&mut self) {
        let memory = (std::mem::take(&mut self.path), std::mem::take(&mut self.starts));
        // The thread may be ending, and its memory gone.
        let _ = SPARE.try_with(|spare| spare.set(memory));
    }
}

/// Returns whether `path` is `root` or below it.
pub(crate) fn is_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
