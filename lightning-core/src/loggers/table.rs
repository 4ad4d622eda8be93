//! Tables that are logged.

use crate::error::{Error, Result};

/// A table that is logged: texts in rows and columns.
///
/// ```
/// use lightning_core::loggers::Table;
///
/// let table = Table::new(["input", "prediction"]).row(["3 + 4", "7"])?.row(["2 | 1", "3"])?;
/// assert_eq!(table.to_markdown(), "| input | prediction |\n| --- | --- |\n| 3 + 4 | 7 |\n| 2 \\| 1 | 3 |\n");
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Table {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The cells of each row, as many as columns.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// Creates a table without rows.
    pub fn new<T: Into<String>>(columns: impl IntoIterator<Item = T>) -> Self {
        Self { columns: columns.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// If it does not have as many cells as columns.
    pub fn row<T: Into<String>>(mut self, cells: impl IntoIterator<Item = T>) -> Result<Self> {
        let row: Vec<String> = cells.into_iter().map(Into::into).collect();
        if row.len() != self.columns.len() {
            let (expected, found) = (self.columns.len(), row.len());
            let text = format!("a row of a table must have {expected} cells, found {found}");
            return Err(Error::data(text).help(format!("pass one cell for each of {:?}", self.columns)));
        }
        self.rows.push(row);
        Ok(self)
    }

    /// The table in Markdown.
    pub fn to_markdown(&self) -> String {
        let line = |cells: &[String]| {
            let cells = cells.iter().map(|cell| cell.replace('|', "\\|").replace(['\n', '\r'], " "));
            format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
        };
        let rule = vec!["---".to_owned(); self.columns.len()];
        std::iter::once(&self.columns).chain([&rule]).chain(&self.rows).map(|row| line(row)).collect()
    }

    /// The table as comma-separated values (RFC 4180), with the names of the columns.
    pub fn to_csv(&self) -> String {
        let quoted = |cell: &String| match cell.contains([',', '"', '\n', '\r']) {
            true => format!("\"{}\"", cell.replace('"', "\"\"")),
            false => cell.clone(),
        };
        let line = |row: &Vec<String>| row.iter().map(quoted).collect::<Vec<_>>().join(",") + "\n";
        std::iter::once(&self.columns).chain(&self.rows).map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_with_separators_are_quoted() -> Result<()> {
        let table = Table::new(["a", "b"]).row(["1, \"2\"", "x\ny"])?;
        assert_eq!(table.to_csv(), "a,b\n\"1, \"\"2\"\"\",\"x\ny\"\n");
        assert_eq!(table.to_markdown(), "| a | b |\n| --- | --- |\n| 1, \"2\" | x y |\n");
        assert!(table.row(["one"]).is_err_and(|error| error.to_string().contains("2 cells, found 1")));
        Ok(())
    }
}
