//! Logits and targets of a language model.

use burn::tensor::{Int, Tensor};

use super::{ClassTargets, shape::matrix};
use crate::{
    error::{Error, Result},
    functional::at_least_f32,
    metrics::MetricInput,
};

/// The logits of a language model and the target tokens of one batch.
///
/// It is made of a tuple, each part of which may be borrowed:
///
/// | logits | targets |
/// |---|---|
/// | `Tensor<3>` of `[batch, sequence, vocabulary]` | `Tensor<2, Int>` of `[batch, sequence]` |
/// | `Tensor<2>` of `[tokens, vocabulary]` | `Tensor<1, Int>` of `[tokens]` |
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
            let text = format!(
                "logits and targets must have the same number of tokens, found logits of {rows} tokens and {len} \
                 targets"
            );
            return Err(Error::data(text)
                .help("pass logits of shape [batch, sequence, vocabulary] and targets of shape [batch, sequence]"));
        }
        Ok(TokenScores { logits, targets })
    }
}

/// The trait of values that can be the logits of [`TokenScores`].
#[diagnostic::on_unimplemented(
    message = "logits must be a float tensor, found `{Self}`",
    label = "expected logits",
    note = "write `Tensor<3>` [batch, sequence, vocabulary] or `Tensor<2>` [tokens, vocabulary]",
    note = "C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait TokenLogits {
    /// Returns the logits as `[tokens, vocabulary]`.
    #[doc(hidden)]
    fn to_logits(&self) -> Tensor<2>;
}

impl TokenLogits for Tensor<3> {
    fn to_logits(&self) -> Tensor<2> {
        let [batch, sequence, vocabulary] = self.dims();
        matrix(at_least_f32(self.clone().without_autodiff()), [batch * sequence, vocabulary])
    }
}

impl TokenLogits for Tensor<2> {
    fn to_logits(&self) -> Tensor<2> {
        at_least_f32(self.clone().without_autodiff())
    }
}

impl<T: TokenLogits + ?Sized> TokenLogits for &T {
    fn to_logits(&self) -> Tensor<2> {
        T::to_logits(self)
    }
}
