//! What the metrics take: tuples of tensors, brought into one form each. Everything is detached here, so that no metric keeps a graph.

use burn::tensor::{Bool, DType, FloatDType, Int, Tensor};

use crate::{
    error::{Error, Result},
    metrics::MetricInput,
};

/// The predictions of a classification, as they were given.
#[doc(hidden)]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Predictions {
    /// A score for every class: `[samples, classes]`, at least two classes.
    Scores(Tensor<2>),
    /// A score for the positive class of two: `[samples]`.
    Binary(Tensor<1>),
    /// The predicted class: `[samples]`.
    Labels(Tensor<1, Int>),
    /// A score for every label, of which any number may hold: `[samples, labels]`, at least two labels.
    Multilabel(Tensor<2>),
}

/// The predictions and targets of one batch of a classification.
///
/// Made of a tuple, of which each part may be borrowed:
///
/// | predictions | targets | task |
/// |---|---|---|
/// | `Tensor<2>`: scores `[samples, classes]`, logits or probabilities | `Tensor<1, Int>` | one of several classes |
/// | `Tensor<1>`: scores of class 1, or `Tensor<2>` with one column | `Tensor<1, Int>` or `Tensor<1, Bool>` | yes or no |
/// | `Tensor<2>`: scores `[samples, labels]`, logits or probabilities | `Tensor<2, Int>` or `Tensor<2, Bool>` of the same shape | several labels, each yes or no |
/// | `Tensor<D, Int>`: labels | `Tensor<D, Int>` | one of several classes |
#[derive(Clone, Debug)]
pub struct Classification {
    pub(crate) predictions: Predictions,
    /// One for each sample; for each sample and label, row by row, where any number of labels may hold.
    pub(crate) targets: Tensor<1, Int>,
}

impl Classification {
    /// How many targets there are.
    pub(crate) fn len(&self) -> usize {
        let [len] = self.targets.dims();
        len
    }
}

impl<P: ClassPredictions, T: ClassTargets> MetricInput<Classification> for (P, T) {
    fn to_input(&self) -> Result<Classification> {
        let (predictions, targets) = (self.0.to_predictions(), self.1.to_targets());
        let predictions = match predictions {
            // A target for each score: any number of labels may hold.
            Predictions::Scores(scores) if self.1.shape_of_targets() == scores.dims() => {
                Predictions::Multilabel(scores)
            }
            predictions => predictions,
        };
        let rows = match &predictions {
            Predictions::Scores(scores) => scores.dims()[0],
            Predictions::Multilabel(scores) => scores.shape().num_elements(),
            Predictions::Binary(scores) => scores.dims()[0],
            Predictions::Labels(labels) => labels.dims()[0],
        };
        let [len] = targets.dims();
        if rows != len {
            return Err(Error::data(format!("there are {rows} predictions and {len} targets"))
                .help("give one target for each prediction"));
        }
        Ok(Classification { predictions, targets })
    }
}

/// What can be the predictions of a classification.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no prediction of classes",
    label = "expected scores or labels",
    note = "give scores as `Tensor<2>` of `[samples, classes]`, scores of the positive class as `Tensor<1>`, or labels as `Tensor<D, Int>`"
)]
pub trait ClassPredictions {
    #[doc(hidden)]
    fn to_predictions(&self) -> Predictions;
}

impl ClassPredictions for Tensor<2> {
    fn to_predictions(&self) -> Predictions {
        let scores = computable(self.clone().without_autodiff());
        match scores.dims() {
            [samples, 1] => Predictions::Binary(scores.reshape([samples])),
            _ => Predictions::Scores(scores),
        }
    }
}

impl ClassPredictions for Tensor<1> {
    fn to_predictions(&self) -> Predictions {
        Predictions::Binary(computable(self.clone().without_autodiff()))
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

/// What can be the targets of a classification.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no target of a classification",
    label = "expected classes",
    note = "give the index of each sample's class as `Tensor<D, Int>`, or yes and no as `Tensor<D, Bool>`"
)]
pub trait ClassTargets {
    /// The targets in one row.
    #[doc(hidden)]
    fn to_targets(&self) -> Tensor<1, Int>;

    /// The shape as given.
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

fn flat_labels<const D: usize>(labels: &Tensor<D, Int>) -> Tensor<1, Int> {
    labels.clone().without_autodiff().reshape([labels.shape().num_elements()])
}

/// Half precision loses what sums and comparisons need.
fn computable<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    match tensor.dtype() {
        DType::F16 | DType::BF16 => tensor.cast(FloatDType::F32),
        _ => tensor,
    }
}

/// The predictions and targets of one batch of a regression: a tuple of two float tensors of one shape, each of which may be borrowed.
///
/// The columns of a matrix `[samples, outputs]` are outputs of their own where a metric tells them apart.
#[derive(Clone, Debug)]
pub struct Regression {
    /// `[samples, outputs]`; other shapes than a matrix have one output.
    pub(crate) predictions: Tensor<2>,
    pub(crate) targets: Tensor<2>,
    /// The rank as given.
    pub(crate) rank: usize,
}

