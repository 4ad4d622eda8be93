//! The spans of generated tokens, which decide where rustc reports an error.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::ToTokens;

/// The spans of the first and last token: a call from the one to the other is underlined as the whole.
/// They are the user's own, so that rustc speaks of the user's tokens and not of a macro; what clippy then takes for
/// the user's code is allowed where it is emitted.
pub(crate) fn ends(tokens: impl ToTokens) -> (Span, Span) {
    let mut spans = tokens.into_token_stream().into_iter().map(|token| token.span());
    let first = spans.next().unwrap_or_else(Span::call_site);
    let last = spans.last().unwrap_or(first);
    (first, last)
}

/// A local of generated code, underlined as the user's token: with the user's own span a module made by a `macro_rules!` would
/// not find it, since locals are hygienic there.
pub(crate) fn local(name: &str, span: Span) -> Ident {
    Ident::new(name, Span::call_site().located_at(span))
}

/// Moves a path of ours to the user's tokens.
pub(crate) fn respan(tokens: TokenStream, span: Span) -> TokenStream {
    let respanned = tokens.into_iter().map(|mut token| {
        token.set_span(span);
        token
    });
    respanned.collect()
}

/// `(tokens)`, with the parentheses at the span.
pub(crate) fn parens(tokens: TokenStream, span: Span) -> Group {
    group(Delimiter::Parenthesis, tokens, span)
}

/// `{ tokens }`, with the braces at the span.
pub(crate) fn braces(tokens: TokenStream, span: Span) -> Group {
    group(Delimiter::Brace, tokens, span)
}

fn group(delimiter: Delimiter, tokens: TokenStream, span: Span) -> Group {
    let mut group = Group::new(delimiter, tokens);
    group.set_span(span);
    group
}
