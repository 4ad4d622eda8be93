//! From scores to predicted classes.

use burn::tensor::{Bool, Int, Tensor, activation::sigmoid};

use super::{
    super::{
        input::{Classification, Predictions},
        task::Task,
    },
    Options, as_int, no_class,
};

/// What scores are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ScoreKind {
    /// Logits if a score of the batch is outside of [0, 1], else probabilities.
    #[default]
    Guessed,
    Logits,
    Probabilities,
}

impl ScoreKind {
    /// Returns the scores as probabilities; `activate` converts logits.
    pub(crate) fn probabilities<const D: usize>(
        self,
        scores: Tensor<D>,
        activate: impl FnOnce(Tensor<D>) -> Tensor<D>,
    ) -> Tensor<D> {
        match self {
            Self::Logits => activate(scores),
            Self::Probabilities => scores,
            Self::Guessed => {
                let below = scores.clone().lower_scalar(0.0);
                let outside = below.bool_or(scores.clone().greater_scalar(1.0)).any();
                // Decided on the device: reading the answer would make every step wait for it.
                let logits = outside.reshape([1; D]).expand(scores.dims());
                scores.clone().mask_where(logits, activate(scores))
            }
        }
    }
}

impl Options {
    /// Returns the predicted class and the target of each sample (of each sample and label in a
    /// multilabel task), with the same integer type.
    pub(crate) fn labels(&self, input: &Classification, task: Task) -> (Tensor<1, Int>, Tensor<1, Int>) {
        let len = input.len();
        let targets = input.targets.clone();
        match &input.predictions {
            Predictions::Labels(labels) => (labels.clone(), as_int(targets, labels.dtype())),
            Predictions::Binary(scores) => with_same_type(self.positive(scores), targets),
            Predictions::Multilabel(scores) => with_same_type(self.positive(scores).reshape([len]), targets),
            Predictions::Scores(scores) => {
                let best = scores.clone().argmax(1).reshape([len]);
                let (best, targets) = with_same_type(best, targets);
                if self.top_k == 1 {
                    return (best, targets);
                }
                let hit = is_among_best(scores, &targets, task.classes(), self.top_k);
                (best.mask_where(hit, targets.clone()), targets)
            }
        }
    }

    /// Returns 1 for scores above the threshold, else 0.
    fn positive<const D: usize>(&self, scores: &Tensor<D>) -> Tensor<D, Int> {
        let probabilities = self.kind.probabilities(scores.clone(), sigmoid);
        probabilities.greater_scalar(self.threshold).int()
    }
}

fn with_same_type(predicted: Tensor<1, Int>, targets: Tensor<1, Int>) -> (Tensor<1, Int>, Tensor<1, Int>) {
    let targets = as_int(targets, predicted.dtype());
    (predicted, targets)
}

/// Returns whether each target is among the `top_k` classes with the largest scores.
///
/// Of equal scores that of the lower class counts as the larger, as for `argmax`. A target that is
/// not a class, or whose score is NaN, is not among them.
fn is_among_best(scores: &Tensor<2>, targets: &Tensor<1, Int>, classes: usize, top_k: usize) -> Tensor<1, Bool> {
    let [samples, _] = scores.dims();
    let none = no_class(targets, classes);
    let column = targets.clone().mask_fill(none.clone(), 0).reshape([samples, 1]);
    let shape = [samples, classes];
    let own = scores.clone().gather(1, column.clone()).expand(shape);
    let index = Tensor::<1, Int>::arange(0..classes as i64, (&scores.device(), targets.dtype()));
    let earlier = index.reshape([1, classes]).expand(shape).lower(column.expand(shape));
    let larger = scores.clone().greater(own.clone());
    let ahead = larger.bool_or(scores.clone().equal(own.clone()).bool_and(earlier));
    let rank = ahead.int().sum_dim(1).reshape([samples]);
    // A NaN differs from itself.
    let known = own.clone().equal(own).all_dim(1).reshape([samples]);
    rank.lower_scalar(top_k as i64).bool_and(known).bool_and(none.bool_not())
}
