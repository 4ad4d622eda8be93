//! When validation runs inside `fit`.

use std::time::Duration;

use crate::{
    engine::run::RunState,
    error::{Error, Result},
    progress::Limit,
    settings::{ValCheckInterval, ValidationSettings},
};

/// After which batches validation runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ValSchedule {
    /// After the last of an epoch.
    EpochEnd,
    /// After every so many of an epoch.
    Batches(u64),
    /// After every so many of the run.
    RunBatches(u64),
    /// After every so many optimizer steps of the run.
    Steps(u64),
    /// When the last validation is so long past.
    Time(Duration),
}

impl ValSchedule {
    /// The schedule for epochs of this many batches.
    ///
    /// # Errors
    /// A fraction of an unknown length, or an interval that an epoch never reaches.
    pub(crate) fn new(settings: &ValidationSettings, batches: Option<u64>) -> Result<Self> {
        let share = match settings.interval {
            ValCheckInterval::Steps(steps) => return Ok(Self::Steps(steps)),
            ValCheckInterval::Time(time) => return Ok(Self::Time(time)),
            ValCheckInterval::Share(share) => share,
        };
        match (share, batches) {
            (Limit::ALL, _) => Ok(Self::EpochEnd),
            (Limit::Fraction(fraction), Some(batches)) => Ok(Self::Batches(((batches as f64 * fraction) as u64).max(1))),
            (Limit::Fraction(fraction), None) => Err(Error::config(format!(
                "`val_check_interval({fraction:?})` is a fraction of a loader that does not know its length"
            ))
            .help("use an integer for a number of batches")),
            (Limit::Batches(every), _) if settings.every_n_epochs.is_none() => Ok(Self::RunBatches(count(every))),
            (Limit::Batches(every), Some(batches)) if count(every) > batches => Err(Error::config(format!(
                "`val_check_interval({every})` is longer than the epoch of {batches} batches"
            ))
            .help(
                "use at most the number of training batches, `check_val_every_n_epoch(None)` to count batches over epochs, \
                 or `check_val_every_n_epoch(n)` to skip epochs",
            )),
            (Limit::Batches(every), _) => Ok(Self::Batches(count(every))),
        }
    }

    /// Whether validation runs after the batch just done. `stepped`: an optimizer stepped in it; `last`: it ends the epoch.
    pub(crate) fn is_due(self, run: &RunState, stepped: bool, last: bool) -> bool {
        match self {
            Self::EpochEnd => last,
            Self::Batches(every) => (run.progress.batch_idx + 1).is_multiple_of(every),
            Self::RunBatches(every) => run.progress.counters.batch_step.is_multiple_of(every),
            Self::Steps(every) => stepped && run.progress.counters.global_step.is_multiple_of(every),
            Self::Time(time) => {
                run.progress.validation.ended.or(run.progress.started).is_some_and(|last| last.elapsed() >= time)
            }
        }
    }
}

fn count(batches: i128) -> u64 {
    u64::try_from(batches).unwrap_or(1)
}

/// Whether validation may run in an epoch.
pub(crate) fn is_in_epoch(settings: &ValidationSettings, epoch: u64) -> bool {
    settings.every_n_epochs.is_none_or(|every| (epoch + 1).is_multiple_of(every as u64))
}
