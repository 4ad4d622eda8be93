//! The settings of a trainer, and their check.

use std::path::Path;

use super::Trainer;
use crate::{
    callbacks::{Callback, ModelCheckpoint},
    checkpoint::Resume,
    console::profiler::IntoProfiler,
    engine::run::RunState,
    error::Result,
    loggers::{CsvLogger, Logger},
    module::{LightningModule, ModuleInfo, StartsTrainer, TrainingMode},
    os::allocator,
    precision::IntoPrecision,
    settings::{
        ClipAlgorithm, Devices, IntoAccelerator, IntoMaxTime, Limit, Problems, ReadBack, Settings, ValCheckInterval,
    },
    tensor::readback,
    trainer::devices,
};

/// The settings of a [`Trainer`], with PyTorch Lightning's names. [`build`](Self::build) checks them all together.
///
/// A bare integer is a number of batches, a bare float a fraction of them. No number stands for "off" or "unlimited": what
/// is not set is not limited, except that without `max_epochs`, `max_steps` and `max_time` a run ends after 1000 epochs.
pub struct TrainerBuilder<M> {
    settings: Settings,
    problems: Problems,
    callbacks: Vec<Box<dyn Callback<M>>>,
    loggers: Vec<Box<dyn Logger>>,
    resume: Resume,
}

impl<M> std::fmt::Debug for TrainerBuilder<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrainerBuilder").field("settings", &self.settings).finish()
    }
}

impl<M> TrainerBuilder<M> {
    pub(super) fn new() -> Self {
        Self {
            settings: Settings::default(),
            problems: Problems::default(),
            callbacks: Vec::new(),
            loggers: Vec::new(),
            resume: Resume::Never,
        }
    }

    /// Ends the run after this many epochs.
    #[must_use]
    pub fn max_epochs(mut self, epochs: usize) -> Self {
        self.settings.length.max_epochs = Some(epochs);
        self
    }

    /// Ends the run after this many optimizer steps.
    #[must_use]
    pub fn max_steps(mut self, steps: u64) -> Self {
        self.settings.length.max_steps = Some(steps);
        self
    }

    /// Goes on for at least this many epochs, whatever asks for a stop before.
    #[must_use]
    pub fn min_epochs(mut self, epochs: usize) -> Self {
        self.settings.length.min_epochs = epochs;
        self
    }

    /// Goes on for at least this many optimizer steps, whatever asks for a stop before.
    #[must_use]
    pub fn min_steps(mut self, steps: u64) -> Self {
        self.settings.length.min_steps = steps;
        self
    }

    /// Ends each `fit` after this time: a `Duration` or `"DD:HH:MM:SS"`.
    #[must_use]
    pub fn max_time(mut self, time: impl IntoMaxTime) -> Self {
        match time.into_max_time() {
            Ok(time) => self.settings.length.max_time = Some(time),
            Err(error) => self
                .problems
                .add(format!("`max_time`: {}", error.message()), "write \"DD:HH:MM:SS\", as in \"00:01:30:00\""),
        }
        self
    }

    /// Takes an optimizer step every n batches, with the mean of their gradients; a shorter last window of an epoch is
    /// divided by its own size. Default 1.
    #[must_use]
    pub fn accumulate_grad_batches(mut self, batches: u64) -> Self {
        self.settings.optimization.accumulate = batches;
        self
    }

    /// Clips gradients: their total norm, or each element with [`gradient_clip_algorithm`](Self::gradient_clip_algorithm).
    #[must_use]
    pub fn gradient_clip_val(mut self, limit: f64) -> Self {
        self.settings.optimization.clip = Some(limit);
        self
    }

    /// How gradients are clipped. Default: by their total norm.
    #[must_use]
    pub fn gradient_clip_algorithm(mut self, algorithm: ClipAlgorithm) -> Self {
        self.settings.optimization.clip_by = algorithm;
        self
    }

    /// Looks at the loss and at every gradient of every batch, and ends the run at the first that is not finite, with the
    /// parameter's name. It waits for the device in every batch. Default no.
    #[must_use]
    pub fn detect_anomaly(mut self, detect: bool) -> Self {
        self.settings.optimization.detect_anomaly = detect;
        self
    }

