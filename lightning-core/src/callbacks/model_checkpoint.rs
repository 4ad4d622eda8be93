//! Keeps the best checkpoints, the latest, or all.

mod file_name;

use std::{
    marker::PhantomData,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::file_name::{DEFAULT, Shown, Template, versioned};
use super::{Callback, CallbackContext, CallbackInfo, CallbackOrder};
use crate::{
    checkpoint::{
        Checkpoint, Metadata,
        writer::{self, SaveRequest},
    },
    error::{Error, Result},
    metrics::{Directed, Direction, KeyRef, Monitor, StageSet},
    params::{
        StateReader, StateWriter,
        state::{f64_from_json, f64_to_json},
    },
    stage::Stage,
};

/// How many checkpoints are kept: a number, or all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopK {
    /// The best so many; 0 keeps none.
    Best(usize),
    /// Every one.
    All,
}

impl From<usize> for TopK {
    fn from(count: usize) -> Self {
        Self::Best(count)
    }
}

/// When a checkpoint is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trigger {
    /// Every so many epochs; 0 for never.
    Epochs(u64),
    /// Every so many optimizer steps.
    Steps(u64),
    /// Whenever so much time has passed, at the end of a batch.
    Time(Duration),
}

/// Keeps the checkpoints with the best values of a metric.
///
/// A checkpoint is due after each validation, or at the end of the training epoch when validation runs once an epoch;
/// [`every_n_epochs`](Self::every_n_epochs), [`every_n_train_steps`](Self::every_n_train_steps) and
/// [`train_time_interval`](Self::train_time_interval) say otherwise. It is kept while fewer than
/// [`save_top_k`](Self::save_top_k) are, and then if its value is strictly better than the worst one kept: of equal values the
/// older stays. A NaN counts as the worst value there is. Files are named `epoch=3-step=1200.ckpt`; a name that is taken gets
/// `-v1`, `-v2` and so on. The new file is complete before an old one goes, and no file of anybody else is touched.
///
/// Files are written while training goes on, one at a time. An error in it ends the run, with the path and the step.
///
/// ```
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// # use lightning_core::prelude::*;
/// # #[lightning_module]
/// # #[optimizer(SgdConfig::new(), lr = 0.1)]
/// # struct Net {
/// #     #[init(LinearConfig::new(4, 1).init(device))]
/// #     layer: Linear,
/// # }
/// # #[lightning_module]
/// # impl Net {
/// #     fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
/// #         self.layer.forward(batch).mean()
/// #     }
/// #     fn validation_step(&self, batch: Tensor<2>) {
/// #         #[log(minimize)]
/// #         let val_loss = self.layer.forward(batch).mean();
/// #     }
/// # }
/// let best = ModelCheckpoint::new(Net::VAL_LOSS).save_top_k(2).filename("{epoch:03d}-{val_loss:.4f}");
/// let often = ModelCheckpoint::latest().every_n_train_steps(500);
/// let trainer = Net::trainer().callback(best).callback(often).build()?;
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Debug)]
pub struct ModelCheckpoint<M> {
    monitor: Option<(KeyRef, Direction)>,
    folder: Option<PathBuf>,
    template: Option<String>,
    insert_names: bool,
    count_versions: bool,
    top_k: TopK,
    save_last: bool,
    weights_only: bool,
    epochs: Option<u64>,
    steps: Option<u64>,
    interval: Option<Duration>,
    at_epoch_end: Option<bool>,
    on_exception: bool,
    strict: bool,
    verbose: bool,
    clock: fn() -> Duration,
    /// When the last checkpoint was due by time.
    due_since: Option<Duration>,
    /// The step whose checkpoint waits for the validation that gives its metric.
    waiting: Option<u64>,
    /// What a resumed run brought, until the folder is known.
    resumed: Option<Record>,
    state: State,
    module: PhantomData<fn() -> M>,
}

/// What it has written.
#[derive(Clone, Debug, Default)]
struct State {
    kept: Vec<Kept>,
    /// The step of the last checkpoint.
    last_step: Option<u64>,
    /// What `last.ckpt` points to, or is.
    last: Option<PathBuf>,
    /// The pointer to the last checkpoint.
    pointer: Option<PathBuf>,
    /// Files that go with the checkpoint that has this state, in case the process is killed before they do.
    to_delete: Vec<PathBuf>,
}

#[derive(Clone, Debug)]
struct Kept {
    path: PathBuf,
    /// What it is compared by, with NaN as the worst value.
    score: f64,
}

