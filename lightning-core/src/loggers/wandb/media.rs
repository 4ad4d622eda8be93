//! Images, tables, sound and so on: files below `files/media` of a run, and what a row says of them.

use std::{fs, io::Write as _, path::Path};

use serde_json::{Value, json};

use super::{
    digests::{hex, md5, sha256},
    records::Entry,
};
use crate::{
    error::{Error, Result},
    loggers::{
        base64,
        staging::{self, Staged},
    },
    os::files::write_atomic,
};

/// A file that a row refers to.
#[derive(Debug)]
pub(super) struct Media {
    /// Its path below `files/`.
    pub(super) path: String,
    /// What the row says of it.
    pub(super) value: Value,
}

/// What kind of file it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Image { width: usize, height: usize },
    Table { rows: usize, columns: usize },
    Audio,
    Html,
    Mesh,
}

impl Kind {
    /// The folder, and how the name of a file ends.
    const fn place(self) -> (&'static str, &'static str) {
        match self {
            Self::Image { .. } => ("images", "png"),
            Self::Table { .. } => ("table", "table.json"),
            Self::Audio => ("audio", "wav"),
            Self::Html => ("html", "html"),
            Self::Mesh => ("object3D", "obj"),
        }
    }
}

/// Writes a file of row `step` below `files`.
///
/// # Errors
/// If it cannot be written.
pub(super) fn write(files: &Path, name: &str, step: u64, kind: Kind, bytes: &[u8]) -> Result<Media> {
    const SHORT: usize = 20;
    let (folder, end) = kind.place();
    let digest = sha256(bytes).map_err(|error| Error::io("read", files, error))?;
    let digest = hex(&digest);
    let path = format!("media/{folder}/{}_{step}_{}.{end}", plain(name), digest.get(..SHORT).unwrap_or(&digest));
    let place = files.join(&path);
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder).map_err(|error| Error::io("create the folder", folder, error))?;
    }
    write_atomic(&place, |writer| writer.write_all(bytes))?;
    let mut value = json!({ "path": path, "sha256": digest, "size": bytes.len() });
    let more = match kind {
        Kind::Image { width, height } => {
            json!({"_type": "image-file", "format": "png", "width": width, "height": height})
        }
        Kind::Table { rows, columns } => json!({"_type": "table-file", "nrows": rows, "ncols": columns}),
        Kind::Audio => json!({"_type": "audio-file"}),
        Kind::Html => json!({"_type": "html-file"}),
        Kind::Mesh => json!({"_type": "object3D-file"}),
    };
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    Ok(Media { path, value })
}

/// A name as a part of a file name, and as the name of an artifact: letters, digits, `_`, `-`, `.`.
pub(super) fn plain(name: &str) -> String {
    const LONGEST: usize = 100;
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "_-.".contains(c) { c } else { '_' })
        .take(LONGEST)
        .collect();
    if plain.trim_matches('.').is_empty() { "file".to_owned() } else { plain }
}

/// Puts the files at `path` into `staged`, with their digests; see [`staging::stage`].
///
/// # Errors
/// If there are none, or they cannot be read or copied.
pub(super) fn stage(path: &Path, staged: &Path, is_final: bool) -> Result<Vec<Entry>> {
    let entry = |Staged { path, file }: Staged| {
        let unreadable = |error| Error::io("read the file of an artifact", &file, error);
        let opened = fs::File::open(&file).map_err(unreadable)?;
        let size = opened.metadata().map_err(unreadable)?.len();
        let digest = base64::encode(&md5(opened).map_err(unreadable)?);
        Ok(Entry { path, digest, size, local: file.display().to_string() })
    };
    staging::stage(path, staged, is_final)?.into_iter().map(entry).collect()
}

/// The digest of an artifact: that of the paths and digests of its files.
pub(super) fn manifest_digest(entries: &[Entry]) -> String {
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort_by(|a, b| a.path.cmp(&b.path));
    let lines = sorted.iter().map(|Entry { path, digest, .. }| format!("{path}:{digest}\n"));
    let text: String = std::iter::once("wandb-artifact-manifest-v1\n".to_owned()).chain(lines).collect();
    // A text in memory can be read.
    md5(text.as_bytes()).map(|digest| hex(&digest)).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// The artifact of a file `f.bin` with ten times `abc`, as the client of PyPI (0.31.0) has it.
    #[test]
    fn digests_are_those_of_the_client() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f.bin");
        fs::write(&file, "abc".repeat(10)).unwrap();
        for is_final in [true, false] {
            let entries = stage(&file, &folder.path().join("staged"), is_final).unwrap();
            assert_eq!((entries[0].path.as_str(), entries[0].size), ("f.bin", 30));
            assert_eq!(entries[0].digest, "G2ZVi+KyzYmOvDODYjo2dw==");
            assert_eq!(manifest_digest(&entries), "dc352d1e2115b1b22767b3727f3cf330");
        }
    }

    #[test]
    fn names_are_plain() {
        assert_eq!(plain("val/inputs: 3"), "val_inputs__3");
        assert_eq!(plain(".."), "file");
    }
}