    /// Whether SGD, Adam, AdamW, RMSprop, AdaGrad and Lion update a parameter on the CPU in one pass over its memory instead of one
    /// for each of Burn's operations. The numbers are the same, except that averages too small for a normal number are zero.
    /// Parameters of other types than `f32` and `f64`, and other optimizers, are Burn's either way. Default yes.
    #[must_use]
    pub fn fused_optimizers(mut self, fused: bool) -> Self {
        self.settings.optimization.fused = fused;
        self
    }

    /// Whether the C library's allocator is told to keep freed memory for the next step rather than to give it back to the kernel,
    /// which makes training on the CPU up to 1.6 times as fast, and to ask for huge pages where the kernel waits to be asked
    /// (1 GiB of addresses is set aside for them, no memory). It holds for the process from the first [`build`](Self::build)
    /// on, needs glibc, and leaves settings of the environment (`MALLOC_TRIM_THRESHOLD_`, `GLIBC_TUNABLES`) as they are.
    /// Default yes.
    #[must_use]
    pub fn tune_allocator(mut self, tune: bool) -> Self {
        self.settings.allocator.tune = tune;
        self
    }

    /// Uses this share of the training batches of each epoch.
    #[must_use]
    pub fn limit_train_batches(mut self, limit: impl Into<Limit>) -> Self {
        self.settings.limits.train = limit.into();
        self
    }

    /// Uses this share of the validation batches; 0 turns validation off.
    #[must_use]
    pub fn limit_val_batches(mut self, limit: impl Into<Limit>) -> Self {
        self.settings.limits.val = limit.into();
        self
    }

    /// Uses this share of the test batches.
    #[must_use]
    pub fn limit_test_batches(mut self, limit: impl Into<Limit>) -> Self {
        self.settings.limits.test = limit.into();
        self
    }

    /// Uses this share of the prediction batches.
    #[must_use]
    pub fn limit_predict_batches(mut self, limit: impl Into<Limit>) -> Self {
        self.settings.limits.predict = limit.into();
        self
    }

    /// Tries everything on `batches` batches: one epoch, no sanity check, no checkpoints, no loggers, no early stopping. Schedules are made
    /// for the whole run ([`estimated_optimizer_steps`](crate::FitContext::estimated_optimizer_steps)), so that the first steps are its first steps.
    #[must_use]
    pub fn fast_dev_run(mut self, batches: u64) -> Self {
        self.settings.fast_dev_run = Some(batches);
        self
    }

    /// Validation batches tried before training. Default 2.
    #[must_use]
    pub fn num_sanity_val_steps(mut self, batches: u64) -> Self {
        self.settings.validation.sanity_steps = batches;
        if batches > 0 {
            self.settings.asked.push("num_sanity_val_steps");
        }
        self
    }

    /// When validation runs. Default: at the end of every epoch.
    ///
    /// | interval | validates |
    /// |---|---|
    /// | `100` | after every 100th training batch of an epoch |
    /// | `0.25` | four times an epoch |
    /// | `Steps(500)` | after every 500th optimizer step of the run |
    /// | `Every(Duration::from_secs(600))` | after the batch at which the last validation is ten minutes past |
    ///
    /// With [`check_val_every_n_epoch(None)`](Self::check_val_every_n_epoch) a number of batches is counted over the whole run, so that
    /// it may be longer than an epoch.
    #[must_use]
    pub fn val_check_interval(mut self, interval: impl Into<ValCheckInterval>) -> Self {
        self.settings.validation.interval = interval.into();
        self
    }

    /// Validates in every n-th epoch only; `None`: by [`val_check_interval`](Self::val_check_interval) alone, whose batches are then
    /// counted over the whole run. Default 1.
    #[must_use]
    pub fn check_val_every_n_epoch(mut self, epochs: impl Into<Option<usize>>) -> Self {
        self.settings.validation.every_n_epochs = epochs.into();
        self
    }