/// [`State`] in a checkpoint: files by their names, since a folder may be moved.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Record {
    kept: Vec<(String, Value)>,
    best: Option<String>,
    last_step: Option<u64>,
    last: Option<String>,
    pointer: Option<String>,
    to_delete: Vec<String>,
    waiting: Option<u64>,
}

fn since_start() -> Duration {
    use std::sync::LazyLock;
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}

fn admitted_score(monitor: Option<(KeyRef, Direction)>, newest: Option<&Kept>, path: &Path) -> String {
    match (monitor, newest.filter(|kept| kept.path == path)) {
        (Some((key, _)), Some(kept)) => format!(" ({} {})", key.display(), kept.score),
        _ => String::new(),
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

impl<M> ModelCheckpoint<M> {
    fn with_monitor(monitor: Option<(KeyRef, Direction)>) -> Self {
        Self {
            monitor,
            folder: None,
            template: None,
            insert_names: true,
            count_versions: true,
            top_k: TopK::Best(1),
            save_last: false,
            weights_only: false,
            epochs: None,
            steps: None,
            interval: None,
            at_epoch_end: None,
            on_exception: false,
            strict: true,
            verbose: false,
            clock: since_start,
            due_since: None,
            waiting: None,
            resumed: None,
            state: State::default(),
            module: PhantomData,
        }
    }

    /// Keeps the checkpoint with the best value of this metric. `MetricKey::named("epoch")` and `named("step")` are always there.
    pub fn new<K: Monitor<M>>(monitor: K) -> Self {
        Self::with_monitor(Some((monitor.key().into(), <K::Direction as Directed>::DIRECTION)))
    }

    /// Keeps the latest checkpoint.
    pub fn latest() -> Self {
        Self::with_monitor(None)
    }

    /// How many to keep: a number, or [`TopK::All`]. Default 1. Without a metric to compare by it is 0, 1 or all.
    #[must_use]
    pub fn save_top_k(mut self, count: impl Into<TopK>) -> Self {
        self.top_k = count.into();
        self
    }

    /// Keeps the state of the last time a checkpoint was due, whether it is among the best or not, and a small file `last.ckpt`
    /// that points to it. With `save_top_k(0)` the checkpoint is `last.ckpt` itself. Default no.
    #[must_use]
    pub fn save_last(mut self, save: bool) -> Self {
        self.save_last = save;
        self
    }

    /// Saves the model alone: smaller files, from which no run can be resumed. Default no.
    #[must_use]
    pub fn save_weights_only(mut self, only: bool) -> Self {
        self.weights_only = only;
        self
    }

    /// The folder; by default `checkpoints` in the logger's folder.
    #[must_use]
    pub fn dirpath(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// The files' name, without `.ckpt`: fields in braces are `epoch`, `step` or a metric, with a format as in Python,
    /// `{epoch:03d}-{val_loss:.2f}`. A metric without a value is 0. Default `{epoch}-{step}`.
    #[must_use]
    pub fn filename(mut self, template: impl Into<String>) -> Self {
        self.template = Some(template.into());
        self
    }

    /// Whether a field's name is written before its value, as in `epoch=3`. Switch it off for metrics with a `/` in their names.
    /// Default yes.
    #[must_use]
    pub fn auto_insert_metric_name(mut self, insert: bool) -> Self {
        self.insert_names = insert;
        self
    }

    /// Whether a name that is taken gets `-v1`, `-v2` and so on; without, the old file is replaced. Default yes.
    #[must_use]
    pub fn enable_version_counter(mut self, count: bool) -> Self {
        self.count_versions = count;
        self
    }

    /// Epochs between checkpoints; 0 for none. Default 1.
    #[must_use]
    pub fn every_n_epochs(mut self, epochs: u64) -> Self {
        self.epochs = Some(epochs);
        self
    }

    /// Optimizer steps between checkpoints, instead of epochs. Where the metric comes from a validation that follows the step, its
    /// value is waited for.
    #[must_use]
    pub fn every_n_train_steps(mut self, steps: u64) -> Self {
        self.steps = Some(steps);
        self
    }

    /// Time between checkpoints, instead of epochs; looked at after each batch.
    #[must_use]
    pub fn train_time_interval(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    /// Whether checkpoints by epochs are due at the end of the training epoch rather than after validation. Default: when validation
    /// runs once an epoch or not at all.
    #[must_use]
    pub fn save_on_train_epoch_end(mut self, save: bool) -> Self {
        self.at_epoch_end = Some(save);
        self
    }

    /// Whether an error, a panic or a signal that ends the run leaves a checkpoint as well. Default no.
    #[must_use]
    pub fn save_on_exception(mut self, save: bool) -> Self {
        self.on_exception = save;
        self
    }

    /// Whether a missing value is an error (the default) or skips the checkpoint.
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Prints a line for each checkpoint.
    #[must_use]
    pub fn verbose(mut self, verbose: bool) -> Self {
        self.verbose = verbose;
        self
    }

    /// The time since some moment; for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn clock(mut self, clock: fn() -> Duration) -> Self {
        self.clock = clock;
        self
    }

    fn trigger(&self) -> Trigger {
        match (self.steps, self.interval) {
            (Some(steps), _) => Trigger::Steps(steps),
            (None, Some(interval)) => Trigger::Time(interval),
            (None, None) => Trigger::Epochs(self.epochs.unwrap_or(1)),
        }
    }

    fn limit(&self) -> Option<usize> {
        match self.top_k {
            TopK::Best(count) => Some(count),
            TopK::All => None,
        }
    }

    /// Whether checkpoints by epochs are due at the end of the training epoch.
    fn is_at_epoch_end(&self, cx: &CallbackContext<'_>) -> bool {
        self.at_epoch_end.unwrap_or(cx.monitors_at_epoch_end() || !cx.view.progress.validation.enabled)
    }

    /// Whether `a` ranks strictly before `b`.
    fn is_better(&self, a: f64, b: f64) -> bool {
        match self.monitor {
            Some((_, Direction::Minimize)) => a < b,
            Some((_, Direction::Maximize)) => a > b,
            // The latest is the best.
            None => true,
        }
    }

    /// The value that a checkpoint is ranked by; `None` when it is not there and need not be.
    fn score(&self, cx: &mut CallbackContext<'_>) -> Result<Option<f64>> {
        let Some((key, direction)) = self.monitor else { return Ok(Some(0.0)) };
        let counted = match key.metric() {
            "epoch" => Some(cx.epoch_of_files() as f64),
            "step" => Some(cx.global_step() as f64),
            _ => None,
        };
        let value = match counted {
            Some(value) if cx.metrics()?.value(key.metric()).is_none() => Some(value),
            _ => cx.monitored(key, self.strict)?,
        };
        Ok(value.map(|value| if value.is_nan() { direction.worst() } else { value }))
    }

    /// A checkpoint is due; `ranked` unless it is only to be the last.
    fn consider(&mut self, cx: &mut CallbackContext<'_>, ranked: bool) -> Result<()> {
        let step = cx.global_step();
        let keeps_none = self.limit() == Some(0);
        if self.state.last_step == Some(step) || (keeps_none && !self.save_last) {
            return Ok(());
        }
        let admitted = if ranked && !keeps_none { self.admit(cx)? } else { None };
        if admitted.is_none() && !self.save_last {
            return Ok(());
        }
        let folder = self.folder(cx);
        let mut to_delete: Vec<PathBuf> = admitted.iter().filter_map(|(_, worst)| worst.clone()).collect();
        if self.save_last {
            let before = self.state.last.take();
            to_delete.extend(before.filter(|old| !self.state.kept.iter().any(|kept| kept.path == *old)));
        }
        let path = if keeps_none { self.last_path(cx, &folder) } else { self.new_path(cx, &folder, &to_delete)? };
        if let Some((score, _)) = admitted {
            self.state.kept.push(Kept { path: path.clone(), score });
        }
        let mut request = SaveRequest::new(&path);
        if self.save_last {
            self.state.last = Some(path.clone());
            if !keeps_none {
                request.pointer = Some(self.last_path(cx, &folder));
            }
        }
        // The file that a user named as the start of this run is the user's.
        let named = cx.resume.resumed_from.as_ref().filter(|from| from.named).map(|from| from.path.clone());
        to_delete.retain(|old| Some(old) != named.as_ref() && *old != path);
        self.state.last_step = Some(step);
        self.state.to_delete.clone_from(&to_delete);
        request.weights_only = self.weights_only;
        request.to_delete = to_delete;
        if self.verbose {
            let score = admitted_score(self.monitor, self.state.kept.last(), &path);
            request.announce = Some(format!("saving {}{score}", path.display()));
        }
        cx.checkpoints.queue.requests.push(request);
        self.tell_best(cx);
        Ok(())
    }

    /// Whether the checkpoint at hand is one to keep: its score, and the file that goes for it, which is no longer counted.
    fn admit(&mut self, cx: &mut CallbackContext<'_>) -> Result<Option<(f64, Option<PathBuf>)>> {
        let Some(score) = self.score(cx)? else { return Ok(None) };
        if self.limit().is_none_or(|limit| self.state.kept.len() < limit) {
            return Ok(Some((score, None)));
        }
        let Some(at) = self.worst() else { return Ok(None) };
        if self.state.kept.get(at).is_some_and(|worst| self.is_better(score, worst.score)) {
            let worst = self.state.kept.remove(at);
            return Ok(Some((score, Some(worst.path))));
        }
        Ok(None)
    }

    fn tell_best(&self, cx: &mut CallbackContext<'_>) {
        if let Some(best) = self.best() {
            let score = self.monitor.map(|(key, _)| (key.display(), best.score));
            cx.set_best(best.path.clone(), score);
        }
    }

    fn folder(&self, cx: &CallbackContext<'_>) -> PathBuf {
        self.folder.clone().unwrap_or_else(|| cx.log_dir().join("checkpoints"))
    }

    /// The name of the checkpoint at hand, in the folder. A file that goes for it may have the name.
    fn new_path(&self, cx: &mut CallbackContext<'_>, folder: &Path, to_delete: &[PathBuf]) -> Result<PathBuf> {
        let text = self.template.as_deref().unwrap_or(DEFAULT);
        let template = Template::parse(text).map_err(|(what, help)| Error::config(what).help(help))?;
        let (epoch, step) = (cx.epoch_of_files(), cx.global_step());
        let metrics = cx.metrics()?;
        let name = template.fill(self.insert_names, |name| match (metrics.value(name), name) {
            (Some(value), _) => Some(Shown::Number(value)),
            (None, "epoch") => Some(Shown::Integer(epoch)),
            (None, "step") => Some(Shown::Integer(step)),
            (None, _) => None,
        });
        Ok(self.free_path(cx, folder, &name, to_delete))
    }

    /// The first name that no other file has, and that nobody has asked for.
    fn free_path(&self, cx: &CallbackContext<'_>, folder: &Path, name: &str, to_delete: &[PathBuf]) -> PathBuf {
        let saving = &cx.checkpoints.queue;
        let is_taken = |path: &PathBuf| {
            saving.has_asked_for(path)
                || (self.count_versions && !to_delete.contains(path) && (saving.is_writing(path) || path.exists()))
        };
        let mut path = folder.join(versioned(name, 0));
        let mut version = 0;
        while is_taken(&path) {
            version += 1;
            path = folder.join(versioned(name, version));
        }
        path
    }

    /// `last.ckpt`, or the version of it that this run has begun to use.
    fn last_path(&mut self, cx: &CallbackContext<'_>, folder: &Path) -> PathBuf {
        if let Some(pointer) = &self.state.pointer {
            return pointer.clone();
        }
        let path = self.free_path(cx, folder, "last", &[]);
        self.state.pointer = Some(path.clone());
        path
    }

    /// The index of the worst checkpoint kept; of equal ones the oldest goes first.
    fn worst(&self) -> Option<usize> {
        let mut worst: Option<(usize, f64)> = None;
        for (index, kept) in self.state.kept.iter().enumerate() {
            if worst.is_none_or(|(_, score)| self.monitor.is_some() && self.is_better(score, kept.score)) {
                worst = Some((index, kept.score));
            }
        }
        worst.map(|(index, _)| index)
    }

    /// The best checkpoint kept; of equal ones the oldest.
    fn best(&self) -> Option<&Kept> {
        let mut best: Option<&Kept> = None;
        for kept in &self.state.kept {
            if best.is_none_or(|best| self.is_better(kept.score, best.score)) {
                best = Some(kept);
            }
        }
        best
    }

    fn is_due_by_epochs(&self, cx: &CallbackContext<'_>) -> bool {
        match self.trigger() {
            Trigger::Epochs(epochs) => epochs > 0 && (cx.current_epoch() + 1).is_multiple_of(epochs),
            Trigger::Steps(_) | Trigger::Time(_) => false,
        }
    }

    /// Whether a batch that has ended makes a checkpoint due.
    fn is_due_by_batch(&mut self, cx: &CallbackContext<'_>) -> bool {
        match self.trigger() {
            Trigger::Epochs(_) => false,
            // A batch that only adds to an accumulation window is not a step.
            Trigger::Steps(steps) => {
                let step = cx.global_step();
                steps > 0 && step > 0 && step.is_multiple_of(steps) && self.state.last_step != Some(step)
            }
            Trigger::Time(interval) => {
                let now = (self.clock)();
                let since = *self.due_since.get_or_insert(now);
                let due = now.saturating_sub(since) >= interval;
                if due {
                    self.due_since = Some(now);
                }
                due
            }
        }
    }

    /// Whether the monitored metric has no value yet, or gets another one right after this batch.
    fn waits_for_validation(&self, cx: &mut CallbackContext<'_>) -> Result<bool> {
        let Some((key, _)) = self.monitor else { return Ok(false) };
        if !cx.view.progress.validation.enabled {
            return Ok(false);
        }
        let missing = cx.metrics()?.value(&key.display()).is_none();
        let is_counted = matches!(key.metric(), "epoch" | "step");
        Ok(match cx.info.declared_stages(key.metric()) {
            Some(stages) => stages == StageSet::VAL && (missing || cx.view.progress.validation.follows),
            None => missing && !is_counted,
        })
    }
}

/// Whether a file is a checkpoint of a run with this seed, and not ahead of this batch.
fn is_of_run(path: &Path, seed: u64, batch_step: u64) -> bool {
    Checkpoint::look(path).is_ok_and(|checkpoint| {
        let Metadata { seed: written, batch_step: at, .. } = checkpoint.metadata;
        written == seed && at <= batch_step
    })
}

impl<M: 'static> Callback<M> for ModelCheckpoint<M> {
    fn info(&self) -> CallbackInfo {
        CallbackInfo::new()
            .order(CallbackOrder::Checkpoint)
            .writes_checkpoints(self.folder.clone())
            .monitors(self.monitor.iter().map(|(key, _)| key.metric().to_owned()))
    }

    fn check(&self) -> Result<()> {
        let set = [self.epochs.is_some(), self.steps.is_some(), self.interval.is_some()];
        if set.into_iter().filter(|set| *set).count() > 1 {
            return Err(Error::config(
                "a `ModelCheckpoint` has several of `every_n_epochs`, `every_n_train_steps` and `train_time_interval`",
            )
            .help("keep one of them, or add a second `ModelCheckpoint`"));
        }
        if let (None, TopK::Best(count @ 2..)) = (self.monitor, self.top_k) {
            return Err(Error::config(format!("`save_top_k({count})` of a `ModelCheckpoint` that monitors nothing"))
                .help("give it a metric, as in `ModelCheckpoint::new(Net::VAL_LOSS)`, or keep 0, 1 or `TopK::All`"));
        }
        let text = self.template.as_deref().unwrap_or(DEFAULT);
        let template = Template::parse(text).map_err(|(what, help)| Error::config(what).help(help))?;
        let slashed = template.fields().find(|name| name.contains(['/', '\\'])).filter(|_| self.insert_names);
        if let Some(name) = slashed {
            return Err(Error::config(format!(
                "the filename `{text}` would have `{name}` in it, which is no name of a file"
            ))
            .help("call `.auto_insert_metric_name(false)` and write the text around the value yourself"));
        }
        Ok(())
    }

    fn state_key(&self) -> String {
        let monitor = self.monitor.map_or_else(
            || "latest".to_owned(),
            |(key, direction)| format!("{}, {}", key.display(), format!("{direction:?}").to_lowercase()),
        );
        let trigger = match self.trigger() {
            Trigger::Epochs(epochs) => format!("every {epochs} epochs"),
            Trigger::Steps(steps) => format!("every {steps} steps"),
            Trigger::Time(interval) => format!("every {interval:?}"),
        };
        format!("ModelCheckpoint({monitor}, {trigger})")
    }

    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        let State { kept, last_step, last, pointer, to_delete } = &self.state;
        let record = Record {
            kept: kept.iter().map(|kept| (name_of(&kept.path), f64_to_json(kept.score))).collect(),
            best: self.best().map(|best| name_of(&best.path)),
            last_step: *last_step,
            last: last.as_deref().map(name_of),
            pointer: pointer.as_deref().map(name_of),
            to_delete: to_delete.iter().map(|path| name_of(path)).collect(),
            waiting: self.waiting,
        };
        let Record { kept, best, last_step, last, pointer, to_delete, waiting } = &record;
        state.put("kept", kept)?;
        state.put("best", best)?;
        state.put("best_model_score", &self.best().map(|best| f64_to_json(best.score)))?;
        state.put("last_step", last_step)?;
        state.put("last", last)?;
        state.put("pointer", pointer)?;
        state.put("waiting", waiting)?;
        state.put("to_delete", to_delete)
    }

    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        let mut record = Record::default();
        let Record { kept, best, last_step, last, pointer, to_delete, waiting } = &mut record;
        state.get("kept", kept)?;
        state.get("best", best)?;
        state.get("last_step", last_step)?;
        state.get("last", last)?;
        state.get("pointer", pointer)?;
        state.get("to_delete", to_delete)?;
        state.get("waiting", waiting)?;
        self.resumed = Some(record);
        Ok(())
    }

    fn on_load_checkpoint(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        let (Some(record), Some(from)) = (self.resumed.take(), cx.resume.resumed_from.clone()) else {
            return Ok(());
        };
        let Record { kept, best, last_step, last, pointer, to_delete, waiting } = record;
        let folder = self.folder(cx);
        // A name that leads out of the folder is not one that this callback has written.
        let here = |name: &String| -> Option<PathBuf> {
            let plain = Path::new(name).file_name().is_some_and(|file| file == name.as_str());
            plain.then(|| folder.join(name))
        };
        let (seed, step) = (cx.view.progress.seed, cx.view.progress.counters.batch_step);
        let ours = |path: &PathBuf| is_of_run(path, seed, step);
        for (name, score) in &kept {
            match (here(name).filter(ours), f64_from_json(score)) {
                (Some(path), Some(score)) => self.state.kept.push(Kept { path, score }),
                _ => cx
                    .view
                    .console
                    .warn(format!("the checkpoint `{name}`, kept before, is not in {}", folder.display())),
            }
        }
        self.state.last_step = last_step;
        self.state.last = last.as_ref().and_then(here).filter(ours);
        self.state.pointer = pointer.as_ref().and_then(here);
        self.waiting = waiting;
        // The process may have been killed before these went, or before the pointer was there.
        for old in to_delete.iter().filter_map(here).filter(|old| ours(old) && *old != from.path) {
            writer::remove(&old)?;
        }
        // Named until the next save, as in the run that was not killed.
        self.state.to_delete = to_delete.iter().filter_map(here).collect();
        if let (Some(pointer), Some(last)) = (&self.state.pointer, &self.state.last)
            && *last == from.path
            && pointer != last
        {
            writer::point(pointer, last)?;
        }
        self.tell_best(cx);
        if cx.checkpoints.best.is_none()
            && let Some(path) = best.map(|best| from.path.with_file_name(best)).filter(|path| path.is_file())
        {
            // The folder is another: what was best there stays so until something is written here.
            cx.set_best(path, None);
        }
        Ok(())
    }

    fn on_train_start(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.due_since = Some((self.clock)());
        Ok(())
    }

    fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if cx.is_quiet() || !self.is_due_by_batch(cx) {
            return Ok(());
        }
        if self.waits_for_validation(cx)? {
            self.waiting = Some(cx.global_step());
            return Ok(());
        }
        self.consider(cx, true)
    }

    fn on_train_epoch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if cx.is_quiet() || !self.is_at_epoch_end(cx) || !self.is_due_by_epochs(cx) {
            return Ok(());
        }
        self.consider(cx, true)
    }

    fn on_validation_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if cx.is_quiet() || cx.stage() != Stage::Validate || !cx.view.progress.validation.enabled {
            return Ok(());
        }
        let waited = self.waiting.take().is_some();
        if waited || (!self.is_at_epoch_end(cx) && self.is_due_by_epochs(cx)) {
            return self.consider(cx, true);
        }
        Ok(())
    }

    fn on_train_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        // The last state is kept even where none was due at the end.
        let is_new = self.state.last_step != Some(cx.global_step());
        if cx.is_quiet() || !self.save_last || !is_new || cx.global_step() == 0 {
            return Ok(());
        }
        self.consider(cx, false)
    }

    fn on_exception(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if !self.on_exception || cx.stage() == Stage::Test || cx.stage() == Stage::Predict || cx.is_fast_dev_run() {
            return Ok(());
        }
        let folder = self.folder(cx);
        let path = self.new_path(cx, &folder, &[])?;
        let mut request = SaveRequest::new(&path);
        request.weights_only = self.weights_only;
        request.announce = Some(format!("saving {} before the run ends with an error", path.display()));
        cx.checkpoints.queue.requests.push(request);
        Ok(())
    }
}
