//! How the values of single classes become one.

use crate::metrics::MetricValue;

/// How the values of single classes become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Average {
    /// Over all samples: the counts of all classes are added first.
    Micro,
    /// The mean over the classes, each counting the same. A class that is neither predicted nor among the targets is left out, unless
    /// each label is yes or no.
    #[default]
    Macro,
    /// The mean over the classes, weighted by how often each is the target.
    Weighted,
    /// A value for each class, under its own name: `val_f1_0` or, with `class_names`, `val_f1_cat`.
    PerClass,
}

/// What was counted for one class.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Stats {
    /// Predicted, and right.
    pub(crate) tp: f64,
    /// Predicted, and wrong.
    pub(crate) fp: f64,
    /// Not predicted where it was the target.
    pub(crate) fn_: f64,
    /// Neither predicted nor the target; counted only where each label is yes or no.
    pub(crate) tn: f64,
}

impl Stats {
    fn add(self, other: Self) -> Self {
        Self { tp: self.tp + other.tp, fp: self.fp + other.fp, fn_: self.fn_ + other.fn_, tn: self.tn + other.tn }
    }

    fn support(self) -> f64 {
        self.tp + self.fn_
    }
}

/// `numerator / denominator`, or `otherwise` where there is nothing to divide by.
pub(crate) fn ratio(numerator: f64, denominator: f64, otherwise: f64) -> f64 {
    if denominator == 0.0 { otherwise } else { numerator / denominator }
}

/// The score of all classes. `absent` says which classes count for nothing in a macro average.
pub(crate) fn average(
    average: Average,
    classes: &[Stats],
    names: impl FnOnce() -> Vec<String>,
    absent: impl Fn(Stats) -> bool,
    score: impl Fn(Stats) -> f64,
) -> MetricValue {
    let weighted = |weight: &dyn Fn(Stats) -> f64| {
        let (sum, weights) = classes.iter().fold((0.0, 0.0), |(sum, weights), stats| {
            let weight = weight(*stats);
            // A class of no weight has no say, and its score may be NaN.
            (if weight == 0.0 { sum } else { sum + weight * score(*stats) }, weights + weight)
        });
        MetricValue::Scalar(ratio(sum, weights, 0.0))
    };
    match average {
        Average::Micro => MetricValue::Scalar(score(classes.iter().copied().fold(Stats::default(), Stats::add))),
        Average::Macro => weighted(&|stats| if absent(stats) { 0.0 } else { 1.0 }),
        Average::Weighted => weighted(&Stats::support),
        Average::PerClass => MetricValue::Named(names().into_iter().zip(classes.iter().copied().map(score)).collect()),
    }
}
