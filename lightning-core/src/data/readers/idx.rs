//! The idx file format, in which the MNIST family of data sets is published: plain, or gzipped
//! where the name ends in `.gz`.
//!
//! An idx file is a magic number (two zero bytes, the type of the values, the number of
//! dimensions), one 32-bit size for each dimension, and the values, all big-endian. Images are
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

/// Images of one size with a byte a pixel, as [`images`] reads them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Images {
    rows: usize,
    columns: usize,
    pixels: Vec<u8>,
}

impl Images {
    /// How many images there are.
    pub fn len(&self) -> usize {
        self.pixels.len().checked_div(self.rows * self.columns).unwrap_or(0)
    }

    /// Whether there is no image.
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
        // Images of no pixels are refused when read, and the default has no image: a size of 1
        // changes nothing.
        self.pixels.chunks_exact((self.rows * self.columns).max(1))
    }

    /// The pixels of all images, one after the other.
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

/// Reads images: magic number 2051, count, rows, columns, and a byte a pixel.
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

/// Reads labels: magic number 2049, count, and a byte a label, each below `classes`.
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
            Err(broken(path, &found).help("give the number of classes the file has, or another file"))
        }
        None => Ok(labels),
    }
}

/// The sizes of the `D` dimensions and the payload.
fn read<const D: usize>(path: &Path, magic: u32) -> Result<([usize; D], Vec<u8>)> {
    let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
    let mut file = BufReader::new(file);
    if !path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz")) {
        return read_from(path, &mut file, magic);
    }
    // Looked at first: of a short file that is no gzip file, the decoder says that it ends too
    // early.
    let start = file.fill_buf().map_err(|error| unreadable(path, error))?;
    let start = start.get(..GZIP_MAGIC.len()).unwrap_or(start);
    if !GZIP_MAGIC.starts_with(start) {
        let found = format!("not a gzip file: it starts with the bytes {start:02x?}, expected {GZIP_MAGIC:02x?}");
        return Err(broken(path, &found).help("drop `.gz` from the file's name, or get the file again"));
    }
    read_from(path, &mut MultiGzDecoder::new(file), magic)
}

fn read_from<const D: usize>(path: &Path, file: &mut dyn Read, magic: u32) -> Result<([usize; D], Vec<u8>)> {
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
    // Bounded by what the header says and by what the file has: the buffer grows as bytes come, a
    // false header reserves nothing.
    let mut payload = Vec::new();
    Read::take(&mut *file, expected).read_to_end(&mut payload).map_err(|error| unreadable(path, error))?;
    if (payload.len() as u64) < expected {
        let found = format!("truncated: the header says {expected} bytes (sizes {sizes:?}), found {}", payload.len());
        return Err(broken(path, &found).help("get the file again"));
    }
    if file.read(&mut [0]).map_err(|error| unreadable(path, error))? > 0 {
        let found = format!(
            "there are bytes after the {expected} that the header says (sizes {sizes:?}), expected the end of the file"
        );
        return Err(broken(path, &found).help("get the file again"));
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
            Err(broken(path, &found).help("get the file again"))
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
        _ if found >> 16 == 0x1f8b => "the file is gzipped: let its name end in `.gz`",
        _ => "give an idx file of bytes, as MNIST has",
    };
    broken(path, &text).help(help)
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    match error.kind() {
        // The decoder's words for a wrong checksum or impossible data, and for an end in the
        // middle.
        ErrorKind::InvalidInput | ErrorKind::InvalidData => {
            broken(path, "the gzip data is damaged").caused_by(error).help("get the file again")
        }
        ErrorKind::UnexpectedEof => {
            broken(path, "truncated: the gzip data ends too early").caused_by(error).help("get the file again")
        }
        _ => Error::io("read", path, error),
    }
}

