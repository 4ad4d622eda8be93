//! The result of loading weights.

use std::fmt;

/// The result of loading weights from a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WeightsReport {
    /// The parameters and buffers of the module that were loaded.
    pub applied: Vec<String>,
    /// The tensors of the file that `below` and `skip` exclude.
    pub skipped: Vec<String>,
    /// The parameters and buffers of the module, or of the field, that the file does not have.
    pub missing: Vec<String>,
    /// The tensors of the file that the module does not have.
    pub unused: Vec<String>,
}

impl fmt::Display for WeightsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { applied, skipped, missing, unused } = self;
        write!(f, "{} tensors applied", applied.len())?;
        for (what, names) in [("skipped", skipped), ("missing in the file", missing), ("unused", unused)] {
            if !names.is_empty() {
                write!(f, "\n  {what}: {}", names.join(", "))?;
            }
        }
        Ok(())
    }
}
