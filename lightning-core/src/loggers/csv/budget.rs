//! How much of `metrics.csv` may be rewritten.

/// The bytes that rewriting a file costs besides its contents, for [`Budget`].
const REWRITE: u64 = 32 * 1024;

/// How much of the file may be rewritten for new columns: in total at most a constant and a multiple
/// of what was appended, so that logging stays linear however many metrics appear.
#[derive(Debug)]
pub(super) struct Budget(u64);

impl Budget {
    /// Enough for some hundred rewrites of a short file.
    const START: u64 = 4 * 1024 * 1024;
    /// The bytes that may be rewritten for each byte appended.
    const EARNED: u64 = 8;

    /// Adds what appending `appended` bytes allows.
    pub(super) fn earn(&mut self, appended: usize) {
        self.0 = self.0.saturating_add((appended as u64).saturating_mul(Self::EARNED));
    }

    /// Spends what rewriting `bytes` costs, if there is enough.
    pub(super) fn spend(&mut self, bytes: u64) -> bool {
        let left = self.0.checked_sub(bytes.saturating_add(REWRITE));
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self(Self::START)
    }
}
