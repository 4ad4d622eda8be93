//! Layers that know of the run.

mod sync_batch_norm;

pub use self::sync_batch_norm::SyncBatchNorm;
