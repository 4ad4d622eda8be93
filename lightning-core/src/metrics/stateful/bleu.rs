//! BLEU.

mod texts;

use std::collections::HashMap;

use serde_json::{Value, json};

use self::texts::Tokens;
pub use self::texts::{List, References, Sentence, TextPair, Translations};
use super::exact;
use crate::{
    error::{Error, ErrorKind, Result},
    metrics::{Metric, MetricValue},
};

/// The BLEU of a corpus of translations: the geometric mean of the precisions of 1- to n-grams,
/// times a penalty for being shorter than the references.
///
/// It takes [`Translations`]. Counts are summed over the epoch, as in the definition for a corpus
/// (Kishore Papineni, Salim Roukos, Todd Ward, Wei-Jing Zhu, "BLEU: a Method for Automatic
/// Evaluation of Machine Translation", ACL 2002). Without a common n-gram of some length the value
/// is 0, smoothed or not. The number is that of torchmetrics' `BLEUScore`.
///
/// ```
/// use lightning_core::metrics::{Bleu, Metric};
///
/// # fn main() -> lightning_core::Result<()> {
/// let candidates = ["the cat is on the mat"];
/// let references = [["there is a cat on the mat", "a cat is on the mat"]];
/// let mut bleu = Bleu::new();
/// bleu.update((&candidates, &references))?;
/// let value = bleu.compute()?.scalar().expect("one number");
/// assert!((value - 0.7598).abs() < 1e-4);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Bleu {
    weights: Vec<f64>,
    smooth: bool,
    counts: BleuCounts,
}

/// Counts of all pairs.
#[derive(Clone, Debug, Default, PartialEq)]
struct BleuCounts {
    /// The n-grams that are also in a reference, by length.
    matches: Vec<u64>,
    /// The n-grams of the candidates, by length.
    candidates: Vec<u64>,
    candidate_tokens: u64,
    /// The tokens of the references whose lengths are closest to the candidates'.
    reference_tokens: u64,
}

impl Bleu {
    /// Creates the BLEU of 1- to 4-grams with equal weights and without smoothing.
    pub fn new() -> Self {
        Self { weights: vec![0.25; 4], smooth: false, counts: BleuCounts::default() }
    }

    /// Uses n-grams up to length `n`, with equal weights. `n` is at least 1. Default: 4.
    #[must_use]
    pub fn n_gram(mut self, n: usize) -> Self {
        self.weights = vec![1.0 / n as f64; n];
        self
    }

    /// Uses as many lengths of n-grams as there are weights; each weight is the exponent of a
    /// precision. Default: 0.25 for each of 4 lengths.
    #[must_use]
    pub fn weights(mut self, weights: impl IntoIterator<Item = f64>) -> Self {
        self.weights = weights.into_iter().collect();
        self
    }

    /// Adds 1 to the matches and to the n-grams of every length except 1 (Chin-Yew Lin, Franz Josef
    /// Och, "Automatic Evaluation of Machine Translation Quality Using Longest Common Subsequence
    /// and Skip-Bigram Statistics", ACL 2004). Default: no.
    #[must_use]
    pub fn smooth(mut self, smooth: bool) -> Self {
        self.smooth = smooth;
        self
    }

    /// Adds one pair.
    fn add(&mut self, candidate: &[String], references: &[Tokens]) {
        let lengths = self.weights.len();
        let BleuCounts { matches, candidates, candidate_tokens, reference_tokens } = &mut self.counts;
        matches.resize(lengths, 0);
        candidates.resize(lengths, 0);
        *candidate_tokens += candidate.len() as u64;
        let nearest = references.iter().map(Vec::len).min_by_key(|len| len.abs_diff(candidate.len()));
        *reference_tokens += nearest.unwrap_or(0) as u64;
        for (length, (matches, candidates)) in (1..).zip(matches.iter_mut().zip(candidates)) {
            // A match counts at most as often as in the reference that has it most often.
            let mut most: HashMap<&[String], u64> = HashMap::new();
            for reference in references {
                for (gram, count) in count_grams(reference, length) {
                    let known = most.entry(gram).or_default();
                    *known = count.max(*known);
                }
            }
            for (gram, count) in count_grams(candidate, length) {
                *candidates += count;
                *matches += count.min(most.get(gram).copied().unwrap_or(0));
            }
        }
    }

