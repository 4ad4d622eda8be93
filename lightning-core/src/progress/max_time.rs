//! Times that settings take.

use std::time::Duration;

use crate::error::{Error, Result};

/// What [`max_time`](crate::trainer::TrainerBuilder::max_time) takes: a [`Duration`] or a text of
/// the form `"DD:HH:MM:SS"`.
pub trait IntoMaxTime {
    /// Returns the time.
    ///
    /// # Errors
    /// If the text does not have this form.
    fn into_max_time(self) -> Result<Duration>;
}

impl IntoMaxTime for Duration {
    fn into_max_time(self) -> Result<Duration> {
        Ok(self)
    }
}

impl IntoMaxTime for &str {
    fn into_max_time(self) -> Result<Duration> {
        let wrong =
            || Error::config(format!("invalid time `{self}`")).help("write \"DD:HH:MM:SS\", as in \"00:01:30:00\"");
        let parts = self.split(':').map(|part| part.parse::<u64>().map_err(|_| wrong())).collect::<Result<Vec<_>>>()?;
        match parts.as_slice() {
            [days, hours, minutes, seconds] => {
                let units = [(*days, 1), (*hours, 24), (*minutes, 60), (*seconds, 60)];
                let seconds =
                    units.into_iter().try_fold(0u64, |sum, (count, unit)| sum.checked_mul(unit)?.checked_add(count));
                seconds.map(Duration::from_secs).ok_or_else(wrong)
            }
            _ => Err(wrong()),
        }
    }
}
