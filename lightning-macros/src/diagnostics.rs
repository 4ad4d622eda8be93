//! Collects errors. Each states a rule, what was found, and what to type.

use std::{
    cell::{Cell, RefCell},
    fmt::Write,
};

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::Error;

/// Collects all mistakes, so that one does not hide the next. `finish` must be called.
#[derive(Default)]
pub(crate) struct Diagnostics {
    errors: RefCell<Vec<Error>>,
    /// The page of `lightning_core::mistakes` on what is read or checked now.
    page: Cell<u8>,
    /// Whether rustc has reported the item.
    unreported: bool,
    finished: Cell<bool>,
}

impl Diagnostics {
    /// Collects the mistakes of an item with a syntax error, which rustc has reported: there is one,
    /// and no other is reported.
    pub(crate) fn unreported() -> Self {
        let mut diagnostics = Self::default();
        diagnostics.unreported = true;
        diagnostics
    }

    /// Starts a report that underlines `tokens`; [`Report::emit`] adds it.
    pub(crate) fn error(&self, tokens: impl ToTokens, headline: impl Into<String>) -> Report<'_> {
        Report { diagnostics: self, tokens: tokens.to_token_stream(), message: headline.into() }
    }

    /// Runs `body`, whose errors name a page of `lightning_core::mistakes`.
    pub(crate) fn on_page<R>(&self, page: u8, body: impl FnOnce() -> R) -> R {
        let before = self.page.replace(page);
        let result = body();
        self.page.set(before);
        result
    }

    /// Adds a syntax error of syn.
    pub(crate) fn syntax(&self, error: Error) {
        self.errors.borrow_mut().push(error);
    }

    /// The number of errors so far.
    pub(crate) fn len(&self) -> usize {
        self.errors.borrow().len()
    }

    /// Whether there is no error so far.
    pub(crate) fn is_empty(&self) -> bool {
        !self.unreported && self.errors.borrow().is_empty()
    }

    /// The `compile_error!`s; `None` without errors.
    pub(crate) fn finish(self) -> Option<TokenStream> {
        self.finished.set(true);
        let errors = self.errors.take();
        if self.unreported || errors.is_empty() {
            None
        } else {
            Some(errors.iter().map(Error::to_compile_error).collect())
        }
    }
}

impl Drop for Diagnostics {
    // A forgotten error would accept a wrong program: this fails our tests, and does not panic in a
    // user's build.
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
    /// Adds a note with what was expected.
    pub(crate) fn expected(self, text: impl AsRef<str>) -> Self {
        let text = format!("expected {}", text.as_ref());
        self.note(text)
    }

    /// Adds a fact as a note.
    pub(crate) fn note(mut self, text: impl AsRef<str>) -> Self {
        // Writing to a `String` cannot fail.
        let _ = write!(self.message, "\n= note: {}", text.as_ref());
        self
    }

    /// Adds a help line that can be typed.
    pub(crate) fn help(mut self, text: impl AsRef<str>) -> Self {
        let _ = write!(self.message, "\n= help: {}", text.as_ref());
        self
    }

    /// Adds the error to the diagnostics.
    pub(crate) fn emit(mut self) {
        let page = self.diagnostics.page.get();
        if page > 0 {
            // Writing to a `String` cannot fail.
            let _ = write!(
                self.message,
                "\n= note: C{page} in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
            );
        }
        self.diagnostics.errors.borrow_mut().push(Error::new_spanned(&self.tokens, &self.message));
    }
}

/// The candidate that `name` probably misspells, where `name` may also be a valid name of the user:
/// a short candidate has many valid neighbors, so it allows fewer edits.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    within(name, candidates, |candidate| match candidate.len() {
        0..=4 => 0,
        5..=9 => 1,
        _ => 2,
    })
}

/// The candidate that `name` probably misspells, where `name` is an error in any case.
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
        // The distance is at least the difference of the lengths, which excludes most candidates.
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
