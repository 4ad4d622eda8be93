//! Losses and measures of one batch, as functions of tensors.
//!
//! | function | input, target | loss |
//! |---|---|---|
//! | [`cross_entropy`] | logits `[batch, classes]`, classes `[batch]` | one of several classes |
//! | [`nll_loss`] | log probabilities `[batch, classes]`, classes `[batch]` | after a log softmax |
//! | [`bce_with_logits`] | logits and probabilities of one shape | independent binary decisions |
//! | [`mse_loss`], [`l1_loss`], [`huber`] | two tensors of one shape | regression |
//! | [`kl_div`] | log probabilities and probabilities of one shape | distributions |
//! | [`accuracy()`] | logits `[batch, classes]`, classes `[batch]` | a measure, without gradient |
//!
//! Losses of float16 and bfloat16 inputs are computed in float32, because sums and exponentials in
//! half precision lose what training needs; float64 stays float64. The result has the dtype that it
//! was computed in. Every loss is a mean over the batch, or over all elements where there are no
//! classes. Gradients flow to the input and, if they are floats, to the targets.

mod accuracy;
pub(crate) mod chance;
mod classification;
mod distribution;
mod dtype;
mod regression;
#[cfg(test)]
mod tests;

pub(crate) use self::dtype::at_least_f32;
pub use self::{
    accuracy::accuracy,
    classification::{bce_with_logits, cross_entropy, nll_loss},
    distribution::kl_div,
    regression::{huber, l1_loss, mse_loss},
};
