//! The results of `fit`, `validate` and `test`.

use std::{
    fmt::{self, Write as _},
    marker::PhantomData,
    ops::Index,
    path::PathBuf,
};

use crate::{
    console::{
        table,
        wrap::{Stream, wrapped},
    },
    data::{Testing, Validation},
    metrics::{InFit, InTest, InValidation, KeyRef, MetricKey, Metrics, ModuleMetrics},
    progress::StopReason,
    stage::Stage,
    text::significant,
};

/// The result of `fit` of the module `M`. Printed, it is a summary of the run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FitReport<M> {
    /// Why training ended.
    pub stop_reason: StopReason,
    /// The number of finished epochs, over all calls of `fit` of the trainer.
    pub current_epoch: u64,
    /// The number of optimizer steps. Steps of several optimizers after one batch count once.
    pub global_step: u64,
    /// The number of training batches.
    pub batch_step: u64,
    /// The number of training batches whose step returned `None`.
    pub skipped_batches: u64,
    /// The number of optimizer steps that were skipped because gradients were not finite: with loss
    /// scaling (`16-mixed`), which needs a few of them at the start to find its scale, and on a CPU
    /// with `gradient_clip_val` as a limit of their norm.
    pub skipped_steps: u64,
    /// The number of training losses that were NaN or infinite. A device is not read for each of
    /// them: one that leaves finite weights and finite logged values may be missing.
    pub non_finite_losses: u64,
    /// The number of validation runs, without the sanity check.
    pub validation_runs: u64,
    /// The last value of every metric.
    pub metrics: ModuleMetrics<M>,
    /// The best checkpoint written.
    pub best_checkpoint: Option<PathBuf>,
    /// The checkpoint that the run was resumed from.
    pub resumed_from: Option<PathBuf>,
    /// The settings, hyperparameters, callbacks and data in which the program differs from that
    /// checkpoint. Those of the program apply.
    pub differences: Vec<String>,
    /// The seed of the run.
    pub seed: u64,
    /// The warnings of the run.
    pub warnings: Vec<String>,
    pub(crate) best: Vec<(String, f64, u64)>,
    /// The number of whole epochs, which is smaller than `current_epoch` if the last one was cut.
    pub(crate) whole_epochs: u64,
    /// Whether `best_checkpoint` was chosen by a metric.
    pub(crate) is_ranked: bool,
}

impl<M> FitReport<M> {
    /// Returns the last value of a metric by its key, such as `Net::VAL_LOSS`. A metric that is
    /// only logged in testing does not compile.
    pub fn get<D, S: InFit>(&self, key: MetricKey<M, D, S>) -> Option<f64> {
        self.metrics.get(key)
    }

    fn best<D, S>(&self, key: MetricKey<M, D, S>) -> Option<(f64, u64)> {
        let name = KeyRef::from(key).metric();
        self.best.iter().find(|(known, ..)| known == name).map(|(_, score, epoch)| (*score, *epoch))
    }

    /// Returns the best epoch value of a metric logged with `minimize` or `maximize`.
    pub fn best_score<D, S>(&self, key: MetricKey<M, D, S>) -> Option<f64> {
        self.best(key).map(|(score, _)| score)
    }

    /// Returns the epoch, counted from 0, of [`best_score`](Self::best_score).
    pub fn best_epoch<D, S>(&self, key: MetricKey<M, D, S>) -> Option<u64> {
        self.best(key).map(|(_, epoch)| epoch)
    }
}

