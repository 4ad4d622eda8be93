//! How many samples a backward pass takes.

use std::fmt;

/// How many samples a backward pass takes: the argument of
/// [`micro_batch`](super::TrainerBuilder::micro_batch), a number or `"auto"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MicroBatch(Written);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Written {
    Auto,
    Samples(usize),
    Unknown(String),
}

impl MicroBatch {
    /// As many as fit: all of a batch, and half as many each time that the device reports that memory
    /// does not suffice.
    pub const AUTO: Self = Self(Written::Auto);

    /// Whether the number is found out.
    pub(crate) fn is_auto(&self) -> bool {
        self.0 == Written::Auto
    }

    /// The largest number of samples to begin with.
    pub(crate) fn first_limit(&self) -> usize {
        match self.0 {
            Written::Samples(samples) => samples,
            Written::Auto | Written::Unknown(_) => usize::MAX,
        }
    }

    /// What is wrong with it.
    pub(super) fn problem(&self) -> Option<String> {
        match &self.0 {
            Written::Auto => None,
            Written::Samples(samples) if *samples > 0 => None,
            Written::Samples(_) | Written::Unknown(_) => {
                Some(format!("`micro_batch` must be `auto` or a number of samples above 0, found `{self}`"))
            }
        }
    }
}

impl fmt::Display for MicroBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Written::Auto => f.write_str("auto"),
            Written::Samples(samples) => write!(f, "{samples}"),
            Written::Unknown(text) => f.write_str(text),
        }
    }
}

impl From<usize> for MicroBatch {
    fn from(samples: usize) -> Self {
        Self(Written::Samples(samples))
    }
}

impl From<&str> for MicroBatch {
    fn from(text: &str) -> Self {
        match text {
            "auto" => Self::AUTO,
            other => Self(other.parse().map_or_else(|_| Written::Unknown(other.to_owned()), Written::Samples)),
        }
    }
}
