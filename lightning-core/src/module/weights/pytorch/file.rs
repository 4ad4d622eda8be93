//! The containers of PyTorch files: where the pickle and the bytes of each storage are.
//!
//! - Since PyTorch 1.6 a ZIP archive with stored entries, `name/data.pkl` and `name/data/<key>`:
//!   PKWARE, *APPNOTE.TXT*, 4.3.
//! - Before, and with `_use_new_zipfile_serialization=False`, pickles in a row: a magic number, a
//!   protocol, the system, the object and the keys of the storages, whose bytes follow.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom},
    path::Path,
    sync::{Mutex, PoisonError},
};

use burn::tensor::{DType, TensorData};

use super::pickle::{Described, Entry, Pickle};

/// The largest pickle of an archive, in bytes.
const LARGEST_PICKLE: u64 = 100 << 20;

/// The bytes of the last record of an archive, without its comment, which has at most 65,535.
const END_RECORD: u64 = 22;
const LONGEST_COMMENT: u64 = 65_535;

/// The bytes of a file that lie together.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: u64,
    length: u64,
    /// Their checksum, or 0 if the file has none.
    checksum: u32,
}

impl Span {
    /// # Errors
    /// If the bytes do not have the checksum.
    fn check(&self, bytes: &[u8]) -> io::Result<()> {
        if self.checksum == 0 || checksum(bytes) == self.checksum {
            return Ok(());
        }
        Err(damaged("an entry of the archive does not have its checksum"))
    }
}

/// An open file of PyTorch.
#[derive(Debug)]
pub(super) struct TorchFile {
    file: Mutex<File>,
    storages: BTreeMap<String, Span>,
}

fn damaged(what: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what.into())
}

impl TorchFile {
    /// Opens a file and returns its tensors by name, below a key if one is given.
    ///
    /// # Errors
    /// If the file cannot be read, or is not one of PyTorch.
    pub(super) fn open(path: &Path, key: Option<&str>) -> io::Result<(Self, BTreeMap<String, Entry>)> {
        let mut file = File::open(path)?;
        let mut start = [0; 4];
        file.read_exact(&mut start)?;
        file.rewind()?;
        let (pickle, storages) = if start.starts_with(b"PK") { archive(&mut file)? } else { row(&file)? };
        Ok((Self { file: Mutex::new(file), storages }, pickle.entries(key)?))
    }

    /// Reads a tensor.
    ///
    /// # Errors
    /// If its storage is not there, or is too short.
    pub(super) fn read(&self, tensor: &Described) -> io::Result<TensorData> {
        let Described { storage, dtype, offset, shape, strides } = tensor;
        let span = self.storages.get(storage).ok_or_else(|| damaged(format!("the storage `{storage}` is missing")))?;
        let too_large = || damaged(format!("a tensor of shape {shape:?} is larger than its storage `{storage}`"));
        let size = dtype.size();
        let count = shape.iter().try_fold(1_usize, |count, dim| count.checked_mul(*dim)).ok_or_else(too_large)?;
        let total = count.checked_mul(size).ok_or_else(too_large)?;
        let reach = match count {
            0 => Some(0),
            _ => shape.iter().zip(strides).try_fold(1_usize, |reach, (dim, stride)| {
                reach.checked_add(dim.saturating_sub(1).checked_mul(*stride)?)
            }),
        };
        // The bytes from the first element of the tensor to its last one.
        let window = reach.and_then(|reach| reach.checked_mul(size)).ok_or_else(too_large)?;
        let from = offset.checked_mul(size).ok_or_else(too_large)? as u64;
        if from.checked_add(window as u64).is_none_or(|end| end > span.length) {
            return Err(too_large());
        }
        let mut stored = vec![0; window];
        {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(span.start + from))?;
            file.read_exact(&mut stored)?;
        }
        if stored.len() as u64 == span.length {
            span.check(&stored)?;
        }
        let mut bytes = if is_contiguous(shape, strides) {
            stored
        } else {
            gather(&stored, shape, strides, size, total).ok_or_else(too_large)?
        };
        if matches!(dtype, DType::Bool(_)) {
            bytes.iter_mut().for_each(|byte| *byte = u8::from(*byte != 0));
        }
        Ok(TensorData::from_bytes_vec(bytes, shape.clone(), *dtype))
    }
}

