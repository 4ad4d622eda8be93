//! The file `run-<id>.wandb`: a log of records, in the format of LevelDB's logs.
//!
//! Source: <https://github.com/google/leveldb/blob/main/doc/log_format.md>. A file of W&B begins with
//! seven bytes of its own, and its checksums are plain CRC-32.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::error::{Error, ErrorKind, Result};

/// The name of the format, a magic number and the version.
const HEADER: [u8; 7] = *b":W&B\xe1\xbe\x00";

/// The header counts as a part of the first block.
const BLOCK: usize = 32 * 1024;

/// Checksum, length and type of a fragment.
const FRAGMENT: usize = 7;

const FULL: u8 = 1;
const FIRST: u8 = 2;
const MIDDLE: u8 = 3;
const LAST: u8 = 4;

/// What is buffered at most before it is written, and what a disk that fails may leave in memory.
const BUFFER: usize = 256 * 1024;
const LARGEST_BUFFER: usize = 64 * 1024 * 1024;

/// A log that is written.
#[derive(Debug)]
pub(super) struct TransactionLog {
    path: PathBuf,
    file: File,
    /// The length of the file up to the last whole record.
    written: usize,
    buffer: Vec<u8>,
    flush_every: Duration,
    flushed: Instant,
}

impl TransactionLog {
    /// Creates the file.
    ///
    /// # Errors
    /// If it exists or cannot be created.
    pub(super) fn create(path: &Path, flush_every: Duration) -> Result<Self> {
        let file = OpenOptions::new().append(true).create_new(true).open(path);
        let file = file.map_err(|error| Error::io("create", path, error))?;
        let mut log = Self::of(path, file, 0, flush_every);
        log.buffer.extend(HEADER);
        Ok(log)
    }

    /// Continues a file after its first `len` bytes, which are whole records.
    ///
    /// # Errors
    /// If it cannot be shortened or opened.
    pub(super) fn reopen(path: &Path, len: usize, flush_every: Duration) -> Result<Self> {
        let file = OpenOptions::new().append(true).open(path).map_err(|error| Error::io("open", path, error))?;
        file.set_len(len as u64).map_err(|error| Error::io("shorten", path, error))?;
        let mut log = Self::of(path, file, len, flush_every);
        if len == 0 {
            log.buffer.extend(HEADER);
        }
        Ok(log)
    }

    fn of(path: &Path, file: File, written: usize, flush_every: Duration) -> Self {
        let buffer = Vec::new();
        Self { path: path.to_path_buf(), file, written, buffer, flush_every, flushed: Instant::now() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a record. It is written with others.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn push(&mut self, record: &[u8]) -> Result<()> {
        append(&mut self.buffer, self.written, record);
        if self.buffer.len() >= BUFFER || self.flushed.elapsed() >= self.flush_every {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes what is buffered. On a failure the file ends with the last whole record, and what is
    /// buffered waits for the next call.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn flush(&mut self) -> Result<()> {
        self.flushed = Instant::now();
        if self.buffer.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.try_write() {
            // The next write continues there whether or not this one succeeds.
            let _ = self.file.set_len(self.written as u64);
            return Err(self.failed(error));
        }
        self.written += self.buffer.len();
        self.buffer.clear();
        Ok(())
    }

    fn try_write(&mut self) -> io::Result<()> {
        // A file that was removed can still be written to, and is lost.
        if fs::metadata(&self.path)?.len() < self.written as u64 {
            return Err(io::Error::other("the file became shorter"));
        }
        self.file.write_all(&self.buffer)
    }

    fn failed(&mut self, error: io::Error) -> Error {
        let is_gone = error.kind() == io::ErrorKind::NotFound;
        let error = Error::io("write", &self.path, error);
        let error = match is_gone {
            true => error.help("the file or its folder was removed during the run: keep it until the run ends"),
            false => error,
        };
        if self.buffer.len() <= LARGEST_BUFFER {
            return error;
        }
        self.buffer.clear();
        let text = format!("records were dropped, because `{}` could not be written for long", self.path.display());
        Error::new(ErrorKind::Io, text).at_path(&self.path).caused_by(error)
    }
}

/// Appends a record to a buffer that will be written at the offset `start` of the file.
fn append(buffer: &mut Vec<u8>, start: usize, record: &[u8]) {
    let mut rest = record;
    let mut is_first = true;
    loop {
        let left = BLOCK - (start + buffer.len()) % BLOCK;
        if left < FRAGMENT {
            buffer.resize(buffer.len() + left, 0);
            continue;
        }
        let (part, after) = rest.split_at(rest.len().min(left - FRAGMENT));
        rest = after;
        let kind = match (is_first, rest.is_empty()) {
            (true, true) => FULL,
            (true, false) => FIRST,
            (false, false) => MIDDLE,
            (false, true) => LAST,
        };
        buffer.extend(checksum(kind, part).to_le_bytes());
        buffer.extend((part.len() as u16).to_le_bytes());
        buffer.push(kind);
        buffer.extend(part);
        is_first = false;
        if rest.is_empty() {
            return;
        }
    }
}

fn checksum(kind: u8, part: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[kind]);
    hasher.update(part);
    hasher.finalize()
}

/// Reads the records of a file, each with the offset after it; ends at the first one that is cut
/// short or damaged.
pub(super) struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Records<'a> {
    /// `None` if the bytes are not a log of W&B.
    pub(super) fn new(bytes: &'a [u8]) -> Option<Self> {
        bytes.starts_with(&HEADER).then_some(Self { bytes, at: HEADER.len() })
    }

    fn fragment(&mut self) -> Option<(u8, &'a [u8])> {
        let left = BLOCK - self.at % BLOCK;
        if left < FRAGMENT {
            self.at += left;
        }
        let (head, rest) = self.bytes.get(self.at..)?.split_first_chunk::<FRAGMENT>()?;
        let [a, b, c, d, low, high, kind] = *head;
        let part = rest.get(..usize::from(u16::from_le_bytes([low, high])))?;
        self.at += FRAGMENT + part.len();
        (checksum(kind, part) == u32::from_le_bytes([a, b, c, d])).then_some((kind, part))
    }
}

impl Iterator for Records<'_> {
    type Item = (Vec<u8>, usize);

