//! Which rows of an earlier run are kept.

/// Which rows of an earlier run are kept: those before a training batch, and the first rows of that
/// batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pub(super) batch_step: u64,
    /// How many rows of the batch itself.
    pub(super) records: u64,
}

impl Kept {
    /// Every row.
    pub(super) const ALL: Self = Self { batch_step: u64::MAX, records: u64::MAX };
}

/// Drops the rows after those that are kept.
pub(super) struct Filter {
    pub(super) kept: Kept,
    /// How many rows of the last kept batch were seen.
    pub(super) of_last: u64,
}

impl Filter {
    /// Whether the next row, by its cell `batch_step`, is kept.
    pub(super) fn keeps(&mut self, batch_step: Option<&str>) -> bool {
        let Some(step) = batch_step.and_then(|step| step.parse::<u64>().ok()) else { return false };
        let is_last = step == self.kept.batch_step;
        self.of_last += u64::from(is_last);
        step < self.kept.batch_step || (is_last && self.of_last <= self.kept.records)
    }
}
