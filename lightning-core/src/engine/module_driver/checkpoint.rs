//! Rollback copies, snapshots and restoring of the module, the callbacks and the data module.

use serde_json::Value;

use super::{CallbackStates, ModuleDriver, Rollback};
use crate::{
    batch::BatchWriter,
    callbacks::Callback,
    checkpoint::{
        Checkpoint, RunRecord, Snapshot,
        differences::{compare, compare_one, flat},
        metadata::DataRecord,
        names,
    },
    data::RunData,
    engine::{
        driver::{CallbackStatesAfter, DriveCheckpoints, DriveHooks},
        run::RunState,
        snapshot::{self, Parts, callback_keys, callback_states},
    },
    error::Result,
    hooks::Hook,
    module::{LightningModule, apply_for_training, erased::ErasedModule, hook_label},
    os::panics::{catch_in, catch_panic},
    params::{self, MapMode, StateReader, StateWriter, frozen, running_statistics},
};

impl<M: LightningModule> DriveCheckpoints for ModuleDriver<'_, M> {
    fn save_rollback(&mut self) -> Result<()> {
        let module = self.module.get()?.clone();
        let frozen = frozen(&module)?;
        self.rollback = Some(Rollback { module, callbacks: callback_states(self.callbacks)?, frozen });
        Ok(())
    }

    fn rollback(&mut self, states: CallbackStatesAfter) {
        if let (Some(rollback), Ok(module)) = (self.rollback.take(), self.module.get_mut()) {
            *module = rollback.module;
            self.rolled_back_states = (states == CallbackStatesAfter::Saved).then_some(rollback.callbacks);
        }
    }

    fn discard_rollback(&mut self) {
        self.rollback = None;
    }

    fn snapshot(&mut self, run: &mut RunState) -> Result<Snapshot> {
        self.hook(Hook::OnSaveCheckpoint, run)?;
        let data = data_record(&*self.source)?;
        // With a copy there is a validation, and the module may be in evaluation form.
        let frozen = self.rollback.as_ref().map(|rollback| rollback.frozen.clone());
        let callbacks = match self.rolled_back_states.take() {
            Some(states) => states,
            None => callback_states(self.callbacks)?,
        };
        take_snapshot(self.module.get_mut()?, self.callbacks, callbacks, data, frozen, run)
    }

    fn restore(&mut self, run: &mut RunState, checkpoint: &Checkpoint) -> Result<()> {
        let Some(record) = &checkpoint.metadata.run else { return Ok(()) };
        // First the values, then which of them are frozen: that is relative to what the program
        // declares.
        let module = self.module.get_mut()?;
        catch_panic(|| apply_for_training(checkpoint, module))
            .map_err(|error| error.at(run.progress.location(None, false)))?;
        let now = frozen(self.module.get()?)?;
        let (freeze, thaw) = record.trainable.changes(&now, &mut run.resume.differences);
        if !(freeze.is_empty() && thaw.is_empty()) {
            self.module.apply(MapMode::Exactly { freeze: &freeze, thaw: &thaw })?;
        }
        restore_callbacks(self.callbacks, checkpoint, record, run)
            .map_err(|error| error.at(run.progress.location(None, false)))?;
        match &record.data {
            Some(stored) => restore_data(&mut *self.source, stored, &mut run.resume.differences)
                .map_err(|error| error.at(run.progress.location(None, false))),
            None => Ok(()),
        }
    }

    fn keep_start(&mut self) -> Result<()> {
        let module = self.module.get()?;
        let has_statistics = match self.has_statistics {
            Some(known) => known,
            None => *self.has_statistics.insert(!running_statistics(module)?.is_empty()),
        };
        let copy = module.clone();
        // `train` copies the running statistics, which a module otherwise shares with its clones.
        self.start = Some(if has_statistics { self.numerics.train(copy, &self.device) } else { copy });
        if let Some(named) = &mut self.train {
            named.fetcher.keep();
        }
        Ok(())
    }

    fn swap_start(&mut self) -> Result<()> {
        if let Some(start) = &mut self.start {
            self.module.exchange(start)?;
        }
        Ok(())
    }

    fn drop_start(&mut self) {
        self.start = None;
        if let Some(named) = &mut self.train {
            named.fetcher.forget();
        }
    }

    fn snapshot_start(&mut self, run: &mut RunState) -> Result<Snapshot> {
        let data = data_record(&*self.source)?;
        let callbacks = callback_states(self.callbacks)?;
        take_snapshot(self.module.get_mut()?, self.callbacks, callbacks, data, None, run)
    }

    fn kept_batch(&mut self) -> Option<BatchWriter> {
        self.train.as_mut().and_then(|named| named.fetcher.kept())
    }
}

