//! Names of checkpoint files from templates such as `{epoch}-{val_loss:.2f}`.

use std::fmt::Write as _;

/// The name of every checkpoint where the program gives none.
pub(super) const DEFAULT: &str = "{epoch}-{step}";

/// A value that a template can show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shown {
    Integer(u64),
    Number(f64),
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    Field { name: String, format: Format },
}

/// What stands behind the colon: a part of Python's format language, `[0][width][.precision][type]`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Format {
    zeros: bool,
    width: usize,
    precision: Option<usize>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Kind {
    /// As short as reads back.
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

/// A template, read once.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Template {
    pieces: Vec<Piece>,
}

/// No number is shown wider: a name has an end.
const WIDEST: usize = 64;

impl Template {
    /// Reads a template; the error says what is wrong and what to write.
    pub(super) fn parse(text: &str) -> Result<Self, (String, String)> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let unmatched = || {
                (
                    format!("the filename `{text}` has a brace without its partner"),
                    "write `{name}` or `{name:.2f}`".to_owned(),
                )
            };
            let (field, after) =
                rest[at..].strip_prefix('{').and_then(|inner| inner.split_once('}')).ok_or_else(unmatched)?;
            let (name, format) = field.split_once(':').unwrap_or((field, ""));
            if name.is_empty() || name.contains('{') {
                return Err(unmatched());
            }
            let format = Format::parse(format).ok_or_else(|| {
                (
                    format!("the filename `{text}` has the format `{format}`, which is not known"),
                    "write a width and a precision as in `{epoch:03d}`, `{val_loss:.2f}`, `{lr:.1e}`, `{val_acc:.1%}`"
                        .to_owned(),
                )
            })?;
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Field { name: name.to_owned(), format });
            rest = after;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        if pieces.is_empty() {
            return Err(("the filename is empty".to_owned(), "leave it out for `{epoch}-{step}`".to_owned()));
        }
        Ok(Self { pieces })
    }

    /// The names of the fields.
    pub(super) fn fields(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Field { name, .. } => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// The name, without its extension. A field that has no value is 0.
    pub(super) fn fill(&self, insert_names: bool, value: impl Fn(&str) -> Option<Shown>) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Field { name, format } => {
                    if insert_names {
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
        // Zeros go behind the sign.
        let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
        let mut padded = sign.to_owned();
        for _ in text.chars().count()..width {
            padded.push('0');
        }
        let _ = write!(padded, "{digits}");
        padded
    }
}

/// As Python writes it: with a sign and two digits of the exponent.
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

/// The name of a file with a version: `last`, `last-v1`, `last-v2`, ….
pub(super) fn versioned(name: &str, version: u64) -> String {
    if version == 0 { format!("{name}.ckpt") } else { format!("{name}-v{version}.ckpt") }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn name(template: &str, insert_names: bool, values: &[(&str, Shown)]) -> String {
        let value = |name: &str| values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        Template::parse(template).unwrap().fill(insert_names, value)
    }

    /// MC18, the numbers of PyTorch Lightning's own test.
    #[test]
    fn mc18_names() {
        use Shown::{Integer, Number};
        assert_eq!(name(DEFAULT, true, &[("epoch", Integer(3)), ("step", Integer(2))]), "epoch=3-step=2");
        let values = [("epoch", Integer(3)), ("acc", Number(0.03)), ("epoch_test", Integer(3))];
        assert_eq!(name("{epoch:03d}-{acc}", true, &values), "epoch=003-acc=0.03");
        assert_eq!(name("{epoch:03d}-{epoch_test:03d}", true, &values), "epoch=003-epoch_test=003");
        assert_eq!(versioned("name", 3), "name-v3.ckpt");
        assert_eq!(versioned("name", 0), "name.ckpt");
        let values = [("epoch", Integer(3)), ("val/acc", Number(0.03))];
        assert_eq!(name("epoch={epoch:03d}-val_acc={val/acc}", false, &values), "epoch=003-val_acc=0.03");
        let values = [("val/mAP@0.50", Number(0.2))];
        assert_eq!(name("mAP@0.50={val/mAP@0.50:.4f}", false, &values), "mAP@0.50=0.2000");
    }

    /// Expected texts: Python's `format`.
    #[test]
    fn numbers_as_python_formats_them() {
        let cases: [(&str, f64, &str); 9] = [
            ("{x:.2f}", 0.126, "0.13"),
            ("{x:08.3f}", -1.5, "-001.500"),
            ("{x:.1e}", 0.00012345, "1.2e-04"),
            ("{x:e}", 12345.0, "1.234500e+04"),
            ("{x:.1%}", 0.9876, "98.8%"),
            ("{x:6.2f}", 1.0, "  1.00"),
            ("{x}", 0.1, "0.1"),
            ("{x:.3f}", f64::NAN, "NaN"),
            ("{x:03d}", 7.0, "007"),
        ];
        for (template, value, expected) in cases {
            assert_eq!(name(template, false, &[("x", Shown::Number(value))]), expected, "{template}");
        }
        assert_eq!(name("{missing}-{missing:.1f}", false, &[]), "0-0.0");
    }

    #[test]
    fn templates_that_cannot_be_read() {
        for wrong in ["", "{", "a}", "{epoch", "{}", "{epoch:q}", "{a{b}}", "{x:.1d}", "{x:99999d}", "{x:.f}"] {
            assert!(Template::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(name("plain", true, &[]), "plain");
    }
}
