//! What is shown of a module at its first batch.

/// What is still to be shown.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FirstBatch {
    pub(in crate::engine) graph: bool,
    pub(in crate::engine) summary: bool,
    /// Whether the thread that trains also makes the batches.
    pub(in crate::engine) is_inline: bool,
}
