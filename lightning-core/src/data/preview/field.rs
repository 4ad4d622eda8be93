//! The statistics of one field.

use std::collections::BTreeSet;

use burn::tensor::TensorData;
use serde_json::Value;

use super::text_of;
use crate::{tensor::handle::is_float, text::significant};

/// One field of the batches of a [`Preview`](super::Preview).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FieldPreview {
    /// The path of the field: `images`, `1` in a tuple, `boxes.*` for the members of a list. A
    /// batch that is one tensor has the name `batch`.
    pub name: String,
    /// The type of a tensor's elements such as `f32`; otherwise `list`, `number`, `text` or
    /// `value`.
    pub dtype: String,
    /// The shapes of the tensors, each once, in the order in which they occur.
    pub shapes: Vec<Vec<usize>>,
    /// The smallest and the largest number of members, for a list.
    pub lengths: Option<(usize, usize)>,
    /// The smallest number. Booleans count as 0 and 1.
    pub min: Option<f64>,
    /// The largest number.
    pub max: Option<f64>,
    /// The mean of the numbers.
    pub mean: Option<f64>,
    /// The number of distinct integers or texts.
    pub distinct: Option<usize>,
    /// The share of NaN among floats, from 0 to 1.
    pub nan: Option<f64>,
}

impl FieldPreview {
    pub(super) fn row(&self) -> [String; 8] {
        let number = |value: Option<f64>| value.map(|value| significant(value, 4)).unwrap_or_default();
        [
            self.name.clone(),
            self.dtype.clone(),
            self.shape_text(),
            number(self.min),
            number(self.max),
            number(self.mean),
            self.distinct.map(|count| count.to_string()).unwrap_or_default(),
            self.nan.map(|share| format!("{} %", significant(share * 100.0, 3))).unwrap_or_default(),
        ]
    }

    /// `[32, 1, 28, 28]`, with the range of each dimension that differs: `[7..32, 1, 28, 28]`; the
    /// length of a list.
    fn shape_text(&self) -> String {
        if let Some((least, most)) = self.lengths {
            return format!("length {}", range(least, most));
        }
        let Some(first) = self.shapes.first() else { return String::new() };
        let dims = (0..first.len()).map(|dim| {
            let sizes = || self.shapes.iter().filter_map(|shape| shape.get(dim)).copied();
            range(sizes().min().unwrap_or_default(), sizes().max().unwrap_or_default())
        });
        format!("[{}]", dims.collect::<Vec<_>>().join(", "))
    }
}

fn range(least: usize, most: usize) -> String {
    if least == most { least.to_string() } else { format!("{least}..{most}") }
}

/// Collects a field over the batches.
#[derive(Debug)]
pub(super) struct Accumulator {
    name: String,
    dtype: &'static str,
    shapes: Vec<Vec<usize>>,
    lengths: Option<(usize, usize)>,
    /// Numbers that are not NaN.
    count: u64,
    nan: u64,
    has_floats: bool,
    min: f64,
    max: f64,
    sum: f64,
    integers: BTreeSet<i64>,
    texts: BTreeSet<String>,
}

impl Accumulator {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            dtype: "value",
            shapes: Vec::new(),
            lengths: None,
            count: 0,
            nan: 0,
            has_floats: false,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            sum: 0.0,
            integers: BTreeSet::new(),
            texts: BTreeSet::new(),
        }
    }

    pub(super) fn tensor(&mut self, data: &TensorData) {
        let dtype = data.dtype();
        self.dtype = dtype.name();
        let shape = data.shape().as_slice().to_vec();
        if !self.shapes.contains(&shape) {
            self.shapes.push(shape);
        }
        if dtype.is_bool() {
            data.iter::<bool>().for_each(|value| self.integer(i64::from(value)));
        } else if is_float(dtype) {
            data.iter::<f64>().for_each(|value| self.float(value));
        } else {
            data.iter::<i64>().for_each(|value| self.integer(value));
        }
    }

    /// Adds the length of a list.
    pub(super) fn list(&mut self, length: &Value) {
        let length = length.as_u64().and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
        self.dtype = "list";
        self.add_length(length);
    }

    /// Adds a value of the host; `number` if it is one.
    pub(super) fn value(&mut self, value: &Value, number: Option<f64>) {
        if let Value::Array(members) = value {
            self.add_length(members.len());
            self.dtype = "list";
            for member in members {
                self.single(member, member.as_f64());
            }
            return;
        }
        self.single(value, number);
    }

    fn single(&mut self, value: &Value, number: Option<f64>) {
        let is_list = self.lengths.is_some();
        let named = match (value.as_i64(), number, text_of(value)) {
            (Some(integer), ..) => {
                self.integer(integer);
                "number"
            }
            (None, Some(number), _) => {
                self.float(number);
                "number"
            }
            (None, None, Some(text)) => {
                self.texts.insert(text);
                "text"
            }
            _ => "value",
        };
        if !is_list {
            self.dtype = named;
        }
    }

    fn add_length(&mut self, length: usize) {
        let (least, most) = self.lengths.unwrap_or((length, length));
        self.lengths = Some((least.min(length), most.max(length)));
    }

    fn integer(&mut self, value: i64) {
        self.integers.insert(value);
        self.number(value as f64);
    }

    fn float(&mut self, value: f64) {
        self.has_floats = true;
        if value.is_nan() {
            self.nan += 1;
        } else {
            self.number(value);
        }
    }

    fn number(&mut self, value: f64) {
        self.count += 1;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.sum += value;
    }

    pub(super) fn finish(self) -> FieldPreview {
        let Self { name, dtype, shapes, lengths, count, nan, has_floats, min, max, sum, integers, texts } = self;
        let any = |value: f64| (count > 0).then_some(value);
        let distinct = integers.len() + texts.len();
        FieldPreview {
            name,
            dtype: dtype.to_owned(),
            shapes,
            lengths,
            min: any(min),
            max: any(max),
            mean: any(sum / count as f64),
            distinct: (distinct > 0 && !has_floats).then_some(distinct),
            nan: has_floats.then(|| nan as f64 / (count + nan) as f64),
        }
    }
}