    /// Trains on the same few batches in every epoch, in the order of the dataset whatever the loader says, and validates on as many of
    /// the validation loader: a model that cannot learn them by heart has a mistake.
    #[must_use]
    pub fn overfit_batches(mut self, share: impl Into<Limit>) -> Self {
        self.settings.limits.overfit = Some(share.into());
        self
    }

    /// Asks the data module for its loaders anew after every so many epochs.
    #[must_use]
    pub fn reload_dataloaders_every_n_epochs(mut self, epochs: usize) -> Self {
        self.settings.limits.reload_every_n_epochs = Some(epochs);
        self
    }

    /// Runs the loop and nothing around it, to measure it: no loggers, no logging, no checkpoints, no progress, no summary, no sanity
    /// check. Asking for one of these as well is an error of [`build`](Self::build). Default no.
    #[must_use]
    pub fn barebones(mut self, barebones: bool) -> Self {
        self.settings.barebones = barebones;
        self
    }

    /// Refuses, in [`build`](Self::build), whatever would make two runs of one seed differ: a device that chooses its kernels by timing
    /// them, which is every one but the processor, and settings that depend on the clock (`max_time`, `Every`). Without it a run on the
    /// processor is the same to the last bit too; this makes sure of it. Default no.
    #[must_use]
    pub fn deterministic(mut self, deterministic: bool) -> Self {
        self.settings.deterministic = deterministic;
        self
    }

    /// Sends the values of single steps to the loggers every n batches. Default 50.
    #[must_use]
    pub fn log_every_n_steps(mut self, batches: u64) -> Self {
        self.settings.output.log_every_n_steps = batches;
        self.settings.asked.push("log_every_n_steps");
        self
    }

    /// Where the first `fit` begins: anew, or where a checkpoint was taken. A path stands for [`Resume::Path`].
    ///
    /// ```no_run
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
    /// # }
    /// // A job that a cluster starts again until it has finished.
    /// let trainer = Net::trainer().max_epochs(100).resume_from(Resume::LastOrStart).build()?;
    /// # Ok::<(), lightning_core::Error>(())
    /// ```
    #[must_use]
    pub fn resume_from(mut self, resume: impl Into<Resume>) -> Self {
        self.resume = resume.into();
        self
    }

    /// Measures where the time goes, and prints it at the end of each run: a [`Profiler`](crate::trainer::Profiler) or its name, `"simple"`.
    /// [`Trainer::profile`] has the figures.
    #[must_use]
    pub fn profiler(mut self, profiler: impl IntoProfiler) -> Self {
        self.settings.profiler = self.problems.take(profiler.into_profiler());
        self.settings.asked.push("profiler(…)");
        self
    }

    /// Where to compute: an [`Accelerator`](crate::settings::Accelerator) or its name (`"auto"`, `"cpu"`, `"cuda"`, …).
    #[must_use]
    pub fn accelerator(mut self, accelerator: impl IntoAccelerator) -> Self {
        if let Some(accelerator) = self.problems.take(accelerator.into_accelerator()) {
            self.settings.accelerator = accelerator;
        }
        self
    }

    /// In which float types to keep parameters and to compute: a [`Precision`](crate::Precision) or its name (`"bf16-mixed"`, …).
    /// Default: in those that the module and its batches have, which is float32 unless a program says otherwise.
    #[must_use]
    pub fn precision(mut self, precision: impl IntoPrecision) -> Self {
        if let Some(precision) = self.problems.take(precision.into_precision()) {
            self.settings.numerics.precision = Some(precision);
        }
        self
    }

    /// Whether the backward pass computes activations that are cheap to compute again, rather than keep them from the forward
    /// pass: less memory for more time, and the same numbers. Default no.
    #[must_use]
    pub fn gradient_checkpointing(mut self, enable: bool) -> Self {
        self.settings.numerics.gradient_checkpointing = enable;
        self
    }

    /// Which device: one of the accelerator's by its index (`[1]`), or their number, which is 1. Default: the first.
    #[must_use]
    pub fn devices(mut self, devices: impl Into<Devices>) -> Self {
        self.settings.strategy.devices = devices.into();
        self
    }

