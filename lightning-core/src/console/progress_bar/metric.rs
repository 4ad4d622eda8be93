//! A metric as it is shown.

use crate::text::format_metric;

/// The name and the value of a metric.
pub(super) struct Metric {
    name: String,
    value: String,
}

impl Metric {
    /// Formats a metric, without control characters that would move the cursor.
    pub(super) fn new(name: &str, value: f64) -> Self {
        Self { name: name.chars().filter(|char| !char.is_control()).collect(), value: format_metric(value) }
    }

    /// Returns the whole name and the value.
    pub(super) fn text(&self, separator: &str) -> String {
        format!("{}{separator} {}", self.name, self.value)
    }

    /// Returns the name and the value in at most `width` columns: a long name is cut, the value is
    /// not.
    #[cfg(feature = "progress")]
    pub(super) fn within(&self, separator: &str, width: usize) -> String {
        use crate::console::wrap::{columns, cut};
        let rest = columns(separator) + 1 + columns(&self.value);
        let name = cut(&self.name, width.saturating_sub(rest).max(1));
        cut(&format!("{name}{separator} {}", self.value), width).into_owned()
    }
}
