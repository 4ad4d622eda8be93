//! Decides when validation runs inside `fit`.

use std::time::Duration;

use crate::{
    engine::{ranks, run::RunState},
    error::{Error, Result},
    progress::{Limit, whole},
    settings::{ValCheckInterval, ValidationSettings},
};

/// After which batches validation runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ValSchedule {
    /// After the last batch of an epoch.
    EpochEnd,
    /// After every n-th batch of an epoch.
    Batches(u64),
    /// After every n-th batch of the run.
    RunBatches(u64),
    /// After every n-th optimizer step of the run.
    Steps(u64),
    /// After a batch, if this time has passed since the last validation ended.
    Time(Duration),
}

impl ValSchedule {
    /// Creates the schedule for epochs of `batches` batches; `None` if the loader does not know its
    /// length.
    ///
    /// # Errors
    /// If the interval is a fraction of an unknown length, or longer than an epoch.
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
                "`val_check_interval({fraction:?})` is a fraction of an epoch, and the training loader does not know its \
                 length"
            ))
            .help("write an integer for a number of batches")),
            (Limit::Batches(every), _) if settings.every_n_epochs.is_none() => Ok(Self::RunBatches(count(every))),
            (Limit::Batches(every), Some(batches)) if count(every) > batches => Err(Error::config(format!(
                "`val_check_interval({every})` must be at most the {batches} batches of an epoch"
            ))
            .help(
                "write a smaller number, `check_val_every_n_epoch(None)` to count batches over the whole run, or \
                 `check_val_every_n_epoch(n)` to validate every n-th epoch",
            )),
            (Limit::Batches(every), _) => Ok(Self::Batches(count(every))),
        }
    }

    /// Whether validation runs after the current batch. `stepped`: an optimizer stepped in it;
    /// `last`: it ends the epoch.
    pub(crate) fn is_due(self, run: &RunState, stepped: bool, last: bool) -> bool {
        match self {
            Self::EpochEnd => last,
            Self::Batches(every) => (run.progress.batch_idx + 1).is_multiple_of(every),
            Self::RunBatches(every) => run.progress.counters.batch_step.is_multiple_of(every),
            Self::Steps(every) => stepped && run.progress.counters.global_step.is_multiple_of(every),
            // Of several processes the first decides, where all can take part.
            Self::Time(_) if !ranks::may_decide(run) => false,
            Self::Time(time) => {
                run.progress.validation.ended.or(run.progress.started).is_some_and(|last| last.elapsed() >= time)
            }
        }
    }
}

fn count(batches: i128) -> u64 {
    whole(batches).max(1)
}

/// Whether validation may run in an epoch.
pub(crate) fn is_in_epoch(settings: &ValidationSettings, epoch: u64) -> bool {
    settings.every_n_epochs.is_none_or(|every| (epoch + 1).is_multiple_of(every as u64))
}