    /// How many machines. Only 1, the default, is possible.
    #[must_use]
    pub fn num_nodes(mut self, machines: usize) -> Self {
        self.settings.strategy.num_nodes = machines;
        self
    }

    /// How a run is spread over devices: `"auto"`, the default, and `"single_device"` are possible, and mean the same.
    #[must_use]
    pub fn strategy(mut self, strategy: impl Into<String>) -> Self {
        self.settings.strategy.strategy = strategy.into();
        self
    }

    /// The folder for logs and checkpoints where nothing says otherwise. Default: the working folder.
    #[must_use]
    pub fn default_root_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.settings.output.root = folder.as_ref().to_path_buf();
        self
    }

    /// Adds a callback.
    #[must_use]
    pub fn callback<C: Callback<M> + 'static>(mut self, callback: C) -> Self {
        self.callbacks.push(Box::new(callback));
        self
    }

    /// Adds a logger; without any, metrics go to `lightning_logs/version_N/metrics.csv` below the root folder.
    #[must_use]
    pub fn logger<L: Logger + 'static>(mut self, logger: L) -> Self {
        self.loggers.push(Box::new(logger));
        self.settings.asked.push("logger(…)");
        self
    }

    /// Logs nothing.
    #[must_use]
    pub fn no_logger(mut self) -> Self {
        self.settings.output.default_logger = false;
        self
    }

    /// Whether a run without a [`ModelCheckpoint`] keeps its latest checkpoint. Default yes.
    #[must_use]
    pub fn enable_checkpointing(mut self, enable: bool) -> Self {
        self.settings.output.checkpointing = enable;
        self.asked(enable, "enable_checkpointing(true)")
    }

    /// Whether progress is shown. Default yes.
    #[must_use]
    pub fn enable_progress_bar(mut self, enable: bool) -> Self {
        self.settings.output.progress_bar = enable;
        self.asked(enable, "enable_progress_bar(true)")
    }

    /// Whether the model's summary is printed before training. Default yes.
    #[must_use]
    pub fn enable_model_summary(mut self, enable: bool) -> Self {
        self.settings.output.model_summary = enable;
        self.asked(enable, "enable_model_summary(true)")
    }

    /// Notes what was asked for by name.
    fn asked(mut self, enable: bool, setting: &'static str) -> Self {
        self.settings.asked.retain(|asked| *asked != setting);
        if enable {
            self.settings.asked.push(setting);
        }
        self
    }

    /// When logged tensors come back to the host; for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn read_back(mut self, when: ReadBack) -> Self {
        self.settings.readback = when;
        self
    }
}

impl<M: LightningModule> TrainerBuilder<M> {
    /// Checks all settings together.
    ///
    /// # Errors
    /// One error that lists every problem with its remedy.
    pub fn build(self) -> Result<Trainer<M>> {
        let Self { mut settings, mut problems, mut callbacks, mut loggers, resume } = self;
        for callback in &callbacks {
            if let Err(error) = callback.check() {
                problems.add(error.message().to_owned(), error.remedy().unwrap_or("see its documentation"));
            }
        }
        let has_checkpoint = callbacks.iter().any(|callback| callback.is_checkpoint());
        if has_checkpoint && !settings.output.checkpointing {
            problems.add(
                "`enable_checkpointing(false)` is set and a `ModelCheckpoint` is given",
                "leave one of the two out",
            );
        }
        check_barebones(&callbacks, &settings, &mut problems);
        let (accelerator, index, precision) =
            (settings.accelerator, settings.strategy.index(), settings.numerics.precision);
        let choose = || devices::choose(accelerator, index, precision);
        if let Some(devices::Choice { device, .. }) = problems.take(choose())
            && settings.deterministic
            && !readback::is_host(&device)
        {
            problems.add(
                format!("`deterministic(true)` is set, and {device:?} chooses its kernels by timing them"),
                "use `accelerator(\"cpu\")`, or leave one of the two out",
            );
        }
        let by_hand = matches!(M::TRAINING, TrainingMode::Manual);
        if by_hand {
            check_by_hand(&settings, &mut problems);
        }
        check_together(&callbacks, &mut settings, &mut problems, by_hand);
        let mut settings = settings.check(problems)?;
        if callbacks.iter().any(|callback| callback.is_model_summary()) {
            settings.output.model_summary = false;
        }
        let devices::Choice { device, note } = choose()?;
        if settings.allocator.tune {
            allocator::keep_memory();
        }
        if settings.fast_dev_run.is_some() {
            loggers.clear();
        }
        if loggers.is_empty() && settings.output.default_logger {
            loggers.push(Box::new(CsvLogger::new(settings.output.root.join("lightning_logs"))));
        }
        if !has_checkpoint && settings.output.checkpointing {
            callbacks.push(Box::new(ModelCheckpoint::<M>::latest()));
        }
        callbacks.sort_by_key(|callback| callback.order());
        let mut run = RunState::new(ModuleInfo::of::<M>(), settings, device, loggers, resume);
        run.console.warnings.extend(note);
        Ok(Trainer { run, callbacks, known: None })
    }
}

