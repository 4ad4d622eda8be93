//! The numbers of one query.

use super::QueryScore;

/// The score of [`RetrievalMrr`](super::RetrievalMrr).
#[derive(Clone, Copy, Debug, Default)]
pub struct FirstHit;

impl QueryScore for FirstHit {
    fn score(&self, documents: &[(f64, f64)], top_k: usize) -> f64 {
        let place = documents.iter().take(top_k).position(|(_, relevance)| *relevance > 0.0);
        place.map_or(0.0, |place| 1.0 / (place + 1) as f64)
    }
}

/// The score of [`RetrievalMap`](super::RetrievalMap).
#[derive(Clone, Copy, Debug, Default)]
pub struct AverageGain;

impl QueryScore for AverageGain {
    fn score(&self, documents: &[(f64, f64)], top_k: usize) -> f64 {
        let (mut hits, mut sum) = (0.0, 0.0);
        for (place, (_, relevance)) in (1..).zip(documents.iter().take(top_k)) {
            if *relevance > 0.0 {
                hits += 1.0;
                sum += hits / f64::from(place);
            }
        }
        if hits == 0.0 { 0.0 } else { sum / hits }
    }
}

/// The score of [`RetrievalNdcg`](super::RetrievalNdcg).
#[derive(Clone, Copy, Debug, Default)]
pub struct DiscountedGain;

impl QueryScore for DiscountedGain {
    fn score(&self, documents: &[(f64, f64)], top_k: usize) -> f64 {
        let discount = |place: usize| if place < top_k { 1.0 / ((place + 2) as f64).log2() } else { 0.0 };
        let (mut gain, mut place) = (0.0, 0);
        for equal in documents.chunk_by(|(a, _), (b, _)| a == b) {
            let mean = equal.iter().map(|(_, relevance)| relevance).sum::<f64>() / equal.len() as f64;
            gain += (place..place + equal.len()).map(discount).sum::<f64>() * mean;
            place += equal.len();
        }
        let mut best: Vec<f64> = documents.iter().map(|(_, relevance)| *relevance).collect();
        best.sort_by(|a, b| b.total_cmp(a));
        gain / best.iter().enumerate().map(|(place, relevance)| discount(place) * relevance).sum::<f64>()
    }
}