impl<M> fmt::Display for FitReport<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stop_reason, current_epoch, whole_epochs, global_step, metrics, best_checkpoint, warnings, .. } =
            self;
        let mut text = String::new();
        let whole = if whole_epochs < current_epoch { "whole " } else { "" };
        let epochs = if *whole_epochs == 1 { "epoch" } else { "epochs" };
        let steps = if *global_step == 1 { "step" } else { "steps" };
        write!(text, "fit ended after {whole_epochs} {whole}{epochs}, {global_step} optimizer {steps}: {stop_reason}")?;
        for (name, value) in metrics.iter() {
            let note = if value.is_nan() { "  (not a number)" } else { "" };
            write!(text, "\n  {name} {}{note}", significant(value, 6))?;
        }
        if let Some(path) = best_checkpoint {
            let which = if self.is_ranked { "best" } else { "latest" };
            write!(text, "\n  {which} checkpoint: {}", path.display())?;
        }
        if self.skipped_batches > 0 {
            write!(text, "\n  skipped batches: {}", self.skipped_batches)?;
        }
        if self.skipped_steps > 0 {
            write!(text, "\n  skipped steps: {}", self.skipped_steps)?;
        }
        if self.non_finite_losses > 0 {
            write!(text, "\n  losses that are not finite: {}", self.non_finite_losses)?;
        }
        if let Some(path) = &self.resumed_from {
            write!(text, "\n  resumed from: {}", path.display())?;
        }
        for difference in &self.differences {
            write!(text, "\n  {difference}")?;
        }
        for warning in warnings {
            write!(text, "\n  warning: {warning}")?;
        }
        f.write_str(&wrapped(&text, Stream::Out.width()))
    }
}

/// The result of `validate` or `test` of the module `M`. Printed, it is a table.
///
/// `S` is the stage: `EvalReport<Net>` is the result of `validate`, `EvalReport<Net, Testing>` that
/// of `test`.
#[non_exhaustive]
pub struct EvalReport<M, S = Validation> {
    /// The stage that was run.
    pub stage: Stage,
    /// The metrics of all loaders. With several loaders the names end with `/` and the loader's
    /// name.
    pub metrics: ModuleMetrics<M>,
    /// A description of the weights that were used, as far as the trainer knows them.
    pub weights: String,
    /// The number of batches.
    pub batches: u64,
    /// The warnings of the run.
    pub warnings: Vec<String>,
    pub(crate) marker: PhantomData<fn() -> S>,
}

impl<M, S> EvalReport<M, S> {
    pub(crate) fn new(stage: Stage, metrics: Metrics, weights: String, batches: u64, warnings: Vec<String>) -> Self {
        Self { stage, metrics: ModuleMetrics::new(metrics), weights, batches, warnings, marker: PhantomData }
    }
}

impl<M> EvalReport<M> {
    /// Returns the value of a metric by its key, such as `Net::VAL_LOSS`. The metric must be logged
    /// in validation.
    pub fn get<D, K: InValidation>(&self, key: MetricKey<M, D, K>) -> Option<f64> {
        self.metrics.get(key)
    }
}

impl<M> EvalReport<M, Testing> {
    /// Returns the value of a metric by its key, such as `Net::TEST_LOSS`. The metric must be
    /// logged in testing.
    pub fn get<D, K: InTest>(&self, key: MetricKey<M, D, K>) -> Option<f64> {
        self.metrics.get(key)
    }
}

impl<M, S> Clone for EvalReport<M, S> {
    fn clone(&self) -> Self {
        let Self { stage, metrics, weights, batches, warnings, marker } = self;
        let (metrics, weights, warnings) = (metrics.clone(), weights.clone(), warnings.clone());
        Self { stage: *stage, metrics, weights, batches: *batches, warnings, marker: *marker }
    }
}

impl<M, S> fmt::Debug for EvalReport<M, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stage, metrics, weights, batches, warnings, marker: _ } = self;
        f.debug_struct("EvalReport")
            .field("stage", stage)
            .field("metrics", metrics)
            .field("weights", weights)
            .field("batches", batches)
            .field("warnings", warnings)
            .finish()
    }
}

impl<M, S> Index<&str> for EvalReport<M, S> {
    type Output = f64;

    /// Returns the value of a metric by its name.
    ///
    /// # Panics
    /// If there is no such metric. `report.metrics.value(name)` returns `None` instead.
    fn index(&self, name: &str) -> &f64 {
        &self.metrics[name]
    }
}

impl<M, S> fmt::Display for EvalReport<M, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<_> = self.metrics.iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let footnote = format!("weights: {}", self.weights);
        f.write_str(&table::results_table(self.stage, &rows, Some(&footnote)))?;
        for (name, matrix) in self.metrics.matrices() {
            write!(f, "\n{name}\n{matrix}")?;
        }
        for warning in &self.warnings {
            write!(f, "\n{}", wrapped(&format!("warning: {warning}"), Stream::Out.width()))?;
        }
        Ok(())
    }
}
