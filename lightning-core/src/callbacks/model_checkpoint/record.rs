//! The state of a [`ModelCheckpoint`](super::ModelCheckpoint) in a checkpoint, and its restoration.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::saver::{Saver, State};
use crate::{
    callbacks::CallbackContext,
    checkpoint::{Checkpoint, Metadata, writer},
    error::Result,
    params::{
        StateReader, StateWriter,
        state::{f64_from_json, f64_to_json},
    },
};

/// [`State`] in a checkpoint. Files are stored by name, since the folder may be moved.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Record {
    kept: Vec<(String, Value)>,
    best: Option<String>,
    last_step: Option<u64>,
    last: Option<String>,
    pointer: Option<String>,
    to_delete: Vec<String>,
    waiting: Option<u64>,
}

impl Saver {
    pub(super) fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        let best = self.state.kept.best(self.settings.direction());
        let State { kept, last_step, last, pointer, waiting, to_delete } = &self.state;
        let kept: Vec<_> = kept.iter().map(|kept| (name_of(&kept.path), f64_to_json(kept.score))).collect();
        let to_delete: Vec<_> = to_delete.iter().map(|path| name_of(path)).collect();
        state.put("kept", &kept)?;
        state.put("best", &best.map(|best| name_of(&best.path)))?;
        state.put("best_model_score", &best.map(|best| f64_to_json(best.score)))?;
        state.put("last_step", last_step)?;
        state.put("last", &last.as_deref().map(name_of))?;
        state.put("pointer", &pointer.as_deref().map(name_of))?;
        state.put("waiting", waiting)?;
        state.put("to_delete", &to_delete)
    }

    /// Reads the record. [`restore`](Self::restore) applies it, once the folder of the run is
    /// known.
    pub(super) fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        let mut record = Record::default();
        let Record { kept, best, last_step, last, pointer, to_delete, waiting } = &mut record;
        state.get("kept", kept)?;
        state.get("best", best)?;
        state.get("last_step", last_step)?;
        state.get("last", last)?;
        state.get("pointer", pointer)?;
        state.get("to_delete", to_delete)?;
        state.get("waiting", waiting)?;
        self.loaded = Some(record);
        Ok(())
    }

    /// Applies the record to the files found in the folder.
    pub(super) fn restore(&mut self, cx: &mut CallbackContext<'_>) -> Result<()> {
        let (Some(record), Some(from)) = (self.loaded.take(), cx.resume.resumed_from.clone()) else { return Ok(()) };
        let Record { kept, best, last_step, last, pointer, to_delete, waiting } = record;
        let files = RunFiles {
            folder: self.folder(cx),
            seed: cx.view.progress.seed,
            batch_step: cx.view.progress.counters.batch_step,
        };
        self.restore_kept(cx, &kept, &files);
        self.state.last_step = last_step;
        self.state.last = last.as_deref().and_then(|name| files.checkpoint(name));
        self.state.pointer = pointer.as_deref().and_then(|name| files.path(name));
        self.state.waiting = waiting;
        // The process may have been killed before it removed these files or wrote the pointer.
        for old in to_delete.iter().filter_map(|name| files.checkpoint(name)).filter(|old| *old != from.path) {
            writer::remove(&old)?;
        }
        // They stay in the state until the next save, as in a run that was not killed.
        self.state.to_delete = to_delete.iter().filter_map(|name| files.path(name)).collect();
        if let (Some(pointer), Some(last)) = (&self.state.pointer, &self.state.last)
            && *last == from.path
            && pointer != last
        {
            writer::point(pointer, last)?;
        }
        self.publish_best(cx);
        if cx.checkpoints.best.is_none()
            && let Some(path) = best.map(|best| from.path.with_file_name(best)).filter(|path| path.is_file())
        {
            // The folder has changed. The best file of the old folder is the best until the first
            // checkpoint in the new one.
            cx.set_best(path, None);
        }
        Ok(())
    }

    fn restore_kept(&mut self, cx: &mut CallbackContext<'_>, kept: &[(String, Value)], files: &RunFiles) {
        for (name, score) in kept {
            match (files.checkpoint(name), f64_from_json(score)) {
                (Some(path), Some(score)) => self.state.kept.push(path, score),
                _ => cx.view.console.warn(format!(
                    "the checkpoint `{name}` of the resumed run is not in `{}` and is ignored",
                    files.folder.display()
                )),
            }
        }
    }
}

/// The checkpoints of a run in a folder.
struct RunFiles {
    folder: PathBuf,
    seed: u64,
    batch_step: u64,
}

impl RunFiles {
    /// The path of a stored name. A name that leads out of the folder was not written by this
    /// callback.
    fn path(&self, name: &str) -> Option<PathBuf> {
        let is_plain = Path::new(name).file_name().is_some_and(|file| file == name);
        is_plain.then(|| self.folder.join(name))
    }

    /// The path of a stored name, if it is a checkpoint of a run with the same seed that is not
    /// ahead of this one: another run may have written a file of the same name since.
    fn checkpoint(&self, name: &str) -> Option<PathBuf> {
        let path = self.path(name)?;
        let Metadata { seed, batch_step, .. } = Checkpoint::look(&path).ok()?.metadata;
        (seed == self.seed && batch_step <= self.batch_step).then_some(path)
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
