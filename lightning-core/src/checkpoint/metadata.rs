//! The JSON text of a checkpoint.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::differences::compare_one;
use crate::{
    metrics::MetricsRecord,
    optim::AddedGroup,
    progress::{Counters, LoopPosition, StopReason},
};

/// The metadata of a checkpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Metadata {
    /// The version of the format.
    pub format: u32,
    /// The version of this library.
    pub lightning: String,
    /// The version of Burn; empty in a checkpoint of format 1.
    #[serde(default)]
    pub burn: String,
    /// The commit that was checked out in the working folder of the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_commit: Option<String>,
    /// The module's type name.
    pub module: String,
    /// The module's hyperparameters.
    pub hparams: Value,
    /// The `#[state]` fields.
    pub state: Value,
    /// The data that the module's `on_save_checkpoint` added.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub user: Value,
    /// The epoch, counted from 0, in which the checkpoint was taken.
    pub epoch: u64,
    /// The number of optimizer steps.
    pub global_step: u64,
    /// The number of training batches.
    pub batch_step: u64,
    /// The seed of the run.
    pub seed: u64,
    /// The metrics when the checkpoint was taken. Numbers that are not finite are strings.
    pub metrics: BTreeMap<String, Value>,
    /// The state of the run; absent if only the weights were saved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Box<RunRecord>>,
}

/// The state of a run, without its tensors.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunRecord {
    /// The position in the loops.
    #[serde(rename = "place")]
    pub(crate) position: LoopPosition,
    pub(crate) counters: Counters,
    /// The stop that was requested; it may wait for `min_epochs` or `min_steps`.
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
    /// The metrics of the processes with ranks from 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) metrics_of_others: Vec<MetricsRecord>,
    /// The number of processes that trained together.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub(crate) world_size: u64,
    /// The number of records that the loggers received for the last batch.
    pub(crate) log_records: u64,
    /// The number of batches in an epoch of the training loader, before limits.
    pub(crate) train_batches: Option<u64>,
    pub(crate) trainable: Trainability,
    /// The training batches that the run leaves out, by their indices in the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) left_out: Vec<u64>,
    /// The number of roll-backs.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) roll_backs: u64,
    /// The settings of the program.
    pub(crate) settings: BTreeMap<String, String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

const fn one() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
const fn is_one(count: &u64) -> bool {
    *count == 1
}

impl RunRecord {
    /// Returns every count that a resumed run continues.
    pub(crate) fn counts(&self) -> impl Iterator<Item = u64> {
        let Counters {
            epoch,
            global_step,
            batch_step,
            skipped_batches,
            skipped_steps,
            non_finite_losses,
            validation_runs,
        } = self.counters;
        let run = [
            epoch,
            global_step,
            batch_step,
            skipped_batches,
            skipped_steps,
            non_finite_losses,
            validation_runs,
            self.position.epoch,
            self.position.batch,
        ];
        let others = [self.log_records, self.train_batches.unwrap_or_default(), self.roll_backs];
        let optimizers = self.optimizers.iter().map(|optimizer| optimizer.steps);
        let buffers = self.buffers.iter().map(|buffer| buffer.micro_batches);
        run.into_iter().chain(others).chain(optimizers).chain(buffers)
    }
}

/// One optimizer, without its tensors.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OptimizerRecord {
    pub(crate) name: String,
    /// Its configuration, as text.
    pub(crate) numbers: String,
    /// The declared learning rates of the groups; `None` for a group without a rate of its own.
    pub(crate) declared_rates: Vec<Option<f64>>,
    /// The current learning rates of the groups.
    pub(crate) rates: Vec<f64>,
    /// The groups that were added during the run. They follow the declared ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) added: Vec<AddedGroup>,
    pub(crate) steps: u64,
    /// The numbers in its states, under `<parameter>.<field>`.
    pub(crate) scalars: BTreeMap<String, Value>,
    /// Its schedule, as text.
    pub(crate) schedule: Option<String>,
    /// The state of its schedule.
    pub(crate) schedule_state: Value,
    /// Whether a schedule that monitors a metric steps at the next value of the metric.
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

/// The paths of the frozen parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trainability {
    /// At the start of the run.
    pub(crate) declared: Vec<String>,
    /// When the checkpoint was taken.
    pub(crate) frozen: Vec<String>,
}

impl Trainability {
    /// Returns whether a parameter was frozen both at the start of the run and when the checkpoint
    /// was taken.
    pub(crate) fn has_never_trained(&self, path: &str) -> bool {
        let has = |paths: &[String]| paths.iter().any(|known| known == path);
        has(&self.declared) && has(&self.frozen)
    }

    /// Returns the paths to freeze and to unfreeze in a program that declares `now` as frozen. A
    /// parameter whose declaration has changed stays as it is now declared, and is added to
    /// `differences`.
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
            compare_one(&format!("`{path}`"), Some(was), Some(is), differences);
        }
        let kept = |path: &&String| !changed.contains(*path);
        let freeze = frozen.difference(&now).filter(kept).cloned().collect();
        let thaw = now.difference(&frozen).filter(kept).cloned().collect();
        (freeze, thaw)
    }
}

/// Returns the value if it is an object, and an empty object otherwise.
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
