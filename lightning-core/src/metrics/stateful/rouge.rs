//! ROUGE.

use std::collections::HashMap;

use burn::tensor::Device;
use serde_json::{Value, json};
use unicode_segmentation::UnicodeSegmentation as _;

use super::{Translations, exact};
use crate::{
    error::{Error, ErrorKind, Result},
    metrics::{Metric, MetricValue},
    params::state::{f64_from_json, f64_to_json},
};

/// What a [`Rouge`] compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Overlap {
    /// N-grams of a length.
    Grams(usize),
    /// The longest common subsequence.
    Longest,
}

/// Which number of a [`Rouge`] is the value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RougeScore {
    /// The harmonic mean of precision and recall.
    #[default]
    F1,
    /// The share of the candidate that is in the reference.
    Precision,
    /// The share of the reference that is in the candidate.
    Recall,
}

/// How the scores of several references of one candidate are combined in a [`Rouge`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RougeReferences {
    /// The reference with the largest F1.
    #[default]
    Best,
    /// The mean over the references.
    Mean,
}

/// The ROUGE of summaries: the overlap of a candidate with its references, as the mean over the
/// candidates of an epoch (Chin-Yew Lin, "ROUGE: A Package for Automatic Evaluation of Summaries",
/// 2004).
///
/// It takes [`Translations`]. Words are lowercase runs of letters and digits. For English texts the
/// numbers are those of torchmetrics' `ROUGEScore` without a stemmer, which takes ASCII letters
/// only, and so splits words at any other. ROUGE-Lsum is not included. Without any candidates the
/// value is NaN.
///
/// ```
/// use lightning_core::metrics::{Metric, Rouge};
///
/// # fn main() -> lightning_core::Result<()> {
/// let (candidates, references) = (["My name is John."], ["Is your name John?"]);
/// let mut rouge_1 = Rouge::n_gram(1);
/// rouge_1.update((&candidates, &references))?;
/// assert_eq!(rouge_1.compute()?.scalar(), Some(0.75));
/// let mut rouge_l = Rouge::longest();
/// rouge_l.update((&candidates, &references))?;
/// assert_eq!(rouge_l.compute()?.scalar(), Some(0.5));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Rouge {
    overlap: Overlap,
    score: RougeScore,
    references: RougeReferences,
    sum: f64,
    candidates: u64,
}

/// Precision, recall and F1.
#[derive(Clone, Copy, Debug, Default)]
struct Scores {
    precision: f64,
    recall: f64,
    f1: f64,
}

impl Rouge {
    /// Creates ROUGE-n: the common n-grams of length `n`, at least 1.
    pub fn n_gram(n: usize) -> Self {
        Self::of(Overlap::Grams(n))
    }

    /// Creates ROUGE-L: the longest common subsequence of words.
    pub fn longest() -> Self {
        Self::of(Overlap::Longest)
    }

    fn of(overlap: Overlap) -> Self {
        Self { overlap, score: RougeScore::F1, references: RougeReferences::Best, sum: 0.0, candidates: 0 }
    }

    /// Sets which number is the value. Default: [`RougeScore::F1`].
    #[must_use]
    pub fn score(mut self, score: RougeScore) -> Self {
        self.score = score;
        self
    }

    /// Sets how several references of one candidate are combined. Default:
    /// [`RougeReferences::Best`].
    #[must_use]
    pub fn references(mut self, references: RougeReferences) -> Self {
        self.references = references;
        self
    }

    fn scores(&self, candidate: &[String], reference: &[String]) -> Scores {
        let (common, of_candidate, of_reference) = match self.overlap {
            Overlap::Grams(n) => {
                let (own, theirs) = (grams(candidate, n), grams(reference, n));
                let common = own.iter().map(|(gram, count)| (*count).min(theirs.get(gram).copied().unwrap_or(0))).sum();
                (common, own.values().sum(), theirs.values().sum())
            }
            Overlap::Longest => (common_subsequence(candidate, reference), candidate.len(), reference.len()),
        };
        if common == 0 {
            return Scores::default();
        }
        let (precision, recall) = (common as f64 / of_candidate as f64, common as f64 / of_reference as f64);
        Scores { precision, recall, f1: 2.0 * precision * recall / (precision + recall) }
    }

