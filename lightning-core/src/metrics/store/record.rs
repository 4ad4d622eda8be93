//! What a checkpoint stores of the metrics.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value;

use super::cell::{Accumulator, Cell, Meter};
use crate::{
    error::Result,
    metrics::{CurveKind, CurvePoint, LogOptions, Matrix, MetricValue, ThresholdCurve, ThresholdCurves},
    os::panics::catch_panic,
    params::state::{f64_from_json, f64_to_json},
    stage::Stage,
};

/// A number that JSON may not be able to represent, such as NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Number(pub(super) f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        f64_to_json(self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        f64_from_json(&value).map(Self).ok_or_else(|| D::Error::custom(format!("expected a number, found {value}")))
    }
}

/// The metrics of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct MetricsRecord {
    /// The metrics that the module does not declare.
    pub(super) named: Vec<NamedRecord>,
    pub(super) best: Vec<(String, Number, u64)>,
    pub(super) scopes: Vec<ScopeRecord>,
    pub(super) values: Vec<(String, ValueRecord)>,
    pub(super) bar: Vec<(String, ValueRecord)>,
    /// The metrics that have been NaN or infinite.
    pub(super) not_a_number: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct NamedRecord {
    pub(super) name: String,
    /// Whether the values are those of batches of training.
    #[serde(rename = "on_step")]
    pub(super) in_batches: bool,
    #[serde(default)]
    pub(super) options: LogOptions,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ScopeRecord {
    pub(super) stage: Stage,
    pub(super) loader: usize,
    pub(super) suffix: String,
    pub(super) accumulators: Vec<AccumulatorRecord>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) stateful: Vec<MeterRecord>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct AccumulatorRecord {
    pub(super) name: String,
    /// Whether it is the epoch value of a name that `log` was called with.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) epoch: bool,
    pub(super) weighted: Number,
    pub(super) weight: Number,
    pub(super) sum: Number,
    pub(super) min: Number,
    pub(super) max: Number,
    pub(super) count: u64,
    pub(super) last: Number,
    pub(super) fresh: bool,
}

/// A stateful metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct MeterRecord {
    pub(super) name: String,
    /// Whether it is the epoch value of a name that `log` was called with.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) epoch: bool,
    pub(super) updates: u64,
    /// The state as the metric stores it.
    pub(super) state: Value,
    /// The value so far, for an epoch in which nothing more is logged: without another value the
    /// metric is not created.
    pub(super) value: Option<ValueRecord>,
    pub(super) last: Option<ValueRecord>,
    pub(super) fresh: bool,
}

