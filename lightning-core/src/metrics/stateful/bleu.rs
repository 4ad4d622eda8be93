//! BLEU.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::exact;
use crate::{
    error::{Error, ErrorKind, Result},
    metrics::{Metric, MetricInput, MetricValue},
};

/// Candidates and their references, as tokens.
///
/// Made of a tuple of two lists (`Vec`, slice or array, each of which may be borrowed): of candidates, and of what is compared with each,
/// which is one reference or a list of them. A text is split at white space, as torchmetrics does; a list of numbers is taken as tokens.
#[derive(Clone, Debug, Default)]
pub struct Translations {
    /// Each candidate with its references.
    pairs: Vec<(Tokens, Vec<Tokens>)>,
}

type Tokens = Vec<String>;

/// A text, or a list of tokens.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a text nor a list of tokens",
    label = "expected a text",
    note = "give a `String`, a `&str`, or tokens as a `Vec` of integers"
)]
pub trait Sentence {
    #[doc(hidden)]
    fn tokens(&self) -> Vec<String>;
}

impl Sentence for str {
    fn tokens(&self) -> Vec<String> {
        self.split_whitespace().map(str::to_owned).collect()
    }
}

impl Sentence for String {
    fn tokens(&self) -> Vec<String> {
        self.as_str().tokens()
    }
}

impl<T: Sentence + ?Sized> Sentence for &T {
    fn tokens(&self) -> Vec<String> {
        T::tokens(self)
    }
}

/// What a candidate is compared with: one reference, or several.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no reference of a translation",
    label = "expected a text, or a list of texts",
    note = "give a `String`, a `&str`, tokens as a `Vec` of integers, or a `Vec` of these where there are several references"
)]
pub trait References {
    #[doc(hidden)]
    fn references(&self) -> Vec<Vec<String>>;
}

impl References for str {
    fn references(&self) -> Vec<Vec<String>> {
        vec![self.tokens()]
    }
}

impl References for String {
    fn references(&self) -> Vec<Vec<String>> {
        vec![self.tokens()]
    }
}

impl<S: Sentence> References for Vec<S> {
    fn references(&self) -> Vec<Vec<String>> {
        self.iter().map(Sentence::tokens).collect()
    }
}

impl<S: Sentence, const N: usize> References for [S; N] {
    fn references(&self) -> Vec<Vec<String>> {
        self.iter().map(Sentence::tokens).collect()
    }
}

impl<T: References + ?Sized> References for &T {
    fn references(&self) -> Vec<Vec<String>> {
        T::references(self)
    }
}

macro_rules! token_lists {
    ($($token:ty),+) => {$(
        impl Sentence for Vec<$token> {
            fn tokens(&self) -> Vec<String> {
                self.iter().map(ToString::to_string).collect()
            }
        }

        impl References for Vec<$token> {
            fn references(&self) -> Vec<Vec<String>> {
                vec![self.tokens()]
            }
        }
    )+};
}

token_lists!(u8, u16, u32, u64, usize, i32, i64);

impl<C, R, S, T> MetricInput<Translations> for (C, R)
where
    C: List<Item = S>,
    R: List<Item = T>,
    S: Sentence,
    T: References,
{
    fn to_input(&self) -> Result<Translations> {
        let (candidates, references) = (self.0.items(), self.1.items());
        if candidates.len() != references.len() {
            return Err(Error::data(format!(
                "there are {} candidates and references for {}",
                candidates.len(),
                references.len()
            ))
            .help("give at least one reference for each candidate"));
        }
        let pairs = candidates
            .iter()
            .zip(references)
            .map(|(candidate, references)| (candidate.tokens(), references.references()));
        Ok(Translations { pairs: pairs.collect() })
    }
}

/// A list of candidates or references.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no list of texts",
    label = "expected a list",
    note = "give a `Vec`, a slice or an array, with one entry for each candidate"
)]
pub trait List {
    /// What it holds.
    type Item;
    #[doc(hidden)]
    fn items(&self) -> &[Self::Item];
}

impl<T> List for Vec<T> {
    type Item = T;
    fn items(&self) -> &[T] {
        self
    }
}

impl<T> List for [T] {
    type Item = T;
    fn items(&self) -> &[T] {
        self
    }
}

impl<T, const N: usize> List for [T; N] {
    type Item = T;
    fn items(&self) -> &[T] {
        self
    }
}

impl<L: List + ?Sized> List for &L {
    type Item = L::Item;
    fn items(&self) -> &[L::Item] {
        L::items(self)
    }
}

