//! The part of a [`ModelCheckpoint`](super::ModelCheckpoint) that does not depend on the module's
//! type: decides at each hook whether to save, and what is removed.

use std::path::{Path, PathBuf};

use super::{
    record::Record,
    settings::Settings,
    top_k::{Admission, KeptList},
    trigger::{Stopwatch, Trigger},
};
use crate::{
    callbacks::CallbackContext, checkpoint::writer::SaveRequest, error::Result, metrics::StageSet, stage::Stage,
};

#[derive(Debug)]
pub(super) struct Saver {
    pub(super) settings: Settings,
    pub(super) state: State,
    /// What a checkpoint holds of this callback, between `load_state` and `on_load_checkpoint`.
    pub(super) loaded: Option<Record>,
    stopwatch: Stopwatch,
}

/// The files that it has written.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) kept: KeptList,
    /// The optimizer step of the last checkpoint.
    pub(super) last_step: Option<u64>,
    /// The checkpoint that `last.ckpt` points to, or is.
    pub(super) last: Option<PathBuf>,
    /// The path of `last.ckpt`.
    pub(super) pointer: Option<PathBuf>,
    /// The step whose checkpoint waits for the validation that computes its metric.
    pub(super) waiting: Option<u64>,
    /// The file that was requested last, and the batch after which.
    pub(super) requested: Option<(PathBuf, u64)>,
    /// Files removed when the checkpoint that holds this state is complete. They are in its state
    /// in case the process is killed in between.
    pub(super) to_delete: Vec<PathBuf>,
}

/// Whether a checkpoint competes for a place among the best.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Candidate {
    Ranked,
    LastOnly,
}

