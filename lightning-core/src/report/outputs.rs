//! The last texts, tables and histograms of a run: of each name the last one, of bounded size.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::{collected::shortened, curves::shown_name};
use crate::{
    loggers::{Histogram, LogPosition, Table},
    params::state::f64_to_json,
};

/// The largest number of rows and columns of a table.
const MOST_ROWS: usize = 50;
const MOST_COLUMNS: usize = 16;
/// The longest text of a cell, in characters.
const LONGEST_CELL: usize = 200;
/// The number of bars of a histogram.
const BARS: usize = 40;

/// The texts, tables and histograms that a page shows.
#[derive(Debug)]
pub(super) struct Outputs {
    pub(super) texts: Latest,
    pub(super) tables: Latest,
    pub(super) histograms: Latest,
}

impl Default for Outputs {
    fn default() -> Self {
        Self {
            texts: Latest::new(12, 24 * 1024),
            tables: Latest::new(8, 48 * 1024),
            histograms: Latest::new(24, 16 * 1024),
        }
    }
}

impl Outputs {
    pub(super) fn text(&mut self, name: &str, text: &str, position: LogPosition) {
        self.texts.push(name, json!(shortened(text)), position);
    }

    pub(super) fn table(&mut self, name: &str, table: &Table, position: LogPosition) {
        let cut = |cells: &[String]| -> Vec<String> {
            cells.iter().take(MOST_COLUMNS).map(|cell| cut(cell, LONGEST_CELL)).collect()
        };
        let rows: Vec<Vec<String>> = table.rows.iter().take(MOST_ROWS).map(|row| cut(row)).collect();
        let value = json!({
            "columns": cut(&table.columns),
            "columns_left_out": table.columns.len().saturating_sub(MOST_COLUMNS),
            "rows": rows,
            "rows_left_out": table.rows.len().saturating_sub(MOST_ROWS),
        });
        self.tables.push(name, value, position);
    }

    pub(super) fn histogram(&mut self, name: &str, histogram: &Histogram, position: LogPosition) {
        let Histogram { edges, counts, non_finite, sum, sum_of_squares } = histogram;
        let count: u64 = counts.iter().sum();
        let number = |value: f64| f64_to_json(rounded(value));
        let mean = sum / count as f64;
        let value = json!({
            "low": edges.first().copied().map(number),
            "high": edges.last().copied().map(number),
            "bars": bars(histogram).map(rounded).collect::<Vec<_>>(),
            "count": count,
            "non_finite": non_finite,
            "mean": number(mean),
            "deviation": number((sum_of_squares / count as f64 - mean * mean).max(0.0).sqrt()),
        });
        self.histograms.push(name, value, position);
    }

    /// Forgets what was logged after `batch_step` training batches.
    pub(super) fn forget_after(&mut self, batch_step: u64) {
        let Self { texts, tables, histograms } = self;
        for latest in [texts, tables, histograms] {
            latest.kept.retain(|output| output.batch_step <= batch_step);
        }
    }
}

/// The last value of each name, and of the names those that were logged last.
#[derive(Debug)]
pub(super) struct Latest {
    kept: VecDeque<Output>,
    most: usize,
    /// The largest size of all values as JSON, in bytes.
    largest: usize,
    has_left_out: bool,
}

#[derive(Debug)]
struct Output {
    name: String,
    epoch: u64,
    batch_step: u64,
    global_step: u64,
    value: Value,
    bytes: usize,
}

impl Latest {
    const fn new(most: usize, largest: usize) -> Self {
        Self { kept: VecDeque::new(), most, largest, has_left_out: false }
    }

    fn push(&mut self, name: &str, value: Value, position: LogPosition) {
        let LogPosition { epoch, batch_step, global_step, .. } = position;
        let (name, bytes) = (shown_name(name), value.to_string().len());
        self.kept.retain(|known| known.name != name);
        self.kept.push_back(Output { name, epoch, batch_step, global_step, value, bytes });
        while self.kept.len() > self.most || self.kept.iter().map(|kept| kept.bytes).sum::<usize>() > self.largest {
            self.kept.pop_front();
            self.has_left_out = true;
        }
    }

    /// Whether there are others in the logs.
    pub(super) fn has_left_out(&self) -> bool {
        self.has_left_out
    }

    /// The values as JSON, in the order of their names.
    pub(super) fn to_json(&self) -> Value {
        let mut sorted: Vec<&Output> = self.kept.iter().collect();
        sorted.sort_by(|a, b| a.name.cmp(&b.name));
        let json = |output: &Output| {
            let Output { name, epoch, batch_step, global_step, value, bytes: _ } = output;
            json!({"name": name, "epoch": epoch, "batch": batch_step, "step": global_step, "value": value})
        };
        sorted.into_iter().map(json).collect()
    }

    /// Takes up what [`to_json`](Self::to_json) has written.
    pub(super) fn take_up(&mut self, json: &Value, has_left_out: bool) {
        let output = |json: &Value| {
            let number = |name: &str| json.get(name).and_then(Value::as_u64);
            let value = json.get("value")?.clone();
            Some(Output {
                name: json.get("name")?.as_str()?.to_owned(),
                epoch: number("epoch")?,
                batch_step: number("batch")?,
                global_step: number("step")?,
                bytes: value.to_string().len(),
                value,
            })
        };
        let mut read: Vec<Output> = json.as_array().into_iter().flatten().filter_map(output).collect();
        read.sort_by_key(|output| output.batch_step);
        read.drain(..read.len().saturating_sub(self.most));
        (self.kept, self.has_left_out) = (read.into(), has_left_out);
    }
}