/// How much a corpus of translations has in common with references: the geometric mean of the precisions of 1- to n-grams, times a penalty
/// for being shorter than the references.
///
/// Kishore Papineni, Salim Roukos, Todd Ward, Wei-Jing Zhu, "BLEU: a Method for Automatic Evaluation of Machine Translation", ACL 2002. It
/// takes [`Translations`]; counts are added over the epoch, as the definition for a corpus says. A corpus without a common n-gram of some
/// length has 0, smoothed or not. The number is that of torchmetrics' `BLEUScore`.
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

/// Sums over all pairs.
#[derive(Clone, Debug, Default, PartialEq)]
struct BleuCounts {
    /// n-grams that a reference has too, by length.
    matches: Vec<u64>,
    /// n-grams of the candidates, by length.
    candidates: Vec<u64>,
    candidate_tokens: u64,
    /// Of the reference whose length is nearest to the candidate's.
    reference_tokens: u64,
}

impl Bleu {
    /// With 1- to 4-grams, which count the same, and no smoothing.
    pub fn new() -> Self {
        Self { weights: vec![0.25; 4], smooth: false, counts: BleuCounts::default() }
    }

    /// Uses n-grams up to this length; at least 1.
    #[must_use]
    pub fn n_gram(mut self, n: usize) -> Self {
        self.weights = vec![1.0 / n as f64; n];
        self
    }

    /// Uses as many lengths of n-grams as there are weights; each weight is the exponent of a precision.
    #[must_use]
    pub fn weights(mut self, weights: impl IntoIterator<Item = f64>) -> Self {
        self.weights = weights.into_iter().collect();
        self
    }

    /// Adds 1 to the matches and to the n-grams of every length but the first: Chin-Yew Lin, Franz Josef Och, "Automatic Evaluation of
    /// Machine Translation Quality Using Longest Common Subsequence and Skip-Bigram Statistics", ACL 2004.
    #[must_use]
    pub fn smooth(mut self, smooth: bool) -> Self {
        self.smooth = smooth;
        self
    }

    fn add(&mut self, candidate: &[String], references: &[Tokens]) {
        let lengths = self.weights.len();
        let BleuCounts { matches, candidates, candidate_tokens, reference_tokens } = &mut self.counts;
        matches.resize(lengths, 0);
        candidates.resize(lengths, 0);
        *candidate_tokens += candidate.len() as u64;
        let nearest = references.iter().map(Vec::len).min_by_key(|len| len.abs_diff(candidate.len()));
        *reference_tokens += nearest.unwrap_or(0) as u64;
        for (length, (matches, candidates)) in (1..).zip(matches.iter_mut().zip(candidates)) {
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
            let more = if self.smooth && length > 0 { 1.0 } else { 0.0 };
            weight * ((*matches as f64 + more) / (*candidates as f64 + more)).ln()
        });
        let mean = log_precisions.sum::<f64>().exp();
        let shortness = *reference_tokens as f64 / *candidate_tokens as f64;
        if candidate_tokens > reference_tokens { mean } else { mean * (1.0 - shortness).exp() }
    }
}

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
            return Err(Error::new(ErrorKind::Metric, "BLEU with n-grams of no length").help("write `.n_gram(4)`"));
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
            return Err(Error::new(ErrorKind::Metric, "counts of n-grams of other lengths cannot be added"));
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

/// The BLEU of pairs of a candidate and its reference or references, with n-grams up to length `n`: [`Bleu`] for what is at hand already,
/// such as the outputs of an evaluation in its epoch-end hook.
///
/// ```
/// use lightning_core::metrics::bleu;
///
/// let outputs = vec![vec![("a cat sat".to_owned(), "a cat sat".to_owned())], vec![("a dog".to_owned(), "the dog".to_owned())]];
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

/// A candidate with its reference or references, for [`bleu`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no pair of a candidate and its references",
    label = "expected a pair of texts",
    note = "give tuples such as `(String, String)` or `(&str, Vec<String>)`"
)]
pub trait TextPair {
    #[doc(hidden)]
    fn pair(&self) -> (Vec<String>, Vec<Vec<String>>);
}

impl<S: Sentence, R: References> TextPair for (S, R) {
    fn pair(&self) -> (Vec<String>, Vec<Vec<String>>) {
        (self.0.tokens(), self.1.references())
    }
}

impl<T: TextPair + ?Sized> TextPair for &T {
    fn pair(&self) -> (Vec<String>, Vec<Vec<String>>) {
        T::pair(self)
    }
}
