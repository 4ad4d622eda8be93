//! A folder of this machine whose files are uploaded.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};

use super::store::{Location, Store, Stored, is_current};
use crate::{
    error::Result,
    os::files,
    outbox::{Destination, Fault, Pace, Spool},
};

/// The folder, in a mirror, of what waits to be uploaded. It is not uploaded itself.
const OUTBOX: &str = ".lightning-uploads";

/// The largest file that is taken for one that names the last checkpoint.
const POINTER: u64 = 4096;

/// How long the end of a run waits while nothing is uploaded: a minute, or the seconds in
/// `LIGHTNING_REMOTE_WAIT`.
fn at_end() -> Duration {
    let seconds = std::env::var("LIGHTNING_REMOTE_WAIT").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(60))
}

/// A folder of this machine whose files are uploaded.
#[derive(Debug)]
pub(super) struct Mirror {
    location: Location,
    local: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    spool: Option<Spool>,
    /// The size and time of files other than checkpoints when they were last uploaded.
    uploaded: HashMap<PathBuf, (u64, SystemTime)>,
}

impl Mirror {
    pub(super) fn new(location: Location) -> Self {
        Self { local: location.local(), location, state: Mutex::default() }
    }

    pub(super) const fn location(&self) -> &Location {
        &self.location
    }

    pub(super) fn local(&self) -> &Path {
        &self.local
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The path in the storage of a file of this machine.
    pub(super) fn inside(&self, path: &Path) -> Option<String> {
        let inside = path.strip_prefix(&self.local).ok()?;
        let parts: Option<Vec<_>> = inside.iter().map(|part| part.to_str()).collect();
        parts.filter(|parts| !parts.is_empty()).map(|parts| parts.join("/"))
    }

    /// Adds what is to be done in the storage.
    ///
    /// # Errors
    /// If it cannot be written down.
    pub(super) fn push(&self, item: &Value) -> Result<()> {
        let mut state = self.state();
        self.spool(&mut state)?.push(item)
    }

    fn spool<'a>(&self, state: &'a mut State) -> Result<&'a mut Spool> {
        let spool = match state.spool.take() {
            Some(spool) => spool,
            None => {
                let uploads = Uploads { store: Store::new(&self.location)?, local: self.local.clone() };
                let retry = (Duration::from_millis(500), Duration::from_secs(30));
                let pace = Pace { linger: Duration::ZERO, retry, at_end: at_end() };
                Spool::open(&self.local.join(OUTBOX), uploads, pace)?
            }
        };
        Ok(state.spool.insert(spool))
    }

    /// Uploads the files of a folder that have changed since the last time, without checkpoints.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub(super) fn logs(&self, folder: &Path) -> Result<()> {
        for path in files_below(folder) {
            let is_log = path.extension().is_none_or(|end| end != "ckpt" && end != "tmp");
            let Some(inside) = self.inside(&path).filter(|inside| is_log && !inside.contains(".lightning-")) else {
                continue;
            };
            let Ok(metadata) = fs::metadata(&path) else { continue };
            let now = (metadata.len(), metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH));
            let mut state = self.state();
            if state.uploaded.insert(path, now) != Some(now) {
                self.spool(&mut state)?.push(&json!({ "put": inside }))?;
            }
        }
        Ok(())
    }

    /// Downloads what the storage has and this machine does not: of checkpoints those of the folder
    /// that was written last, unless `with_checkpoints` is false.
    ///
    /// What this machine has still to upload is newer than the storage; it is uploaded first.
    ///
    /// # Errors
    /// If the storage does not answer.
    pub(super) fn pull(&self, with_checkpoints: bool) -> Result<()> {
        let store = if with_checkpoints {
            let mut state = self.state();
            self.spool(&mut state)?.finish()?;
            Store::new(&self.location)?
        } else {
            Store::quick(&self.location)?
        };
        let stored = store.list().map_err(Fault::into_error)?;
        let is_checkpoint = |stored: &Stored| stored.path.ends_with(".ckpt");
        let folder = |stored: &Stored| stored.path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        let last = stored.iter().filter(|stored| is_checkpoint(stored)).max_by_key(|stored| stored.modified);
        let last = last.map(folder);
        for file in &stored {
            let place = self.local.join(&file.path);
            if is_checkpoint(file) && !(with_checkpoints && last.as_ref() == Some(&folder(file))) {
                // A folder of that number is taken, wherever it was written.
                if let Some(folder) = place.parent() {
                    files::create_folder(folder)?;
                }
            } else if !is_current(&place, file) {
                store.get_file(file, &place).map_err(Fault::into_error)?;
            }
        }
        Ok(())
    }

    /// Waits until everything is uploaded.
    ///
    /// # Errors
    /// If something is left, with the cause.
    pub(super) fn finish(&self) -> Result<()> {
        let state = self.state();
        let Some(spool) = &state.spool else { return Ok(()) };
        spool.finish()
    }

    /// The first failure since the last call, in words.
    pub(super) fn failure(&self) -> Option<String> {
        let state = self.state();
        state.spool.as_ref().and_then(|spool| spool.failure().err()).map(|error| error.to_string())
    }
}

