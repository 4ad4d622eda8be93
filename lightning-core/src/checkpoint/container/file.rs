//! Reads a file tensor by tensor.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use burn::tensor::{Bytes, TensorData};
use safetensors::tensor::{Metadata as Header, TensorInfo};
use twox_hash::XxHash3_128;

use super::{
    HASH_KEY, LARGEST_HEADER, LENGTH, TEXT_KEY,
    dtype::{Known, known},
    hex,
};
use crate::error::{Error, Result};

/// An open file whose header fits the length of the file.
#[derive(Debug)]
pub(crate) struct Container {
    path: PathBuf,
    file: File,
    /// The bytes of the header.
    raw: Vec<u8>,
    header: Header,
}

impl Container {
    /// Opens a file and reads its header. A damaged length does not allocate more than the file
    /// has.
    ///
    /// # Errors
    /// If the file cannot be read, or is not a complete safetensors file.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let cannot = |error| Error::io("read the checkpoint", path, error);
        let mut file = File::open(path).map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
        if metadata.is_dir() {
            return Err(Error::checkpoint(path, "a checkpoint must be a file, found a folder"));
        }
        let size = metadata.len();
        let damaged =
            |what: String| Error::checkpoint(path, format!("the file is damaged or not a safetensors file: {what}"));
        let mut length = [0; LENGTH];
        match file.read_exact(&mut length) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(damaged(format!("it must have at least {LENGTH} bytes, found {size}")));
            }
            result => result.map_err(cannot)?,
        }
        let length = u64::from_le_bytes(length);
        let rest = size.saturating_sub(LENGTH as u64);
        if length > rest.min(LARGEST_HEADER) {
            return Err(damaged(format!("its header must have {length} bytes, found {rest}")));
        }
        let mut raw = vec![0; length as usize];
        file.read_exact(&mut raw).map_err(cannot)?;
        let header: Header =
            serde_json::from_slice(&raw).map_err(|error| damaged(format!("its header cannot be read: {error}")))?;
        let (said, found) = (header.data_len() as u64, rest - length);
        if said != found {
            let how = if found < said { "truncated" } else { "too long" };
            return Err(damaged(format!("it is {how}: its tensors must have {said} bytes, found {found}")));
        }
        Ok(Self { path: path.to_path_buf(), file, raw, header })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the size of the file in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.start() + self.header.data_len() as u64
    }

    fn entry(&self, key: &str) -> Option<&str> {
        self.header.metadata().as_ref().and_then(|entries| entries.get(key)).map(String::as_str)
    }

    /// Returns the JSON text, if the file is a checkpoint.
    pub(crate) fn text(&self) -> Option<&str> {
        self.entry(TEXT_KEY)
    }

    /// Returns whether the file has a hash. Checkpoints of format 1 and files of other programs do
    /// not.
    pub(crate) fn has_hash(&self) -> bool {
        self.entry(HASH_KEY).is_some()
    }

    /// Compares the contents with the hash, if the file has one.
    ///
    /// # Errors
    /// If they differ, or the file cannot be read.
    pub(crate) fn verify(&self) -> Result<()> {
        let Some(stored) = self.entry(HASH_KEY) else { return Ok(()) };
        let cannot = |error| Error::io("read the checkpoint", &self.path, error);
        let wrong = || {
            Error::checkpoint(
                &self.path,
                "the file is damaged: its contents do not have the hash that was stored with them",
            )
            .help("use another checkpoint, or a copy of this one")
        };
        let at = find(&self.raw, stored.as_bytes()).ok_or_else(wrong)?;
        // The stored hash is that of a header with zeros in its place.
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

    /// The position of the first tensor in the file, in bytes.
    fn start(&self) -> u64 {
        (LENGTH + self.raw.len()) as u64
    }

    /// Returns the name, type and shape of every tensor, in the order of the file.
    pub(crate) fn tensors(&self) -> impl Iterator<Item = (String, &TensorInfo)> {
        self.header.offset_keys().into_iter().filter_map(|name| {
            let info = self.header.info(&name)?;
            Some((name, info))
        })
    }

    pub(crate) fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.header.info(name)
    }

    /// Reads one tensor; `None` if the file has no tensor `name`.
    ///
    /// # Errors
    /// If the tensor cannot be read, or has an unknown element type.
    pub(crate) fn read(&self, name: &str) -> Result<Option<TensorData>> {
        let Some(TensorInfo { dtype, shape, data_offsets: (from, to) }) = self.header.info(name) else {
            return Ok(None);
        };
        let kind = known(*dtype).ok_or_else(|| {
            Error::checkpoint(&self.path, format!("the tensor `{name}` has the unknown element type {dtype:?}"))
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

pub(super) fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    if wanted.is_empty() {
        return None;
    }
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
