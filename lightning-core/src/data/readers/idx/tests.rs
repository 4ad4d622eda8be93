#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

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
    assert!(error.ends_with("; help: the file is gzipped: rename it so that it ends in `.gz`"), "{error}");
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
    assert!(message(&path, images(&path)).starts_with("the header says sizes [4294967295, 4294967295, 4294967295]"));
    let path = folder.file("images", &idx(2051, &[1 << 31, 1 << 31, 1], &[1, 2, 3]));
    assert!(message(&path, images(&path)).ends_with("found 3"));
    let path = folder.file("images", &idx(2051, &[1 << 31, 0, 1], &[]));
    assert!(message(&path, images(&path)).starts_with("the header says sizes [2147483648, 0, 1]"));
}