/// Looks at what callbacks have to say together, and takes over what they set.
fn check_together<M>(
    callbacks: &[Box<dyn Callback<M>>],
    settings: &mut Settings,
    problems: &mut Problems,
    optimizes_by_itself: bool,
) {
    if callbacks.iter().filter(|callback| callback.averages_weights()).count() > 1 {
        problems.add("two callbacks average the weights", "leave one of them out: a checkpoint shows one average");
    }
    let mut schedules = callbacks.iter().filter_map(|callback| callback.accumulation());
    let Some(schedule) = schedules.next() else { return };
    if schedules.next().is_some() {
        problems.add("two callbacks schedule the accumulation of gradients", "leave one of them out");
    }
    if settings.optimization.accumulate != 1 {
        problems.add(
            format!(
                "`accumulate_grad_batches({})` is set, and `GradientAccumulationScheduler` is given",
                settings.optimization.accumulate
            ),
            "leave one of the two out; the epochs before the schedule's first have one batch a step",
        );
    }
    if optimizes_by_itself {
        problems.add(
            "`GradientAccumulationScheduler` is given, and the module optimizes by itself",
            "leave it out, and step every n-th batch in `training_step`",
        );
    }
    settings.optimization.accumulation = schedule;
}

/// What a run without anything around it has no use for.
fn check_barebones<M>(callbacks: &[Box<dyn Callback<M>>], settings: &Settings, problems: &mut Problems) {
    if !settings.barebones {
        return;
    }
    if callbacks.iter().any(|callback| callback.is_checkpoint()) {
        problems.add(
            "`barebones(true)` is set and a `ModelCheckpoint` is given, and a barebones run has no such thing",
            "leave one of the two out",
        );
    }
    for metric in callbacks.iter().flat_map(|callback| callback.monitors()) {
        problems.add(
            format!("`barebones(true)` is set, and a callback reads `{metric}`, which is not logged then"),
            "leave one of the two out",
        );
    }
}

/// What a module that optimizes by itself has to do itself.
fn check_by_hand(settings: &Settings, problems: &mut Problems) {
    let optimization = &settings.optimization;
    if optimization.accumulate > 1 {
        problems.add(
            "`accumulate_grad_batches` is set, and the module optimizes by itself",
            "leave it out, and step every n-th batch in `training_step`",
        );
    }
    if let Some(precision) = settings.numerics.precision.filter(|precision| precision.is_mixed()) {
        problems.add(
            format!("`precision(\"{precision}\")` is set, and the module optimizes by itself"),
            "use `bf16-true` or `32-true`, or a `training_step` without `#[manual_optimization]`",
        );
    }
    if optimization.clip.is_some() {
        problems.add(
            "`gradient_clip_val` is set, and the module optimizes by itself",
            "leave it out, and write `optimizers.step(KEY, self, gradients.clip_norm(limit))`",
        );
    }
}

impl<M> StartsTrainer for TrainerBuilder<M> {
    fn start() -> Self {
        Trainer::builder()
    }
}
