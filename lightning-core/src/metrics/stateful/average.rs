//! How the values of the classes are combined.

use crate::metrics::MetricValue;

/// How the values of the classes are combined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Average {
    /// One value of all samples: the counts of all classes are added first.
    Micro,
    /// The mean over the classes. A class that is neither predicted nor a target is left out,
    /// except in a multilabel task.
    #[default]
    Macro,
    /// The mean over the classes, weighted by their numbers of targets.
    Weighted,
    /// A value per class, under its own name: `val_f1_0` or, with `class_names`, `val_f1_cat`.
    PerClass,
}

/// The counts of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Stats {
    /// True positives.
    pub(crate) tp: f64,
    /// False positives.
    pub(crate) fp: f64,
    /// False negatives.
    pub(crate) fn_: f64,
    /// True negatives; counted in binary and multilabel tasks only.
    pub(crate) tn: f64,
}

impl Stats {
    pub(crate) fn add(self, other: Self) -> Self {
        Self { tp: self.tp + other.tp, fp: self.fp + other.fp, fn_: self.fn_ + other.fn_, tn: self.tn + other.tn }
    }

    /// Returns the counts of the other one of two classes.
    pub(crate) fn swapped(self) -> Self {
        Self { tp: self.tn, fp: self.fn_, fn_: self.fp, tn: self.tp }
    }

    /// The number of targets.
    fn support(self) -> f64 {
        self.tp + self.fn_
    }
}

/// Returns `numerator / denominator`, or `otherwise` if the denominator is 0.
pub(crate) fn ratio(numerator: f64, denominator: f64, otherwise: f64) -> f64 {
    if denominator == 0.0 { otherwise } else { numerator / denominator }
}

/// Combines the scores of all classes. `absent` says which classes are left out of a macro average.
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
            // The score of a class without weight may be NaN.
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
