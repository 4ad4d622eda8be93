//! The idx file format of the MNIST family of datasets: plain, or gzipped if the name ends in
//! `.gz`.
//!
//! An idx file is a magic number (two zero bytes, the type of the values, the number of
//! dimensions), one 32-bit size for each dimension, and the values, all big-endian. Images have
//! three dimensions of bytes (magic 2051), labels one (magic 2049).

use std::{
    fmt,
    fs::File,
    io::{BufRead, BufReader, ErrorKind, Read},
    path::Path,
};

use flate2::bufread::MultiGzDecoder;

use crate::error::{Error, Result};

const IMAGES_MAGIC: u32 = 2051;
const LABELS_MAGIC: u32 = 2049;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The number of bytes that a gzipped file may unpack to, whatever its own length.
const MOST_UNPACKED: u64 = 1 << 30;
/// Beyond [`MOST_UNPACKED`], the most bytes for each byte of the file. Images and labels are
/// compressed to a half or a twentieth; gzip reaches a thousandth with a file of zeros.
const MOST_COMPRESSED: u64 = 100;

/// Images of equal size with one byte per pixel, returned by [`images`].
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Images {
    rows: usize,
    columns: usize,
    pixels: Vec<u8>,
}

impl Images {
    /// The number of images.
    pub fn len(&self) -> usize {
        self.pixels.len().checked_div(self.rows * self.columns).unwrap_or(0)
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.pixels.is_empty()
    }

    /// Rows of pixels in an image.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns of pixels in an image.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The pixels of one image, row by row.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        self.iter().nth(index)
    }

    /// The pixels of each image.
    pub fn iter(&self) -> std::slice::ChunksExact<'_, u8> {
        // Images without pixels are rejected when read, and the default has no images: the minimum
        // of 1 only avoids a panic.
        self.pixels.chunks_exact((self.rows * self.columns).max(1))
    }

    /// The pixels of all images, in sequence.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }
}

impl<'a> IntoIterator for &'a Images {
    type Item = &'a [u8];
    type IntoIter = std::slice::ChunksExact<'a, u8>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Debug for Images {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Images({} of {}x{})", self.len(), self.rows, self.columns)
    }
}

/// Reads images: magic number 2051, count, rows, columns, and one byte per pixel.
///
/// # Errors
/// If the file cannot be read, is not an idx file of images, or is truncated, damaged or too long;
/// if a gzipped file would unpack to more than 1 GiB and more than 100 times its length.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("two-images");
/// let file = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 10, 20, 30, 40];
/// std::fs::write(&path, file)?;
/// let images = lightning_core::data::idx::images(&path)?;
/// assert_eq!((images.len(), images.rows(), images.columns()), (2, 1, 2));
/// assert_eq!(images.get(1), Some(&[30, 40][..]));
/// # Ok::<(), lightning_core::Error>(())
/// ```
pub fn images(path: impl AsRef<Path>) -> Result<Images> {
    let (sizes, pixels) = read(path.as_ref(), IMAGES_MAGIC)?;
    let [_, rows, columns] = sizes;
    Ok(Images { rows, columns, pixels })
}

/// Reads labels: magic number 2049, count, and one byte per label, each below `classes`.
///
/// # Errors
/// Those of [`images`], for labels, and a label that is `classes` or more.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("three-labels");
/// std::fs::write(&path, [0, 0, 8, 1, 0, 0, 0, 3, 7, 0, 9])?;
/// assert_eq!(lightning_core::data::idx::labels(&path, 10)?, [7, 0, 9]);
/// # Ok::<(), lightning_core::Error>(())
/// ```
pub fn labels(path: impl AsRef<Path>, classes: usize) -> Result<Vec<u8>> {
    let path = path.as_ref();
    let (_, labels): ([usize; 1], _) = read(path, LABELS_MAGIC)?;
    match labels.iter().position(|label| usize::from(*label) >= classes) {
        Some(item) => {
            let label = labels.get(item).copied().unwrap_or_default();
            let found = format!(
                "label {label} of item {item} is out of range, expected one of {classes} classes, counted from 0"
            );
            Err(broken(path, &found).help("pass the number of classes in the file, or another file"))
        }
        None => Ok(labels),
    }
}

