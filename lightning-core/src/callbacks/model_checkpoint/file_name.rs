//! Names of checkpoint files from templates such as `{epoch}-{val_loss:.2f}`.

use std::fmt::Write as _;

/// The default template.
pub(super) const DEFAULT: &str = "{epoch}-{step}";

/// Whether the name of a field is written before its value, as in `epoch=3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldNames {
    Shown,
    Hidden,
}

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shown {
    Integer(u64),
    Number(f64),
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    Field { name: String, format: Format },
}

/// The format of a field, after its colon: `[0][width][.precision][type]`.
///
/// Source: a subset of Python's [format specification
/// mini-language](https://docs.python.org/3/library/string.html#formatspec).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Format {
    zeros: bool,
    width: usize,
    precision: Option<usize>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Kind {
    /// The shortest text that reads back as the same number.
    #[default]
    Shortest,
    /// `d`
    Integer,
    /// `f`
    Fixed,
    /// `e`
    Exponent,
    /// `%`
    Percent,
}

/// A parsed template.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Template {
    pieces: Vec<Piece>,
}

/// The largest width and precision: file systems limit names to about 255 bytes.
const WIDEST: usize = 64;

impl Template {
    /// Parses a template. An error is a message and a help line.
    pub(super) fn parse(text: &str) -> Result<Self, (String, String)> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (plain, from_brace) = rest.split_at(at);
            let (field, after) = from_brace
                .strip_prefix('{')
                .and_then(|inner| inner.split_once('}'))
                .ok_or_else(|| unmatched_brace(text))?;
            if !plain.is_empty() {
                pieces.push(Piece::Text(plain.to_owned()));
            }
            pieces.push(Piece::parse_field(field, text)?);
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        if pieces.is_empty() {
            return Err((
                "the filename must not be empty, found \"\"".to_owned(),
                "remove `.filename(…)` to use the default, `{epoch}-{step}`".to_owned(),
            ));
        }
        Ok(Self { pieces })
    }

    /// Returns the names of the fields.
    pub(super) fn fields(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Field { name, .. } => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// Returns the name of a file without its extension. A field without a value is shown as 0.
    pub(super) fn fill(&self, names: FieldNames, value: impl Fn(&str) -> Option<Shown>) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Field { name, format } => {
                    if names == FieldNames::Shown {
                        text.push_str(name);
                        text.push('=');
                    }
                    text.push_str(&format.show(value(name).unwrap_or(Shown::Integer(0))));
                }
            }
        }
        text
    }
}

impl Piece {
    /// Parses what stands between braces of the template `text`.
    fn parse_field(field: &str, text: &str) -> Result<Self, (String, String)> {
        let (name, format) = field.split_once(':').unwrap_or((field, ""));
        if name.is_empty() || name.contains('{') {
            return Err(unmatched_brace(text));
        }
        let format = Format::parse(format).ok_or_else(|| {
            (
                format!("unknown format `{format}` in the filename `{text}`"),
                "write a width and a precision as in `{epoch:03d}`, `{val_loss:.2f}`, `{lr:.1e}`, `{val_acc:.1%}`"
                    .to_owned(),
            )
        })?;
        Ok(Self::Field { name: name.to_owned(), format })
    }
}

fn unmatched_brace(text: &str) -> (String, String) {
    (format!("a brace of a filename must enclose a field, found `{text}`"), "write `{name}` or `{name:.2f}`".to_owned())
}

impl Format {
    fn parse(text: &str) -> Option<Self> {
        let (text, kind) = match text.char_indices().next_back() {
            Some((at, 'd')) => (&text[..at], Kind::Integer),
            Some((at, 'f')) => (&text[..at], Kind::Fixed),
            Some((at, 'e')) => (&text[..at], Kind::Exponent),
            Some((at, '%')) => (&text[..at], Kind::Percent),
            _ => (text, Kind::Shortest),
        };
        let (width, precision) = match text.split_once('.') {
            Some((width, precision)) => (width, Some(precision.parse().ok()?)),
            None => (text, None),
        };
        let zeros = width.starts_with('0');
        let width = if width.is_empty() { 0 } else { width.parse().ok()? };
        let fits = width <= WIDEST && precision.is_none_or(|precision| precision <= WIDEST);
        let sensible = !(kind == Kind::Integer && precision.is_some());
        (fits && sensible).then_some(Self { zeros, width, precision, kind })
    }

    fn show(self, value: Shown) -> String {
        let Self { zeros, width, precision, kind } = self;
        let number = match value {
            Shown::Integer(value) => value as f64,
            Shown::Number(value) => value,
        };
        let text = match (kind, precision, value) {
            (Kind::Shortest, None, Shown::Integer(value)) | (Kind::Integer, _, Shown::Integer(value)) => {
                value.to_string()
            }
            (Kind::Integer, ..) => format!("{number:.0}"),
            (Kind::Shortest, None, Shown::Number(value)) => value.to_string(),
            (Kind::Shortest | Kind::Fixed, Some(precision), _) => format!("{number:.precision$}"),
            (Kind::Fixed, None, _) => format!("{number:.6}"),
            (Kind::Exponent, precision, _) => exponent(number, precision.unwrap_or(6)),
            (Kind::Percent, precision, _) => {
                let precision = precision.unwrap_or(6);
                format!("{:.precision$}%", number * 100.0)
            }
        };
        if !zeros {
            return format!("{text:>width$}");
        }
        // Zeros follow the sign.
        let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
        let mut padded = sign.to_owned();
        for _ in text.chars().count()..width {
            padded.push('0');
        }
        let _ = write!(padded, "{digits}");
        padded
    }
}

/// Formats a number as Python does, with a sign and at least two digits in the exponent.
fn exponent(number: f64, precision: usize) -> String {
    let text = format!("{number:.precision$e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) => {
            let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
            format!("{mantissa}e{sign}{digits:0>2}")
        }
        None => text,
    }
}

/// Returns the file name of a version: `last.ckpt`, `last-v1.ckpt`, `last-v2.ckpt`, ….
pub(super) fn versioned(name: &str, version: u64) -> String {
    if version == 0 { format!("{name}.ckpt") } else { format!("{name}-v{version}.ckpt") }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
