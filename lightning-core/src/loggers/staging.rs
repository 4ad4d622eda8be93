//! Copies of files that a program logs as artifacts, until they are sent.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    error::{Error, Result},
    os::files,
};

/// A file of an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Staged {
    /// The path within the artifact, with `/`.
    pub(super) path: String,
    /// Where it is now.
    pub(super) file: PathBuf,
}

/// Puts the files at `path`, a file or a folder, into `staged`, where they stay until they are sent.
/// `is_final`: the files are not changed any more, so that a second name of each is enough.
///
/// # Errors
/// If there are none, or they cannot be read or copied.
pub(super) fn stage(path: &Path, staged: &Path, is_final: bool) -> Result<Vec<Staged>> {
    let mut files = Vec::new();
    let name = path.file_name().map(PathBuf::from).unwrap_or_default();
    if path.is_dir() {
        list(path, Path::new(""), &mut files)?;
    } else {
        files.push((path.to_path_buf(), name));
    }
    if files.is_empty() {
        return Err(Error::data(format!("an artifact must have files, found none in `{}`", path.display()))
            .help("write them before they are logged"));
    }
    files.sort();
    files.into_iter().map(|(from, inside)| keep(&from, &staged.join(&inside), &inside, is_final)).collect()
}

fn keep(from: &Path, to: &Path, inside: &Path, is_final: bool) -> Result<Staged> {
    if let Some(folder) = to.parent() {
        files::create_folder(folder)?;
    }
    files::remove(to).map_err(|error| Error::io("remove", to, error))?;
    if !(is_final && fs::hard_link(from, to).is_ok()) {
        fs::copy(from, to).map_err(|error| Error::io("read the file of an artifact", from, error))?;
    }
    let file = std::path::absolute(to).unwrap_or_else(|_| to.to_path_buf());
    let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
    Ok(Staged { path: parts.join("/"), file })
}

/// The files below a folder. Links to folders are left out, since they may lead back.
fn list(folder: &Path, inside: &Path, files: &mut Vec<(PathBuf, PathBuf)>) -> Result<()> {
    let unreadable = |error| Error::io("read the folder of an artifact", folder, error);
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let (path, inside) = (entry.path(), inside.join(entry.file_name()));
        let kind = entry.file_type().map_err(unreadable)?;
        if kind.is_dir() {
            list(&path, &inside, files)?;
        } else if path.is_file() {
            files.push((path, inside));
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source");
        fs::create_dir_all(source.join("a/b")).unwrap();
        assert!(stage(&source, &folder.path().join("x"), false).unwrap_err().to_string().contains("found none"));
        fs::write(source.join("a/b/c.txt"), "c").unwrap();
        fs::write(source.join("d.txt"), "d").unwrap();
        for is_final in [true, false] {
            let staged = stage(&source, &folder.path().join("y"), is_final).unwrap();
            assert_eq!(staged.iter().map(|file| &*file.path).collect::<Vec<_>>(), ["a/b/c.txt", "d.txt"]);
            assert_eq!(fs::read_to_string(&staged[0].file).unwrap(), "c");
        }
        let missing = stage(&folder.path().join("missing"), &folder.path().join("z"), false).unwrap_err();
        assert!(missing.to_string().contains("cannot read the file of an artifact"), "{missing}");
    }
}
