//! The embedded digits: 1797 handwritten digits of 8x8 pixels from the UCI repository, see
//! `data/README.md`.

use std::io::Read;

use flate2::read::GzDecoder;
use lightning_core::{Error, Result};

const NAME: &str = "examples/data/digits.csv.gz";
const FILE: &[u8] = include_bytes!("../../data/digits.csv.gz");

/// Pixels of a digit.
pub const PIXELS: usize = 64;
/// Classes: the digits 0 to 9.
pub const CLASSES: u8 = 10;
/// The darkest pixel in the file.
const DARKEST: u8 = 16;
/// Bytes of text that are read at most, a hundred times what the file has: no archive bomb fills
/// the memory.
const LIMIT: u64 = 16 << 20;

/// One handwritten digit: 8 rows of 8 pixels, from 0 (white) to 1 (black), and its label, 0 to 9.
pub type Digit = ([f32; PIXELS], u8);

/// Returns the 1797 digits, in the order of the file.
///
/// ```
/// let digits = lightning_examples::data::digits::digits()?;
/// let (pixels, label) = digits[0];
/// assert_eq!((digits.len(), pixels.len(), label), (1797, 64, 0));
/// # Ok::<(), lightning_core::Error>(())
/// ```
pub fn digits() -> Result<Vec<Digit>> {
    parse(FILE, NAME)
}

/// Reads gzipped lines of 64 pixels and a label; `name` is what errors call the file.
pub fn parse(gzipped: &[u8], name: &str) -> Result<Vec<Digit>> {
    let mut text = String::new();
    GzDecoder::new(gzipped).take(LIMIT).read_to_string(&mut text).map_err(|error| {
        Error::data(format!("`{name}` is not a whole gzip file of text"))
            .caused_by(error)
            .help("download the file again")
    })?;
    text.lines().enumerate().map(|(index, line)| parse_line(line, name, index + 1)).collect()
}

fn parse_line(line: &str, name: &str, number: usize) -> Result<Digit> {
    let columns = line.split(',').count();
    if columns != PIXELS + 1 {
        let shown: String = line.chars().take(40).collect();
        let expected = PIXELS + 1;
        return Err(Error::data(format!("`{name}`, line {number}: {columns} columns, expected {expected}: `{shown}`"))
            .help("write 64 pixels and the label, separated by commas"));
    }
    let (mut pixels, mut label) = ([0.0; PIXELS], 0);
    for (column, text) in line.split(',').enumerate() {
        let (what, largest) = if column == PIXELS { ("label", CLASSES - 1) } else { ("pixel", DARKEST) };
        let value = text.trim().parse::<u8>().ok().filter(|value| *value <= largest).ok_or_else(|| {
            let place = column + 1;
            Error::data(format!("`{name}`, line {number}, column {place}: {what} `{text}`, expected 0 to {largest}"))
        })?;
        match pixels.get_mut(column) {
            Some(pixel) => *pixel = f32::from(value) / f32::from(DARKEST),
            None => label = value,
        }
    }
    Ok((pixels, label))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn line(pixel: &str, label: &str) -> String {
        format!("{}{label}", format!("{pixel},").repeat(PIXELS))
    }

    fn message(text: &str) -> String {
        parse(&gzip(text), "digits.csv.gz").unwrap_err().message().to_owned()
    }

    #[test]
    fn the_embedded_file() {
        let digits = digits().unwrap();
        assert_eq!(digits.len(), 1797);
        let counts: Vec<usize> =
            (0..CLASSES).map(|class| digits.iter().filter(|(_, label)| *label == class).count()).collect();
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        assert_eq!(digits[0].0[..6], [0.0, 0.0, 5.0 / 16.0, 13.0 / 16.0, 9.0 / 16.0, 1.0 / 16.0]);
        assert!(digits.iter().flat_map(|(pixels, _)| pixels).all(|pixel| (0.0..=1.0).contains(pixel)));
    }

    #[test]
    fn whole_lines() {
        let digits = parse(&gzip(&format!("{}\n{}\n", line("16", "9"), line("0", "0"))), "two").unwrap();
        assert_eq!(digits[0], ([1.0; PIXELS], 9));
        assert_eq!(digits[1], ([0.0; PIXELS], 0));
        assert!(parse(&gzip(""), "none").unwrap().is_empty());
    }

    #[test]
    fn a_truncated_file() {
        let error = parse(&FILE[..FILE.len() / 2], "digits.csv.gz").unwrap_err().to_string();
        assert!(error.starts_with("`digits.csv.gz` is not a whole gzip file of text: "), "{error}");
        assert!(error.ends_with("; help: download the file again"), "{error}");
        assert!(parse(b"1,2,3", "digits.csv").is_err());
        assert!(parse(&[], "digits.csv").is_err());
    }

    #[test]
    fn a_bad_number() {
        let text = format!("{}\n{}", line("1", "2"), line("1", "2").replacen("1,1,1", "1,1.5,1", 1));
        assert_eq!(message(&text), "`digits.csv.gz`, line 2, column 2: pixel `1.5`, expected 0 to 16");
        assert_eq!(message(&line("17", "2")), "`digits.csv.gz`, line 1, column 1: pixel `17`, expected 0 to 16");
    }

    #[test]
    fn a_label_out_of_range() {
        assert_eq!(message(&line("1", "10")), "`digits.csv.gz`, line 1, column 65: label `10`, expected 0 to 9");
        assert_eq!(message(&line("1", "-1")), "`digits.csv.gz`, line 1, column 65: label `-1`, expected 0 to 9");
    }

    #[test]
    fn a_wrong_number_of_columns() {
        assert_eq!(message("1,2,3"), "`digits.csv.gz`, line 1: 3 columns, expected 65: `1,2,3`");
        let long = message(&format!("{},0", line("1", "2")));
        assert!(long.starts_with("`digits.csv.gz`, line 1: 66 columns, expected 65: `1,1,"), "{long}");
        assert_eq!(message(&format!("{}\n\n", line("1", "2"))), "`digits.csv.gz`, line 2: 1 columns, expected 65: ``");
    }
}
