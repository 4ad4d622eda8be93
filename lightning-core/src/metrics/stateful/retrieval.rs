//! Metrics of search results: queries with ranked documents.

mod ranking;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt};

use burn::tensor::Device;
use serde_json::{Value, json};

pub(crate) use self::ranking::{AverageGain, DiscountedGain, FirstHit};
use super::{
    exact,
    input::Rankings,
    kept::{Column, Kept},
};
use crate::{
    error::{Error, ErrorKind, Result},
    metrics::{Metric, MetricValue},
};

/// What a query without any relevant document counts as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmptyQuery {
    /// 0.
    #[default]
    Zero,
    /// 1.
    One,
    /// Nothing: the query is left out of the mean.
    Skip,
    /// An error at the end of the epoch.
    Error,
}

/// A metric of search results: a number for each query, and the mean over the queries.
///
/// It takes [`Rankings`]: the query of each document, its score and its relevance. A query may be
/// spread over several batches: every document is kept until the end of the epoch, with 24 bytes.
/// Documents rank by their scores, whatever the sign; of equal scores the one that was passed first
/// is the first, except in [`RetrievalNdcg`], which takes the mean over their orders. `R` is the
/// number of a query; everything else is the same for all of them.
///
/// A NaN score makes the value NaN. Without any query it is NaN as well.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use lightning_core::metrics::{EmptyQuery, Metric, RetrievalMrr};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let queries = Tensor::<1, Int>::from_data([0, 0, 0, 1, 1], &device);
/// let scores = Tensor::<1>::from_data([0.2, 0.9, 0.5, 0.3, 0.1], &device);
/// let relevant = Tensor::<1, Int>::from_data([0, 0, 1, 0, 0], &device);
/// let mut mrr = RetrievalMrr::new().empty_query(EmptyQuery::Skip);
/// mrr.update((queries, scores, relevant))?;
/// // The relevant document of query 0 is its second; query 1 has none.
/// assert_eq!(mrr.compute()?.scalar(), Some(0.5));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RetrievalMetric<R> {
    score: R,
    top_k: Option<usize>,
    empty: EmptyQuery,
    ignore_index: Option<i64>,
    /// Query, score and relevance of each document.
    kept: Kept<3>,
}

/// The mean reciprocal rank: one over the place of the first relevant document of a query.
///
/// It has the input and the options of [`RetrievalMetric`]. A document is relevant if its relevance
/// is larger than 0. The number is that of torchmetrics' `RetrievalMRR`, which counts documents with
/// a score of 0 or less as irrelevant.
#[doc(alias = "MRR")]
pub type RetrievalMrr = RetrievalMetric<FirstHit>;

/// The mean average precision of search results: for each query, the mean over its relevant
/// documents of the share of relevant ones up to each.
///
/// It is not the metric of object detection of the same name. It has the input and the options of
/// [`RetrievalMetric`]; with `top_k` the mean is over the relevant documents among the first `k`.
/// The number is that of torchmetrics' `RetrievalMAP`, which counts documents with a score of 0 or
/// less as irrelevant.
#[doc(alias = "MAP")]
pub type RetrievalMap = RetrievalMetric<AverageGain>;

/// The normalized discounted cumulative gain: `Σ relevance / log₂(place + 1)` over the documents of a
/// query in their order, over the same of the best order (Järvelin, Kekäläinen, "Cumulated Gain-Based
/// Evaluation of IR Techniques", 2002).
///
/// It has the input and the options of [`RetrievalMetric`]; relevances may be graded. Equal scores
/// share the mean of their relevances. The number is that of torchmetrics'
/// `RetrievalNormalizedDCG`.
#[doc(alias = "NDCG")]
pub type RetrievalNdcg = RetrievalMetric<DiscountedGain>;

/// The number of one query in a [`RetrievalMetric`].
pub trait QueryScore: Clone + fmt::Debug + Default + Send + 'static {
    /// Computes the number from scores and relevances in descending order of the scores.
    #[doc(hidden)]
    fn score(&self, documents: &[(f64, f64)], top_k: usize) -> f64;
}

