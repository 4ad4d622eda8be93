//! Texts, references and their tokens.

use super::super::error_rate::Text;
use crate::{
    error::{Error, Result},
    metrics::MetricInput,
};

/// Candidate translations and their references, as tokens.
///
/// It is made of a tuple of two lists (`Vec`, slice or array, each of which may be borrowed): the
/// candidates, and for each of them one reference or a list of references. A text is split at white
/// space, as in torchmetrics; a list of integers is taken as tokens.
#[derive(Clone, Debug, Default)]
pub struct Translations {
    /// Each candidate with its references.
    pub(in super::super) pairs: Vec<(Tokens, Vec<Tokens>)>,
}

pub(in super::super) type Tokens = Vec<String>;

/// The trait of texts: strings, and lists of tokens.
#[diagnostic::on_unimplemented(
    message = "a text must be a string or a list of tokens, found `{Self}`",
    label = "expected a text",
    note = "write a `String`, a `&str`, or tokens as a `Vec` of integers",
    note = "C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait Sentence {
    /// Splits the text into tokens.
    #[doc(hidden)]
    fn tokens(&self) -> Vec<String>;

    /// Returns the text as it is.
    #[doc(hidden)]
    fn text(&self) -> Text {
        Text::Tokens(self.tokens())
    }
}

impl Sentence for str {
    fn tokens(&self) -> Vec<String> {
        self.split_whitespace().map(str::to_owned).collect()
    }

    fn text(&self) -> Text {
        Text::Raw(self.to_owned())
    }
}

impl Sentence for String {
    fn tokens(&self) -> Vec<String> {
        self.as_str().tokens()
    }

    fn text(&self) -> Text {
        self.as_str().text()
    }
}

impl<T: Sentence + ?Sized> Sentence for &T {
    fn tokens(&self) -> Vec<String> {
        T::tokens(self)
    }

    fn text(&self) -> Text {
        T::text(self)
    }
}

/// The trait of the references of one candidate: one text, or a list of texts.
#[diagnostic::on_unimplemented(
    message = "a reference must be a text or a list of texts, found `{Self}`",
    label = "expected a text, or a list of texts",
    note = "write a `String`, a `&str`, tokens as a `Vec` of integers, or a `Vec` of these for several references",
    note = "C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait References {
    /// Splits each reference into tokens.
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

// Integers are implemented one by one: a blanket implementation would overlap with lists of texts.
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
            let text = format!(
                "every candidate must have references, found {} candidates and {} lists of references",
                candidates.len(),
                references.len()
            );
            return Err(Error::data(text).help("pass one or more references per candidate"));
        }
        let pairs = candidates.iter().zip(references);
        let pairs = pairs.map(|(candidate, references)| (candidate.tokens(), references.references()));
        Ok(Translations { pairs: pairs.collect() })
    }
}

/// The trait of lists of candidates or references.
#[diagnostic::on_unimplemented(
    message = "a list of texts is required, found `{Self}`",
    label = "expected a list",
    note = "write a `Vec`, a slice or an array with one entry for each candidate",
    note = "C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait List {
    /// The type of the entries.
    type Item;
    /// Returns the entries.
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

/// The trait of a candidate with its references, for [`bleu`](super::bleu()).
#[diagnostic::on_unimplemented(
    message = "a pair of a candidate and its references is required, found `{Self}`",
    label = "expected a pair of texts",
    note = "write tuples such as `(String, String)` or `(&str, Vec<String>)`",
    note = "C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait TextPair {
    /// Splits the candidate and its references into tokens.
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
