//! The paths that checkpoints are written to.

use std::path::{Path, PathBuf};

use super::{
    file_name::{Shown, versioned},
    saver::Saver,
};
use crate::{callbacks::CallbackContext, checkpoint::Checkpoint, error::Result};

impl Saver {
    pub(super) fn folder(&self, cx: &CallbackContext<'_>) -> PathBuf {
        self.settings.folder.clone().unwrap_or_else(|| cx.log_dir().join("checkpoints"))
    }

    /// The path of the checkpoint of this moment. It may reuse the name of a file in `to_delete`.
    pub(super) fn new_path(
        &self,
        cx: &mut CallbackContext<'_>,
        folder: &Path,
        to_delete: &[PathBuf],
    ) -> Result<PathBuf> {
        let template = self.settings.template()?;
        let (epoch, step) = (cx.epoch_of_files(), cx.global_step());
        let metrics = cx.metrics()?;
        let name = template.fill(self.settings.field_names, |name| match (metrics.value(name), name) {
            (Some(value), _) => Some(Shown::Number(value)),
            (None, "epoch") => Some(Shown::Integer(epoch)),
            (None, "step") => Some(Shown::Integer(step)),
            (None, _) => None,
        });
        Ok(self.free_path(cx, folder, &name, to_delete))
    }

    /// `last.ckpt`, or `last-v1.ckpt`, … if this run found that name taken.
    pub(super) fn last_path(&mut self, cx: &CallbackContext<'_>, folder: &Path) -> PathBuf {
        if let Some(pointer) = &self.state.pointer {
            return pointer.clone();
        }
        let path = self.free_path(cx, folder, "last", &[]);
        self.state.pointer = Some(path.clone());
        path
    }

    /// Whether a file of weights alone is one that a killed process of this run wrote after the
    /// checkpoint that the run was resumed from, or before there was one: the run writes it again.
    fn is_abandoned(&self, cx: &CallbackContext<'_>, path: &Path) -> bool {
        let resume = &*cx.resume;
        if !self.settings.weights_only || !(resume.restarted || resume.resumed_from.is_some()) {
            return false;
        }
        let progress = &*cx.view.progress;
        Checkpoint::look(path).is_ok_and(|Checkpoint { metadata, .. }| {
            metadata.run.is_none()
                && metadata.seed == progress.seed
                && metadata.hparams == resume.hparams
                && metadata.batch_step >= progress.counters.batch_step
        })
    }

    /// The first version of the name that no file has and no pending request will write.
    fn free_path(&self, cx: &CallbackContext<'_>, folder: &Path, name: &str, to_delete: &[PathBuf]) -> PathBuf {
        let saving = &cx.checkpoints.queue;
        let count_versions = self.settings.count_versions;
        let is_file_of_others = |path: &PathBuf| path.exists() && !self.is_abandoned(cx, path);
        let is_taken = |path: &PathBuf| {
            saving.has_asked_for(path)
                || (count_versions && !to_delete.contains(path) && (saving.is_writing(path) || is_file_of_others(path)))
        };
        let mut path = folder.join(versioned(name, 0));
        let mut version = 0;
        while is_taken(&path) {
            version += 1;
            path = folder.join(versioned(name, version));
        }
        path
    }
}