/// The sizes of the `D` dimensions and the payload.
fn read<const D: usize>(path: &Path, magic: u32) -> Result<([usize; D], Vec<u8>)> {
    let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
    let mut file = BufReader::new(file);
    if !path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz")) {
        return read_from(path, &mut file, magic, u64::MAX);
    }
    let packed = file.get_ref().metadata().map_err(|error| unreadable(path, error))?.len();
    // Checked first: for a short file that is not gzipped, the decoder would report that it ends
    // too early.
    let start = file.fill_buf().map_err(|error| unreadable(path, error))?;
    let start = start.get(..GZIP_MAGIC.len()).unwrap_or(start);
    if !GZIP_MAGIC.starts_with(start) {
        let found = format!("not a gzip file: it starts with the bytes {start:02x?}, expected {GZIP_MAGIC:02x?}");
        return Err(broken(path, &found).help("remove `.gz` from the file name, or download the file again"));
    }
    let most = packed.saturating_mul(MOST_COMPRESSED).max(MOST_UNPACKED);
    read_from(path, &mut MultiGzDecoder::new(file), magic, most)
}

/// Reads a file of at most `most` bytes.
fn read_from<const D: usize>(path: &Path, file: &mut dyn Read, magic: u32, most: u64) -> Result<([usize; D], Vec<u8>)> {
    let found = word(path, file, "the magic number")?;
    if found != magic {
        return Err(wrong_magic(path, found, magic));
    }
    let mut sizes = [0_usize; D];
    for size in &mut sizes {
        *size = word(path, file, "the size of a dimension")? as usize;
    }
    let expected = sizes.iter().try_fold(1_u64, |product, size| product.checked_mul(*size as u64));
    let Some(expected) = expected.filter(|expected| *expected > 0) else {
        return Err(broken(
            path,
            &format!("the header says sizes {sizes:?}, expected positive sizes that fit in memory"),
        ));
    };
    if expected > most {
        let found = format!(
            "the header says {expected} bytes (sizes {sizes:?}), expected at most {most} of a gzip file of this length"
        );
        return Err(broken(path, &found).help("if it is what you expect, unpack the file with `gunzip` and read that"));
    }
    // The buffer grows with the bytes that are read, so that a wrong header reserves no memory.
    let mut payload = Vec::new();
    Read::take(&mut *file, expected).read_to_end(&mut payload).map_err(|error| unreadable(path, error))?;
    if (payload.len() as u64) < expected {
        let found = format!("truncated: the header says {expected} bytes (sizes {sizes:?}), found {}", payload.len());
        return Err(broken(path, &found).help("download the file again"));
    }
    if file.read(&mut [0]).map_err(|error| unreadable(path, error))? > 0 {
        let found = format!(
            "there are bytes after the {expected} that the header says (sizes {sizes:?}), expected the end of the file"
        );
        return Err(broken(path, &found).help("download the file again"));
    }
    payload.shrink_to_fit();
    Ok((sizes, payload))
}

fn word(path: &Path, file: &mut dyn Read, what: &str) -> Result<u32> {
    let mut bytes = Vec::with_capacity(4);
    file.take(4).read_to_end(&mut bytes).map_err(|error| unreadable(path, error))?;
    match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(bytes) => Ok(u32::from_be_bytes(bytes)),
        Err(_) => {
            let found = format!("truncated: the file ends inside {what}, found {} of its 4 bytes", bytes.len());
            Err(broken(path, &found).help("download the file again"))
        }
    }
}

fn wrong_magic(path: &Path, found: u32, expected: u32) -> Error {
    let kind = |magic| match magic {
        IMAGES_MAGIC => " (images)",
        LABELS_MAGIC => " (labels)",
        _ => "",
    };
    let text = format!(
        "magic number {found:#010x} = {found}{}, expected {expected:#010x} = {expected}{}",
        kind(found),
        kind(expected)
    );
    let help = match found {
        IMAGES_MAGIC => "read images with `idx::images`",
        LABELS_MAGIC => "read labels with `idx::labels`",
        _ if found >> 16 == 0x1f8b => "the file is gzipped: rename it so that it ends in `.gz`",
        _ => "pass an idx file of bytes, as in MNIST",
    };
    broken(path, &text).help(help)
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    match error.kind() {
        // The decoder's error kinds for a wrong checksum or impossible data, and for a truncated
        // stream.
        ErrorKind::InvalidInput | ErrorKind::InvalidData => {
            broken(path, "the gzip data is damaged").caused_by(error).help("download the file again")
        }
        ErrorKind::UnexpectedEof => {
            broken(path, "truncated: the gzip data ends too early").caused_by(error).help("download the file again")
        }
        _ => Error::io("read", path, error),
    }
}

fn broken(path: &Path, found: &str) -> Error {
    Error::data(format!("`{}`: {found}", path.display())).at_path(path)
}

#[cfg(test)]
mod tests;
