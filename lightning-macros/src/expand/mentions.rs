//! The words in the user's expressions: which variables generated code has to bind, and with which
//! hygiene.

use std::collections::HashMap;

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use quote::quote;

use crate::{diagnostics::suggested, paths::plain, spans::local};

/// The words of an expression: a name that does not occur needs no variable. Words in strings
/// count, since `"{hidden}"` may be a format string.
///
/// If a `macro_rules!` expands to the module, locals are hygienic: a word finds only a variable
/// with the same origin, the macro or its call. So each variable gets the hygiene of the word that
/// uses it.
#[derive(Default)]
pub(super) struct Mentions(HashMap<String, Places>);

/// The first use of a word outside and inside of a fragment such as `$init:expr`: these may
/// originate in a macro and in its call.
#[derive(Default)]
struct Places {
    own: Option<Span>,
    fragment: Option<Span>,
}

impl Mentions {
    pub(super) fn of(tokens: TokenStream) -> Self {
        let mut mentions = Self::default();
        mentions.collect(tokens, false);
        mentions
    }

    /// Whether the expression contains the name or a misspelling of it, for which rustc suggests
    /// the name.
    pub(super) fn contains(&self, name: &Ident) -> bool {
        let name = plain(name);
        let misspelled = |word: &String| suggested(word, [name.as_str()]).is_some();
        self.0.contains_key(&name) || (name.len() > 3 && self.0.keys().any(misspelled))
    }

    /// The identifiers to bind for a variable: one, or two if both origins use it.
    pub(super) fn bindings(&self, name: &Ident) -> (Ident, Option<Ident>) {
        // The location of the declaration with the hygiene of the use.
        let as_at = |place: Span| {
            let mut binding = name.clone();
            binding.set_span(name.span().resolved_at(place));
            binding
        };
        match self.0.get(&plain(name)) {
            Some(Places { own: Some(own), fragment }) => (as_at(*own), fragment.map(as_at)),
            Some(Places { own: None, fragment: Some(fragment) }) => (as_at(*fragment), None),
            _ => (name.clone(), None),
        }
    }

    /// A parameter of generated code, and a statement that binds it for the other origin.
    pub(super) fn param(&self, name: &str) -> (Ident, TokenStream) {
        let (param, again) = self.bindings(&local(name, Span::call_site()));
        let again = again.map(|again| quote!(let #again = #param;)).unwrap_or_default();
        (param, again)
    }

    fn collect(&mut self, tokens: TokenStream, in_fragment: bool) {
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => self.insert(plain(&ident), ident.span(), in_fragment),
                TokenTree::Group(group) => {
                    self.collect(group.stream(), in_fragment || group.delimiter() == Delimiter::None);
                }
                TokenTree::Literal(literal) => {
                    let text = literal.to_string();
                    for word in text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()) {
                        self.insert(word.to_owned(), literal.span(), in_fragment);
                    }
                }
                TokenTree::Punct(_) => {}
            }
        }
    }

    fn insert(&mut self, word: String, place: Span, in_fragment: bool) {
        let places = self.0.entry(word).or_default();
        let first = if in_fragment { &mut places.fragment } else { &mut places.own };
        first.get_or_insert(place);
    }
}
