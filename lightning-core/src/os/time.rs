//! Moments as text: ISO 8601 in UTC, with microseconds.

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the seconds since 1970.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Writes a moment, such as `2026-01-31T12:00:00.000000+00:00`.
pub(crate) fn text(seconds: f64) -> String {
    let micros = (seconds * 1e6).round() as i64;
    let (whole, micros) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let (days, second) = (whole.div_euclid(86_400), whole.rem_euclid(86_400));
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}+00:00")
}

/// Writes a moment as a part of a file name, such as `20260131_120000`.
#[cfg(any(feature = "mlflow", feature = "trackio", feature = "wandb"))]
pub(crate) fn compact(seconds: f64) -> String {
    let text = text(seconds.floor());
    let second = text.split('.').next().unwrap_or_default();
    second.chars().filter(|c| !"-:".contains(*c)).map(|c| if c == 'T' { '_' } else { c }).collect()
}

/// Reads a moment. One without a zone is in UTC.
pub(crate) fn read(text: &str) -> Option<f64> {
    let (date, clock) = text.split_once(['T', ' '])?;
    let mut date = date.split('-').map(str::parse::<i64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let (clock, zone) = match clock.find(['+', '-', 'Z']) {
        Some(at) => clock.split_at(at),
        None => (clock, ""),
    };
    let mut clock = clock.split(':').map(str::parse::<f64>);
    let (hour, minute) = (clock.next()?.ok()?, clock.next()?.ok()?);
    let second = clock.next().map_or(Some(0.0), Result::ok)?;
    let zone = match zone.trim_end_matches('Z') {
        "" => 0.0,
        zone => {
            let (sign, zone) = if let Some(zone) = zone.strip_prefix('-') { (-1.0, zone) } else { (1.0, &zone[1..]) };
            let (hours, minutes) = zone.split_once(':').unwrap_or((zone, "0"));
            sign * (hours.parse::<f64>().ok()? * 3600.0 + minutes.parse::<f64>().ok()? * 60.0)
        }
    };
    Some(days(year, month, day) as f64 * 86_400.0 + hour * 3600.0 + minute * 60.0 + second - zone)
}

/// The days from 1970-01-01. Source: Howard Hinnant, "chrono-compatible low-level date algorithms".
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date of a day from 1970-01-01; the inverse of [`days`].
fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_and_read() {
        #[cfg(any(feature = "mlflow", feature = "trackio", feature = "wandb"))]
        assert_eq!(compact(1_709_208_000.75), "20240229_120000");
        assert_eq!(text(0.0), "1970-01-01T00:00:00.000000+00:00");
        assert_eq!(text(1_709_208_000.25), "2024-02-29T12:00:00.250000+00:00");
        assert_eq!(read("2024-02-29T12:00:00.250000+00:00"), Some(1_709_208_000.25));
        assert_eq!(read("2024-02-29T14:30:00+02:30"), Some(1_709_208_000.0));
        assert_eq!(read("2024-02-29T12:00:00.250000"), Some(1_709_208_000.25));
        assert_eq!((read("yesterday"), read("2024-02-29")), (None, None));
        for second in [951_782_399.0, 951_782_400.0, 4_107_542_400.0] {
            assert_eq!(read(&text(second)), Some(second));
        }
    }
}
