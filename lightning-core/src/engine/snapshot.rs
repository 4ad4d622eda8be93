//! What is taken of a run at one place, and the file made of it.
//!
//! Taking waits for the device once and copies every tensor that is not on the host already to it. Those that are there are shared with
//! the run, which copies what it changes; hashing and writing need it no more.

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
    params::{StateWriter, state::f64_to_json},
    tensor::handle::Handle,
};

/// The state of every callback by its key. Of several with one key the later ones get a number.
///
/// # Errors
/// Those of the callbacks.
pub(crate) fn callback_states<M>(callbacks: &[Box<dyn Callback<M>>]) -> Result<Vec<(String, StateWriter)>> {
    let mut states = Vec::new();
    for (key, callback) in keyed(callbacks.iter().map(|callback| callback.state_key())).into_iter().zip(callbacks) {
        let mut state = StateWriter::default();
        callback.save_state(&mut state)?;
        if !state.is_empty() {
            states.push((key, state));
        }
    }
    Ok(states)
}

/// Tells equal keys apart by their order.
pub(crate) fn keyed(keys: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    keys.map(|key| {
        let count = seen.entry(key.clone()).or_default();
        *count += 1;
        if *count == 1 { key } else { format!("{key}#{count}") }
    })
    .collect()
}

/// What a checkpoint is made of, besides the run.
pub(crate) struct Parts<'a> {
    /// The module in training.
    pub(crate) module: &'a dyn ErasedModule,
    /// The one that the file shows as the model, where it is another.
    pub(crate) shown: Option<&'a dyn ErasedModule>,
    /// What the module's `on_save_checkpoint` added.
    pub(crate) user: StateWriter,
    pub(crate) callbacks: Vec<(String, StateWriter)>,
    pub(crate) data: Option<DataRecord>,
    pub(crate) frozen: Vec<String>,
}

/// Takes everything at the place where the run is.
///
/// # Errors
/// When the device fails or something cannot be saved.
pub(crate) fn take(parts: Parts<'_>, run: &mut RunState) -> Result<Snapshot> {
    let Parts { module, shown, user, callbacks, data, frozen } = parts;
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
    let windows = resume::windows(run, &parameters, &mut tensors);
    if let Some(loss) = &run.progress.loss {
        tensors.below("").add(names::LOSS, Handle::float(loss.clone()));
    }
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
        hparams: module.hparams()?,
        state: module.state()?,
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
            windows,
            scaler: loss_scaling::scalers_record(run)?,
            callbacks: states,
            data,
            metrics: run.log.metrics.record()?,
            log_records: run.log.loggers.records_at(run.progress.counters.batch_step),
            train_batches: run.resume.train_batches,
            trainable: Trainability { declared: run.resume.declared_frozen.clone(), frozen },
            settings: run.settings.record(),
        })),
    };
    Ok(Snapshot { metadata, tensors })
}
