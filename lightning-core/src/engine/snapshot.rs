//! Takes a snapshot of a run, from which a checkpoint is written.
//!
//! It waits for the device once and copies every tensor that is not in host memory there. Tensors
//! in host memory are shared with the run, which copies them when it changes them. The checkpoint
//! thread hashes and writes the snapshot without the run.

use std::collections::BTreeMap;

use super::{loss_scaling, resume, run::RunState};
use crate::{
    callbacks::Callback,
    checkpoint::{
        BURN_VERSION, FORMAT_VERSION, Metadata, RunRecord, Snapshot,
        collect::Tensors,
        git,
        metadata::{DataRecord, Trainability},
        names, optimizers,
    },
    error::Result,
    module::erased::ErasedModule,
    os::panics::catch_in,
    params::{StateWriter, state::f64_to_json},
    tensor::handle::Handle,
};

/// Returns the states of the callbacks by their keys. Among equal keys the later ones get a number.
///
/// # Errors
/// If a callback cannot save its state.
pub(crate) fn callback_states<M>(callbacks: &[Box<dyn Callback<M>>]) -> Result<Vec<(String, StateWriter)>> {
    let mut states = Vec::new();
    for (key, callback) in callback_keys(callbacks)?.into_iter().zip(callbacks) {
        let mut state = StateWriter::default();
        catch_in(|| format!("save_state of {key}"), || callback.save_state(&mut state))?;
        if !state.is_empty() {
            states.push((key, state));
        }
    }
    Ok(states)
}

/// Returns the keys of the callbacks' states. Among equal keys the later ones get a number.
///
/// # Errors
/// If a callback panics.
pub(crate) fn callback_keys<M>(callbacks: &[Box<dyn Callback<M>>]) -> Result<Vec<String>> {
    let keys =
        callbacks.iter().map(|callback| catch_in(|| "a callback's state_key".to_owned(), || Ok(callback.state_key())));
    Ok(keyed(keys.collect::<Result<Vec<_>>>()?.into_iter()))
}

/// Numbers equal keys, so that each is unique.
fn keyed(keys: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    keys.map(|key| {
        let count = seen.entry(key.clone()).or_default();
        *count += 1;
        if *count == 1 { key } else { format!("{key}#{count}") }
    })
    .collect()
}

/// The parts of a snapshot besides the run.
pub(crate) struct Parts<'a> {
    /// The module in training.
    pub(crate) module: &'a dyn ErasedModule,
    /// The module that the file shows as the model, if it is another one, such as an average.
    pub(crate) shown: Option<&'a dyn ErasedModule>,
    /// What the module's `on_save_checkpoint` added.
    pub(crate) user: StateWriter,
    pub(crate) callbacks: Vec<(String, StateWriter)>,
    pub(crate) data: Option<DataRecord>,
    pub(crate) frozen: Vec<String>,
}

/// Takes a snapshot at the current position of the run.
///
/// # Errors
/// If the device fails, or a part cannot be saved.
pub(crate) fn take(parts: Parts<'_>, run: &mut RunState) -> Result<Snapshot> {
    let Parts { module, shown, user, callbacks, data, frozen } = parts;
    // A resumed run does not see the losses before it.
    run.check_losses()?;
    let mut tensors = Tensors::default();
    if let Some(shown) = shown {
        shown.tensors(tensors.below(names::MODEL))?;
        module.tensors(tensors.below(names::TRAINING))?;
    } else {
        module.tensors(tensors.below(names::MODEL))?;
    }
    let (user, user_tensors) = user.into_parts();
    tensors.below(names::USER);
    for (name, handle) in user_tensors {
        tensors.add(&name, handle);
    }
    let mut states = BTreeMap::new();
    for (key, writer) in callbacks {
        let (state, own) = writer.into_parts();
        tensors.below(format!("{}{key}.", names::CALLBACKS));
        for (name, handle) in own {
            tensors.add(&name, handle);
        }
        states.insert(key, state);
    }
    let parameters = module.parameters()?;
    let buffers = resume::record_buffers(run, &parameters, &mut tensors);
    if let Some(loss) = run.progress.loss() {
        tensors.below("").add(names::LOSS, Handle::float(loss));
    }
    // sync: once a checkpoint.
    let mut tensors = tensors.read()?;
    let optimizers = optimizers::save(&run.train.optimizers, &parameters, &mut tensors)?;
    let metrics =
        run.log.metrics.metrics()?.iter().map(|(name, value)| (name.to_owned(), f64_to_json(value))).collect();
    let metadata = Metadata {
        format: FORMAT_VERSION,
        lightning: env!("CARGO_PKG_VERSION").to_owned(),
        burn: BURN_VERSION.to_owned(),
        git_commit: git::commit(),
        module: module.name().to_owned(),
        hparams: catch_in(|| format!("the hyperparameters of {}", module.name()), || module.hparams())?,
        state: catch_in(|| format!("the state of {}", module.name()), || module.state())?,
        user,
        epoch: run.progress.last_epoch,
        global_step: run.progress.counters.global_step,
        batch_step: run.progress.counters.batch_step,
        seed: run.progress.seed,
        metrics,
        run: Some(Box::new(RunRecord {
            position: run.progress.position,
            counters: run.progress.counters,
            stop: run.progress.stop.clone(),
            optimizers,
            buffers,
            scaler: loss_scaling::scalers_record(run)?,
            callbacks: states,
            data,
            metrics: run.log.metrics.record()?,
            metrics_of_others: std::mem::take(&mut run.checkpoints.metrics_of_others),
            world_size: run.strategy.rank().world_size as u64,
            log_records: run.log.loggers.records_at(run.progress.counters.batch_step),
            train_batches: run.resume.train_batches,
            trainable: Trainability { declared: run.resume.declared_frozen.clone(), frozen },
            left_out: run.progress.left_out.clone(),
            roll_backs: run.progress.roll_backs,
            settings: run.settings.record(),
        })),
    };
    Ok(Snapshot { metadata, tensors })
}