impl<P: RealValues, T: RealValues> MetricInput<Regression> for (P, T) {
    fn to_input(&self) -> Result<Regression> {
        let (predictions, shape) = self.0.to_values();
        let (targets, wanted) = self.1.to_values();
        if shape != wanted {
            return Err(Error::data(format!(
                "predictions of shape {shape:?} are compared with targets of shape {wanted:?}"
            ))
            .help("give both the same shape: broadcasting would compare what does not belong together"));
        }
        let targets = targets.cast(dtype_of(&predictions));
        Ok(Regression { predictions, targets, rank: shape.len() })
    }
}

/// What can be the predictions or the targets of a regression.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no value of a regression",
    label = "expected a float tensor",
    note = "give predictions and targets as float tensors of one shape"
)]
pub trait RealValues {
    /// The values as `[samples, outputs]`, and the shape as given.
    #[doc(hidden)]
    fn to_values(&self) -> (Tensor<2>, Vec<usize>);
}

impl<const D: usize> RealValues for Tensor<D> {
    fn to_values(&self) -> (Tensor<2>, Vec<usize>) {
        let shape = self.dims().to_vec();
        let elements = self.shape().num_elements();
        let rows = if D == 2 { shape.first().copied().unwrap_or(0) } else { elements };
        let columns = if D == 2 { shape.get(1).copied().unwrap_or(1) } else { 1 };
        (computable(self.clone().without_autodiff()).reshape([rows, columns]), shape)
    }
}

impl<T: RealValues + ?Sized> RealValues for &T {
    fn to_values(&self) -> (Tensor<2>, Vec<usize>) {
        T::to_values(self)
    }
}

fn dtype_of<const D: usize>(tensor: &Tensor<D>) -> FloatDType {
    tensor.dtype().into()
}

/// What a language model says of the next tokens, and the tokens that came: a tuple of logits `Tensor<3>` of `[batch, sequence,
/// vocabulary]` with `Tensor<2, Int>`, or of `Tensor<2>` of `[tokens, vocabulary]` with `Tensor<1, Int>`, each of which may be borrowed.
#[derive(Clone, Debug)]
pub struct TokenScores {
    /// `[tokens, vocabulary]`.
    pub(crate) logits: Tensor<2>,
    pub(crate) targets: Tensor<1, Int>,
}

impl<L: TokenLogits, T: ClassTargets> MetricInput<TokenScores> for (L, T) {
    fn to_input(&self) -> Result<TokenScores> {
        let (logits, targets) = (self.0.to_logits(), self.1.to_targets());
        let ([rows, _], [len]) = (logits.dims(), targets.dims());
        if rows != len {
            return Err(Error::data(format!("there are logits for {rows} tokens and {len} targets"))
                .help("give logits of `[batch, sequence, vocabulary]` and targets of `[batch, sequence]`"));
        }
        Ok(TokenScores { logits, targets })
    }
}

/// What can be the logits of tokens.
#[diagnostic::on_unimplemented(
    message = "`{Self}` are no logits of tokens",
    label = "expected logits",
    note = "give `Tensor<3>` of `[batch, sequence, vocabulary]`, or `Tensor<2>` of `[tokens, vocabulary]`"
)]
pub trait TokenLogits {
    /// The logits as `[tokens, vocabulary]`.
    #[doc(hidden)]
    fn to_logits(&self) -> Tensor<2>;
}

impl TokenLogits for Tensor<3> {
    fn to_logits(&self) -> Tensor<2> {
        let [batch, sequence, vocabulary] = self.dims();
        computable(self.clone().without_autodiff()).reshape([batch * sequence, vocabulary])
    }
}

impl TokenLogits for Tensor<2> {
    fn to_logits(&self) -> Tensor<2> {
        computable(self.clone().without_autodiff())
    }
}

impl<T: TokenLogits + ?Sized> TokenLogits for &T {
    fn to_logits(&self) -> Tensor<2> {
        T::to_logits(self)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn shapes_that_do_not_fit_are_errors() {
        let device = Device::default();
        let classes = Tensor::<1, Int>::zeros([3], &device);
        let error = |result: Result<()>| result.map_err(|error| error.to_string()).unwrap_err();
        let scores = (Tensor::<2>::zeros([4, 2], &device), &classes);
        let text = error(MetricInput::<Classification>::to_input(&scores).map(drop));
        assert!(text.contains("4 predictions and 3 targets"), "{text}");
        let columns = (Tensor::<2>::zeros([3, 1], &device), Tensor::<1>::zeros([3], &device));
        let text = error(MetricInput::<Regression>::to_input(&columns).map(drop));
        assert!(text.contains("[3, 1]") && text.contains("[3]"), "{text}");
        let tokens = (Tensor::<3>::zeros([2, 2, 5], &device), &classes);
        let text = error(MetricInput::<TokenScores>::to_input(&tokens).map(drop));
        assert!(text.contains("4 tokens and 3 targets"), "{text}");
    }

    #[test]
    fn what_is_kept_has_no_graph() -> Result<()> {
        let device = Device::default().autodiff();
        let scores = Tensor::<2>::zeros([2, 3], &device).require_grad() * 2.0;
        let targets = Tensor::<1, Int>::zeros([2], &device);
        let input: Classification = (&scores, &targets).to_input()?;
        let Predictions::Scores(kept) = input.predictions else { panic!("scores are scores") };
        assert!(!kept.is_autodiff() && !input.targets.is_autodiff());
        Ok(())
    }
}