    fn next(&mut self) -> Option<Self::Item> {
        let mut record = Vec::new();
        loop {
            let (kind, part) = self.fragment()?;
            record.extend(part);
            match (kind, record.len() == part.len()) {
                (FULL, true) => return Some((record, self.at)),
                (LAST, _) => return Some((record, self.at)),
                (FIRST, true) | (MIDDLE, _) => {}
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value of the catalogue of CRC algorithms (CRC-32/ISO-HDLC).
    #[test]
    fn checksums_are_plain() {
        assert_eq!(checksum(b'1', b"23456789"), 0xcbf4_3926);
    }

    fn file(records: &[Vec<u8>]) -> (Vec<u8>, Vec<usize>) {
        let mut file = HEADER.to_vec();
        let ends = records.iter().map(|record| {
            append(&mut file, 0, record);
            file.len()
        });
        let ends: Vec<_> = std::iter::once(HEADER.len()).chain(ends).collect();
        (file, ends)
    }

    /// The example of the source: 1,000, 97,270 and 8,000 bytes. With the header of seven bytes the
    /// second record has fragments in blocks 1 to 4 too, and the third begins in the last of them.
    #[test]
    fn records_are_cut_at_blocks() {
        let records = [vec![b'a'; 1000], vec![b'b'; 97_270], vec![b'c'; 8000]];
        let (file, ends) = file(&records);
        assert_eq!(file[HEADER.len() + 6], FULL);
        assert_eq!(file[ends[1] + 6], FIRST);
        let first = BLOCK - ends[1] - FRAGMENT;
        assert_eq!(file[ends[1] + 4..ends[1] + 6], (first as u16).to_le_bytes());
        assert_eq!((file[BLOCK + 6], file[2 * BLOCK + 6]), (MIDDLE, MIDDLE));
        assert_eq!(file[3 * BLOCK + 6], LAST);
        let read: Vec<_> = Records::new(&file).into_iter().flatten().collect();
        assert_eq!(read.iter().map(|(record, _)| record.clone()).collect::<Vec<_>>(), records);
        assert_eq!(read.iter().map(|(_, end)| *end).collect::<Vec<_>>(), ends[1..]);
    }

    /// A record may leave less room than a fragment takes; an empty one may end a block.
    #[test]
    fn every_length_around_a_block_is_read_back() {
        for len in BLOCK - 3 * FRAGMENT - 8..=BLOCK + FRAGMENT {
            let records = [vec![1; len], Vec::new(), vec![2; 10], vec![3; 2 * BLOCK]];
            let (file, ends) = file(&records);
            let read: Vec<_> = Records::new(&file).into_iter().flatten().collect();
            assert_eq!(read.len(), 4, "{len}");
            assert!(read.iter().zip(&records).all(|((read, _), record)| read == record), "{len}");
            assert_eq!(read[3].1, ends[4], "{len}");
        }
    }

    #[test]
    fn a_file_cut_at_any_byte_is_read_up_to_the_last_whole_record() {
        let (file, ends) = file(&[b"first".to_vec(), Vec::new(), vec![7; 40_000], b"last".to_vec()]);
        for cut in (HEADER.len()..200).chain(32_700..32_800).chain(file.len() - 100..=file.len()) {
            let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
            assert_eq!(Records::new(&file[..cut]).into_iter().flatten().count(), whole, "cut at {cut}");
        }
        assert!(Records::new(b"run.wandb").is_none());
    }
}