fn is_contiguous(shape: &[usize], strides: &[usize]) -> bool {
    let mut expected = 1;
    shape.iter().zip(strides).rev().all(|(dim, stride)| {
        let fits = *dim <= 1 || *stride == expected;
        expected *= dim;
        fits
    })
}

/// Copies the elements of a tensor in the order of their indices.
fn gather(stored: &[u8], shape: &[usize], strides: &[usize], size: usize, total: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(total);
    let mut index = vec![0; shape.len()];
    while bytes.len() < total {
        let element: usize = index.iter().zip(strides).map(|(at, stride)| at * stride).sum();
        bytes.extend_from_slice(stored.get(element * size..(element + 1) * size)?);
        for (at, dim) in index.iter_mut().zip(shape).rev() {
            *at += 1;
            if *at < *dim {
                break;
            }
            *at = 0;
        }
    }
    Some(bytes)
}

/// Finds the pickle and the storages of a ZIP archive.
fn archive(file: &mut File) -> io::Result<(Pickle, BTreeMap<String, Span>)> {
    let entries = central_directory(file)?;
    let (name, _) = entries
        .iter()
        .find(|(name, _)| name.strip_suffix("data.pkl").is_some_and(|root| root.is_empty() || root.ends_with('/')))
        .ok_or_else(|| damaged("the archive has no `data.pkl`"))?;
    let root = name.trim_end_matches("data.pkl").to_owned();
    let at = |name: &str| entries.get(&format!("{root}{name}")).copied();
    if let Some(order) = at("byteorder") {
        let order = contents(file, order, 16)?;
        if order != b"little" {
            return Err(damaged("the file must have the byte order `little`"));
        }
    }
    let pickle = at("data.pkl").ok_or_else(|| damaged("the archive has no `data.pkl`"))?;
    let pickle = Pickle::read(&mut &*contents(file, pickle, LARGEST_PICKLE)?)?;
    let mut storages = BTreeMap::new();
    for key in pickle.storages.keys() {
        if let Some(header) = at(&format!("data/{key}")) {
            storages.insert(key.clone(), span(file, header)?);
        }
    }
    Ok((pickle, storages))
}

/// An entry of the central directory: where its header is, and the length of its contents.
type Header = Span;

/// Returns where the contents of an entry are, after its header.
fn span(file: &mut File, header: Header) -> io::Result<Span> {
    let mut fixed = [0; 30];
    file.seek(SeekFrom::Start(header.start))?;
    file.read_exact(&mut fixed)?;
    if !fixed.starts_with(b"PK\x03\x04") {
        return Err(damaged("an entry of the archive has no header"));
    }
    let start = header.start + 30 + little(&fixed, 26, 2) + little(&fixed, 28, 2);
    if start.checked_add(header.length).is_none_or(|end| end > file.metadata().map_or(0, |file| file.len())) {
        return Err(damaged("the archive is truncated"));
    }
    Ok(Span { start, ..header })
}

fn contents(file: &mut File, header: Header, limit: u64) -> io::Result<Vec<u8>> {
    let span @ Span { start, length, .. } = span(file, header)?;
    if length > limit {
        return Err(damaged(format!("an entry of the archive must have at most {limit} bytes, found {length}")));
    }
    let mut bytes = vec![0; length as usize];
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut bytes)?;
    span.check(&bytes)?;
    Ok(bytes)
}

/// Returns the CRC-32 of an archive: that of ISO 3309, reflected, with the polynomial 0xEDB88320.
fn checksum(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut at = 0;
        while at < 256 {
            let mut value = at as u32;
            let mut bit = 0;
            while bit < 8 {
                value = if value & 1 == 1 { (value >> 1) ^ 0xEDB8_8320 } else { value >> 1 };
                bit += 1;
            }
            table[at] = value;
            at += 1;
        }
        table
    };
    !bytes.iter().fold(u32::MAX, |sum, byte| TABLE[(sum as u8 ^ byte) as usize] ^ (sum >> 8))
}

/// Reads a little-endian number of `width` bytes, which is 0 beyond the end.
fn little(bytes: &[u8], at: usize, width: usize) -> u64 {
    let mut value = [0; 8];
    if let (Some(value), Some(bytes)) = (value.get_mut(..width), bytes.get(at..at + width)) {
        value.copy_from_slice(bytes);
    }
    u64::from_le_bytes(value)
}

