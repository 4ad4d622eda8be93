//! The state of a run, in parts. A function takes the part that it uses.

use std::path::PathBuf;

use burn::tensor::Device;
use serde_json::Value;

use super::{
    audit::state::AuditState, first_batch::state::FirstBatch, guard::state::GuardState, log_state::LogState, losses,
};
use crate::strategy::{Rank, SingleDevice, Strategy};
use crate::{
    callbacks::{CallbackContext, CallbackOrder, SettingsView},
    checkpoint::{CheckpointState, Resume, ResumeState},
    console::{output::Console, profiler::Profile, progress_bar::Progress},
    data::Share,
    error::Result,
    hooks::HookSet,
    loggers::{Logger, Loggers},
    metrics::MetricStore,
    module::{ModuleInfo, RunView},
    optim::TrainState,
    progress::{LoopState, StepOutputs},
    remote,
    report::Report,
    settings::{ReadBack, Settings},
    tensor::readback,
};

/// The state of a run.
#[derive(Debug)]
pub(crate) struct RunState {
    pub(crate) info: ModuleInfo,
    pub(crate) settings: Settings,
    /// The hyperparameters of the module and of the data.
    pub(crate) hparams: Value,
    pub(crate) progress: LoopState,
    pub(crate) log: LogState,
    pub(crate) train: TrainState,
    pub(crate) outputs: StepOutputs,
    pub(crate) callbacks: CallbackState,
    pub(crate) checkpoints: CheckpointState,
    pub(crate) resume: ResumeState,
    pub(crate) console: Console,
    pub(crate) guard: GuardState,
    pub(crate) audit: AuditState,
    pub(crate) first_batch: FirstBatch,
    /// The page of the run.
    pub(crate) report: Report,
    pub(crate) strategy: Box<dyn Strategy>,
}

/// What the engine stores about the callbacks.
#[derive(Debug, Default)]
pub(crate) struct CallbackState {
    /// When each callback is called. Stored, because `Callback::info` may allocate.
    pub(crate) orders: Vec<CallbackOrder>,
    /// The hooks that each callback does not implement.
    pub(crate) not_implemented: Vec<HookSet>,
    /// The folders they were told to write checkpoints to.
    pub(crate) checkpoint_folders: Vec<PathBuf>,
    /// Whether one may find fault with a batch after its update.
    pub(crate) judges_steps: bool,
    /// A monitored metric that only validation logs.
    pub(crate) validation_only: Option<String>,
}

impl RunState {
    /// Announces the checkpoints that were written to the loggers.
    pub(crate) fn pass_written(&mut self) {
        let written = std::mem::take(&mut self.checkpoints.queue.written);
        if written.is_empty() {
            return;
        }
        for path in &written {
            self.log.loggers.checkpoint(path);
        }
        self.upload_logs();
    }

    /// Uploads the files of the run's folder, if it stands for one in object storage.
    pub(crate) fn upload_logs(&mut self) {
        let uploaded = self.log.loggers.dir().and_then(|folder| folder.map_or(Ok(()), remote::logs));
        if let Err(error) = uploaded {
            self.console.warn(format!("the logs are not uploaded: {error}"));
        }
    }

    /// A run that has not started.
    pub(crate) fn new(
        info: ModuleInfo,
        settings: Settings,
        device: Device,
        loggers: Vec<Box<dyn Logger>>,
        resume: Resume,
        strategy: Box<dyn Strategy>,
    ) -> Self {
        // Copied from the settings, so that logging borrows no other part of the run.
        let log = LogState {
            host: Self::is_host(&settings, &device),
            enabled: !settings.run.barebones,
            every_n_steps: settings.output.log_every_n_steps,
            logs_at_stop: strategy.rank().is_alone(),
            ..LogState::new(MetricStore::new(info.metrics).of((info.type_name)()), Loggers::new(loggers))
        };
        let console = Console {
            bar: Progress::new(settings.output.progress_bar, settings.output.renderer == "tui"),
            is_silent: !strategy.rank().is_global_zero(),
            warnings: Vec::new(),
            is_used: false,
            profile: settings.run.profiler.as_ref().map(|_| Profile::default()),
            recorder: None,
        };
        Self {
            info,
            hparams: Value::Null,
            progress: LoopState::new(device),
            log,
            train: TrainState::default(),
            outputs: StepOutputs::default(),
            callbacks: CallbackState::default(),
            checkpoints: CheckpointState::default(),
            resume: ResumeState { requested: resume, ..ResumeState::default() },
            console,
            guard: GuardState::default(),
            audit: AuditState::default(),
            first_batch: FirstBatch::default(),
            report: Report::default(),
            strategy,
            settings,
        }
    }

