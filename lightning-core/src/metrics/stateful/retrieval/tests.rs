//! Queries over several batches, equal and NaN scores, empty queries.

use burn::tensor::{Device, Int, Tensor};

use super::*;

fn rankings(queries: &[i32], scores: &[f64], relevance: &[i32]) -> (Tensor<1, Int>, Tensor<1>, Tensor<1, Int>) {
    let device = Device::default();
    (Tensor::from_data(queries, &device), Tensor::from_data(scores, &device), Tensor::from_data(relevance, &device))
}

#[test]
fn a_query_may_be_spread_over_batches() -> Result<()> {
    let mut map = RetrievalMap::new();
    map.update(rankings(&[7, 3, 7], &[0.9, 0.8, -1.0], &[1, 1, 1]))?;
    map.update(rankings(&[7], &[0.5], &[0]))?;
    map.update(rankings(&[], &[], &[]))?;
    // Query 7: relevant at the places 1 and 3; a negative score is a score. Query 3: at the place 1.
    assert_eq!(map.compute()?.scalar(), Some((f64::midpoint(1.0, 2.0 / 3.0) + 1.0) / 2.0));
    Ok(())
}

#[test]
fn queries_without_relevant_documents() -> Result<()> {
    let value = |empty| {
        let mut mrr = RetrievalMrr::new().empty_query(empty);
        mrr.update(rankings(&[0, 0, 1], &[0.1, 0.2, 0.3], &[1, 0, 0]))?;
        mrr.compute()
    };
    assert_eq!(value(EmptyQuery::Zero)?.scalar(), Some(0.25));
    assert_eq!(value(EmptyQuery::One)?.scalar(), Some(0.75));
    assert_eq!(value(EmptyQuery::Skip)?.scalar(), Some(0.5));
    assert!(value(EmptyQuery::Error).is_err_and(|error| error.to_string().contains("found none for query 1")));
    assert!(RetrievalMrr::new().compute()?.scalar().is_some_and(f64::is_nan));
    Ok(())
}

#[test]
fn what_cannot_be_ranked() -> Result<()> {
    let mut ndcg = RetrievalNdcg::new();
    ndcg.update(rankings(&[0, 0], &[f64::NAN, 0.2], &[1, 0]))?;
    assert!(ndcg.compute()?.scalar().is_some_and(f64::is_nan));
    let mut negative = RetrievalNdcg::new();
    negative.update(rankings(&[0, 0], &[0.1, 0.2], &[1, -1]))?;
    assert!(negative.compute().is_err_and(|error| error.to_string().contains("must not be negative, found -1")));
    let mut ignored = RetrievalNdcg::new().ignore_index(-1);
    ignored.update(rankings(&[0, 0], &[0.1, 0.2], &[1, -1]))?;
    assert_eq!(ignored.compute()?.scalar(), Some(1.0));
    let error = RetrievalMrr::new().top_k(0).update(rankings(&[0], &[0.1], &[1]));
    assert!(error.is_err_and(|error| error.to_string().contains("found 0")));
    let (queries, scores, _) = rankings(&[0, 0], &[0.1, 0.2], &[]);
    let error = RetrievalMrr::new().update((queries, scores, Tensor::<1, Int>::zeros([3], &Device::default())));
    assert!(error.is_err_and(|error| error.to_string().contains("found 2 queries, 2 scores and 3 relevances")));
    Ok(())
}