/// A [`MetricValue`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum ValueRecord {
    Scalar(Number),
    Named(Vec<(String, Number)>),
    Matrix(MatrixRecord),
    Matrices(Vec<(String, MatrixRecord)>),
    Curves(CurvesRecord),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct MatrixRecord {
    pub(super) labels: Vec<String>,
    pub(super) values: Vec<Number>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct CurvesRecord {
    /// Of ROC curves; otherwise of precision over recall.
    roc: bool,
    areas: Box<ValueRecord>,
    /// Names, areas, and thresholds and places of the points.
    curves: Vec<(String, Number, Vec<[Number; 3]>)>,
}

impl From<&ThresholdCurves> for CurvesRecord {
    fn from(curves: &ThresholdCurves) -> Self {
        let curve = |curve: &ThresholdCurve| {
            let points = curve.points.iter().map(|point| [point.threshold, point.x, point.y].map(Number));
            (curve.name.clone(), Number(curve.area), points.collect())
        };
        Self {
            roc: curves.kind() == CurveKind::Roc,
            areas: Box::new(curves.areas().into()),
            curves: curves.all().iter().map(curve).collect(),
        }
    }
}

impl CurvesRecord {
    fn curves(&self) -> Option<ThresholdCurves> {
        let point = |[Number(threshold), Number(x), Number(y)]: &[Number; 3]| CurvePoint {
            threshold: *threshold,
            x: *x,
            y: *y,
        };
        let curve = |(name, Number(area), points): &(String, Number, Vec<[Number; 3]>)| ThresholdCurve {
            name: name.clone(),
            area: *area,
            points: points.iter().map(point).collect(),
        };
        let kind = if self.roc { CurveKind::Roc } else { CurveKind::PrecisionRecall };
        Some(ThresholdCurves::new(kind, self.curves.iter().map(curve).collect(), self.areas.value()?))
    }
}

impl From<&Matrix> for MatrixRecord {
    fn from(matrix: &Matrix) -> Self {
        Self { labels: matrix.labels().to_vec(), values: matrix.rows().flatten().map(|value| Number(*value)).collect() }
    }
}

impl MatrixRecord {
    /// Returns the matrix; `None` if the numbers do not fit the labels.
    fn matrix(&self) -> Option<Matrix> {
        Matrix::new(self.labels.clone(), self.values.iter().map(|Number(value)| *value).collect()).ok()
    }
}

impl From<&MetricValue> for ValueRecord {
    fn from(value: &MetricValue) -> Self {
        match value {
            MetricValue::Scalar(value) => Self::Scalar(Number(*value)),
            MetricValue::Named(parts) => {
                Self::Named(parts.iter().map(|(name, value)| (name.clone(), Number(*value))).collect())
            }
            MetricValue::Matrix(matrix) => Self::Matrix(matrix.into()),
            MetricValue::Matrices(matrices) => {
                Self::Matrices(matrices.iter().map(|(name, matrix)| (name.clone(), matrix.into())).collect())
            }
            MetricValue::Curves(curves) => Self::Curves(curves.into()),
        }
    }
}

impl ValueRecord {
    /// Returns the value; `None` for a matrix whose numbers do not fit its labels.
    pub(super) fn value(&self) -> Option<MetricValue> {
        Some(match self {
            Self::Scalar(Number(value)) => MetricValue::Scalar(*value),
            Self::Named(parts) => {
                MetricValue::Named(parts.iter().map(|(name, Number(value))| (name.clone(), *value)).collect())
            }
            Self::Matrix(matrix) => MetricValue::Matrix(matrix.matrix()?),
            Self::Matrices(matrices) => {
                let matrix = |(name, matrix): &(String, MatrixRecord)| Some((name.clone(), matrix.matrix()?));
                MetricValue::Matrices(matrices.iter().map(matrix).collect::<Option<_>>()?)
            }
            Self::Curves(curves) => MetricValue::Curves(curves.curves()?),
        })
    }
}

impl AccumulatorRecord {
    pub(super) fn new(name: &str, accumulator: &Accumulator) -> Self {
        let Accumulator { weighted, weight, sum, min, max, count, last, last_of: _, fresh, is_merged: _ } =
            *accumulator;
        Self {
            name: name.to_owned(),
            epoch: false,
            weighted: Number(weighted),
            weight: Number(weight),
            sum: Number(sum),
            min: Number(min),
            max: Number(max),
            count,
            last: Number(last),
            fresh,
        }
    }

    pub(super) fn cell(&self) -> Cell {
        let Self { name: _, epoch: _, weighted, weight, sum, min, max, count, last, fresh } = self;
        let numbers = Accumulator {
            weighted: weighted.0,
            weight: weight.0,
            sum: sum.0,
            min: min.0,
            max: max.0,
            count: *count,
            last: last.0,
            last_of: None,
            fresh: *fresh,
            is_merged: false,
        };
        Cell { numbers, meter: None }
    }
}

impl MeterRecord {
    pub(super) fn new(name: &str, meter: &mut Meter) -> Result<Self> {
        let (state, value) = match (&meter.stored, &mut meter.epoch) {
            // Nothing was logged since the checkpoint that the run was resumed from.
            (Some((state, value)), _) => (state.clone(), value.clone()),
            // A metric without a value now may have one at the end of the epoch.
            (None, Some(epoch)) => catch_panic(|| Ok((epoch.state()?, epoch.compute().ok())))?,
            (None, None) => (Value::Null, None),
        };
        Ok(Self {
            name: name.to_owned(),
            epoch: false,
            updates: meter.updates,
            state,
            value: value.as_ref().map(ValueRecord::from),
            last: meter.last.as_ref().map(ValueRecord::from),
            fresh: meter.fresh,
        })
    }

    pub(super) fn cell(&self) -> Cell {
        let Self { name: _, epoch: _, updates, state, value, last, fresh } = self;
        let known = |value: &Option<ValueRecord>| value.as_ref().and_then(ValueRecord::value);
        let meter = Meter {
            updates: *updates,
            stored: Some((state.clone(), known(value))),
            last: known(last),
            fresh: *fresh,
            ..Meter::default()
        };
        Cell { meter: Some(Box::new(meter)), ..Cell::default() }
    }
}
