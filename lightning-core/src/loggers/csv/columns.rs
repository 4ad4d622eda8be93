//! The columns of the metrics, found by name.

use std::collections::HashMap;

/// Names of columns in the order of their first appearance.
#[derive(Debug, Default)]
pub(super) struct Columns {
    names: Vec<String>,
    indices: HashMap<String, usize>,
}

impl Columns {
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the index of a column.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.indices.get(name).copied()
    }

    /// Returns the index of a column, which is added if there are fewer than `most`.
    pub(super) fn find_or_add_below(&mut self, name: &str, most: usize) -> Option<usize> {
        let known = self.find(name);
        if known.is_some() || self.len() >= most { known } else { Some(self.find_or_add(name)) }
    }

    /// Returns the index of a column, which is added if it is not known.
    pub(super) fn find_or_add(&mut self, name: &str) -> usize {
        if let Some(index) = self.find(name) {
            return index;
        }
        self.indices.insert(name.to_owned(), self.names.len());
        self.names.push(name.to_owned());
        self.names.len() - 1
    }

    pub(super) fn extend<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) {
        for name in names {
            self.find_or_add(name);
        }
    }

    /// Forgets all but the first `len` columns.
    pub(super) fn truncate(&mut self, len: usize) {
        for name in self.names.drain(len.min(self.names.len())..) {
            self.indices.remove(&name);
        }
    }

    /// Returns the cells of the first `columns` columns: the last value of each name, and empty
    /// cells for the others.
    pub(super) fn cells<'a, N: AsRef<str>>(&self, metrics: &'a [(N, String)], columns: usize) -> Vec<&'a str> {
        let mut cells = vec![""; columns];
        for (name, value) in metrics {
            let cell = self.indices.get(name.as_ref()).and_then(|index| cells.get_mut(*index));
            if let Some(cell) = cell {
                *cell = value;
            }
        }
        cells
    }
}
