//! The bar on a terminal. Its text is composed in [`rows`]; this replaces it on the screen.
//!
//! Between two draws the cursor is on an empty line above the bar, and everything below it belongs
//! to the bar. A terminal that is made narrower breaks the rows into more lines, but the cursor
//! stays where it is, so that the next draw need not know how many. A line that the program prints
//! itself takes the empty line and stays; the next draw begins below it.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal, Write},
    time::Instant,
};

use super::{
    meter::{Epoch, Evaluation},
    metric::Metric,
    rows::{epoch_lines, rows},
};
use crate::console::wrap::{cut, wrapped};

/// Erases from the cursor to the end of the line.
const ERASE_LINE: &str = "\x1b[K";
/// Erases from the cursor to the end of the screen.
const ERASE_BELOW: &str = "\x1b[J";
/// Around the rows: a terminal that has become narrower since it was asked cuts them.
const WITHOUT_WRAPPING: &str = "\x1b[?7l";
const WITH_WRAPPING: &str = "\x1b[?7h";

/// The bar, and the rows of it that are on the screen.
#[derive(Default)]
pub(super) struct Terminal {
    rows: Vec<String>,
    /// The width of the terminal at the last draw, in columns.
    width: usize,
    /// The size that a test sets, in lines and columns.
    #[cfg(test)]
    size: Option<(usize, usize)>,
}

impl Terminal {
    /// Returns `None` if standard error is not a terminal, or one that cannot move the cursor.
    pub(super) fn open() -> Option<Self> {
        (io::stderr().is_terminal() && !console::is_dumb()).then(Self::default)
    }

    /// Returns the bar of a terminal that has this size, in lines and columns.
    #[cfg(test)]
    pub(super) fn of_size(lines: usize, columns: usize) -> Self {
        Self { size: Some((lines, columns)), ..Self::default() }
    }

    /// Returns the size in lines and columns. It may change at any time.
    fn size(&self) -> (usize, usize) {
        #[cfg(test)]
        if let Some(size) = self.size {
            return size;
        }
        let size = console::Term::stderr().size_checked();
        size.map_or((24, 80), |(lines, columns)| (usize::from(lines), usize::from(columns)))
    }

    /// Draws the rows in place of the last ones.
    pub(super) fn draw(
        &mut self,
        writer: &mut dyn Write,
        epoch: Option<&Epoch>,
        evaluation: Option<&Evaluation>,
        metrics: &[Metric],
        now: Instant,
    ) {
        self.rows = rows(epoch, evaluation, metrics, self.size().1, now);
        self.paint(writer, "");
    }

    /// Prints text above the bar.
    pub(super) fn print_above(&mut self, writer: &mut dyn Write, text: &str) {
        // An empty text is an empty line.
        let text = if text.is_empty() { "\n" } else { text };
        self.paint(writer, &wrapped(text, Some(self.size().1)));
    }

    /// Prints the line of an epoch in place of the bar.
    pub(super) fn end_epoch(&mut self, writer: &mut dyn Write, head: &str, metrics: &[Metric]) {
        self.rows.clear();
        self.paint(writer, &epoch_lines(head, metrics, self.size().1).join("\n"));
    }

    /// Leaves the last draw on the screen; the next draw starts a new bar.
    pub(super) fn leave(&mut self, writer: &mut dyn Write) {
        let rows = std::mem::take(&mut self.rows);
        if !rows.is_empty() {
            self.paint(writer, &rows.join("\n"));
        }
    }

    /// Removes the bar from the screen.
    pub(super) fn erase(&mut self, writer: &mut dyn Write) {
        if !std::mem::take(&mut self.rows).is_empty() {
            self.paint(writer, "");
        }
    }

    /// Writes the lines `above`, and the rows below them, over what is on the screen.
    fn paint(&mut self, writer: &mut dyn Write, above: &str) {
        let (lines, columns) = self.size();
        // Lines that the terminal has broken would be joined again when it is made wider.
        let is_resized = std::mem::replace(&mut self.width, columns) != columns;
        let erases = is_resized || !above.is_empty() || self.rows.is_empty();
        let mut text = format!("\r{}", if erases { ERASE_BELOW } else { ERASE_LINE });
        for line in above.lines() {
            text.push_str(line);
            text.push('\n');
        }
        // The cursor cannot return to a line that has left the screen.
        let rows = self.rows.get(..self.rows.len().min(lines.saturating_sub(1))).unwrap_or_default();
        if !rows.is_empty() {
            text.push_str(WITHOUT_WRAPPING);
            for row in rows {
                let _ = write!(text, "\n{}{ERASE_LINE}", cut(row, columns.saturating_sub(1).max(1)));
            }
            let _ = write!(text, "{WITH_WRAPPING}{ERASE_BELOW}\x1b[{}A\r", rows.len());
        }
        // One write, so that nothing else is printed in between. A terminal that was closed must
        // not stop training.
        let _ = writer.write_all(text.as_bytes()).and_then(|()| writer.flush());
    }
}
