//! How often each span occurred, and how long it took.

use std::{collections::HashMap, time::Duration};

use super::{
    event::{Event, Kind},
    histogram::Histogram,
};

/// The spans of one thread.
#[derive(Clone, Debug)]
pub(crate) struct LaneTotals {
    pub(crate) name: String,
    /// The time in spans.
    pub(crate) busy: Duration,
    /// In the order of their first ends.
    pub(crate) spans: Vec<SpanTotals>,
}

/// All spans of one name on one thread.
#[derive(Clone, Debug)]
pub(crate) struct SpanTotals {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) calls: u64,
    pub(crate) total: Duration,
    pub(crate) median: Duration,
    pub(crate) p95: Duration,
}

/// The totals of all threads.
#[derive(Debug, Default)]
pub(super) struct Totals {
    lanes: Vec<Counted>,
}

#[derive(Debug)]
struct Counted {
    name: String,
    busy: Duration,
    spans: Vec<CountedSpan>,
    /// The place of each span.
    places: HashMap<(Option<&'static str>, &'static str), usize>,
}

#[derive(Debug)]
struct CountedSpan {
    name: String,
    kind: Kind,
    calls: u64,
    total: Duration,
    times: Histogram,
}

impl Totals {
    /// Adds the next lane.
    pub(super) fn add_lane(&mut self, name: String) {
        self.lanes.push(Counted { name, busy: Duration::ZERO, spans: Vec::new(), places: HashMap::new() });
    }

    pub(super) fn count(&mut self, lane: usize, outermost: bool, event: &Event) {
        let Some(Counted { busy, spans, places, .. }) = self.lanes.get_mut(lane) else { return };
        if outermost {
            *busy += event.time;
        }
        let place = *places.entry((event.owner, event.name)).or_insert_with(|| {
            let times = Histogram::default();
            spans.push(CountedSpan { name: name_of(event), kind: event.kind, calls: 0, total: Duration::ZERO, times });
            spans.len() - 1
        });
        if let Some(CountedSpan { calls, total, times, .. }) = spans.get_mut(place) {
            *calls += 1;
            *total += event.time;
            times.add(event.time);
        }
    }

    pub(super) fn lanes(&self) -> Vec<LaneTotals> {
        let totals = |span: &CountedSpan| SpanTotals {
            name: span.name.clone(),
            kind: span.kind,
            calls: span.calls,
            total: span.total,
            median: span.times.percentile(0.5),
            p95: span.times.percentile(0.95),
        };
        let lane = |lane: &Counted| LaneTotals {
            name: lane.name.clone(),
            busy: lane.busy,
            spans: lane.spans.iter().map(totals).collect(),
        };
        self.lanes.iter().map(lane).collect()
    }
}

/// The name of a span: `backward`, or `EarlyStopping::on_validation_end`.
pub(super) fn name_of(event: &Event) -> String {
    match event.owner {
        Some(owner) => format!("{owner}::{}", event.name),
        None => event.name.to_owned(),
    }
}
