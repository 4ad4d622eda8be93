//! The container: a safetensors file with a content hash, written in one pass and read tensor by tensor.
//!
//! `__metadata__` holds the hash of the file and, in a checkpoint, one JSON text. The tensors lie as the safetensors crate
//! lays them: larger elements first, then by name, so that every tensor is aligned.

use std::{
    borrow::Borrow,
    fmt::Write as _,
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use burn::tensor::{Bytes, DType, TensorData};
use safetensors::{
    Dtype,
    tensor::{Metadata as Header, TensorInfo},
};
use twox_hash::XxHash3_128;

use crate::error::{Error, ErrorKind, Result};

/// The entry of a checkpoint's JSON.
const TEXT_KEY: &str = "lightning";
/// The entry of the hash: XXH3 of 128 bits, as 32 hexadecimal digits, of everything behind the first eight bytes, with zeros in the
/// hash's own place. It tells damage, at memory speed: beside training, each millisecond of hashing is one of a core's.
const HASH_KEY: &str = "lightning.xxh3_128";
const HASH_DIGITS: usize = 32;
/// The length of the header's length.
const LENGTH: usize = 8;
/// What the safetensors crate refuses to read.
const LARGEST_HEADER: u64 = 100_000_000;

/// A tensor on its way into a file.
#[derive(Debug)]
pub(crate) struct Stored {
    name: String,
    dtype: Dtype,
    data: TensorData,
}

impl Stored {
    /// # Errors
    /// When the file format has no such type of element.
    pub(crate) fn new(name: String, data: TensorData) -> Result<Self> {
        let dtype = match data.dtype() {
            DType::F64 => Dtype::F64,
            DType::F32 | DType::Flex32 => Dtype::F32,
            DType::F16 => Dtype::F16,
            DType::BF16 => Dtype::BF16,
            DType::I64 => Dtype::I64,
            DType::I32 => Dtype::I32,
            DType::I16 => Dtype::I16,
            DType::I8 => Dtype::I8,
            DType::U64 => Dtype::U64,
            DType::U32 => Dtype::U32,
            DType::U16 => Dtype::U16,
            DType::U8 => Dtype::U8,
            DType::Bool(_) => {
                // One byte each, whatever the backend uses.
                let shape = data.shape().clone();
                let bytes: Vec<u8> = data.iter::<bool>().map(u8::from).collect();
                return Ok(Self { name, dtype: Dtype::BOOL, data: TensorData::new(bytes, shape) });
            }
            other => {
                return Err(Error::new(
                    ErrorKind::Checkpoint,
                    format!("the tensor `{name}` of type {other:?} cannot be saved"),
                )
                .help("dequantize it before saving"));
            }
        };
        Ok(Self { name, dtype, data })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// How many bytes it has.
    pub(crate) fn len(&self) -> usize {
        self.bytes().len()
    }

    fn bytes(&self) -> &[u8] {
        self.data.as_bytes()
    }
}

/// Writes the tensors and the text. Tensors that are handed over, and not lent, are freed one by one as they are written.
///
/// # Errors
/// Those of `out`, and of a header that is too large for the format.
pub(crate) fn write<T: Borrow<Stored>>(out: &mut dyn Write, mut tensors: Vec<T>, text: Option<&str>) -> io::Result<()> {
    tensors.sort_by(|a, b| {
        let (a, b) = (a.borrow(), b.borrow());
        b.dtype.cmp(&a.dtype).then_with(|| a.name.cmp(&b.name))
    });
    let unhashed = header(&tensors, text, &"0".repeat(HASH_DIGITS))?;
    let mut hash = XxHash3_128::new();
    hash.write(&unhashed);
    for tensor in &tensors {
        hash.write(tensor.borrow().bytes());
    }
    let header = header(&tensors, text, &hex(hash.finish_128()))?;
    if header.len() as u64 > LARGEST_HEADER {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the header is too large for a safetensors file"));
    }
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(&header)?;
    tensors.into_iter().try_for_each(|tensor| out.write_all(tensor.borrow().bytes()))
}

/// The header, in an order of our own: a hash map has another one each time.
fn header<T: Borrow<Stored>>(tensors: &[T], text: Option<&str>, hash: &str) -> io::Result<Vec<u8>> {
    let mut json = format!("{{\"__metadata__\":{{\"{HASH_KEY}\":\"{hash}\"");
    if let Some(text) = text {
        let _ = write!(json, ",\"{TEXT_KEY}\":{}", serde_json::to_string(text)?);
    }
    json.push('}');
    let mut start = 0;
    for Stored { name, dtype, data } in tensors.iter().map(Borrow::borrow) {
        let end = start + data.as_bytes().len();
        let info = TensorInfo { dtype: *dtype, shape: data.shape().as_slice().to_vec(), data_offsets: (start, end) };
        let _ = write!(json, ",{}:{}", serde_json::to_string(name)?, serde_json::to_string(&info)?);
        start = end;
    }
    json.push('}');
    let mut bytes = json.into_bytes();
    bytes.resize(bytes.len().next_multiple_of(LENGTH), b' ');
    Ok(bytes)
}

fn hex(hash: u128) -> String {
    format!("{hash:0HASH_DIGITS$x}")
}

/// A file that has been opened: its header is known and fits its length.
#[derive(Debug)]
pub(crate) struct Container {
    path: PathBuf,
    file: File,
    /// The header as it stands in the file.
    raw: Vec<u8>,
    header: Header,
}

impl Container {
    /// Reads the header of a file. No more is allocated than the file has.
    ///
    /// # Errors
    /// When the file cannot be read, or is no whole safetensors file.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let cannot = |error| Error::io("read the checkpoint", path, error);
        let mut file = File::open(path).map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
        if metadata.is_dir() {
            return Err(Error::checkpoint(path, "this is a folder, and no checkpoint"));
        }
        let size = metadata.len();
        let damaged =
            |what: String| Error::checkpoint(path, format!("the file is damaged or no safetensors file: {what}"));
        let mut length = [0; LENGTH];
        match file.read_exact(&mut length) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(damaged(format!("it has {size} bytes, and its header cannot be there")));
            }
            result => result.map_err(cannot)?,
        }
        let length = u64::from_le_bytes(length);
        let rest = size.saturating_sub(LENGTH as u64);
        if length > rest.min(LARGEST_HEADER) {
            return Err(damaged(format!("its header is said to have {length} bytes, and {rest} are there")));
        }
        let mut raw = vec![0; length as usize];
        file.read_exact(&mut raw).map_err(cannot)?;
        let header: Header =
            serde_json::from_slice(&raw).map_err(|error| damaged(format!("its header cannot be read: {error}")))?;
        let (said, found) = (header.data_len() as u64, rest - length);
        if said != found {
            let how = if found < said { "truncated" } else { "too long" };
            return Err(damaged(format!("it is {how}: its tensors have {said} bytes, and {found} are there")));
        }
        Ok(Self { path: path.to_path_buf(), file, raw, header })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The size of the file.
    pub(crate) fn size(&self) -> u64 {
        self.start() + self.header.data_len() as u64
    }

    fn entry(&self, key: &str) -> Option<&str> {
        self.header.metadata().as_ref().and_then(|entries| entries.get(key)).map(String::as_str)
    }

    /// The JSON text of a checkpoint.
    pub(crate) fn text(&self) -> Option<&str> {
        self.entry(TEXT_KEY)
    }

    /// Whether the file carries a hash; those of format 1 and of other programs have none.
    pub(crate) fn has_hash(&self) -> bool {
        self.entry(HASH_KEY).is_some()
    }

    /// Compares the content with its hash, where there is one.
    ///
    /// # Errors
    /// When they differ, or the file cannot be read.
    pub(crate) fn verify(&self) -> Result<()> {
        let Some(stored) = self.entry(HASH_KEY) else { return Ok(()) };
        let cannot = |error| Error::io("read the checkpoint", &self.path, error);
        let wrong = || {
            Error::checkpoint(
                &self.path,
                "the file is damaged: its content does not have the hash that it was written with",
            )
            .help("use another checkpoint, or a copy of this one")
        };
        let at = find(&self.raw, stored.as_bytes()).ok_or_else(wrong)?;
        let mut blank = self.raw.clone();
        if let Some(place) = blank.get_mut(at..at + stored.len()) {
            place.fill(b'0');
        }
        let mut hash = XxHash3_128::new();
        hash.write(&blank);
        drop(blank);
        let mut file = &self.file;
        file.seek(SeekFrom::Start(self.start())).map_err(cannot)?;
        let mut chunk = vec![0; (1 << 20).min(self.header.data_len().max(1))];
        loop {
            match file.read(&mut chunk).map_err(cannot)? {
                0 => break,
                read => hash.write(chunk.get(..read).unwrap_or_default()),
            }
        }
        if hex(hash.finish_128()) == stored { Ok(()) } else { Err(wrong()) }
    }

    /// Where the tensors start.
    fn start(&self) -> u64 {
        (LENGTH + self.raw.len()) as u64
    }

    /// Every tensor, in the order of the file: its name, type and shape.
    pub(crate) fn tensors(&self) -> impl Iterator<Item = (String, &TensorInfo)> {
        self.header.offset_keys().into_iter().filter_map(|name| {
            let info = self.header.info(&name)?;
            Some((name, info))
        })
    }

    pub(crate) fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.header.info(name)
    }

    /// Reads one tensor; `None` when there is none of this name.
    ///
    /// # Errors
    /// When it cannot be read, or its elements are of a type that is not known.
    pub(crate) fn read(&self, name: &str) -> Result<Option<TensorData>> {
        let Some(TensorInfo { dtype, shape, data_offsets: (from, to) }) = self.header.info(name) else {
            return Ok(None);
        };
        let kind = known(*dtype).ok_or_else(|| {
            Error::checkpoint(&self.path, format!("the tensor `{name}` has the type {dtype:?}, which is not known"))
        })?;
        let mut bytes = vec![0; to - from];
        let mut file = &self.file;
        file.seek(SeekFrom::Start(self.start() + *from as u64))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(|error| Error::io("read the checkpoint", &self.path, error))?;
        Ok(Some(match kind {
            Known::Bool => TensorData::new(bytes.into_iter().map(|byte| byte != 0).collect::<Vec<_>>(), shape.clone()),
            Known::Number(dtype) => TensorData::try_from_bytes(Bytes::from_bytes_vec(bytes), shape.clone(), dtype)
                .map_err(|error| {
                    Error::checkpoint(&self.path, format!("the tensor `{name}` cannot be read")).caused_by(error)
                })?,
        }))
    }
}

