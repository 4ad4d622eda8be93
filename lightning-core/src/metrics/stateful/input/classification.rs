//! Predictions and targets of a classification.

use burn::tensor::{Bool, Int, Tensor};

use super::shape::{flat_labels, matrix};
use crate::{
    error::{Error, Result},
    functional::at_least_f32,
    metrics::MetricInput,
};

/// The predictions of a classification, in the form they were given.
#[doc(hidden)]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Predictions {
    /// A score per class: `[samples, classes]`, at least two classes.
    Scores(Tensor<2>),
    /// A score of the positive class of two: `[samples]`.
    Binary(Tensor<1>),
    /// The predicted class: `[samples]`.
    Labels(Tensor<1, Int>),
    /// A score per label, any number of which may be true: `[samples, labels]`, at least two
    /// labels.
    Multilabel(Tensor<2>),
}

/// The predictions and targets of one batch of a classification.
///
/// It is made of a tuple, each part of which may be borrowed. Scores are logits or probabilities,
/// and the targets of binary and multilabel tasks may be `Int` or `Bool`:
///
/// | task | predictions | targets |
/// |---|---|---|
/// | multiclass | `Tensor<2>`: scores `[samples, classes]` | `Tensor<1, Int>` |
/// | multiclass | `Tensor<4>`: scores `[batch, classes, height, width]` | `Tensor<3, Int>` |
/// | multiclass | `Tensor<D, Int>`: labels | `Tensor<D, Int>` |
/// | binary | `Tensor<1>`: scores of class 1; or `Tensor<2>` with one column | `Tensor<1, Int>` |
/// | multilabel | `Tensor<2>`: scores `[samples, labels]` | `Tensor<2, Int>` of the same shape |
#[derive(Clone, Debug)]
pub struct Classification {
    pub(crate) predictions: Predictions,
    /// One per sample; in a multilabel task one per sample and label, row by row.
    pub(crate) targets: Tensor<1, Int>,
}

impl Classification {
    /// Returns the number of targets.
    pub(crate) fn len(&self) -> usize {
        let [len] = self.targets.dims();
        len
    }
}

impl<P: ClassPredictions, T: ClassTargets> MetricInput<Classification> for (P, T) {
    fn to_input(&self) -> Result<Classification> {
        let (predictions, targets) = (self.0.to_predictions(), self.1.to_targets());
        let predictions = match predictions {
            // A target per score makes a multilabel task.
            Predictions::Scores(scores) if self.1.shape_of_targets() == scores.dims() => {
                Predictions::Multilabel(scores)
            }
            predictions => predictions,
        };
        if let Predictions::Scores(scores) | Predictions::Multilabel(scores) = &predictions
            && scores.dims()[1] == 0
        {
            let text = "scores must have a column per class, found none";
            return Err(Error::data(text).help("pass scores of shape [samples, classes]"));
        }
        let rows = match &predictions {
            Predictions::Scores(scores) => scores.dims()[0],
            Predictions::Multilabel(scores) => scores.shape().num_elements(),
            Predictions::Binary(scores) => scores.dims()[0],
            Predictions::Labels(labels) => labels.dims()[0],
        };
        let [len] = targets.dims();
        if rows != len {
            let text = format!(
                "predictions and targets must have the same number of samples, found {rows} predictions and {len} \
                 targets"
            );
            return Err(Error::data(text).help("pass one target per prediction"));
        }
        Ok(Classification { predictions, targets })
    }
}

/// The trait of values that can be the predictions of a [`Classification`].
#[diagnostic::on_unimplemented(
    message = "predictions must be scores or labels, found `{Self}`",
    label = "expected scores or labels",
    note = "write scores as `Tensor<2>` [samples, classes], scores of the positive class as \
            `Tensor<1>`, or labels as `Tensor<D, Int>`",
    note = "C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait ClassPredictions {
    #[doc(hidden)]
    fn to_predictions(&self) -> Predictions;
}

impl ClassPredictions for Tensor<2> {
    fn to_predictions(&self) -> Predictions {
        let scores = at_least_f32(self.clone().without_autodiff());
        match scores.dims() {
            [samples, 1] => Predictions::Binary(scores.reshape([samples])),
            _ => Predictions::Scores(scores),
        }
    }
}

/// One score per class and pixel, `[batch, classes, height, width]`: each pixel is a sample.
impl ClassPredictions for Tensor<4> {
    fn to_predictions(&self) -> Predictions {
        let [batch, classes, height, width] = self.dims();
        let pixels = at_least_f32(self.clone().without_autodiff()).permute([0, 2, 3, 1]);
        matrix(pixels, [batch * height * width, classes]).to_predictions()
    }
}

impl ClassPredictions for Tensor<1> {
    fn to_predictions(&self) -> Predictions {
        Predictions::Binary(at_least_f32(self.clone().without_autodiff()))
    }
}

impl<const D: usize> ClassPredictions for Tensor<D, Int> {
    fn to_predictions(&self) -> Predictions {
        Predictions::Labels(flat_labels(self))
    }
}

impl<T: ClassPredictions + ?Sized> ClassPredictions for &T {
    fn to_predictions(&self) -> Predictions {
        T::to_predictions(self)
    }
}

/// The trait of values that can be the targets of a [`Classification`].
#[diagnostic::on_unimplemented(
    message = "targets must be an integer or boolean tensor, found `{Self}`",
    label = "expected class indices",
    note = "write class indices as `Tensor<D, Int>`, or binary targets as `Tensor<D, Bool>`",
    note = "C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait ClassTargets {
    /// Returns the targets in one row.
    #[doc(hidden)]
    fn to_targets(&self) -> Tensor<1, Int>;

    /// Returns the shape in the form given.
    #[doc(hidden)]
    fn shape_of_targets(&self) -> Vec<usize>;
}

impl<const D: usize> ClassTargets for Tensor<D, Int> {
    fn to_targets(&self) -> Tensor<1, Int> {
        flat_labels(self)
    }

    fn shape_of_targets(&self) -> Vec<usize> {
        self.dims().to_vec()
    }
}

impl<const D: usize> ClassTargets for Tensor<D, Bool> {
    fn to_targets(&self) -> Tensor<1, Int> {
        flat_labels(&self.clone().int())
    }

    fn shape_of_targets(&self) -> Vec<usize> {
        self.dims().to_vec()
    }
}

impl<T: ClassTargets + ?Sized> ClassTargets for &T {
    fn to_targets(&self) -> Tensor<1, Int> {
        T::to_targets(self)
    }

    fn shape_of_targets(&self) -> Vec<usize> {
        T::shape_of_targets(self)
    }
}
