//! Checkpoints: one safetensors file with every tensor of a run under its path, and everything else
//! as JSON.
//!
//! | tensors | contents |
//! |---|---|
//! | `model.<path>` | parameters, running statistics and buffers, in the memory layout of the module |
//! | `training.<path>` | the same for the module in training, if `model.…` is its average |
//! | `optimizer.<name>.<path>.<field>` | the optimizers' states |
//! | `gradient.<buffer>.<path>` | the gradients of an accumulation buffer that is not full |
//! | `weight.<buffer>` | the weight that its sum is divided by, if only the device knows it |
//! | `callback.<key>.<name>` | the tensors in the states of callbacks |
//! | `user.<name>` | the tensors that the module's `on_save_checkpoint` added |
//! | `loss` | the loss of the last batch |
//!
//! `__metadata__` holds a hash (XXH3, 128 bits) of the file and one JSON text, [`Metadata`].
//! Nothing in the file depends on the time, the folder or random ids: equal states give equal
//! bytes. [`inspect`] prints the contents, as does
//! `cargo run --bin inspect_checkpoint -- file.ckpt`.
//!
//! Other programs can read the file: `safetensors.torch.load_file("epoch=3-step=1200.ckpt")`.

pub(crate) mod anomaly;
pub(crate) mod collect;
pub(crate) mod container;
pub(crate) mod differences;
pub(crate) mod find;
pub(crate) mod git;
mod inspect;
pub(crate) mod metadata;
pub(crate) mod optimizers;
pub(crate) mod queue;
pub(crate) mod reader;
pub(crate) mod snapshot;
mod state;
pub(crate) mod state_bytes;
pub(crate) mod writer;

pub use self::{
    find::Resume,
    inspect::{Inspection, TensorSummary, inspect},
    metadata::{Metadata, RunRecord},
};
pub(crate) use self::{
    reader::Checkpoint,
    snapshot::Snapshot,
    state::{BestCheckpoint, CheckpointState, ResumeState, ResumedFrom},
};

/// The format version that this library writes, and the newest that it reads.
pub const FORMAT_VERSION: u32 = 2;

/// The first format version whose files have a hash.
const FIRST_HASHED: u32 = 2;

/// The version of Burn that this library depends on.
pub(crate) const BURN_VERSION: &str = "0.22.1";

/// The prefixes of tensor names.
pub(crate) mod names {
    pub(crate) const MODEL: &str = "model.";
    pub(crate) const TRAINING: &str = "training.";
    pub(crate) const OPTIMIZER: &str = "optimizer.";
    pub(crate) const GRADIENT: &str = "gradient.";
    pub(crate) const WEIGHT: &str = "weight.";
    pub(crate) const CALLBACKS: &str = "callback.";
    pub(crate) const USER: &str = "user.";
    pub(crate) const LOSS: &str = "loss";
}