/// The counts of a histogram in bars of equal width. A bin that lies in several is shared among
/// them.
fn bars(histogram: &Histogram) -> impl Iterator<Item = f64> {
    let Histogram { edges, counts, .. } = histogram;
    let (low, high) = (edges.first().copied().unwrap_or_default(), edges.last().copied().unwrap_or_default());
    // Halved, so that the range of the largest doubles does not overflow.
    let width = (high / 2.0 - low / 2.0) / BARS as f64;
    let mut bars = [0.0; BARS];
    let place = |edge: f64| if width > 0.0 { (edge / 2.0 - low / 2.0) / width } else { 0.0 };
    for (edges, count) in edges.windows(2).zip(counts) {
        let &[from, to] = edges else { continue };
        let (from, to) = (place(from).max(0.0), place(to).min(BARS as f64));
        let first = (from as usize).min(BARS - 1);
        for (index, bar) in bars.iter_mut().enumerate().skip(first) {
            let inside = to.min(index as f64 + 1.0) - from.max(index as f64);
            if inside <= 0.0 && index > first {
                break;
            }
            let share = if to > from { (inside / (to - from)).clamp(0.0, 1.0) } else { 1.0 };
            *bar += *count as f64 * share;
            if to <= from {
                break;
            }
        }
    }
    bars.into_iter()
}

/// Five significant digits.
fn rounded(value: f64) -> f64 {
    format!("{value:.4e}").parse().unwrap_or(value)
}

fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::Stage;

    fn at(batch_step: u64) -> LogPosition {
        LogPosition::new(Stage::Fit, batch_step / 4, Some(batch_step), batch_step, batch_step)
    }

    #[test]
    fn the_last_of_each_name_is_kept_within_bounds() {
        let mut outputs = Outputs::default();
        for step in 0..3 {
            outputs.text("b", &format!("text {step}"), at(step));
            outputs.text("a", "always", at(step));
        }
        let expected = json!([
            {"name": "a", "epoch": 0, "batch": 2, "step": 2, "value": "always"},
            {"name": "b", "epoch": 0, "batch": 2, "step": 2, "value": "text 2"},
        ]);
        assert_eq!((outputs.texts.to_json(), outputs.texts.has_left_out()), (expected.clone(), false));
        let mut again = Outputs::default();
        again.texts.take_up(&expected, true);
        assert_eq!((again.texts.to_json(), again.texts.has_left_out()), (expected, true));
        again.forget_after(1);
        assert_eq!(again.texts.to_json(), json!([]));

        for step in 0..10_000 {
            outputs.text(&format!("name {step}"), &"ü".repeat(5000), at(step));
            outputs.histogram(&format!("name {step}"), &Histogram::of([1.0, 2.0], 64), at(step));
        }
        let sizes = [&outputs.texts, &outputs.histograms].map(|latest| latest.to_json().to_string().len());
        assert!(sizes.iter().all(|size| *size < 30_000), "{sizes:?}");
        assert!(outputs.texts.to_json()[0]["name"] == "name 9994" && outputs.texts.has_left_out());
    }

    #[test]
    fn a_large_table_is_cut() {
        let mut table = Table::new((0..100).map(|number| number.to_string()));
        for _ in 0..1000 {
            table = table.row(vec!["cell".to_owned(); 100]).unwrap();
        }
        let mut outputs = Outputs::default();
        outputs.table("t", &table, at(1));
        let value = &outputs.tables.to_json()[0]["value"];
        assert_eq!((value["rows"].as_array().unwrap().len(), &value["rows_left_out"]), (50, &json!(950)));
        assert_eq!((value["columns"].as_array().unwrap().len(), &value["columns_left_out"]), (16, &json!(84)));
        // A table that is larger than all of them may be is left out.
        let wide = Table::new(["x"]).row(["é".repeat(90_000)]).unwrap();
        outputs.table("wide", &wide, at(2));
        assert_eq!(outputs.tables.to_json()[1]["value"]["rows"][0][0].as_str().unwrap().chars().count(), 201);
    }

    #[test]
    fn the_bars_of_a_histogram_have_all_values() {
        // 80 bins of 1, each half a bar wide.
        let mut histogram = Histogram::of([0.0], 1);
        histogram.edges = (0..=80).map(f64::from).collect();
        histogram.counts = vec![1; 80];
        assert!(bars(&histogram).all(|bar| (bar - 2.0).abs() < 1e-9));
        // One bin is spread over all bars, and a range of nothing is one bar.
        histogram.edges = vec![-1.0, 1.0];
        histogram.counts = vec![80];
        assert!(bars(&histogram).all(|bar| (bar - 2.0).abs() < 1e-9));
        let constant = Histogram::of([3.0; 7], 64);
        assert_eq!((bars(&constant).next(), bars(&constant).sum()), (Some(7.0), 7.0));
        let huge = Histogram::of([f64::MIN, f64::MAX, 0.0], 64);
        assert!((bars(&huge).sum::<f64>() - 3.0).abs() < 1e-9);
        assert_eq!(bars(&Histogram::of([f64::NAN], 4)).sum::<f64>(), 0.0);
        // Uneven bins: 4 in the first tenth, 36 in the rest.
        histogram.edges = vec![0.0, 1.0, 10.0];
        histogram.counts = vec![4, 36];
        assert!(bars(&histogram).all(|bar| (bar - 1.0).abs() < 1e-9));
    }
}