fn broken(path: &Path, found: &str) -> Error {
    Error::data(format!("`{}`: {found}", path.display())).at_path(path)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::{io::Write, path::PathBuf};

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
            let path = self.0.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        }
    }

    fn idx(magic: u32, sizes: &[u32], payload: &[u8]) -> Vec<u8> {
        let mut file = magic.to_be_bytes().to_vec();
        file.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
        file.extend_from_slice(payload);
        file
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// The message, after checking that it starts with the file's name.
    fn message<T: fmt::Debug>(path: &Path, result: Result<T>) -> String {
        let error = result.unwrap_err();
        assert_eq!(error.location().path.as_deref(), Some(path));
        let message = error.message().to_owned();
        assert!(message.contains(&path.display().to_string()), "{message}");
        message.replace(&format!("`{}`: ", path.display()), "")
    }

    #[test]
    fn plain_and_gzipped() {
        let folder = Folder::new();
        let bytes = idx(2051, &[3, 2, 2], &(0..12).collect::<Vec<u8>>());
        for path in [folder.file("images", &bytes), folder.file("images.gz", &gzip(&bytes))] {
            let images = images(path).unwrap();
            assert_eq!((images.len(), images.rows(), images.columns(), images.is_empty()), (3, 2, 2, false));
            assert_eq!((images.get(1), images.get(3)), (Some(&[4, 5, 6, 7][..]), None));
            assert_eq!(images.iter().len(), 3);
            assert_eq!(format!("{images:?}"), "Images(3 of 2x2)");
        }
        let path = folder.file("labels.gz", &gzip(&idx(2049, &[2], &[3, 9])));
        assert_eq!(labels(path, 10).unwrap(), [3, 9]);
        assert_eq!((Images::default().len(), Images::default().get(0)), (0, None));
    }

    #[test]
    fn a_missing_file() {
        let path = Path::new("/nonexistent/train-images-idx3-ubyte.gz");
        assert_eq!(message(path, images(path)), "cannot open `/nonexistent/train-images-idx3-ubyte.gz`");
    }

    #[test]
    fn not_gzip() {
        let folder = Folder::new();
        let path = folder.file("labels.gz", &idx(2049, &[1], &[3]));
        assert_eq!(
            message(&path, labels(&path, 10)),
            "not a gzip file: it starts with the bytes [00, 00], expected [1f, 8b]"
        );
        let mut damaged = gzip(&idx(2049, &[100], &[3; 100]));
        let checksum = damaged.len() - 8;
        damaged[checksum] ^= 1;
        let path = folder.file("damaged.gz", &damaged);
        assert_eq!(message(&path, labels(&path, 10)), "the gzip data is damaged");
    }

    #[test]
    fn truncated_files() {
        let folder = Folder::new();
        let whole = idx(2051, &[2, 2, 2], &[7; 8]);
        let path = folder.file("images", &whole[..20]);
        assert_eq!(message(&path, images(&path)), "truncated: the header says 8 bytes (sizes [2, 2, 2]), found 4");
        let path = folder.file("images", &whole[..10]);
        assert_eq!(
            message(&path, images(&path)),
            "truncated: the file ends inside the size of a dimension, found 2 of its 4 bytes"
        );
        let path = folder.file("images", &[]);
        assert_eq!(
            message(&path, images(&path)),
            "truncated: the file ends inside the magic number, found 0 of its 4 bytes"
        );
        let zipped = gzip(&whole);
        for len in 1..zipped.len() {
            let path = folder.file("images.gz", &zipped[..len]);
            let message = message(&path, images(&path));
            assert!(message.starts_with("truncated: "), "{len}: {message}");
        }
    }

    #[test]
    fn trailing_bytes() {
        let folder = Folder::new();
        let bytes = idx(2049, &[2], &[1, 2, 3]);
        for path in [folder.file("labels", &bytes), folder.file("labels.gz", &gzip(&bytes))] {
            assert_eq!(
                message(&path, labels(&path, 10)),
                "there are bytes after the 2 that the header says (sizes [2]), expected the end of the file"
            );
        }
    }

    #[test]
    fn wrong_magic_numbers() {
        let folder = Folder::new();
        let path = folder.file("labels", &idx(2049, &[1], &[3]));
        let error = images(&path).unwrap_err().to_string();
        assert!(error.ends_with("; help: read labels with `idx::labels`"), "{error}");
        assert_eq!(
            message(&path, images(&path)),
            "magic number 0x00000801 = 2049 (labels), expected 0x00000803 = 2051 (images)"
        );
        let path = folder.file("zipped", &gzip(&[]));
        let error = images(&path).unwrap_err().to_string();
        assert!(error.ends_with("; help: the file is gzipped: let its name end in `.gz`"), "{error}");
    }

    #[test]
    fn labels_out_of_range() {
        let folder = Folder::new();
        let path = folder.file("labels", &idx(2049, &[3], &[9, 10, 11]));
        assert_eq!(
            message(&path, labels(&path, 10)),
            "label 10 of item 1 is out of range, expected one of 10 classes, counted from 0"
        );
        assert!(labels(&path, 12).is_ok());
    }

    /// Headers that promise 2^96 bytes, 2^62 bytes, or none: each an error at once, none a
    /// reservation.
    #[test]
    fn hostile_headers() {
        let folder = Folder::new();
        let path = folder.file("images", &idx(2051, &[u32::MAX; 3], &[1, 2, 3]));
        assert!(
            message(&path, images(&path)).starts_with("the header says sizes [4294967295, 4294967295, 4294967295]")
        );
        let path = folder.file("images", &idx(2051, &[1 << 31, 1 << 31, 1], &[1, 2, 3]));
        assert!(message(&path, images(&path)).ends_with("found 3"));
        let path = folder.file("images", &idx(2051, &[1 << 31, 0, 1], &[]));
        assert!(message(&path, images(&path)).starts_with("the header says sizes [2147483648, 0, 1]"));
    }
}
