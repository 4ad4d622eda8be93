//! The rows of the bar: counts, times and metrics.

use std::time::Instant;

use console::style;

use super::{
    duration::clock_text,
    meter::{Epoch, Evaluation, Meter},
    metric::Metric,
};
use crate::{
    console::wrap::{columns, cut},
    stage::Stage,
};

/// Rows that metrics may take if they do not fit next to the bar or the epoch.
const METRIC_ROWS: usize = 3;

/// Returns the rows of the bar, none wider than the terminal.
pub(super) fn rows(
    epoch: Option<&Epoch>,
    evaluation: Option<&Evaluation>,
    metrics: &[Metric],
    width: usize,
    now: Instant,
) -> Vec<String> {
    // A row that fills the last column makes some terminals wrap to the next line.
    let width = width.saturating_sub(1).max(1);
    let mut rows = Vec::new();
    if let Some(epoch) = epoch {
        rows.push(bar_row(&format!("Epoch {}", epoch.label()), &epoch.meter, width, now));
        let words: Vec<String> = metrics.iter().map(|metric| metric.within(":", width.saturating_sub(1))).collect();
        append_words(&mut rows, &words, " ", " ", width);
    }
    if let Some(Evaluation { stage, meter, .. }) = evaluation {
        let what = match stage {
            Stage::Fit | Stage::Validate => "Validation",
            Stage::Test => "Testing",
            Stage::Predict => "Predicting",
        };
        rows.push(bar_row(what, meter, width, now));
    }
    rows
}

/// Returns the row of an epoch or evaluation:
/// `Epoch 3/9 ━━━━━━━━━ 23/23 0:00:01 • 0:00:00 412.50it/s`.
///
/// In a narrow terminal the bar is left out, then the time since the start, then the end of the
/// text.
fn bar_row(what: &str, meter: &Meter, width: usize, now: Instant) -> String {
    let total = meter.total.map_or_else(|| "--".to_owned(), |total| total.to_string());
    let (elapsed, remaining) = (clock_text(meter.elapsed(now)), meter.remaining(now));
    let remaining = remaining.map_or_else(|| "-:--:--".to_owned(), clock_text);
    let counts = format!("{}/{total}", meter.done);
    let (times, rate) = (format!("{elapsed} • {remaining}"), format!("{:.2}it/s", meter.rate(now)));
    let text = format!("{what} {counts} {times} {rate}");
    let bar = (width / 5).clamp(5, 40);
    match meter.share() {
        Some(share) if columns(&text) + bar < width => {
            format!("{what} {} {counts} {} {rate}", bar_text(share, bar), style(times).for_stderr().dim())
        }
        _ if columns(&text) <= width => text,
        _ => cut(&format!("{what} {counts} {remaining} {rate}"), width).into_owned(),
    }
}

/// Returns a heavy line for what is done, then a light one, so that it can be read without colors.
pub(super) fn bar_text(share: f64, width: usize) -> String {
    let halves = (share * width as f64 * 2.0) as usize;
    let (full, half) = (halves / 2, halves % 2);
    let mut done = "━".repeat(full);
    if half == 1 {
        done.push('╸');
    }
    let rest = "─".repeat(width.saturating_sub(full + half));
    format!("{}{}", style(done).for_stderr().magenta(), style(rest).for_stderr().dim())
}

/// Returns the line of an epoch, `epoch 3/9  23/23 batches  0.4 s  train_loss 0.123`, in as many
/// lines as the width asks for.
pub(super) fn epoch_lines(head: &str, metrics: &[Metric], width: usize) -> Vec<String> {
    let width = width.saturating_sub(1).max(1);
    let indent = "    ";
    let words: Vec<String> =
        metrics.iter().map(|metric| metric.within("", width.saturating_sub(indent.len()))).collect();
    let mut lines = vec![cut(head, width).into_owned()];
    append_words(&mut lines, &words, "  ", indent, width);
    lines
}

/// Appends words to the last row, or to new rows if they do not all fit.
fn append_words(rows: &mut Vec<String>, words: &[String], separator: &str, indent: &str, width: usize) {
    let all = words.join(separator);
    if all.is_empty() {
        return;
    }
    if let Some(row) = rows.last_mut()
        && columns(row) + separator.len() + columns(&all) <= width
    {
        row.push_str(separator);
        row.push_str(&all);
        return;
    }
    let (mut wrapped, mut row) = (Vec::new(), String::new());
    for word in words {
        if !row.is_empty() && columns(&row) + separator.len() + columns(word) > width {
            wrapped.push(std::mem::take(&mut row));
        }
        // The indent sets rows of metrics off from the bar.
        row.push_str(if row.is_empty() { indent } else { separator });
        row.push_str(word);
    }
    wrapped.push(row);
    rows.extend(wrapped.iter().take(METRIC_ROWS).map(|row| cut(row, width).into_owned()));
}
