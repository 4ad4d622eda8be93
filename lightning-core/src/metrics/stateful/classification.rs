//! What the metrics of one family have in common: their settings, and their part in the life of a metric.

/// The settings that every metric of true and false positives has, and its part in the life of a metric.
macro_rules! stat_score_metric {
    ($metric:ident) => {
        impl $metric {
            /// How the values of the classes become one. In a yes-or-no task it is always the value of class 1.
            #[must_use]
            pub fn average(mut self, average: super::Average) -> Self {
                self.scores.average = average;
                self
            }

            /// Takes a prediction as right when the target is among the `k` classes of the largest scores. Default 1.
            #[must_use]
            pub fn top_k(mut self, k: usize) -> Self {
                self.scores.top_k = k;
                self
            }

            /// The probability above which a yes-or-no score is a yes. Default 0.5.
            #[must_use]
            pub fn threshold(mut self, threshold: f64) -> Self {
                self.scores.threshold = threshold;
                self
            }

            /// The target that marks samples that do not count.
            #[must_use]
            pub fn ignore_index(mut self, index: i64) -> Self {
                self.scores.ignore_index = Some(index);
                self
            }

            /// How many classes there are. Scores say so themselves; labels do not.
            #[must_use]
            pub fn num_classes(mut self, classes: usize) -> Self {
                self.scores.classes = Some(classes);
                self
            }

            /// The names of the classes, for [`Average::PerClass`](super::Average::PerClass); otherwise they are called by their numbers.
            #[must_use]
            pub fn class_names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
                self.scores.names = names.into_iter().map(Into::into).collect();
                self
            }

            /// Takes labels 0 and 1 as no and yes. A tensor of one score a sample is a yes-or-no task without this.
            #[must_use]
            pub fn binary(mut self) -> Self {
                self.scores.binary = true;
                self
            }

            /// Takes yes-or-no scores as logits. Without this and [`probabilities`](Self::probabilities) a batch in which a score is
            /// outside of [0, 1] is taken to be logits, as torchmetrics does.
            #[must_use]
            pub fn logits(mut self) -> Self {
                self.scores.kind = super::stat_scores::ScoreKind::Logits;
                self
            }

            /// Takes yes-or-no scores as probabilities.
            #[must_use]
            pub fn probabilities(mut self) -> Self {
                self.scores.kind = super::stat_scores::ScoreKind::Probabilities;
                self
            }
        }

        impl Default for $metric {
            fn default() -> Self {
                Self::new()
            }
        }

        impl crate::metrics::Metric for $metric {
            type Input = super::Classification;

            fn accumulate(&mut self, input: &Self::Input) -> crate::Result<()> {
                self.scores.update(input)
            }

            fn compute(&mut self) -> crate::Result<crate::metrics::MetricValue> {
                self.value()
            }

            fn reset(&mut self) {
                self.scores.reset();
            }

            fn merge(&mut self, other: &Self) -> crate::Result<()> {
                self.scores.merge(&other.scores)
            }

            fn state(&mut self) -> crate::Result<serde_json::Value> {
                self.scores.state()
            }

            fn load_state(&mut self, state: &serde_json::Value) -> crate::Result<()> {
                self.scores.load_state(state)
            }
        }
    };
}

/// The settings that every metric of scores has, and its part in the life of a metric.
macro_rules! curve_metric {
    ($metric:ident) => {
        impl $metric {
            /// Over the scores of all labels together, where each label is yes or no; an error with classes of which one is right.
            #[must_use]
            pub fn micro_average(mut self) -> Self {
                self.curves.average = super::curves::CurveAverage::Micro;
                self
            }

            /// The mean over the classes, each against the rest: the default.
            #[must_use]
            pub fn macro_average(mut self) -> Self {
                self.curves.average = super::curves::CurveAverage::Macro;
                self
            }

            /// The mean over the classes, weighted by how often each is the target.
            #[must_use]
            pub fn weighted_average(mut self) -> Self {
                self.curves.average = super::curves::CurveAverage::Weighted;
                self
            }

            /// A value for each class, under its own name.
            #[must_use]
            pub fn per_class(mut self) -> Self {
                self.curves.average = super::curves::CurveAverage::PerClass;
                self
            }

            /// The names of the classes, for [`per_class`](Self::per_class); otherwise they are called by their numbers.
            #[must_use]
            pub fn class_names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
                self.curves.names = names.into_iter().map(Into::into).collect();
                self
            }

            /// Counts the scores between so many thresholds from 0 to 1, in place of keeping each: the memory does not grow with the data,
            /// and the value is an approximation. At least 2.
            #[must_use]
            pub fn thresholds(mut self, count: usize) -> Self {
                self.curves.bin(super::curves::evenly(count));
                self
            }

            /// As [`thresholds`](Self::thresholds), with thresholds of your own, from 0 to 1.
            #[must_use]
            pub fn threshold_list(mut self, thresholds: impl IntoIterator<Item = f32>) -> Self {
                self.curves.bin(thresholds);
                self
            }

            /// The target that marks samples that do not count.
            #[must_use]
            pub fn ignore_index(mut self, index: i64) -> Self {
                self.curves.ignore_index = Some(index);
                self
            }

            /// Takes scores as logits. Without this and [`probabilities`](Self::probabilities) a batch in which a score is outside of
            /// [0, 1] is taken to be logits, as torchmetrics does.
            #[must_use]
            pub fn logits(mut self) -> Self {
                self.curves.kind = super::stat_scores::ScoreKind::Logits;
                self
            }

            /// Takes scores as probabilities.
            #[must_use]
            pub fn probabilities(mut self) -> Self {
                self.curves.kind = super::stat_scores::ScoreKind::Probabilities;
                self
            }
        }

        impl Default for $metric {
            fn default() -> Self {
                Self::new()
            }
        }

        impl crate::metrics::Metric for $metric {
            type Input = super::Classification;

            fn accumulate(&mut self, input: &Self::Input) -> crate::Result<()> {
                self.curves.update(input)
            }

            fn compute(&mut self) -> crate::Result<crate::metrics::MetricValue> {
                self.curves.score(area)
            }

            fn reset(&mut self) {
                self.curves.reset();
            }

            fn merge(&mut self, other: &Self) -> crate::Result<()> {
                self.curves.merge(&other.curves)
            }

            fn state(&mut self) -> crate::Result<serde_json::Value> {
                self.curves.state()
            }

            fn load_state(&mut self, state: &serde_json::Value) -> crate::Result<()> {
                self.curves.load_state(state)
            }
        }
    };
}

pub(crate) use {curve_metric, stat_score_metric};
