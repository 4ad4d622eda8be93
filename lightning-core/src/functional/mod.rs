//! Losses and measures of one batch, as functions of tensors.
//!
//! | function | input, target | loss |
//! |---|---|---|
//! | [`cross_entropy`] | logits `[batch, classes]`, classes `[batch]` | one of several classes |
//! | [`CrossEntropy`] | the same | with class weights, targets to ignore, label smoothing |
//! | [`nll_loss`] | log probabilities `[batch, classes]`, classes `[batch]` | after a log softmax |
//! | [`bce_with_logits`] | logits and probabilities of one shape | independent binary decisions |
//! | [`BceWithLogits`] | the same | with a weight of positive targets |
//! | [`mse_loss`], [`l1_loss`], [`huber`] | two tensors of one shape | regression |
//! | [`kl_div`] | log probabilities and probabilities of one shape | distributions |
//! | [`accuracy()`] | logits `[batch, classes]`, classes `[batch]` | a measure, without gradient |
//!
//! Losses of float16 and bfloat16 inputs are computed in float32, because sums and exponentials in
//! half precision lose what training needs; float64 stays float64. The result has the dtype that it
//! was computed in. Every loss is a mean over the batch, or over all elements where there are no
//! classes. Gradients flow to the input and, if they are floats, to the targets.

mod accuracy;
mod bce;
pub(crate) mod chance;
mod classification;
mod cross_entropy;
mod distribution;
mod dtype;
mod regression;
mod targets;
#[cfg(test)]
mod tests;
mod weights;

pub(crate) use self::dtype::at_least_f32;
pub use self::{
    accuracy::accuracy,
    bce::BceWithLogits,
    classification::{bce_with_logits, cross_entropy, nll_loss},
    cross_entropy::CrossEntropy,
    distribution::kl_div,
    regression::{huber, l1_loss, mse_loss},
    weights::ClassWeights,
};
