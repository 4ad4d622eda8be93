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

use burn::tensor::{Bytes, DType, Tensor, TensorData};
use safetensors::{
    Dtype,
    tensor::{Metadata as Header, TensorInfo},
};
use twox_hash::XxHash3_128;

use crate::{
    error::{Error, ErrorKind, Result},
    optim::fused::SharedTensor,
};

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
    shape: Vec<usize>,
    values: Values,
}

/// Where a tensor's values are. What is shared stays as it is: whoever goes on working with it changes a copy.
#[derive(Debug)]
enum Values {
    Host(TensorData),
    /// On a device whose memory is the host's, in one dimension.
    Shared(Tensor<1>),
    /// In the state of a fused optimizer.
    State(SharedTensor),
}

/// How many elements of a shared tensor are copied at a time: few enough to be still in a core's cache when they are hashed and written.
const PIECE: usize = 1 << 16;

impl Stored {
    /// # Errors
    /// When the file format has no such type of element.
    pub(crate) fn new(name: String, data: TensorData) -> Result<Self> {
        let shape = data.shape().as_slice().to_vec();
        if let DType::Bool(_) = data.dtype() {
            // One byte each, whatever the backend uses.
            let bytes: Vec<u8> = data.iter::<bool>().map(u8::from).collect();
            let values = Values::Host(TensorData::new(bytes, shape.as_slice()));
            return Ok(Self { name, dtype: Dtype::BOOL, shape, values });
        }
        Ok(Self { dtype: stored_as(&name, data.dtype())?, name, shape, values: Values::Host(data) })
    }

    /// A float tensor of a device whose memory is the host's.
    ///
    /// # Errors
    /// As [`Stored::new`].
    pub(crate) fn shared(name: String, shape: Vec<usize>, flat: Tensor<1>) -> Result<Self> {
        Ok(Self { dtype: stored_as(&name, flat.dtype())?, name, shape, values: Values::Shared(flat) })
    }

