//! What each thread of a run did.

use std::{cmp::Reverse, time::Duration};

use crate::{
    console::table,
    trace::{LaneTotals, SpanTotals},
};

/// The spans of one thread of the runs of a trainer: the one that trains, a data worker, or the one
/// that writes checkpoints. Threads that do the same in different epochs count as one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProfiledThread {
    /// `training loop`, `data-worker-0`, `checkpoint writer`. If two threads of a name work at the
    /// same time, the second is `data-worker-0 (2)`.
    pub name: String,
    /// The time in spans. Outside them a thread waits, such as for room for another batch.
    pub busy: Duration,
    /// Every span, in the order of their first ends.
    pub spans: Vec<ProfiledSpan>,
}

/// All spans of one name on one thread.
///
/// A span contains those that run within it: the total of `epoch` includes that of `backward`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProfiledSpan {
    /// An action of the profile such as `backward`, a callback's part of a hook such as
    /// `EarlyStopping::on_validation_end`, or a loop such as `epoch`.
    pub name: String,
    /// `loop`, `data`, `step`, `hook`, `callback` or `checkpoint`.
    pub category: &'static str,
    /// The number of spans.
    pub calls: u64,
    /// The time of all spans together.
    pub total: Duration,
    /// The time that half of the spans do not exceed, to within 2 %.
    pub median: Duration,
    /// The time that 95 % of the spans do not exceed, to within 2 %.
    pub p95: Duration,
}

impl ProfiledThread {
    /// Returns the spans of this name.
    pub fn get(&self, name: &str) -> Option<&ProfiledSpan> {
        self.spans.iter().find(|span| span.name == name)
    }
}

impl From<LaneTotals> for ProfiledThread {
    fn from(LaneTotals { name, busy, spans }: LaneTotals) -> Self {
        Self { name, busy, spans: spans.into_iter().map(ProfiledSpan::from).collect() }
    }
}

impl From<SpanTotals> for ProfiledSpan {
    fn from(SpanTotals { name, kind, calls, total, median, p95 }: SpanTotals) -> Self {
        Self { name, category: kind.name(), calls, total, median, p95 }
    }
}

/// The table of all threads, with the longest spans of each first.
pub(super) fn table_of(threads: &[ProfiledThread]) -> String {
    let milliseconds = |time: Duration| format!("{:.4}", time.as_secs_f64() * 1e3);
    let mut rows: Vec<[String; 5]> = Vec::new();
    for ProfiledThread { name, busy, spans } in threads {
        rows.push([name.clone(), String::new(), String::new(), String::new(), milliseconds(*busy)]);
        let mut spans: Vec<&ProfiledSpan> = spans.iter().collect();
        spans.sort_by_key(|span| Reverse(span.total));
        rows.extend(spans.into_iter().map(|ProfiledSpan { name, calls, total, median, p95, .. }| {
            [format!("  {name}"), calls.to_string(), milliseconds(*median), milliseconds(*p95), milliseconds(*total)]
        }));
    }
    table::figures_table(["Thread and span", "Calls", "Median (ms)", "p95 (ms)", "Total (ms)"], &rows)
}
