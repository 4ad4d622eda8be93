//! What loading weights did.

use std::fmt;

/// What became of the weights of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WeightsReport {
    /// Parameters and buffers of the module that were given values.
    pub applied: Vec<String>,
    /// Tensors of the file that were not asked for.
    pub skipped: Vec<String>,
    /// Parameters of the module, or of the field, for which the file has nothing.
    pub missing: Vec<String>,
    /// Tensors of the file that have no place in the module.
    pub unused: Vec<String>,
}

impl fmt::Display for WeightsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { applied, skipped, missing, unused } = self;
        write!(f, "{} tensors applied", applied.len())?;
        for (what, names) in [("skipped", skipped), ("missing in the file", missing), ("without a place", unused)] {
            if !names.is_empty() {
                write!(f, "\n  {what}: {}", names.join(", "))?;
            }
        }
        Ok(())
    }
}
