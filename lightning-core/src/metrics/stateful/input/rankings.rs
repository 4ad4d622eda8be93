//! Documents of queries.

use burn::tensor::{Bool, Int, Tensor};

use super::shape::flat_labels;
use crate::{
    error::{Error, Result},
    functional::at_least_f32,
    metrics::{MetricInput, stateful::kept::Column},
};

/// The documents of one batch of search results.
///
/// It is made of a tuple of three, each of which may be borrowed: the query of each document as
/// `Tensor<1, Int>`, its score as `Tensor<1>`, and its relevance as `Tensor<1, Int>`,
/// `Tensor<1, Bool>` or, if it is graded, `Tensor<1>`.
#[derive(Clone, Debug)]
pub struct Rankings {
    pub(crate) queries: Tensor<1, Int>,
    pub(crate) scores: Tensor<1>,
    pub(crate) relevance: Column,
}

impl Rankings {
    /// Returns the number of documents.
    pub(crate) fn len(&self) -> usize {
        self.scores.dims()[0]
    }
}

impl<Q: Queries, S: DocumentScores, R: Relevance> MetricInput<Rankings> for (Q, S, R) {
    fn to_input(&self) -> Result<Rankings> {
        let (queries, scores) = (self.0.to_queries(), self.1.to_scores());
        let relevance = self.2.to_relevance();
        let ([queries_len], [scores_len], relevance_len) = (queries.dims(), scores.dims(), relevance.len());
        if queries_len != scores_len || scores_len != relevance_len {
            let text = format!(
                "every document must have a query, a score and a relevance, \
                 found {queries_len} queries, {scores_len} scores and {relevance_len} relevances"
            );
            return Err(Error::data(text).help("pass three tensors of shape [documents]"));
        }
        Ok(Rankings { queries, scores, relevance })
    }
}

/// The trait of values that can be the queries of [`Rankings`].
#[diagnostic::on_unimplemented(
    message = "queries must be an integer tensor of rank 1, found `{Self}`",
    label = "expected the query of each document",
    note = "write `Tensor<1, Int>` with the number of each document's query",
    note = "C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait Queries {
    #[doc(hidden)]
    fn to_queries(&self) -> Tensor<1, Int>;
}

impl Queries for Tensor<1, Int> {
    fn to_queries(&self) -> Tensor<1, Int> {
        flat_labels(self)
    }
}

impl<T: Queries + ?Sized> Queries for &T {
    fn to_queries(&self) -> Tensor<1, Int> {
        T::to_queries(self)
    }
}

/// The trait of values that can be the scores of [`Rankings`].
#[diagnostic::on_unimplemented(
    message = "scores must be a float tensor of rank 1, found `{Self}`",
    label = "expected the score of each document",
    note = "write `Tensor<1>`",
    note = "C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait DocumentScores {
    #[doc(hidden)]
    fn to_scores(&self) -> Tensor<1>;
}

impl DocumentScores for Tensor<1> {
    fn to_scores(&self) -> Tensor<1> {
        at_least_f32(self.clone().without_autodiff())
    }
}

impl<T: DocumentScores + ?Sized> DocumentScores for &T {
    fn to_scores(&self) -> Tensor<1> {
        T::to_scores(self)
    }
}

/// The trait of values that can be the relevances of [`Rankings`].
#[diagnostic::on_unimplemented(
    message = "relevances must be a tensor of rank 1, found `{Self}`",
    label = "expected the relevance of each document",
    note = "write `Tensor<1, Int>`, `Tensor<1, Bool>` or `Tensor<1>`",
    note = "C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait Relevance {
    #[doc(hidden)]
    fn to_relevance(&self) -> Column;
}

impl Relevance for Tensor<1, Int> {
    fn to_relevance(&self) -> Column {
        Column::Whole(flat_labels(self))
    }
}

impl Relevance for Tensor<1, Bool> {
    fn to_relevance(&self) -> Column {
        Column::Whole(flat_labels(&self.clone().int()))
    }
}

impl Relevance for Tensor<1> {
    fn to_relevance(&self) -> Column {
        Column::Real(at_least_f32(self.clone().without_autodiff()))
    }
}

impl<T: Relevance + ?Sized> Relevance for &T {
    fn to_relevance(&self) -> Column {
        T::to_relevance(self)
    }
}
