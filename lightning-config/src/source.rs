//! Where a configuration value is written, and mistakes in it with place, found and expected.

use std::{fmt, ops::Range, rc::Rc};

/// A text that configuration comes from.
#[derive(Debug)]
pub struct Source {
    /// The path of a file, `command line`, or `environment`.
    pub name: String,
    /// What is in it.
    pub text: String,
    /// Whether lines are counted: a file has lines, a command does not.
    pub is_file: bool,
}

/// A range of a source, in bytes.
#[derive(Clone, Debug)]
pub struct Place {
    /// The source.
    pub source: Rc<Source>,
    /// The bytes, at boundaries of characters.
    pub range: Range<usize>,
}

impl Place {
    /// A range of a source, cut to its length.
    pub fn new(source: &Rc<Source>, range: Range<usize>) -> Self {
        let len = source.text.len();
        let start = floor(&source.text, range.start.min(len));
        let end = floor(&source.text, range.end.clamp(start, len));
        Self { source: Rc::clone(source), range: start..end }
    }

    /// The line and the column, counted from 1, and the text of the line.
    fn position(&self) -> (usize, usize, &str) {
        let text = &self.source.text;
        let before = text.get(..self.range.start).unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = text.get(start..).unwrap_or_default();
        let line = line.split('\n').next().unwrap_or_default().trim_end_matches('\r');
        let column = before.get(start..).unwrap_or_default().chars().count() + 1;
        (before.matches('\n').count() + 1, column, line)
    }

    /// The line with the place and a mark below it, as rustc shows them, after a line break.
    pub fn excerpt(&self) -> String {
        let (line, column, text) = self.position();
        let number = if self.source.is_file { line.to_string() } else { String::new() };
        let margin = " ".repeat(number.len());
        let (text, column) = shortened(text, column);
        let length = self.source.text.get(self.range.clone()).unwrap_or_default();
        let length = length.lines().next().unwrap_or_default().chars().count();
        let rest = text.chars().count().saturating_sub(column - 1);
        let carets = "^".repeat(length.clamp(1, rest.max(1)));
        let indent: String = text.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        format!("\n{margin} --> {self}\n{margin}  |\n{number}  | {text}\n{margin}  | {indent}{carets}")
    }
}

/// The largest boundary of a character that is at most `at`.
fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column, _) = self.position();
        match self.source.is_file {
            true => write!(f, "{}:{line}:{column}", self.source.name),
            false => f.write_str(&self.source.name),
        }
    }
}

/// One mistake.
#[derive(Clone, Debug)]
pub struct Problem {
    /// What is wrong: the key, the rule and what was found.
    pub message: String,
    /// Where it is written; `None` for what is missing.
    pub place: Option<Place>,
    /// What to write instead.
    pub help: Option<String>,
}

/// The columns of a line that are shown of a long one.
const SHOWN: usize = 100;

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        if let Some(place) = &self.place {
            f.write_str(&place.excerpt())?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  = help: {help}")?;
        }
        Ok(())
    }
}

/// A part of a line around a column, without control characters, and the column in it.
fn shortened(line: &str, column: usize) -> (String, usize) {
    let printed = |c: char| if c.is_control() && c != '\t' { '\u{fffd}' } else { c };
    let first = if column > SHOWN { column - SHOWN / 2 } else { 0 };
    let text: String = line.chars().skip(first).take(SHOWN).map(printed).collect();
    (text, column - first)
}

/// All mistakes of an invocation.
#[derive(Debug, Default)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Adds a mistake; an empty `help` is none.
    pub fn add(&mut self, message: impl Into<String>, place: Option<&Place>, help: impl Into<String>) {
        let help = Some(help.into()).filter(|help| !help.is_empty());
        self.0.push(Problem { message: message.into(), place: place.cloned(), help });
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.0.iter().enumerate() {
            let space = if number > 0 { "\n\n" } else { "" };
            write!(f, "{space}{problem}")?;
        }
        Ok(())
    }
}

/// Returns the known name that is nearest to one that is not known, if one is near.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let similar = |other: &str| {
        let other_lower = other.to_lowercase();
        let part =
            (lower.len() > 2 && other_lower.contains(&lower)) || (other.len() > 2 && lower.contains(&other_lower));
        let distance = strsim::osa_distance(&lower, &other_lower);
        let allowed = if other.len() > 5 { 2 } else { 1 };
        match distance <= allowed && distance < other.len() {
            true => 1.0 - 0.01 * distance as f64,
            false if part => 0.9,
            false => strsim::jaro_winkler(&lower, &other_lower).min(0.9),
        }
    };
    let mut best: Option<(f64, &str)> = None;
    for other in known {
        let score = similar(other);
        if score > 0.75 && best.is_none_or(|(known, _)| score > known) {
            best = Some((score, other));
        }
    }
    best.map(|(_, name)| name)
}