/// A type of element that tensors can have.
enum Known {
    Bool,
    Number(DType),
}

fn known(dtype: Dtype) -> Option<Known> {
    Some(Known::Number(match dtype {
        Dtype::F64 => DType::F64,
        Dtype::F32 => DType::F32,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        Dtype::I64 => DType::I64,
        Dtype::I32 => DType::I32,
        Dtype::I16 => DType::I16,
        Dtype::I8 => DType::I8,
        Dtype::U64 => DType::U64,
        Dtype::U32 => DType::U32,
        Dtype::U16 => DType::U16,
        Dtype::U8 => DType::U8,
        Dtype::BOOL => return Some(Known::Bool),
        _ => return None,
    }))
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    if wanted.is_empty() {
        return None;
    }
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// The name that a file has for a type: `F32`, `BOOL`.
pub(crate) fn dtype_name(dtype: Dtype) -> String {
    serde_json::to_value(dtype).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.ckpt");
        std::fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    fn sample() -> Vec<u8> {
        let tensors = vec![
            Stored::new("b".to_owned(), TensorData::new(vec![1.5_f32, -2.0], [2])).unwrap(),
            Stored::new("a".to_owned(), TensorData::new(vec![true, false, true], [3])).unwrap(),
            Stored::new("c".to_owned(), TensorData::new(vec![7_i64], [1, 1])).unwrap(),
        ];
        let mut bytes = Vec::new();
        write(&mut bytes, tensors, Some("{\"a\": \"ü\"}")).unwrap();
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        let (_folder, path) = file(&sample());
        let container = Container::open(&path).unwrap();
        container.verify().unwrap();
        assert_eq!(container.text(), Some("{\"a\": \"ü\"}"));
        assert_eq!(container.tensors().map(|(name, _)| name).collect::<Vec<_>>(), ["c", "b", "a"]);
        assert_eq!(container.read("b").unwrap().unwrap(), TensorData::new(vec![1.5_f32, -2.0], [2]));
        assert_eq!(container.read("a").unwrap().unwrap(), TensorData::new(vec![true, false, true], [3]));
        assert!(container.read("d").unwrap().is_none());
    }

    #[test]
    fn the_safetensors_crate_reads_it() {
        let bytes = sample();
        let read = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(read.tensor("c").unwrap().data(), 7_i64.to_le_bytes());
        assert_eq!(read.len(), 3);
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let bytes = sample();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let (_folder, path) = file(&damaged);
            let result = Container::open(&path).and_then(|container| {
                container.verify()?;
                Ok(container.text().is_some())
            });
            // A renamed entry of the hash leaves a file of another program; the checkpoint looks for its own text and hash.
            let error = match result {
                Err(error) => error,
                Ok(_) if !contains(&damaged, HASH_KEY) => continue,
                Ok(_) => panic!("bit {bit} was not noticed"),
            };
            assert!(error.to_string().contains("a.ckpt"), "{error}");
        }
    }

    fn contains(bytes: &[u8], text: &str) -> bool {
        find(bytes, text.as_bytes()).is_some()
    }

    #[test]
    fn a_header_longer_than_the_file_is_not_allocated() {
        for length in [u64::MAX, 1 << 40, 99_999_999] {
            let mut bytes = length.to_le_bytes().to_vec();
            bytes.extend(b"{}");
            let (_folder, path) = file(&bytes);
            let error = Container::open(&path).unwrap_err().to_string();
            assert!(error.contains(&format!("{length} bytes, and 2 are there")), "{error}");
        }
    }
}
