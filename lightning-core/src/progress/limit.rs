//! A limit on the batches of a loader.

use std::fmt;

use crate::error::{ConfigErrors, Error, Result};

/// A limit on a loader's batches: an integer is a number of batches, a float is a fraction of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// At most this many batches.
    Batches(i128),
    /// This fraction of the batches, rounded down.
    Fraction(f64),
}

macro_rules! limit_from {
    ($($number:ty),*) => {
        $(impl From<$number> for Limit {
            fn from(batches: $number) -> Self {
                Self::Batches(batches as i128)
            }
        })*
    };
}

limit_from!(i32, i64, u32, u64, usize);

impl From<f64> for Limit {
    fn from(fraction: f64) -> Self {
        Self::Fraction(fraction)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Batches(batches) => write!(f, "{batches}"),
            Self::Fraction(fraction) => write!(f, "{fraction:?}"),
        }
    }
}

impl Limit {
    /// All batches.
    pub(crate) const ALL: Self = Self::Fraction(1.0);

    pub(crate) fn is_zero(self) -> bool {
        matches!(self, Self::Batches(0)) || self == Self::Fraction(0.0)
    }

    pub(crate) fn check(self, setting: &str, problems: &mut ConfigErrors) {
        match self {
            Self::Batches(batches) if batches < 0 => {
                problems.add(
                    format!("`{setting}` must not be negative, found {batches}"),
                    "write a number of batches, or remove the setting",
                );
            }
            Self::Fraction(fraction) if !(0.0..=1.0).contains(&fraction) => {
                problems.add(
                    format!("`{setting}` must be a fraction between 0.0 and 1.0, found {fraction:?}"),
                    "write an integer for a number of batches",
                );
            }
            _ => {}
        }
    }

    /// Returns the limit for a loader of `len` batches; `None` for all batches of a loader that
    /// does not know its length.
    ///
    /// # Errors
    /// If it is a fraction of an unknown length, or rounds to no batch.
    pub(crate) fn of(self, len: Option<u64>, setting: &str) -> Result<Option<u64>> {
        match (self, len) {
            (Self::Batches(batches), len) => {
                let batches = u64::try_from(batches).unwrap_or(0);
                Ok(Some(len.map_or(batches, |len| len.min(batches))))
            }
            (Self::Fraction(fraction), Some(len)) => {
                let batches = (len as f64 * fraction).floor() as u64;
                if batches == 0 && fraction > 0.0 && len > 0 {
                    let enough = (1.0 / len as f64 * 1e4).ceil() / 1e4;
                    return Err(Error::config(format!(
                        "`{setting}` must be at least 1 of the {len} batches, found {fraction:?} of them"
                    ))
                    .help(format!("write at least {enough}, or an integer for a number of batches")));
                }
                Ok(Some(batches))
            }
            (Self::Fraction(1.0), None) => Ok(None),
            (Self::Fraction(fraction), None) => Err(Error::config(format!(
                "`{setting}({fraction:?})` is a fraction of the batches, and the loader does not know its length"
            ))
            .help("write an integer for a number of batches")),
        }
    }
}
