//! What is taken of a run at one place, and the file made of it.
//!
//! Taking waits for the device once and copies every tensor that is not on the host already to it. Those that are there are shared with
//! the run, which copies what it changes; hashing and writing need it no more.

use std::collections::BTreeMap;

use burn::module::Module;

use crate::{
    callbacks::Callback,
    checkpoint::metadata::DataRecord,
    error::Result,
    module::{LightningStruct, erased::Snapshot},
    params::state::StateWriter,
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
    pub(crate) module: &'a dyn Snapshot,
    /// The one that the file shows as the model, where it is another.
    pub(crate) shown: Option<&'a dyn Snapshot>,
    /// What the module's `on_save_checkpoint` added.
    pub(crate) user: StateWriter,
    pub(crate) callbacks: Vec<(String, StateWriter)>,
    pub(crate) data: Option<DataRecord>,
    pub(crate) frozen: Vec<String>,
}