impl Saver {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, state: State::default(), loaded: None, stopwatch: Stopwatch::new() }
    }

    /// `on_train_start`
    pub(super) fn start(&mut self) {
        self.stopwatch.start((self.settings.clock)());
    }

    /// `on_train_batch_end`
    pub(super) fn after_batch(&mut self, cx: &mut CallbackContext<'_>) -> Result<()> {
        if cx.is_quiet() || !self.is_due_after_batch(cx) {
            return Ok(());
        }
        if self.waits_for_validation(cx)? {
            self.state.waiting = Some(cx.global_step());
            return Ok(());
        }
        self.save(cx, Candidate::Ranked)
    }

    /// `on_train_epoch_end`
    pub(super) fn after_epoch(&mut self, cx: &mut CallbackContext<'_>) -> Result<()> {
        if cx.is_quiet() || !self.saves_at_epoch_end(cx) || !self.is_due_after_epoch(cx) {
            return Ok(());
        }
        self.save(cx, Candidate::Ranked)
    }

    /// `on_validation_end`
    pub(super) fn after_validation(&mut self, cx: &mut CallbackContext<'_>) -> Result<()> {
        if cx.is_quiet() || cx.stage() != Stage::Validate || !cx.view.progress.validation.enabled {
            return Ok(());
        }
        let has_waited = self.state.waiting.take().is_some();
        if has_waited || (!self.saves_at_epoch_end(cx) && self.is_due_after_epoch(cx)) {
            return self.save(cx, Candidate::Ranked);
        }
        Ok(())
    }

    /// `on_train_end`: with `save_last` the final state is saved even if no checkpoint is due.
    pub(super) fn end(&mut self, cx: &mut CallbackContext<'_>) -> Result<()> {
        let is_new = self.state.last_step != Some(cx.global_step());
        if cx.is_quiet() || !self.settings.save_last || !is_new || cx.global_step() == 0 {
            return Ok(());
        }
        self.save(cx, Candidate::LastOnly)
    }

    /// `on_exception`
    pub(super) fn save_failed(&mut self, cx: &mut CallbackContext<'_>) -> Result<()> {
        let is_training = !matches!(cx.stage(), Stage::Test | Stage::Predict) && !cx.is_sanity_checking();
        // As in PyTorch Lightning: nothing is lost before the first step, nor after a step that has
        // a checkpoint.
        let is_saved = cx.batch_step() == 0 || self.state.last_step == Some(cx.global_step());
        if !self.settings.on_exception || !is_training || is_saved || cx.is_fast_dev_run() {
            return Ok(());
        }
        let folder = self.folder(cx);
        let path = self.new_path(cx, &folder, &[])?;
        let mut request = SaveRequest::new(&path);
        request.weights_only = self.settings.weights_only;
        request.announce = Some(format!("saved {} before the run ends with an error", path.display()));
        cx.checkpoints.queue.requests.push(request);
        Ok(())
    }

    /// Requests a checkpoint of this moment, unless it would be neither among the best nor the
    /// last.
    fn save(&mut self, cx: &mut CallbackContext<'_>, candidate: Candidate) -> Result<()> {
        let step = cx.global_step();
        let keeps_none = self.settings.top_k.limit() == Some(0);
        if self.state.last_step == Some(step) || (keeps_none && !self.settings.save_last) {
            return Ok(());
        }
        let admission = match candidate {
            Candidate::Ranked if !keeps_none => self.admit(cx)?,
            Candidate::Ranked | Candidate::LastOnly => Admission::Rejected,
        };
        if matches!(admission, Admission::Rejected) && !self.settings.save_last {
            return Ok(());
        }
        let folder = self.folder(cx);
        let mut to_delete = self.replaced_by(&admission);
        let path = if keeps_none { self.last_path(cx, &folder) } else { self.new_path(cx, &folder, &to_delete)? };
        if let Admission::Admitted { score, .. } = admission {
            self.state.kept.push(path.clone(), score, self.settings.top_k, self.settings.direction());
        }
        let mut request = SaveRequest::new(&path);
        if self.settings.save_last {
            self.state.last = Some(path.clone());
            if !keeps_none {
                request.pointer = Some(self.last_path(cx, &folder));
            }
        }
        // The file that the user resumed from by name belongs to the user.
        let named = cx.resume.resumed_from.as_ref().filter(|from| from.named).map(|from| from.path.clone());
        to_delete.retain(|old| Some(old) != named.as_ref() && *old != path);
        self.state.last_step = Some(step);
        self.state.requested = Some((path.clone(), cx.batch_step()));
        self.state.to_delete.clone_from(&to_delete);
        request.weights_only = self.settings.weights_only;
        request.to_delete = to_delete;
        if self.settings.verbose {
            request.announce = Some(format!("saved {}{}", path.display(), self.score_text(&path)));
        }
        cx.checkpoints.queue.requests.push(request);
        self.publish_best(cx);
        Ok(())
    }

    /// Decides whether the checkpoint of this moment is among the best.
    fn admit(&mut self, cx: &mut CallbackContext<'_>) -> Result<Admission> {
        let Some(score) = self.score(cx)? else { return Ok(Admission::Rejected) };
        Ok(self.state.kept.admit(score, self.settings.top_k, self.settings.direction()))
    }

    /// The files that a new checkpoint makes superfluous: the one that it replaces among the best,
    /// and the last one, unless that is among the best.
    fn replaced_by(&mut self, admission: &Admission) -> Vec<PathBuf> {
        let mut files = Vec::new();
        if let Admission::Admitted { replaced: Some(worst), .. } = admission {
            files.push(worst.clone());
        }
        if self.settings.save_last {
            let before = self.state.last.take();
            files.extend(before.filter(|old| !self.state.kept.contains(old)));
        }
        files
    }

    /// The value that a checkpoint is ranked by; `None` if it is missing and may be.
    fn score(&self, cx: &mut CallbackContext<'_>) -> Result<Option<f64>> {
        let Some((key, direction)) = self.settings.monitor else { return Ok(Some(0.0)) };
        let counter = match key.metric() {
            "epoch" => Some(cx.epoch_of_files() as f64),
            "step" => Some(cx.global_step() as f64),
            _ => None,
        };
        // A metric that the module logs under the name of a counter takes precedence.
        let value = match counter {
            Some(value) if cx.metrics()?.value(key.metric()).is_none() => Some(value),
            _ => cx.monitored(key, self.settings.strict)?,
        };
        Ok(value.map(|value| if value.is_nan() { direction.worst() } else { value }))
    }

    /// The monitored value for a printed line, if the newest kept checkpoint is at `path`.
    fn score_text(&self, path: &Path) -> String {
        match (self.settings.monitor, self.state.kept.newest().filter(|kept| kept.path == path)) {
            (Some((key, _)), Some(kept)) => format!(" ({} {})", key.display(), kept.score),
            _ => String::new(),
        }
    }

    /// Tells the run which checkpoint is the best.
    pub(super) fn publish_best(&self, cx: &mut CallbackContext<'_>) {
        if let Some(best) = self.state.kept.best(self.settings.direction()) {
            let score = self.settings.monitor.map(|(key, _)| (key.display(), best.score));
            cx.set_best(best.path.clone(), score, self.settings.monitor.is_some());
        }
    }

    /// Whether checkpoints by epochs are due at the end of the training epoch.
    fn saves_at_epoch_end(&self, cx: &CallbackContext<'_>) -> bool {
        self.settings.at_epoch_end.unwrap_or(cx.monitors_at_epoch_end() || !cx.view.progress.validation.enabled)
    }

    fn is_due_after_epoch(&self, cx: &CallbackContext<'_>) -> bool {
        self.settings.trigger().is_due_after_epoch(cx.current_epoch())
    }

    fn is_due_after_batch(&mut self, cx: &CallbackContext<'_>) -> bool {
        match self.settings.trigger() {
            Trigger::Epochs(_) => false,
            // The step does not change in a batch that only accumulates gradients.
            Trigger::Steps(steps) => {
                let step = cx.global_step();
                steps > 0 && step > 0 && step.is_multiple_of(steps) && self.state.last_step != Some(step)
            }
            Trigger::Time(interval) => self.stopwatch.is_due((self.settings.clock)(), interval),
        }
    }

    /// Whether the monitored metric has no value yet, or is computed again right after this batch.
    fn waits_for_validation(&self, cx: &mut CallbackContext<'_>) -> Result<bool> {
        let Some((key, _)) = self.settings.monitor else { return Ok(false) };
        if !cx.view.progress.validation.enabled {
            return Ok(false);
        }
        let is_missing = cx.metrics()?.value(&key.display()).is_none();
        let is_counter = matches!(key.metric(), "epoch" | "step");
        Ok(match cx.info.declared_stages(key.metric()) {
            Some(stages) => stages == StageSet::VAL && (is_missing || cx.progress.validation.follows),
            None => is_missing && !is_counter,
        })
    }
}
