//! The files of a tar archive, in their order.
//!
//! Source: POSIX.1-2017, pax, "ustar Interchange Format"; the long names of GNU tar are in "GNU tar
//! Internals", <https://www.gnu.org/software/tar/manual/html_node/Standard.html>.

use std::{
    fs::File,
    io::{BufReader, Read as _},
    path::{Path, PathBuf},
};

use crate::error::{Error, ErrorKind, Result};

const BLOCK: usize = 512;

/// The longest name, and the longest list of attributes.
const LONGEST_NAME: u64 = 1 << 20;

/// The files of an archive.
#[derive(Debug)]
pub(super) struct Archive {
    path: PathBuf,
    /// What the shard is called: its address, if it was downloaded.
    shard: PathBuf,
    reader: BufReader<File>,
    /// The bytes that were read.
    at: u64,
    is_over: bool,
}

impl Archive {
    /// # Errors
    /// If the file cannot be opened.
    pub(super) fn open(path: &Path, shard: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| Error::io("open the shard", path, error))?;
        let reader = BufReader::with_capacity(1 << 20, file);
        Ok(Self { path: path.to_path_buf(), shard: shard.to_path_buf(), reader, at: 0, is_over: false })
    }

    fn damaged(&self, what: &str) -> Error {
        let text = format!("the shard `{}` is damaged at byte {}: {what}", self.shard.display(), self.at);
        Error::new(ErrorKind::Data, text).at_path(&self.shard).help("write it again, or leave it out")
    }

    fn read(&mut self, len: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = self.reader.by_ref().take(len).read_to_end(&mut bytes);
        let read = read.map_err(|error| Error::io("read the shard", &self.path, error))? as u64;
        if read < len {
            return Err(self.damaged(&format!("it ends after {read} of {len} bytes")));
        }
        self.at += len;
        Ok(bytes)
    }

    /// The content of a file, and what fills its last block.
    fn content(&mut self, size: u64) -> Result<Vec<u8>> {
        let bytes = self.read(size)?;
        let rest = size.next_multiple_of(BLOCK as u64) - size;
        self.read(rest)?;
        Ok(bytes)
    }

    fn next_file(&mut self) -> Result<Option<(String, Vec<u8>)>> {
        let mut name = None;
        loop {
            let mut header = Vec::new();
            let read = self.reader.by_ref().take(BLOCK as u64).read_to_end(&mut header);
            match read.map_err(|error| Error::io("read the shard", &self.path, error))? {
                // Some programs leave out the blocks of zeros at the end.
                0 => return Ok(None),
                BLOCK => {}
                read => return Err(self.damaged(&format!("a header has {BLOCK} bytes, found {read}"))),
            }
            if header.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            let field = |from: usize, len: usize| header.get(from..from + len).unwrap_or_default();
            let sum: u64 = header
                .iter()
                .enumerate()
                .map(|(at, byte)| u64::from(if (148..156).contains(&at) { b' ' } else { *byte }))
                .sum();
            if number(field(148, 8)) != Some(sum) {
                return Err(self.damaged("the checksum of a header is wrong"));
            }
            self.at += BLOCK as u64;
            let Some(size) = number(field(124, 12)) else {
                return Err(self.damaged("the size of a file is not a number"));
            };
            let kind = field(156, 1).first().copied().unwrap_or_default();
            if matches!(kind, b'L' | b'x' | b'g') && size > LONGEST_NAME {
                return Err(self.damaged(&format!("a name has {size} bytes")));
            }
            match kind {
                b'L' => name = Some(text(&self.content(size)?)),
                b'x' => name = pax_path(&self.content(size)?).or(name),
                0 | b'0' | b'7' => {
                    let prefix = if field(257, 5) == b"ustar" { text(field(345, 155)) } else { String::new() };
                    let short = text(field(0, 100));
                    let short = if prefix.is_empty() { short } else { format!("{prefix}/{short}") };
                    return Ok(Some((name.unwrap_or(short), self.content(size)?)));
                }
                // Folders, links and others.
                _ => {
                    self.content(size)?;
                    name = None;
                }
            }
        }
    }
}

impl Iterator for Archive {
    type Item = Result<(String, Vec<u8>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let file = self.next_file().transpose();
        self.is_over = !matches!(file, Some(Ok(_)));
        file
    }
}

/// A number in octal digits, or in binary if it is large.
fn number(field: &[u8]) -> Option<u64> {
    let (first, rest) = field.split_first()?;
    if first & 0x80 != 0 {
        let high = rest.len().saturating_sub(8);
        let (zeros, low) = rest.split_at_checked(high)?;
        return zeros
            .iter()
            .all(|byte| *byte == 0)
            .then(|| low.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)));
    }
    let digits = text(field);
    let digits = digits.trim_matches([' ', '\0']);
    if digits.is_empty() { Some(0) } else { u64::from_str_radix(digits, 8).ok() }
}

/// A text up to its first zero.
fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(field.get(..end).unwrap_or_default()).into_owned()
}

/// The name in a list of attributes, whose lines are `<length> <key>=<value>`.
fn pax_path(attributes: &[u8]) -> Option<String> {
    let mut rest = attributes;
    while !rest.is_empty() {
        let space = rest.iter().position(|byte| *byte == b' ')?;
        let len: usize = std::str::from_utf8(rest.get(..space)?).ok()?.parse().ok()?;
        let line = rest.get(space + 1..len)?;
        if let Some(path) = line.strip_prefix(b"path=") {
            return Some(String::from_utf8_lossy(path).trim_end_matches('\n').to_owned());
        }
        rest = rest.get(len..)?;
    }
    None
}
