//! The builder methods of a [`ModelCheckpoint`].

use std::{path::PathBuf, time::Duration};

use super::{IntoCheckpointInterval, ModelCheckpoint, TopK, file_name::FieldNames, settings::Settings};
use crate::remote;

impl<M> ModelCheckpoint<M> {
    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.saver.settings);
        self
    }

    /// Sets how many checkpoints are kept: a number, or [`TopK::All`]. Default 1.
    ///
    /// Without a monitored metric it must be 0, 1 or all.
    #[must_use]
    pub fn save_top_k(self, count: impl Into<TopK>) -> Self {
        self.set(|settings| settings.top_k = count.into())
    }

    /// Also keeps the checkpoint that was due last, whether or not it is among the best, and a
    /// small file `last.ckpt` that points to it. Default `false`.
    ///
    /// With `save_top_k(0)` the checkpoint is `last.ckpt` itself.
    #[must_use]
    pub fn save_last(self, save: bool) -> Self {
        self.set(|settings| settings.save_last = save)
    }

    /// Saves the module without optimizers and progress: smaller files, from which a run cannot be
    /// resumed. Default `false`.
    #[must_use]
    pub fn save_weights_only(self, only: bool) -> Self {
        self.set(|settings| settings.weights_only = only)
    }

    /// Sets the folder, or the address of one in object storage, such as `s3://bucket/run` (feature
    /// `remote`; see [`remote`](crate::remote)). Default: `checkpoints` in the folder of the logger.
    #[must_use]
    pub fn dirpath(self, folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        // An address that is wrong is reported by `build`.
        let folder = remote::resolve(&folder).unwrap_or(folder);
        self.set(|settings| settings.folder = Some(folder))
    }

    /// Sets the name of the files, without `.ckpt`. Default `{epoch}-{step}`.
    ///
    /// It must be a name without folders: a resumed run looks for it in the folder of
    /// [`dirpath`](Self::dirpath).
    ///
    /// A field in braces is `epoch`, `step` or a metric, with a format specification of Python:
    /// `{epoch:03d}-{val_loss:.2f}`. A metric without a value is shown as 0.
    #[must_use]
    pub fn filename(self, template: impl Into<String>) -> Self {
        self.set(|settings| settings.template = Some(template.into()))
    }

    /// Sets whether a field's name is written before its value, as in `epoch=3`. Default `true`.
    ///
    /// Turn it off for metrics whose names contain `/`.
    #[must_use]
    pub fn auto_insert_metric_name(self, insert: bool) -> Self {
        self.set(|settings| settings.field_names = if insert { FieldNames::Shown } else { FieldNames::Hidden })
    }

    /// Sets whether `-v1`, `-v2`, … is appended to a name that is taken. If not, the old file is
    /// replaced. Default `true`.
    #[must_use]
    pub fn enable_version_counter(self, count: bool) -> Self {
        self.set(|settings| settings.count_versions = count)
    }

    /// Sets when checkpoints are due: every `Epochs(n)`, every `Steps(n)` of the optimizer, counted
    /// over the whole run, or whenever a `Duration` has passed. Default: `Epochs(1)`.
    ///
    /// If the metric is computed by a validation that follows the step, the checkpoint is saved
    /// after that validation. A time is checked after each batch.
    ///
    /// ```
    /// # use burn::{nn::*, optim::SgdConfig, prelude::*};
    /// use std::time::Duration;
    /// use lightning_core::{callbacks::{Epochs, Steps}, prelude::*};
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
    ///
    /// let trainer = Net::trainer()
    ///     .callback(ModelCheckpoint::latest().every(Epochs(2)))
    ///     .callback(ModelCheckpoint::latest().every(Steps(500)))
    ///     .callback(ModelCheckpoint::latest().every(Duration::from_secs(600)))
    ///     .build()?;
    /// # Ok::<(), lightning_core::Error>(())
    /// ```
    #[must_use]
    pub fn every(self, interval: impl IntoCheckpointInterval) -> Self {
        self.set(|settings| settings.every = Some(interval.into_interval()))
    }

    /// PyTorch Lightning's name of [`every(Epochs(epochs))`](Self::every); 0 for no checkpoints by
    /// epochs.
    #[must_use]
    pub fn every_n_epochs(self, epochs: u64) -> Self {
        self.set(|settings| settings.epochs = Some(epochs))
    }

    /// PyTorch Lightning's name of [`every(Steps(steps))`](Self::every).
    #[must_use]
    pub fn every_n_train_steps(self, steps: u64) -> Self {
        self.set(|settings| settings.steps = Some(steps))
    }

    /// PyTorch Lightning's name of [`every(interval)`](Self::every) with a time.
    #[must_use]
    pub fn train_time_interval(self, interval: Duration) -> Self {
        self.set(|settings| settings.interval = Some(interval))
    }

    /// Sets whether checkpoints by epochs are due at the end of the training epoch (`true`) or
    /// after validation (`false`). Default: `true` if validation runs once an epoch or never.
    #[must_use]
    pub fn save_on_train_epoch_end(self, save: bool) -> Self {
        self.set(|settings| settings.at_epoch_end = Some(save))
    }

    /// Also saves a checkpoint when an error, a panic or a signal ends the run, except before the
    /// first batch and after a step that has a checkpoint. Default `false`.
    #[must_use]
    pub fn save_on_exception(self, save: bool) -> Self {
        self.set(|settings| settings.on_exception = save)
    }

    /// Sets whether a monitored metric without a value is an error (`true`) or skips the
    /// checkpoint (`false`). Default `true`.
    #[must_use]
    pub fn strict(self, strict: bool) -> Self {
        self.set(|settings| settings.strict = strict)
    }

    /// Prints a line for each checkpoint. Default `false`.
    #[must_use]
    pub fn verbose(self, verbose: bool) -> Self {
        self.set(|settings| settings.verbose = verbose)
    }

    /// Sets the clock of an interval that is a time; for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn clock(self, clock: fn() -> Duration) -> Self {
        self.set(|settings| settings.clock = clock)
    }
}
