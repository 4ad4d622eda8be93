//! The JSON of a checkpoint.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    metrics::MetricsRecord,
    optim::AddedGroup,
    progress::{Counters, LoopPosition, StopReason},
};

/// What a checkpoint says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Metadata {
    /// The format's version.
    pub format: u32,
    /// The version of this library.
    pub lightning: String,
    /// The version of Burn; empty in a file of format 1.
    #[serde(default)]
    pub burn: String,
    /// The commit that was checked out where the program ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_commit: Option<String>,
    /// The module's type name.
    pub module: String,
    /// The module's hyperparameters.
    pub hparams: Value,
    /// The `#[state]` fields.
    pub state: Value,
    /// What the module's `on_save_checkpoint` added.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub user: Value,
    /// The epoch, from 0, in which it was written.
    pub epoch: u64,
    /// Optimizer steps.
    pub global_step: u64,
    /// Training batches.
    pub batch_step: u64,
    /// The run's seed.
    pub seed: u64,
    /// The metrics known when it was written; numbers that are not finite are text.
    pub metrics: BTreeMap<String, Value>,
    /// What a resumed run needs; absent where only weights were saved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Box<RunRecord>>,
}

/// What a resumed run needs besides the tensors.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunRecord {
    /// Where in the run it was.
    #[serde(rename = "place")]
    pub(crate) position: LoopPosition,
    pub(crate) counters: Counters,
    /// A stop that has been asked for and waits for `min_epochs` or `min_steps`, or has ended the run.
    pub(crate) stop: Option<StopReason>,
    pub(crate) optimizers: Vec<OptimizerRecord>,
    /// The accumulation buffers.
    #[serde(rename = "windows")]
    pub(crate) buffers: Vec<BufferRecord>,
    /// The dynamic loss scaler of 16-bit training.
    pub(crate) scaler: Value,
    /// The state of each callback, by its key.
    pub(crate) callbacks: BTreeMap<String, Value>,
    pub(crate) data: Option<DataRecord>,
    pub(crate) metrics: MetricsRecord,
    /// Records that the loggers had of the last batch.
    pub(crate) log_records: u64,
    /// Batches in an epoch of the training loader, before limits.
    pub(crate) train_batches: Option<u64>,
    pub(crate) trainable: Trainability,
    /// The settings, as the program wrote them.
    pub(crate) settings: BTreeMap<String, String>,
}

impl RunRecord {
    /// Everything that a resumed run counts on from.
    pub(crate) fn counts(&self) -> impl Iterator<Item = u64> {
        let Counters { epoch, global_step, batch_step, skipped_batches, skipped_steps, validation_runs } =
            self.counters;
        let run = [
            epoch,
            global_step,
            batch_step,
            skipped_batches,
            skipped_steps,
            validation_runs,
            self.position.epoch,
            self.position.batch,
        ];
        let others = [self.log_records, self.train_batches.unwrap_or_default()];
        let optimizers = self.optimizers.iter().map(|optimizer| optimizer.steps);
        let buffers = self.buffers.iter().map(|buffer| buffer.micro_batches);
        run.into_iter().chain(others).chain(optimizers).chain(buffers)
    }
}

/// One optimizer, without its tensors.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OptimizerRecord {
    pub(crate) name: String,
    /// Its numbers, as text.
    pub(crate) numbers: String,
    /// The rates that the program declared, by group; `None` for a group that has the optimizer's.
    pub(crate) declared_rates: Vec<Option<f64>>,
    /// The rates in force.
    pub(crate) rates: Vec<f64>,
    /// The last groups, which were added during the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) added: Vec<AddedGroup>,
    pub(crate) steps: u64,
    /// The numbers in its states, by `<parameter>.<field>`.
    pub(crate) scalars: BTreeMap<String, Value>,
    /// Its schedule, as text.
    pub(crate) schedule: Option<String>,
    /// Where its schedule stands.
    pub(crate) schedule_state: Value,
    /// Whether a schedule that watches a metric goes on when the metric is there.
    pub(crate) watch_due: bool,
}

/// An accumulation buffer, without its gradients.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct BufferRecord {
    /// The number of micro-batches in it.
    #[serde(rename = "passes")]
    pub(crate) micro_batches: u64,
    /// The weight that its sum is divided by, if the host knows it.
    pub(crate) weight: Option<f64>,
}

/// A data module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DataRecord {
    pub(crate) name: String,
    pub(crate) hparams: Value,
    pub(crate) state: Value,
}

/// Which parameters take no gradient, by path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trainability {
    /// At the start of the run.
    pub(crate) declared: Vec<String>,
    /// When the checkpoint was written.
    pub(crate) frozen: Vec<String>,
}

impl Trainability {
    /// Whether a parameter took no gradient at the start of the run, nor when the checkpoint was written.
    pub(crate) fn has_never_trained(&self, path: &str) -> bool {
        let has = |paths: &[String]| paths.iter().any(|known| known == path);
        has(&self.declared) && has(&self.frozen)
    }

    /// What is to be frozen and unfrozen in a program that declares `now`. What the program declares otherwise than the
    /// checkpoint's program did stays as it is declared.
    pub(crate) fn changes(
        &self,
        now: &[String],
        differences: &mut Vec<String>,
    ) -> (BTreeSet<String>, BTreeSet<String>) {
        let set = |paths: &[String]| paths.iter().cloned().collect::<BTreeSet<String>>();
        let (declared, frozen, now) = (set(&self.declared), set(&self.frozen), set(now));
        let changed: BTreeSet<String> = declared.symmetric_difference(&now).cloned().collect();
        for path in &changed {
            let (was, is) = if now.contains(path) { ("trained", "frozen") } else { ("frozen", "trained") };
            differences.push(format!("`{path}` was {was} when the checkpoint was written and is {is} now"));
        }
        let kept = |path: &&String| !changed.contains(*path);
        let freeze = frozen.difference(&now).filter(kept).cloned().collect();
        let thaw = now.difference(&frozen).filter(kept).cloned().collect();
        (freeze, thaw)
    }
}

/// The object of a value, empty for anything else.
pub(crate) fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_trained_goes_on_unless_the_program_declares_it_otherwise() {
        let paths = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        // `backbone` was declared frozen and thawed in the run, `head` was frozen in the run.
        let stored = Trainability { declared: paths(&["backbone", "teacher"]), frozen: paths(&["head", "teacher"]) };
        let mut notes = Vec::new();
        let (freeze, thaw) = stored.changes(&paths(&["backbone", "teacher"]), &mut notes);
        assert_eq!((freeze, thaw), (BTreeSet::from(["head".to_owned()]), BTreeSet::from(["backbone".to_owned()])));
        assert!(notes.is_empty());

        let (freeze, thaw) = stored.changes(&paths(&["backbone", "head"]), &mut notes);
        assert_eq!((freeze.len(), thaw), (0, BTreeSet::from(["backbone".to_owned()])));
        assert_eq!(
            notes,
            [
                "`head` was trained when the checkpoint was written and is frozen now",
                "`teacher` was frozen when the checkpoint was written and is trained now"
            ]
        );
    }
}
