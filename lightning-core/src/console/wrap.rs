//! Text in the width of a terminal.

use std::borrow::Cow;

/// A stream of the process that may be a terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

impl Stream {
    /// Returns the width of the terminal in columns; `None`, for any width, in a file or pipe.
    pub(crate) fn width(self) -> Option<usize> {
        #[cfg(feature = "progress")]
        {
            let terminal = match self {
                Self::Out => console::Term::stdout(),
                Self::Err => console::Term::stderr(),
            };
            if !terminal.is_term() {
                return None;
            }
            terminal.size_checked().map(|(_, columns)| usize::from(columns))
        }
        // Asking for the width takes the crate of the progress bar; 80 columns fit every terminal.
        #[cfg(not(feature = "progress"))]
        {
            use std::io::IsTerminal as _;
            let is_terminal = match self {
                Self::Out => std::io::stdout().is_terminal(),
                Self::Err => std::io::stderr().is_terminal(),
            };
            is_terminal.then_some(80)
        }
    }
}

/// Returns the number of columns that a line takes: wide characters take two, combining ones and
/// colors none.
pub(crate) fn columns(text: &str) -> usize {
    #[cfg(feature = "progress")]
    {
        console::measure_text_width(text)
    }
    #[cfg(not(feature = "progress"))]
    {
        text.chars().count()
    }
}

/// Cuts a line that takes more than `width` columns, and marks the cut with `…`.
#[cfg(feature = "progress")]
pub(crate) fn cut(text: &str, width: usize) -> Cow<'_, str> {
    use unicode_segmentation::UnicodeSegmentation as _;

    if columns(text) <= width {
        return Cow::Borrowed(text);
    }
    if text.contains('\u{1b}') {
        return console::truncate_str(text, width, "…");
    }
    // A letter keeps its combining marks.
    let mut used = 0;
    let fits = text.graphemes(true).take_while(|letter| {
        used += columns(letter);
        used < width
    });
    let mut kept: String = fits.collect();
    kept.push('…');
    Cow::Owned(kept)
}

/// Breaks lines that take more than `width` columns between words, and indents what follows.
///
/// Tables have the width that they were made for. A word that is wider than a line, such as a path,
/// has a line of its own and is left to the terminal, from which it can be copied as a whole.
pub(crate) fn wrapped(text: &str, width: Option<usize>) -> Cow<'_, str> {
    let Some(width) = width else { return Cow::Borrowed(text) };
    if text.lines().all(|line| columns(line) <= width) {
        return Cow::Borrowed(text);
    }
    let lines: Vec<Cow<'_, str>> = text
        .lines()
        .map(|line| match columns(line) <= width || is_of_a_table(line) {
            true => Cow::Borrowed(line),
            false => Cow::Owned(broken(line, width)),
        })
        .collect();
    Cow::Owned(lines.join("\n"))
}

/// Whether a line begins with a character of a table's frame.
fn is_of_a_table(line: &str) -> bool {
    line.starts_with(|char| ('\u{2500}'..='\u{257f}').contains(&char))
}

/// Breaks one line.
fn broken(line: &str, width: usize) -> String {
    let words = line.trim_start();
    let indent = line.len() - words.len();
    let mut text = " ".repeat(indent);
    let mut used = indent;
    for (number, word) in words.split(' ').enumerate() {
        let needed = columns(word);
        if number > 0 && used + 1 + needed > width {
            // Spaces at the end of a line would be invisible, and may be too many.
            text.truncate(text.trim_end().len());
            text.push('\n');
            text.push_str(&" ".repeat(indent + 4));
            used = indent + 4;
        } else if number > 0 {
            text.push(' ');
            used += 1;
        }
        text.push_str(word);
        used += needed;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words() {
        let text = "a line that is short\nfit ended after 30 epochs, 690 optimizer steps: early stopping\n  loss 0.1";
        let expected = "\
a line that is short
fit ended after 30 epochs, 690
    optimizer steps: early
    stopping
  loss 0.1";
        assert_eq!(wrapped(text, Some(30)), expected);
        assert!(wrapped(text, Some(30)).lines().all(|line| columns(line) <= 30));
        assert_eq!(wrapped(text, None), text);
        assert_eq!(wrapped(text, Some(80)), text);
    }

    /// A path that is broken could not be copied, and a table would be torn.
    #[test]
    fn paths_and_tables_stay_whole() {
        let path = "  best checkpoint: lightning_logs/version_0/checkpoints/epoch=24-step=575.ckpt";
        let expected = "  best checkpoint:\n      lightning_logs/version_0/checkpoints/epoch=24-step=575.ckpt";
        assert_eq!(wrapped(path, Some(70)), expected);
        assert_eq!(wrapped(path, Some(40)), expected);
        let table = "╭────────────────────────────────────────────╮";
        assert_eq!(wrapped(table, Some(20)), table);
    }

    #[cfg(feature = "progress")]
    #[test]
    fn width_is_what_is_seen() {
        assert_eq!(columns("日本語"), 6);
        assert_eq!(columns("e\u{301}"), 1);
        assert_eq!(columns("\u{1b}[35m━\u{1b}[0m"), 1);
        assert_eq!(cut("日本語日本語", 6), "日本…");
        assert_eq!(cut(&"e\u{301}".repeat(9), 3), "e\u{301}e\u{301}…");
        assert_eq!(wrapped("日本 日本 日本", Some(9)), "日本 日本\n    日本");
    }
}