    fn value(&self) -> f64 {
        let BleuCounts { matches, candidates, candidate_tokens, reference_tokens } = &self.counts;
        if matches.iter().min().copied().unwrap_or(0) == 0 {
            return 0.0;
        }
        let log_precisions = matches.iter().zip(candidates).zip(&self.weights).enumerate();
        let log_precisions = log_precisions.map(|(length, ((matches, candidates), weight))| {
            // Smoothing leaves unigrams alone.
            let more = if self.smooth && length > 0 { 1.0 } else { 0.0 };
            weight * ((*matches as f64 + more) / (*candidates as f64 + more)).ln()
        });
        let mean = log_precisions.sum::<f64>().exp();
        let shortness = *reference_tokens as f64 / *candidate_tokens as f64;
        if candidate_tokens > reference_tokens { mean } else { mean * (1.0 - shortness).exp() }
    }
}

/// Returns how often each n-gram of a length occurs.
fn count_grams(tokens: &[String], length: usize) -> HashMap<&[String], u64> {
    let mut counts = HashMap::new();
    for gram in tokens.windows(length) {
        *counts.entry(gram).or_default() += 1;
    }
    counts
}

impl Default for Bleu {
    fn default() -> Self {
        Self::new()
    }
}

impl Metric for Bleu {
    type Input = Translations;

    fn accumulate(&mut self, input: &Translations) -> Result<()> {
        if self.weights.is_empty() {
            let text = "`n_gram` must be at least 1, found 0";
            return Err(Error::new(ErrorKind::Metric, text).help("write `.n_gram(4)`"));
        }
        input.pairs.iter().for_each(|(candidate, references)| self.add(candidate, references));
        Ok(())
    }

    fn compute(&mut self) -> Result<MetricValue> {
        Ok(MetricValue::Scalar(self.value()))
    }

    fn reset(&mut self) {
        self.counts = BleuCounts::default();
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        if self.weights.len() != other.weights.len() {
            let (own, other) = (self.weights.len(), other.weights.len());
            let text =
                format!("metrics that are merged must have n-grams of the same lengths, found {other} and {own}");
            return Err(
                Error::new(ErrorKind::Metric, text).help("merge metrics that were created with the same options")
            );
        }
        let add = |own: &mut Vec<u64>, theirs: &[u64]| {
            own.resize(own.len().max(theirs.len()), 0);
            own.iter_mut().zip(theirs).for_each(|(own, theirs)| *own += theirs);
        };
        add(&mut self.counts.matches, &other.counts.matches);
        add(&mut self.counts.candidates, &other.counts.candidates);
        self.counts.candidate_tokens += other.counts.candidate_tokens;
        self.counts.reference_tokens += other.counts.reference_tokens;
        Ok(())
    }

    fn state(&mut self) -> Result<Value> {
        let BleuCounts { matches, candidates, candidate_tokens, reference_tokens } = &self.counts;
        Ok(json!({ "matches": matches, "candidates": candidates, "tokens": [candidate_tokens, reference_tokens] }))
    }

    fn load_state(&mut self, state: &Value) -> Result<()> {
        let (matches, candidates) = (exact::counts_of(state, "matches")?, exact::counts_of(state, "candidates")?);
        let [candidate_tokens, reference_tokens] =
            exact::counts_of(state, "tokens")?.try_into().map_err(|_| exact::foreign("tokens"))?;
        if ![0, self.weights.len()].contains(&matches.len()) || matches.len() != candidates.len() {
            return Err(exact::foreign("matches"));
        }
        self.counts = BleuCounts { matches, candidates, candidate_tokens, reference_tokens };
        Ok(())
    }
}

/// Returns the BLEU of pairs of a candidate and its references, with n-grams up to length `n`.
///
/// It is [`Bleu`] as a function, for example for the outputs of an evaluation in its epoch-end
/// hook.
///
/// ```
/// use lightning_core::metrics::bleu;
///
/// let outputs = [vec![("a cat sat", "a cat sat")], vec![("a dog", "the dog")]];
/// let value = bleu(outputs.iter().flatten(), 1);
/// assert!((value - 0.8).abs() < 1e-12);
/// ```
pub fn bleu<P: TextPair>(pairs: impl IntoIterator<Item = P>, n: usize) -> f64 {
    let mut bleu = Bleu::new().n_gram(n);
    for pair in pairs {
        let (candidate, references) = pair.pair();
        bleu.add(&candidate, &references);
    }
    bleu.value()
}