impl<R: QueryScore> RetrievalMetric<R> {
    /// Creates the metric of all documents.
    pub fn new() -> Self {
        Self { score: R::default(), top_k: None, empty: EmptyQuery::Zero, ignore_index: None, kept: Kept::default() }
    }

    /// Counts the first `k` documents of each query only. `k` is at least 1. Default: all.
    #[must_use]
    pub fn top_k(mut self, k: usize) -> Self {
        self.top_k = Some(k);
        self
    }

    /// Sets what a query without any relevant document counts as. Default: [`EmptyQuery::Zero`].
    #[must_use]
    pub fn empty_query(mut self, empty: EmptyQuery) -> Self {
        self.empty = empty;
        self
    }

    /// Leaves out documents with this relevance, such as padding. Default: none.
    #[must_use]
    pub fn ignore_index(mut self, index: i64) -> Self {
        self.ignore_index = Some(index);
        self
    }

    /// Returns the number of one query; `None` if it is left out.
    fn query(&self, number: f64, documents: &mut [(f64, f64)]) -> Result<Option<f64>> {
        if documents.iter().any(|(score, _)| score.is_nan()) {
            return Ok(Some(f64::NAN));
        }
        if documents.iter().all(|(_, relevance)| *relevance == 0.0) {
            return match self.empty {
                EmptyQuery::Zero => Ok(Some(0.0)),
                EmptyQuery::One => Ok(Some(1.0)),
                EmptyQuery::Skip => Ok(None),
                EmptyQuery::Error => {
                    let text = format!("every query must have a relevant document, found none for query {number}");
                    Err(Error::new(ErrorKind::Metric, text).help("write `.empty_query(EmptyQuery::Skip)`"))
                }
            };
        }
        // Stable: of equal scores the first remains the first. −0 equals 0.
        documents.sort_by(|(a, _), (b, _)| b.partial_cmp(a).unwrap_or(std::cmp::Ordering::Equal));
        Ok(Some(self.score.score(documents, self.top_k.unwrap_or(usize::MAX))))
    }
}

impl<R: QueryScore> Default for RetrievalMetric<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: QueryScore> Metric for RetrievalMetric<R> {
    type Input = Rankings;

    fn accumulate(&mut self, input: &Rankings) -> Result<()> {
        if self.top_k == Some(0) {
            let text = "`top_k` must be at least 1, found 0";
            return Err(Error::new(ErrorKind::Metric, text).help("write `.top_k(10)`, or remove it"));
        }
        if input.len() == 0 {
            return Ok(());
        }
        let Rankings { queries, scores, relevance } = input.clone();
        self.kept.push([Column::Whole(queries), Column::Real(scores), relevance])
    }

    fn compute(&mut self) -> Result<MetricValue> {
        let ignored = self.ignore_index.map(|index| index as f64);
        let [queries, scores, relevance] = self.kept.columns()?;
        let mut documents: BTreeMap<i64, Vec<(f64, f64)>> = BTreeMap::new();
        for ((query, score), relevance) in queries.iter().zip(scores).zip(relevance) {
            if Some(*relevance) == ignored {
                continue;
            }
            if relevance.is_nan() || *relevance < 0.0 {
                let text = format!("the relevance of a document must not be negative, found {relevance}");
                return Err(Error::new(ErrorKind::Metric, text)
                    .help("write `.ignore_index(…)` for a number that marks what does not count"));
            }
            documents.entry(*query as i64).or_default().push((*score, *relevance));
        }
        let (mut sum, mut count) = (0.0, 0.0);
        for (query, mut documents) in documents {
            if let Some(value) = self.query(query as f64, &mut documents)? {
                sum += value;
                count += 1.0;
            }
        }
        Ok(MetricValue::Scalar(sum / count))
    }

    fn reset(&mut self) {
        self.kept = Kept::default();
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        self.kept.merge(&other.kept)
    }

    fn state(&mut self) -> Result<Value> {
        Ok(json!({ "columns": self.kept.state()? }))
    }

    fn load_state(&mut self, state: &Value, _device: &Device) -> Result<()> {
        self.kept = Kept::load(state.get("columns").ok_or_else(|| exact::foreign("columns"))?)?;
        Ok(())
    }
}