    /// Which batches of the loaders this process reads.
    pub(crate) fn share(&self) -> Share {
        let Rank { global, world_size, .. } = self.strategy.rank();
        match self.settings.strategy.ddp.divides {
            true => Share { rank: global, world_size },
            false => Share::WHOLE,
        }
    }

    /// The number of the current training batch of this process among the batches of all, from 0.
    pub(crate) fn micro_batch(&self) -> u64 {
        self.progress.counters.batch_step + self.strategy.rank().global as u64
    }

    /// A run of one process beside that of the trainer: without loggers, from the start.
    pub(crate) fn alone(info: ModuleInfo, settings: Settings, device: Device) -> Self {
        Self::new(info, settings, device, Vec::new(), Resume::Never, Box::new(SingleDevice))
    }

    /// Whether logged tensors are read at once, because the device's memory is the host's.
    fn is_host(settings: &Settings, device: &Device) -> bool {
        settings.run.readback == ReadBack::Auto && readback::is_host(device)
    }

    /// Whether a failed batch has already added to an accumulation buffer, which cannot be undone.
    pub(crate) fn has_gradients_of_failed_batch(&self) -> bool {
        // At a safe point the phase has advanced past a batch that succeeded.
        self.progress.repeats_batch() && self.train.micro_batches() != self.progress.micro_batches_before
    }

    /// What hooks see of the run.
    pub(crate) fn view(&mut self) -> RunView<'_> {
        let Self { progress, log, train, outputs, console, strategy, .. } = self;
        RunView { progress, metrics: &mut log.metrics, train, outputs, console, strategy: &mut **strategy }
    }

    /// What callbacks see of the run.
    pub(crate) fn callback_context(&mut self) -> CallbackContext<'_> {
        // Destructured without `..`: a new part must be shown to callbacks or excluded here.
        let Self {
            info,
            settings,
            hparams: _,
            progress,
            log,
            train,
            outputs,
            callbacks: _,
            checkpoints,
            resume,
            console,
            guard: _,
            audit: _,
            first_batch: _,
            report: _,
            strategy,
        } = self;
        CallbackContext {
            view: RunView { progress, metrics: &mut log.metrics, train, outputs, console, strategy: &mut **strategy },
            info: *info,
            settings: SettingsView {
                fast_dev_run: settings.run.fast_dev_run.is_some(),
                max_epochs: settings.length.max_epochs,
                log_every_n_steps: settings.output.log_every_n_steps,
                root: &settings.output.root,
                validates_once_an_epoch: settings.validation.is_once_an_epoch(),
                may_skip_validation: settings.validation.skips_epochs(),
            },
            loggers: &mut log.loggers,
            checkpoints,
            resume,
            index: 0,
            not_implemented: None,
        }
    }

    /// Looks at the losses since the last look, and warns of the first one that is not finite.
    ///
    /// # Errors
    /// If the device fails.
    pub(crate) fn check_losses(&mut self) -> Result<()> {
        let Self { progress, log, console, .. } = self;
        losses::check(progress, &mut log.metrics, console, log.host)
    }

    /// The folder of the run: the first logger's, or else the root folder.
    pub(crate) fn log_dir(&self) -> PathBuf {
        self.log.loggers.dir_or(&self.settings.output.root)
    }
}