/// Downloads the file at an address, and the one that it names if it is such a file.
///
/// # Errors
/// If there is none, or the storage does not answer.
pub(super) fn download(location: &Location) -> Result<PathBuf> {
    let (folder, name) = location.split();
    let store = Store::new(&folder)?;
    let get = |name: &str| -> Result<Option<PathBuf>> {
        let Some(stored) = store.head(name).map_err(Fault::into_error)? else { return Ok(None) };
        let place = folder.local().join(name);
        if !is_current(&place, &stored) {
            store.get_file(&stored, &place).map_err(Fault::into_error)?;
        }
        Ok(Some(place))
    };
    let missing = |what: String| crate::error::Error::checkpoint(Path::new(&location.to_string()), what);
    let Some(file) = get(&name)? else {
        return Err(missing(format!("there is no `{location}`")).help("check the bucket and the path"));
    };
    let is_small = fs::metadata(&file).is_ok_and(|metadata| metadata.len() <= POINTER);
    let text = if is_small { fs::read_to_string(&file).unwrap_or_default() } else { String::new() };
    if let Some(target) = text.strip_prefix("lightning-checkpoint: ").map(|target| target.trim_end_matches('\n'))
        && !target.contains('/')
        && get(target)?.is_none()
    {
        return Err(missing(format!("`{location}` names the checkpoint `{target}`, which is not there")));
    }
    Ok(file)
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files_below(&entry.path())),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
    found.sort();
    found
}

/// Does in the storage what a mirror has written down.
#[derive(Debug)]
struct Uploads {
    store: Store,
    local: PathBuf,
}

impl Destination for Uploads {
    fn send(&mut self, items: &[Value]) -> Result<(), Fault> {
        items.iter().try_for_each(|item| self.one(item))
    }

    fn together(&self) -> usize {
        1
    }
}

impl Uploads {
    fn one(&self, item: &Value) -> Result<(), Fault> {
        let text = |key: &str| item.get(key).and_then(Value::as_str);
        if let Some(path) = text("put") {
            let file = self.local.join(path);
            // One that was removed since has nothing to upload.
            return if file.is_file() { self.store.put_file(path, &file) } else { Ok(()) };
        }
        if let (Some(path), Some(contents), Some(target)) = (text("pointer"), text("text"), text("target")) {
            return match self.store.head(target)? {
                Some(_) => self.store.put_bytes(path, contents.as_bytes().to_vec()),
                None => Ok(()),
            };
        }
        if let Some(path) = text("delete") {
            self.store.delete(path)?;
            let file = self.local.join(path);
            return files::remove(&file)
                .map_err(|error| Fault::Refused(crate::error::Error::io("remove", &file, error)));
        }
        Ok(())
    }
}
