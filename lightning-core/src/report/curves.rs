//! The curves of a run: by name, bounded in number, and as JSON.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
};

use serde_json::{Map, Value, json};

use super::curve::{Curve, Point};
use crate::{
    loggers::Record,
    metrics::Direction,
    params::state::{f64_from_json, f64_to_json},
};

/// The largest number of curves of a page. The first metrics of a run have them.
pub(super) const MOST_CURVES: usize = 100;
/// The largest number of points of a page's curves together: some 200 kB.
const MOST_POINTS: usize = 12_000;
/// The number of points that every curve of a page may have.
const LEAST_POINTS: usize = 60;
/// The largest number of names that are counted as left out.
const MOST_COUNTED: usize = 100_000;
/// The longest name, in characters. Longer ones are cut.
const LONGEST_NAME: usize = 400;

/// Curves by their names, in the order of their first values.
#[derive(Debug, Default)]
pub(super) struct Curves {
    all: Vec<(String, Curve)>,
    indices: HashMap<String, usize>,
    /// Hashes of the names that have no curve.
    left_out: HashSet<u64>,
    /// The last batch that was logged, and how many records it had.
    last: (u64, u64),
}

impl Curves {
    /// Adds the values of a record.
    pub(super) fn record(&mut self, record: &Record) {
        let step = record.position.batch_step;
        let number = if self.last.0 == step { self.last.1.saturating_add(1) } else { 1 };
        self.last = (step, number);
        for (name, value) in &record.metrics {
            self.push(name, Point::new(record.position, number, *value));
        }
    }

    /// Adds a point to the curve `name`.
    pub(super) fn push(&mut self, name: &str, point: Point) {
        if let Some(index) = self.indices.get(name) {
            if let Some((_, curve)) = self.all.get_mut(*index) {
                curve.push(point);
            }
        } else if self.all.len() < MOST_CURVES {
            let mut curve = Curve::default();
            curve.push(point);
            self.insert(name.to_owned(), curve);
        } else if self.left_out.len() < MOST_COUNTED {
            let mut hasher = DefaultHasher::new();
            name.hash(&mut hasher);
            self.left_out.insert(hasher.finish());
        }
    }

    fn insert(&mut self, name: String, curve: Curve) {
        self.indices.insert(name.clone(), self.all.len());
        self.all.push((name, curve));
    }

    /// The number of metrics without a curve.
    pub(super) fn left_out(&self) -> usize {
        self.left_out.len()
    }

    /// Forgets what was logged after a checkpoint, and counts records on from there.
    pub(super) fn forget_after(&mut self, batch_step: u64, records: u64) {
        for (_, curve) in &mut self.all {
            curve.forget_after(batch_step, records);
        }
        self.last = (batch_step, records);
    }

    /// The curves as JSON, with the direction of each metric, thinned to what a page may hold.
    /// `share` is the part of the page's points that they may take.
    pub(super) fn to_json(&self, direction: impl Fn(&str) -> Option<Direction>, share: f64) -> Value {
        let known: Vec<_> = self.all.iter().filter(|(_, curve)| curve.len() > 0).collect();
        let sizes: Vec<usize> = known.iter().map(|(_, curve)| curve.kept()).collect();
        let limit = limit(&sizes, (MOST_POINTS as f64 * share) as usize);
        known.into_iter().map(|(name, curve)| curve_to_json(name, curve, direction(name), limit)).collect()
    }

    /// The names of the curves.
    #[cfg(feature = "csv")]
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|(name, _)| name.as_str())
    }

    /// The largest number of optimizer steps of a point.
    #[cfg(feature = "csv")]
    pub(super) fn last_step(&self) -> Option<u64> {
        self.all.iter().flat_map(|(_, curve)| curve.points(usize::MAX)).map(|point| point.global_step).max()
    }

    /// Some of the curves as JSON, each with at most about `limit` points.
    #[cfg(feature = "csv")]
    pub(super) fn chosen_to_json(
        &self,
        names: &[&str],
        direction: impl Fn(&str) -> Option<Direction>,
        limit: usize,
    ) -> Value {
        let known = self.all.iter().filter(|(name, curve)| curve.len() > 0 && names.contains(&name.as_str()));
        known.map(|(name, curve)| curve_to_json(name, curve, direction(name), limit)).collect()
    }

    /// Reads what [`to_json`](Self::to_json) has written. Curves that cannot be read are left out.
    pub(super) fn from_json(value: &Value) -> Self {
        let mut curves = Self::default();
        for value in value.as_array().into_iter().flatten().take(MOST_CURVES) {
            if let Some((name, curve)) = curve_from_json(value) {
                curves.insert(name, curve);
            }
        }
        curves
    }
}

/// The number of points for each curve with which all of them have at most `most` points.
fn limit(sizes: &[usize], most: usize) -> usize {
    let mut limit = sizes.iter().copied().max().unwrap_or_default();
    while limit > LEAST_POINTS && sizes.iter().map(|size| (*size).min(limit)).sum::<usize>() > most {
        limit = (limit * 9 / 10).max(LEAST_POINTS);
    }
    limit
}

