//! The inputs of metrics: tuples of tensors, converted to one form each.
//!
//! Tensors are detached here, so that no metric keeps a graph alive, and half precision is cast to
//! float32, because sums and comparisons need the precision.

mod classification;
mod images;
mod rankings;
mod regression;
mod shape;
#[cfg(test)]
mod tests;
mod tokens;

pub(crate) use self::classification::Predictions;
pub(crate) use self::shape::matrix;
pub use self::{
    classification::{ClassPredictions, ClassTargets, Classification},
    images::{ImagePair, ImageValues},
    rankings::{DocumentScores, Queries, Rankings, Relevance},
    regression::{RealValues, Regression},
    tokens::{TokenLogits, TokenScores},
};