    /// A tensor of an optimizer's state.
    ///
    /// # Errors
    /// As [`Stored::new`].
    pub(crate) fn state(name: String, leaf: SharedTensor) -> Result<Self> {
        let none = || Error::new(ErrorKind::Checkpoint, format!("the optimizer's state has no `{name}`"));
        let data = leaf.data().ok_or_else(none)?;
        let (dtype, shape) = (stored_as(&name, data.dtype())?, data.shape().as_slice().to_vec());
        Ok(Self { name, dtype, shape, values: Values::State(leaf) })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether somebody else works with its memory.
    pub(crate) fn is_shared(&self) -> bool {
        !matches!(self.values, Values::Host(_))
    }

    /// How many bytes it has.
    pub(crate) fn len(&self) -> usize {
        match &self.values {
            Values::Host(data) => data.as_bytes().len(),
            Values::Shared(flat) => flat.shape().num_elements() * flat.dtype().size(),
            Values::State(leaf) => leaf.data().map_or(0, |data| data.as_bytes().len()),
        }
    }

    /// Gives the bytes in one or several pieces.
    fn for_each_piece(&self, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        match &self.values {
            Values::Host(data) => each(data.as_bytes()),
            Values::State(leaf) => leaf.data().map_or(Ok(()), |data| each(data.as_bytes())),
            Values::Shared(flat) => {
                let [elements] = flat.dims();
                (0..elements).step_by(PIECE).try_for_each(|from| {
                    let piece = flat.clone().slice(from..elements.min(from + PIECE));
                    // sync: none, the memory is the host's.
                    let data = piece.try_into_data().map_err(|error| io::Error::other(format!("{error:?}")))?;
                    each(data.as_bytes())
                })
            }
        }
    }
}

/// # Errors
/// When the file format has no such type of element.
fn stored_as(name: &str, dtype: DType) -> Result<Dtype> {
    Ok(match dtype {
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
        other => {
            let what = format!("the tensor `{name}` of type {other:?} cannot be saved");
            return Err(Error::new(ErrorKind::Checkpoint, what).help("dequantize it before saving"));
        }
    })
}

/// Writes the tensors and the text, in one pass. The hash stands at the start and is known at the end: what is given back is to replace as
/// many bytes at the start. Tensors that are handed over, and not lent, are freed one by one as they are written.
///
/// # Errors
/// Those of `out`, and of a header that is too large for the format.
pub(crate) fn write<T: Borrow<Stored>>(
    out: &mut dyn Write,
    mut tensors: Vec<T>,
    text: Option<&str>,
) -> io::Result<Vec<u8>> {
    tensors.sort_by(|a, b| {
        let (a, b) = (a.borrow(), b.borrow());
        b.dtype.cmp(&a.dtype).then_with(|| a.name.cmp(&b.name))
    });
    let (before, after) = header(&tensors, text)?;
    let len = before.len() + HASH_DIGITS + after.len();
    if len as u64 > LARGEST_HEADER {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the header is too large for a safetensors file"));
    }
    let head =
        |hash: &str| [&(len as u64).to_le_bytes(), before.as_bytes(), hash.as_bytes(), after.as_bytes()].concat();
    let unhashed = head(&"0".repeat(HASH_DIGITS));
    out.write_all(&unhashed)?;
    let mut hash = XxHash3_128::new();
    hash.write(unhashed.get(LENGTH..).unwrap_or_default());
    for tensor in tensors {
        tensor.borrow().for_each_piece(|bytes| {
            hash.write(bytes);
            out.write_all(bytes)
        })?;
    }
    Ok(head(&hex(hash.finish_128())))
}

/// The header, as what stands before and after the hash; in an order of our own: a hash map has another one each time.
fn header<T: Borrow<Stored>>(tensors: &[T], text: Option<&str>) -> io::Result<(String, String)> {
    let before = format!("{{\"__metadata__\":{{\"{HASH_KEY}\":\"");
    let mut json = "\"".to_owned();
    if let Some(text) = text {
        let _ = write!(json, ",\"{TEXT_KEY}\":{}", serde_json::to_string(text)?);
    }
    json.push('}');
    let mut start = 0;
    for tensor in tensors.iter().map(Borrow::borrow) {
        let end = start + tensor.len();
        let info = TensorInfo { dtype: tensor.dtype, shape: tensor.shape.clone(), data_offsets: (start, end) };
        let _ = write!(json, ",{}:{}", serde_json::to_string(&tensor.name)?, serde_json::to_string(&info)?);
        start = end;
    }
    json.push('}');
    let len = before.len() + HASH_DIGITS + json.len();
    json.extend(std::iter::repeat_n(' ', len.next_multiple_of(LENGTH) - len));
    Ok((before, json))
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
        let head = write(&mut bytes, tensors, Some("{\"a\": \"ü\"}")).unwrap();
        bytes[..head.len()].copy_from_slice(&head);
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
    fn tensors_that_are_shared_are_written_as_they_were() {
        let device = burn::tensor::Device::default();
        for elements in [1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7] {
            let numbers: Vec<f32> = (0..elements).map(|at| at as f32 - 1.5).collect();
            let tensor = Tensor::<2>::from_data(TensorData::new(numbers.clone(), [1, elements]), &device);
            // What is not in one piece is in the order of its elements as well.
            let turned = Tensor::<2>::from_data(TensorData::new(numbers.clone(), [elements, 1]), &device).transpose();
            let mut all = Vec::new();
            for (name, tensor) in [("a", tensor.clone()), ("b", turned)] {
                let (dims, flat) = crate::tensor::handle::Handle::float(tensor).on_host().unwrap();
                all.push(Stored::shared(name.to_owned(), dims, flat).unwrap());
            }
            assert!(all.iter().all(|stored| stored.is_shared() && stored.len() == 4 * elements));
            let changed = tensor.mul_scalar(2.0);
            let mut bytes = Vec::new();
            let head = write(&mut bytes, all, None).unwrap();
            bytes[..head.len()].copy_from_slice(&head);
            let (_folder, path) = file(&bytes);
            let container = Container::open(&path).unwrap();
            container.verify().unwrap();
            for name in ["a", "b"] {
                let read = container.read(name).unwrap().unwrap();
                assert_eq!(read, TensorData::new(numbers.clone(), [1, elements]), "{name} of {elements}");
            }
            assert_eq!(changed.into_data().iter::<f32>().next(), Some(-3.0));
        }
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