/// A name that a page can show.
pub(super) fn shown_name(name: &str) -> String {
    match name.char_indices().nth(LONGEST_NAME) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or(name)),
        None => name.to_owned(),
    }
}

/// A curve as JSON: its integers as differences, which have few digits.
pub(super) fn curve_to_json(name: &str, curve: &Curve, direction: Option<Direction>, limit: usize) -> Value {
    let points = curve.points(limit);
    let column = |of: fn(&Point) -> u64| differences(points.iter().map(of));
    let mut json = json!({
        "name": shown_name(name), "best": direction, "count": curve.len(),
        "b": column(|point| point.batch_step), "e": column(|point| point.epoch),
        "v": points.iter().map(|point| f64_to_json(rounded(point.value))).collect::<Value>(),
    });
    let Some(fields) = json.as_object_mut() else { return json };
    if points.iter().any(|point| point.global_step != point.batch_step) {
        fields.insert("g".to_owned(), column(|point| point.global_step));
    }
    if points.iter().any(|point| point.record != 1) {
        fields.insert("r".to_owned(), column(|point| point.record));
    }
    json
}

/// Reads what [`curve_to_json`] has written.
pub(super) fn curve_from_json(value: &Value) -> Option<(String, Curve)> {
    let fields = value.as_object()?;
    let name = fields.get("name")?.as_str()?.to_owned();
    let values: Vec<f64> = fields.get("v")?.as_array()?.iter().map(f64_from_json).collect::<Option<_>>()?;
    let (batches, epochs) = (sums(fields, "b")?, sums(fields, "e")?);
    let steps = sums(fields, "g").unwrap_or_else(|| batches.clone());
    let records = sums(fields, "r").unwrap_or_else(|| vec![1; values.len()]);
    let points = values.iter().zip(batches).zip(steps).zip(epochs).zip(records);
    let points: Vec<Point> = points
        .map(|((((value, batch_step), global_step), epoch), record)| Point {
            batch_step,
            global_step,
            epoch,
            record,
            value: *value,
        })
        .collect();
    let len = fields.get("count").and_then(Value::as_u64).unwrap_or_default().max(points.len() as u64);
    Some((name, Curve::restored(&points, len)))
}

fn differences(numbers: impl Iterator<Item = u64>) -> Value {
    let mut last = 0;
    numbers
        .map(|number| json!(std::mem::replace(&mut last, number).wrapping_neg().wrapping_add(number) as i64))
        .collect()
}

fn sums(fields: &Map<String, Value>, name: &str) -> Option<Vec<u64>> {
    let mut sum = 0_u64;
    let add = |value: &Value| {
        sum = sum.wrapping_add(value.as_i64()? as u64);
        Some(sum)
    };
    fields.get(name)?.as_array()?.iter().map(add).collect()
}

/// Seven significant digits, those of a 32-bit float.
fn rounded(value: f64) -> f64 {
    format!("{value:.6e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::Stage;

    fn record(step: u64, metrics: &[(&str, f64)]) -> Record {
        let metrics = metrics.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        Record::new(Stage::Fit, step / 10, Some(step), 2 * step, step, metrics)
    }

    #[test]
    fn curves_come_back_from_json() {
        let mut curves = Curves::default();
        curves.record(&record(1, &[("a", 0.1), ("ü/\"<b>", f64::NAN)]));
        curves.record(&record(1, &[("a", f64::INFINITY)]));
        curves.record(&record(12, &[("a", -2.5)]));
        let json = curves.to_json(|name| (name == "a").then_some(Direction::Minimize), 1.0);
        assert_eq!(
            json,
            json!([
                {"name": "a", "best": "minimize", "count": 3, "b": [2, 0, 22], "g": [1, 0, 11], "e": [0, 0, 1],
                 "r": [1, 1, -1], "v": [0.1, "inf", -2.5]},
                {"name": "ü/\"<b>", "best": null, "count": 1, "b": [2], "g": [1], "e": [0], "v": ["NaN"]},
            ])
        );
        let mut again = Curves::from_json(&json);
        assert_eq!(again.to_json(|name| (name == "a").then_some(Direction::Minimize), 1.0), json);
        again.forget_after(2, 1);
        assert_eq!(again.to_json(|_| None, 1.0)[0]["v"], json!([0.1]));
    }

    #[test]
    fn ten_thousand_names_have_a_hundred_curves() {
        let mut curves = Curves::default();
        let names: Vec<String> = (0..10_000).map(|number| format!("metric_{number}")).collect();
        for step in 0..300 {
            let metrics: Vec<_> = names.iter().map(|name| (name.as_str(), f64::from(step) / 3.0)).collect();
            curves.record(&record(step as u64, &metrics));
        }
        assert_eq!(curves.left_out(), 9_900);
        let text = curves.to_json(|_| None, 1.0).to_string();
        assert!(text.len() < 300_000, "{}", text.len());
        let first = &Curves::from_json(&curves.to_json(|_| None, 1.0)).all[0];
        assert_eq!((first.0.as_str(), first.1.len()), ("metric_0", 300));
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert_eq!(shown_name(&"ü".repeat(400)), "ü".repeat(400));
        assert_eq!(shown_name(&"ü".repeat(401)), format!("{}…", "ü".repeat(400)));
    }
}
