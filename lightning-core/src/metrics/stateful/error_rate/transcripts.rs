//! Predicted texts and their references.

use super::super::bleu::{List, Sentence};
use crate::{
    error::{Error, Result},
    metrics::MetricInput,
};

/// Predicted texts and their references, one each.
///
/// It is made of a tuple of two lists (`Vec`, slice or array, each of which may be borrowed) of texts
/// or of token lists.
#[derive(Clone, Debug, Default)]
pub struct Transcripts {
    /// Each prediction with its reference.
    pub(super) pairs: Vec<(Text, Text)>,
}

/// A text, or the tokens of one.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub enum Text {
    /// A text as it is.
    Raw(String),
    /// Tokens.
    Tokens(Vec<String>),
}

impl Text {
    /// Returns the words of a text, or the tokens.
    pub(super) fn words(&self) -> Vec<&str> {
        match self {
            Self::Raw(text) => text.split_whitespace().collect(),
            Self::Tokens(tokens) => tokens.iter().map(String::as_str).collect(),
        }
    }
}

impl<P, R, S, T> MetricInput<Transcripts> for (P, R)
where
    P: List<Item = S>,
    R: List<Item = T>,
    S: Sentence,
    T: Sentence,
{
    fn to_input(&self) -> Result<Transcripts> {
        let (predictions, references) = (self.0.items(), self.1.items());
        if predictions.len() != references.len() {
            let (predictions, references) = (predictions.len(), references.len());
            let text = format!(
                "every prediction must have one reference, found {predictions} predictions and {references} references"
            );
            return Err(Error::data(text).help("pass two lists of the same length"));
        }
        let pairs =
            predictions.iter().zip(references).map(|(predicted, reference)| (predicted.text(), reference.text()));
        Ok(Transcripts { pairs: pairs.collect() })
    }
}