    fn value_of(&self, candidate: &[String], references: &[Vec<String>]) -> f64 {
        let candidate = words(candidate);
        let scores = references.iter().map(|reference| self.scores(&candidate, &words(reference)));
        let number = |scores: Scores| match self.score {
            RougeScore::F1 => scores.f1,
            RougeScore::Precision => scores.precision,
            RougeScore::Recall => scores.recall,
        };
        match self.references {
            // The first of several best ones.
            RougeReferences::Best => {
                scores.reduce(|best, next| if next.f1 > best.f1 { next } else { best }).map_or(0.0, number)
            }
            RougeReferences::Mean if references.is_empty() => 0.0,
            RougeReferences::Mean => scores.map(number).sum::<f64>() / references.len() as f64,
        }
    }
}

/// Returns the lowercase runs of letters and digits of tokens that were split at white space.
fn words(tokens: &[String]) -> Vec<String> {
    let lower = tokens.iter().map(|token| token.to_lowercase());
    lower.flat_map(|token| runs(&token)).collect()
}

fn runs(token: &str) -> Vec<String> {
    let mut runs = vec![String::new()];
    for grapheme in token.graphemes(true) {
        // A combining mark belongs to the letter before it.
        match (grapheme.chars().next().is_some_and(char::is_alphanumeric), runs.last_mut()) {
            (true, Some(run)) => run.push_str(grapheme),
            _ => runs.push(String::new()),
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

fn grams(words: &[String], n: usize) -> HashMap<&[String], usize> {
    let mut counts = HashMap::new();
    for gram in words.windows(n.max(1)) {
        *counts.entry(gram).or_default() += 1;
    }
    counts
}

/// Returns the length of the longest common subsequence.
fn common_subsequence(a: &[String], b: &[String]) -> usize {
    // The lengths for a prefix of `a` and all prefixes of `b`.
    let mut lengths = vec![0; b.len() + 1];
    for a in a {
        let (mut diagonal, mut left) = (0, 0);
        for (length, b) in lengths.iter_mut().skip(1).zip(b) {
            let found = if a == b { diagonal + 1 } else { left.max(*length) };
            diagonal = std::mem::replace(length, found);
            left = found;
        }
    }
    lengths.last().copied().unwrap_or(0)
}

impl Metric for Rouge {
    type Input = Translations;

    fn accumulate(&mut self, input: &Translations) -> Result<()> {
        if self.overlap == Overlap::Grams(0) {
            return Err(
                Error::new(ErrorKind::Metric, "`n_gram` must be at least 1, found 0").help("write `Rouge::n_gram(1)`")
            );
        }
        for (candidate, references) in &input.pairs {
            self.sum += self.value_of(candidate, references);
            self.candidates += 1;
        }
        Ok(())
    }

    fn compute(&mut self) -> Result<MetricValue> {
        Ok(MetricValue::Scalar(self.sum / self.candidates as f64))
    }

    fn reset(&mut self) {
        (self.sum, self.candidates) = (0.0, 0);
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        if self.overlap != other.overlap {
            let text = "metrics that are merged must have n-grams of the same length, found different ones";
            return Err(
                Error::new(ErrorKind::Metric, text).help("merge metrics that were created with the same options")
            );
        }
        self.sum += other.sum;
        self.candidates += other.candidates;
        Ok(())
    }

    fn state(&mut self) -> Result<Value> {
        Ok(json!({ "sum": f64_to_json(self.sum), "candidates": self.candidates }))
    }

    fn load_state(&mut self, state: &Value, _device: &Device) -> Result<()> {
        let sum = state.get("sum").and_then(f64_from_json).ok_or_else(|| exact::foreign("sum"))?;
        let candidates = state.get("candidates").and_then(Value::as_u64).ok_or_else(|| exact::foreign("candidates"))?;
        (self.sum, self.candidates) = (sum, candidates);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_any_language() {
        let words = |text: &str| words(&[text.to_owned()]);
        assert_eq!(words("It's_3.14!"), ["it", "s", "3", "14"]);
        assert_eq!(words("Cafe\u{301}-Straße"), ["cafe\u{301}", "straße"]);
        assert_eq!(words("हिन्दी"), ["हिन्दी"]);
        assert!(words("…").is_empty());
    }

    #[test]
    fn a_length_of_0_is_an_error() {
        let error = Rouge::n_gram(0).update((["a"], ["a"]));
        assert!(error.is_err_and(|error| error.to_string().contains("found 0")));
    }
}
