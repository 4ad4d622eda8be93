//! The runs of an experiment: the folders `version_N`.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use crate::{
    error::{Error, ErrorKind, Result},
    os::files::FolderLock,
};

/// The folder of a run that a logger has opened.
#[derive(Debug)]
pub(super) enum Opened {
    /// Locked until this is dropped.
    Locked { _lock: FolderLock },
    /// Of another logger of the same trainer, which holds the lock.
    Shared,
}

impl Opened {
    /// Locks a folder.
    ///
    /// # Errors
    /// If another run holds the lock.
    pub(super) fn lock(folder: &Path) -> Result<Self> {
        Ok(Self::Locked { _lock: FolderLock::acquire(folder)? })
    }
}

/// Which run of the experiment a logger writes.
#[derive(Debug)]
pub(super) enum Version {
    /// The next free `version_N`.
    Next,
    /// The one that the program chose.
    Given(String),
    /// The one that was created for `Next`, or that a trainer resumed.
    Known(String),
}

impl Version {
    /// Returns the name of the folder; empty as long as it is unknown.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Next => "",
            Self::Given(version) | Self::Known(version) => version,
        }
    }

    /// Continues an earlier version, unless the program chose another. Returns whether it does.
    pub(super) fn resume(&mut self, version: &str) -> bool {
        if matches!(self, Self::Given(given) if given != version) {
            return false;
        }
        *self = Self::Known(version.to_owned());
        true
    }

    /// Creates the folder of the run below `parent`. `logger` is the name of its type.
    ///
    /// # Errors
    /// If the version is not a plain name, or the folder cannot be created.
    pub(super) fn create(&mut self, logger: &str, parent: &Path) -> Result<PathBuf> {
        if let Self::Next = self {
            create_folders(parent)?;
            let (version, folder) = create_next(parent)?;
            *self = Self::Known(version);
            return Ok(folder);
        }
        let version = self.text();
        check_inside(logger, "version", version)?;
        if version.is_empty() {
            return Err(Error::config(format!("the version of a `{logger}` must not be empty, found \"\""))
                .help("remove `.version(…)` to use `version_N`"));
        }
        let folder = parent.join(version);
        create_folders(&folder)?;
        Ok(folder)
    }

    /// Takes the version of another logger of the trainer, whose folder is `beside`, if both write
    /// below `parent`. Returns whether the folder is shared.
    pub(super) fn share(&mut self, parent: &Path, beside: Option<&Path>) -> bool {
        let Some(beside) = beside.filter(|beside| beside.parent() == Some(parent)) else { return false };
        let Some(name) = beside.file_name().and_then(|name| name.to_str()) else { return false };
        if matches!(self, Self::Next) {
            *self = Self::Known(name.to_owned());
        }
        self.text() == name
    }

    /// Returns the versions and folders below `parent` that a run may continue, oldest first.
    ///
    /// # Errors
    /// If `parent` cannot be read.
    pub(super) fn earlier_runs(&self, parent: &Path) -> Result<Vec<(String, PathBuf)>> {
        if let Self::Given(version) = self {
            let folder = parent.join(version);
            let run = folder.is_dir().then(|| (version.clone(), folder));
            return Ok(run.into_iter().collect());
        }
        let mut runs = match numbered(parent) {
            Ok(runs) => runs,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(Error::io("read the folder", parent, error)),
        };
        runs.sort_unstable();
        let run = |(_, version): (u64, String)| (version.clone(), parent.join(version));
        Ok(runs.into_iter().map(run).collect())
    }
}

/// Returns numbers and names of the folders `version_N` below `parent`.
fn numbered(parent: &Path) -> io::Result<Vec<(u64, String)>> {
    let runs = fs::read_dir(parent)?.filter_map(|entry| {
        let name = entry.ok()?.file_name().to_str()?.to_owned();
        Some((name.strip_prefix("version_")?.parse().ok()?, name))
    });
    Ok(runs.collect())
}

/// Creates the folder `version_N` below `parent`, with `N` one more than the highest present.
///
/// # Errors
/// If `parent` cannot be read or written, or if no number follows the highest.
fn create_next(parent: &Path) -> Result<(String, PathBuf)> {
    let runs = numbered(parent).map_err(|error| Error::io("read the folder", parent, error))?;
    let highest = runs.iter().map(|(number, _)| *number).max();
    let mut next = highest.map_or(Some(0), |highest| highest.checked_add(1));
    while let Some(number) = next {
        let version = format!("version_{number}");
        let folder = parent.join(&version);
        // Creating the folder claims the number: of two processes only one succeeds.
        match fs::create_dir(&folder) {
            Ok(()) => return Ok((version, folder)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => next = number.checked_add(1),
            Err(error) => return Err(Error::io("create the folder", folder, error)),
        }
    }
    let last = parent.join(format!("version_{}", u64::MAX));
    let text =
        format!("a run needs a version after the highest, found `{}`, after which there is none", last.display());
    Err(Error::new(ErrorKind::Io, text).at_path(last).help("rename that folder, or choose a `.version(…)`"))
}

/// Creates a folder and its parents.
///
/// # Errors
/// If it cannot be created.
fn create_folders(folder: &Path) -> Result<()> {
    let Err(error) = fs::create_dir_all(folder) else { return Ok(()) };
    let in_the_way = folder.ancestors().find(|path| path.exists() && !path.is_dir());
    let error = Error::io("create the folder", folder, error);
    Err(match in_the_way {
        Some(file) => error.help(format!(
            "`{}` is a file: move it away, or pass another folder to the logger or to `.default_root_dir(…)`",
            file.display()
        )),
        None => error,
    })
}

/// Rejects a name that would lead out of the folder it is joined to.
///
/// # Errors
/// If it is not a relative path of plain names.
pub(super) fn check_inside(logger: &str, setting: &str, name: &str) -> Result<()> {
    if Path::new(name).components().all(|part| matches!(part, Component::Normal(_))) {
        return Ok(());
    }
    let text = format!("the {setting} of a `{logger}` must be a plain name, found `{name}`");
    Err(Error::config(text).help(format!(
        "pass the folder to `{logger}::new(…)`, and to `.{setting}(…)` a name without `.`, `..` or a \
         leading `/`"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_the_place_of_a_folder_is_named() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let logs = folder.path().join("lightning_logs");
        fs::write(&logs, "notes")?;
        for (mut version, parent) in [
            (Version::Next, logs.clone()),
            (Version::Next, logs.join("digits")),
            (Version::Given("run".to_owned()), logs.clone()),
        ] {
            let error = version.create("CsvLogger", &parent).map_err(|error| error.to_string());
            let expected = format!("`{}` is a file: move it away", logs.display());
            assert!(error.as_ref().is_err_and(|text| text.contains(&expected)), "{error:?}");
        }
        assert_eq!(fs::read_to_string(logs)?, "notes");
        Ok(())
    }
}
