//! From scores to predicted classes.

use burn::tensor::{Bool, Int, Tensor};

use super::{
    super::{
        input::{Classification, Predictions},
        task::Task,
    },
    Options,
};
use crate::tensor::labels::{no_class, same_type};

/// What scores are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ScoreKind {
    /// Logits if a score of the epoch is outside of [0, 1], else probabilities.
    #[default]
    Guessed,
    Logits,
    Probabilities,
}

impl Options {
    /// Returns the predicted class and the target of each sample, with the same integer type.
    ///
    /// `None` in binary and multilabel tasks: their answers are yes and no, see
    /// [`count_cells`](Self::count_cells).
    pub(crate) fn labels(&self, input: &Classification, task: Task) -> Option<(Tensor<1, Int>, Tensor<1, Int>)> {
        let targets = input.targets.clone();
        match &input.predictions {
            Predictions::Labels(labels) if task != Task::Binary => Some(same_type(labels.clone(), targets)),
            Predictions::Labels(_) | Predictions::Binary(_) | Predictions::Multilabel(_) => None,
            Predictions::Scores(scores) => {
                let [samples, _] = scores.dims();
                let best = scores.clone().argmax(1).reshape([samples]);
                let (best, targets) = same_type(best, targets);
                if self.top_k == 1 {
                    return Some((best, targets));
                }
                let hit = is_among_best(scores, &targets, task.classes(), self.top_k);
                Some((best.mask_where(hit, targets.clone()), targets))
            }
        }
    }
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