/// Returns the entries of an archive by name.
fn central_directory(file: &mut File) -> io::Result<BTreeMap<String, Header>> {
    let length = file.metadata()?.len();
    let tail = (END_RECORD + LONGEST_COMMENT).min(length);
    let mut bytes = vec![0; tail as usize];
    file.seek(SeekFrom::Start(length - tail))?;
    file.read_exact(&mut bytes)?;
    let end = bytes.windows(4).rposition(|window| window == b"PK\x05\x06");
    let end = end.ok_or_else(|| damaged("the archive has no end"))?;
    let record = bytes.get(end..).unwrap_or_default();
    if record.len() as u64 != END_RECORD + little(record, 20, 2) {
        return Err(damaged("the archive is truncated"));
    }
    let (mut size, mut start) = (little(record, 12, 4), little(record, 16, 4));
    // An archive of more than 4 GB has its numbers in a second record, and a pointer before this.
    let pointer =
        end.checked_sub(20).and_then(|at| bytes.get(at..end)).filter(|bytes| bytes.starts_with(b"PK\x06\x07"));
    if let Some(pointer) = pointer {
        let mut record = [0; 56];
        file.seek(SeekFrom::Start(little(pointer, 8, 8)))?;
        file.read_exact(&mut record)?;
        if !record.starts_with(b"PK\x06\x06") {
            return Err(damaged("the archive has no end"));
        }
        (size, start) = (little(&record, 40, 8), little(&record, 48, 8));
    }
    if size > LARGEST_PICKLE || start.checked_add(size).is_none_or(|end| end > length) {
        return Err(damaged("the archive is truncated"));
    }
    let mut directory = vec![0; size as usize];
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut directory)?;
    let mut rest = &*directory;
    let mut entries = BTreeMap::new();
    while rest.starts_with(b"PK\x01\x02") {
        let at = |at, width| little(rest, at, width);
        let (name, extra, comment) = (at(28, 2) as usize, at(30, 2) as usize, at(32, 2) as usize);
        let wide = rest.get(46 + name..46 + name + extra).unwrap_or_default();
        let mut header = Header { start: at(42, 4), length: at(24, 4), checksum: at(16, 4) as u32 };
        widen(&mut header, wide);
        let text = String::from_utf8_lossy(rest.get(46..46 + name).unwrap_or_default()).into_owned();
        // PyTorch stores its entries; a compressed one is left out, and missed where it is needed.
        if at(10, 2) == 0 {
            entries.insert(text, header);
        }
        rest = rest.get(46 + name + extra + comment..).unwrap_or_default();
    }
    Ok(entries)
}

/// Replaces the numbers of a header that are too small for it by those of its extra field 1.
fn widen(header: &mut Header, mut extra: &[u8]) {
    const WIDE: u64 = u32::MAX as u64;
    while extra.len() >= 4 {
        let length = little(extra, 2, 2) as usize;
        if little(extra, 0, 2) == 1 {
            // The length, the compressed length and the place, of which only the wide are there.
            let mut at = 4;
            if header.length == WIDE {
                header.length = little(extra, at, 8);
                // The two lengths of a stored entry are equal.
                at += 16;
            }
            if header.start == WIDE {
                header.start = little(extra, at, 8);
            }
        }
        extra = extra.get(4 + length..).unwrap_or_default();
    }
}

/// Reads the pickles of a file without an archive, and finds the storages after them.
fn row(file: &File) -> io::Result<(Pickle, BTreeMap<String, Span>)> {
    let length = file.metadata()?.len();
    let mut input = BufReader::new(file);
    // The magic number, the protocol and the system, all of which Burn's reader has checked.
    for _ in 0..3 {
        Pickle::read(&mut input)?;
    }
    let pickle = Pickle::read(&mut input)?;
    let keys = Pickle::read(&mut input)?.texts()?;
    let mut storages = BTreeMap::new();
    let mut at = input.stream_position()?;
    for key in keys {
        let mut count = [0; 8];
        input.seek(SeekFrom::Start(at))?;
        input.read_exact(&mut count)?;
        let size = *pickle.storages.get(&key).ok_or_else(|| damaged(format!("the storage `{key}` has no type")))?;
        let span = u64::from_le_bytes(count).checked_mul(size as u64).map(|length| Span {
            start: at + 8,
            length,
            checksum: 0,
        });
        let span = span.filter(|span| span.start.checked_add(span.length).is_some_and(|end| end <= length));
        let span = span.ok_or_else(|| damaged("the file is truncated"))?;
        at = span.start + span.length;
        storages.insert(key, span);
    }
    Ok((pickle, storages))
}
