//! Times as text.

use std::time::Duration;

/// Formats a time as `0:01:05`.
pub(super) fn clock_text(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Formats a time as `0.4 s` in the first minute, then `1:05` and `1:00:05`.
pub(super) fn duration_text(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{:.1} s", (time.as_secs_f64() * 10.0).floor() / 10.0),
        60..3600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        _ => clock_text(time),
    }
}