/// Returns what a checkpoint stores of a data module; `None` for loaders without one.
fn data_record<M>(source: &dyn RunData<M>) -> Result<Option<DataRecord>> {
    let (Some(name), Some(hparams)) = (source.name(), data_hparams(source)?) else { return Ok(None) };
    let mut state = StateWriter::default();
    catch_in(|| format!("the state of {name}"), || source.save_state(&mut state))?;
    Ok(Some(DataRecord { name: name.to_owned(), hparams, state: state.finish() }))
}

/// Returns the hyperparameters of a data module; `None` for loaders without one.
///
/// # Errors
/// If they cannot be written as JSON, or writing them panics.
pub(crate) fn data_hparams<M>(source: &dyn RunData<M>) -> Result<Option<Value>> {
    catch_in(|| format!("the hyperparameters of {}", source.name().unwrap_or("the data module")), || source.hparams())
}

/// Restores a data module, unless it is of another type.
fn restore_data<M>(source: &mut dyn RunData<M>, stored: &DataRecord, differences: &mut Vec<String>) -> Result<()> {
    let (Some(name), Some(hparams)) = (source.name(), data_hparams(source)?) else { return Ok(()) };
    if stored.name != name {
        let [before, now] = [stored.name.as_str(), name].map(|name| format!("`{name}`"));
        compare_one("the data module", Some(&before), Some(&now), differences);
        return Ok(());
    }
    compare("data hyperparameter", &flat(&stored.hparams), &flat(&hparams), differences);
    catch_in(|| format!("the state of {name}"), || source.load_state(&StateReader::new(&stored.state)))
}

/// Takes a snapshot of a module and the run. `frozen` names the frozen parameters if the module is
/// not in training form.
pub(crate) fn take_snapshot<M: LightningModule>(
    module: &mut M,
    callbacks: &[Box<dyn Callback<M>>],
    states: CallbackStates,
    data: Option<DataRecord>,
    frozen: Option<Vec<String>>,
    run: &mut RunState,
) -> Result<Snapshot> {
    let mut user = StateWriter::default();
    catch_panic(|| module.save_user_state(&mut user))
        .map_err(|error| error.at(run.progress.location(Some(hook_label::<M>("on_save_checkpoint")), false)))?;
    // The model that the file shows: of several callbacks, the first that provides one.
    let mut shown = None;
    for callback in callbacks {
        let model = catch_in(|| "a callback's model_to_save".to_owned(), || callback.model_to_save(module))
            .map_err(|error| error.at(run.progress.location(None, false)))?;
        shown = shown.or(model);
    }
    let frozen = frozen.map_or_else(|| params::frozen(module), Ok)?;
    let parts = Parts {
        module,
        shown: shown.as_ref().map(|shown| shown as &dyn ErasedModule),
        user,
        callbacks: states,
        data,
        frozen,
    };
    snapshot::take(parts, run)
}

/// Restores the callbacks whose keys are in the checkpoint, and notes the others.
fn restore_callbacks<M>(
    callbacks: &mut [Box<dyn Callback<M>>],
    checkpoint: &Checkpoint,
    record: &RunRecord,
    run: &mut RunState,
) -> Result<()> {
    let keys = callback_keys(callbacks)?;
    for (key, callback) in keys.iter().zip(callbacks) {
        let tensors = checkpoint.tensors_below(&format!("{}{key}.", names::CALLBACKS))?;
        let Some(state) = record.callbacks.get(key) else {
            // A callback without a state has nothing to restore, and does not differ.
            let mut own = StateWriter::default();
            catch_in(|| format!("save_state of {key}"), || callback.save_state(&mut own))?;
            if !own.is_empty() {
                run.resume
                    .differences
                    .push(format!("the callback `{key}` is not in the checkpoint: it starts from its initial state"));
            }
            continue;
        };
        catch_panic(|| callback.load_state(&StateReader::with_tensors(state, &tensors)))
            .map_err(|error| error.at(run.progress.location(Some(format!("load_state of {key}")), false)))?;
    }
    for key in record.callbacks.keys().filter(|key| !keys.contains(key)) {
        run.resume.differences.push(format!("the checkpoint's callback `{key}` is not in the program"));
    }
    Ok(())
}
