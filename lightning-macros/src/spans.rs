//! The spans of generated tokens, which decide where rustc reports an error.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::ToTokens;

/// The spans of the first and last token: a call that spans both is underlined as a whole.
///
/// These are spans of the user's source, so that rustc reports the user's tokens and not a macro.
/// The lints that clippy then raises for generated code are allowed where it is emitted.
pub(crate) fn ends(tokens: impl ToTokens) -> (Span, Span) {
    let mut spans = tokens.into_token_stream().into_iter().map(|token| token.span());
    let first = spans.next().unwrap_or_else(Span::call_site);
    let last = spans.last().unwrap_or(first);
    (first, last)
}

/// A local variable of generated code, underlined as the user's token. With the span itself a
/// module from a `macro_rules!` would not find the variable, since locals are hygienic.
pub(crate) fn local(name: &str, span: Span) -> Ident {
    Ident::new(name, Span::call_site().located_at(span))
}

/// Sets the span of all tokens.
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
