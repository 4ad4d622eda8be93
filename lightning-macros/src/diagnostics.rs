//! Errors: all of them in one go, each with what was found, what was expected and what to type.

use std::{
    cell::{Cell, RefCell},
    fmt::Write,
};

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::Error;

/// Collects every mistake, so that one does not hide the next; has to be asked for them in the end.
#[derive(Default)]
pub(crate) struct Diagnostics {
    errors: RefCell<Vec<Error>>,
    finished: Cell<bool>,
}

impl Diagnostics {
    /// Starts a report that underlines `tokens`; nothing is reported before [`Report::emit`].
    pub(crate) fn error(&self, tokens: impl ToTokens, headline: impl Into<String>) -> Report<'_> {
        Report { diagnostics: self, tokens: tokens.to_token_stream(), message: headline.into() }
    }

    /// Takes over a syntax error of syn.
    pub(crate) fn syntax(&self, error: Error) {
        self.errors.borrow_mut().push(error);
    }

    /// How much has been reported so far.
    pub(crate) fn len(&self) -> usize {
        self.errors.borrow().len()
    }

    /// Whether nothing has been reported so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.errors.borrow().is_empty()
    }

    /// The `compile_error!`s, or `None` when there was no mistake.
    pub(crate) fn finish(self) -> Option<TokenStream> {
        self.finished.set(true);
        let errors = self.errors.take();
        if errors.is_empty() { None } else { Some(errors.iter().map(Error::to_compile_error).collect()) }
    }
}

impl Drop for Diagnostics {
    // A forgotten error would let a wrong program through: our own tests are to notice, a user's build is not to panic.
    fn drop(&mut self) {
        if cfg!(test) && !self.finished.get() && !std::thread::panicking() {
            panic!("diagnostics dropped without `finish`");
        }
    }
}

/// One error under construction: a headline, then `= note:` and `= help:` lines.
#[must_use = "nothing is reported before `emit`"]
pub(crate) struct Report<'a> {
    diagnostics: &'a Diagnostics,
    tokens: TokenStream,
    message: String,
}

impl Report<'_> {
    /// What should have been there.
    pub(crate) fn expected(self, text: impl AsRef<str>) -> Self {
        let text = format!("expected {}", text.as_ref());
        self.note(text)
    }

    /// A fact the user may not know.
    pub(crate) fn note(mut self, text: impl AsRef<str>) -> Self {
        // Writing to a `String` cannot fail.
        let _ = write!(self.message, "\n= note: {}", text.as_ref());
        self
    }

    /// An instruction that can be typed.
    pub(crate) fn help(mut self, text: impl AsRef<str>) -> Self {
        let _ = write!(self.message, "\n= help: {}", text.as_ref());
        self
    }

    /// Reports it.
    pub(crate) fn emit(self) {
        self.diagnostics.errors.borrow_mut().push(Error::new_spanned(&self.tokens, &self.message));
    }
}

/// The candidate that `name` is most likely a misspelling of, where it may also be a name of the user's own: a short one has many
/// innocent neighbours, so it allows fewer edits.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    within(name, candidates, |candidate| match candidate.len() {
        0..=4 => 0,
        5..=9 => 1,
        _ => 2,
    })
}

/// The candidate that a word stands for that is an error all the same.
pub(crate) fn suggested<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    within(name, candidates, |candidate| if candidate.len() > 5 { 2 } else { 1 })
}

fn within<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    allowed: impl Fn(&str) -> usize,
) -> Option<&'a str> {
    let length = name.chars().count();
    candidates
        .into_iter()
        // A distance is no less than the difference of the lengths, and that is most of the candidates done with.
        .filter(|candidate| candidate.len().abs_diff(length) <= allowed(candidate))
        .map(|candidate| (strsim::osa_distance(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance > 0 && *distance <= allowed(candidate))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `` `a`, `b` and `c` ``.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.pop() {
        None => "nothing".to_owned(),
        Some(last) if names.is_empty() => last,
        Some(last) => format!("{} and {last}", names.join(", ")),
    }
}
