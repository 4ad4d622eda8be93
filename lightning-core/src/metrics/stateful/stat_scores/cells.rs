//! Yes and no of binary and multilabel tasks: how often each answer meets each target.
//!
//! Whether scores are logits or probabilities is one decision for all batches of an epoch, and it is
//! known at the end only. Until then each score has two answers, one for either case, and both are
//! counted.

use burn::tensor::{Bool, Int, Tensor};

use super::{
    super::{
        average::Stats,
        input::{Classification, Predictions},
        task::Task,
    },
    Options, ScoreKind, column_of, count_places,
};
use crate::tensor::labels::{no_class, same_type};

/// The places of one column: four pairs of answers for either target.
const CELLS: usize = 8;
/// The places after the columns: ignored targets, targets that are not classes, predicted labels
/// that are not, and scores outside of [0, 1].
const OTHERS: usize = 4;
/// The answer "yes" if scores are probabilities.
const AS_PROBABILITY: i64 = 1;
/// The answer "yes" if scores are logits.
const AS_LOGIT: i64 = 2;

/// Returns the number of places of a task, which has a column per label.
pub(crate) fn places(task: Task) -> usize {
    task.columns().saturating_mul(CELLS).saturating_add(OTHERS)
}

/// The answers of one batch, one per target.
struct Answers {
    answers: Tensor<1, Int>,
    /// Labels that are neither 0 nor 1.
    foreign: Option<Tensor<1, Bool>>,
    /// Scores outside of [0, 1], where these decide what all scores are.
    outside: Option<Tensor<1, Bool>>,
}

impl Options {
    /// Counts the answers of one batch.
    pub(crate) fn count_cells(&self, input: &Classification, task: Task) -> Tensor<1, Int> {
        let Answers { answers, foreign, outside } = self.answers(input);
        let (answers, targets) = same_type(answers, input.targets.clone());
        let ignored = self.ignored(&targets);
        let columns = task.columns();
        let last = (columns * CELLS) as i64;
        let mut place = targets.clone() * (CELLS / 2) as i64 + answers;
        if columns > 1 {
            place = place + column_of(&targets, columns) * CELLS as i64;
        }
        if let Some(foreign) = foreign {
            place = place.mask_fill(foreign, last + 2);
        }
        place = place.mask_fill(no_class(&targets, 2), last + 1);
        if let Some(ignored) = &ignored {
            place = place.mask_fill(ignored.clone(), last);
        }
        let counts = count_places(place, places(task) - 1);
        let outside = match (outside, ignored) {
            (None, _) => Tensor::zeros([1], (&counts.device(), counts.dtype())),
            (Some(outside), None) => outside.int().sum(),
            (Some(outside), Some(ignored)) => outside.bool_and(ignored.bool_not()).int().sum(),
        };
        let (counts, outside) = same_type(counts, outside);
        Tensor::cat(vec![counts, outside], 0)
    }

    fn answers(&self, input: &Classification) -> Answers {
        let len = input.len();
        match &input.predictions {
            Predictions::Labels(labels) => Answers {
                foreign: Some(no_class(labels, 2)),
                answers: labels.clone() * (AS_PROBABILITY + AS_LOGIT),
                outside: None,
            },
            Predictions::Binary(scores) => self.answers_of(scores.clone()),
            Predictions::Scores(scores) | Predictions::Multilabel(scores) => {
                self.answers_of(scores.clone().reshape([len]))
            }
        }
    }

    fn answers_of(&self, scores: Tensor<1>) -> Answers {
        // σ(x) > p as x > log(p / (1 − p)): large logits do not saturate, and there is no sigmoid to
        // compute.
        let odds = (self.threshold / (1.0 - self.threshold)).ln();
        let above = |threshold: f64, answer: i64| scores.clone().greater_scalar(threshold).int() * answer;
        let both = AS_PROBABILITY + AS_LOGIT;
        let (answers, outside) = match self.kind {
            ScoreKind::Probabilities => (above(self.threshold, both), None),
            ScoreKind::Logits => (above(odds, both), None),
            ScoreKind::Guessed => {
                let outside = scores.clone().lower_scalar(0.0).bool_or(scores.clone().greater_scalar(1.0));
                (above(self.threshold, AS_PROBABILITY) + above(odds, AS_LOGIT), Some(outside))
            }
        };
        Answers { answers, foreign: None, outside }
    }
}

/// The counts of an epoch.
pub(crate) struct Cells<'a>(pub(crate) &'a [u64]);

impl Cells<'_> {
    fn at(&self, index: usize) -> u64 {
        self.0.get(index).copied().unwrap_or(0)
    }

    fn other(&self, index: usize) -> u64 {
        self.0.len().checked_sub(OTHERS).map_or(0, |first| self.at(first + index))
    }

    /// Returns the number of targets that are not classes.
    pub(crate) fn foreign_targets(&self) -> u64 {
        self.other(1)
    }

    /// Returns the number of predicted labels that are not classes.
    pub(crate) fn foreign_labels(&self) -> u64 {
        self.other(2)
    }

    /// Returns the counts of each column of the task.
    pub(crate) fn columns(&self, task: Task) -> impl Iterator<Item = Stats> {
        // One score outside of [0, 1] makes all of them logits.
        let yes = if self.other(3) > 0 { AS_LOGIT } else { AS_PROBABILITY };
        (0..task.columns()).map(move |column| {
            let count = |target: usize, answer: bool| {
                let of = (0..4).filter(|cell| (cell & yes != 0) == answer);
                of.map(|cell| self.at(column * CELLS + target * CELLS / 2 + cell as usize)).sum::<u64>() as f64
            };
            Stats { tp: count(1, true), fp: count(0, true), fn_: count(1, false), tn: count(0, false) }
        })
    }
}
