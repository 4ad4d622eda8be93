//! Model to tokens. Reached by correct input only, so nothing here can fail; every body is a call into the runtime.

mod batch;
mod calls;
mod data;
mod hparams;
mod mentions;
mod module_impl;
mod module_struct;
mod optimizer;
mod run_hook;
mod steps;
mod training;

pub(crate) use batch::{expand_batch, expand_inert_batch};
pub(crate) use data::{expand_data_impl, expand_data_struct, expand_inert_data_impl, expand_inert_data_struct};
pub(crate) use module_impl::{expand_impl, expand_inert_impl, modernise};
pub(crate) use module_struct::{expand_inert_struct, expand_struct};

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Attribute;

use crate::paths::{Paths, RuntimePath};

/// Impls beside the user's item, in a block of their own where the runtime has a short name; under the item's `#[cfg]`s.
///
/// ```text
/// const _: () = { use ::lightning_core::__private::{self as __p, …}; … };
/// ```
pub(crate) fn scoped(paths: &Paths, cfgs: &[Attribute], items: impl IntoIterator<Item = TokenStream>) -> TokenStream {
    let outer = paths.outer();
    let items = items.into_iter();
    // A program need not use every constant and setter, nor an expression every hyperparameter; an undocumented field makes an
    // undocumented setter; the rest is what clippy would say of a user who wrote this, and of a module in a function.
    quote! {
        #(#cfgs)*
        #[allow(dead_code, missing_docs, non_local_definitions, unreachable_pub)]
        #[allow(unused_imports, unused_qualifications, unused_variables, clippy::unit_arg)]
        const _: () = {
            use #outer::{self as __p, NotBatch as _, NotTensor as _};
            #(#items)*
        };
    }
}

/// `#[cfg(any(all(a, b), c))]` for several places with several `#[cfg]`s each; nothing when one place has none.
pub(crate) fn any_of(places: &[Vec<Attribute>]) -> Option<TokenStream> {
    if places.iter().any(Vec::is_empty) {
        return None;
    }
    let places: Vec<TokenStream> = places.iter().map(|cfgs| all_of(cfgs)).collect();
    match places.as_slice() {
        [only] => Some(only.clone()),
        _ => Some(quote!(any(#(#places),*))),
    }
}

fn all_of(cfgs: &[Attribute]) -> TokenStream {
    let predicates: Vec<TokenStream> = cfgs
        .iter()
        .filter_map(|cfg| match &cfg.meta {
            syn::Meta::List(list) => Some(list.tokens.clone()),
            _ => None,
        })
        .collect();
    match predicates.as_slice() {
        [only] => only.clone(),
        _ => quote!(all(#(#predicates),*)),
    }
}

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

/// `P::hook_output(Self::on_fit_end(self))`, all of it underlined as `at`.
pub(crate) fn wrapped_call(
    p: &RuntimePath,
    wrap: &TokenStream,
    path: impl FnOnce(Span) -> TokenStream,
    args: &TokenStream,
    at: impl ToTokens,
) -> TokenStream {
    let (first, last) = ends(at);
    let wrap = respan(quote!(#p::#wrap), first);
    let path = path(first);
    let mut args = Group::new(Delimiter::Parenthesis, args.clone());
    args.set_span(last);
    let mut call = Group::new(Delimiter::Parenthesis, quote!(#path #args));
    call.set_span(last);
    quote!(#wrap #call)
}

/// `impl … for Net { … }` whose head is underlined as the user's tokens: two impls of one trait are reported at their heads.
pub(crate) fn implement_at(
    span: Span,
    head: TokenStream,
    where_clause: impl ToTokens,
    body: TokenStream,
) -> TokenStream {
    let head = respan(head, span);
    let mut body = Group::new(Delimiter::Brace, body);
    body.set_span(span);
    quote!(#head #where_clause #body)
}

/// `const _: () = P::assert!(condition, message);`, all of it spanned at one place: a constant that panics is underlined where its macro is
/// called.
pub(crate) fn assert_at(
    p: &RuntimePath,
    assert: &TokenStream,
    span: Span,
    cfgs: &[Attribute],
    args: TokenStream,
) -> TokenStream {
    let call = respan(quote!(#p::#assert!), span);
    let mut args = Group::new(Delimiter::Parenthesis, args);
    args.set_span(span);
    quote_spanned!(span=> #(#cfgs)* const _: () = #call #args;)
}

/// Moves a path of ours to the user's tokens.
pub(crate) fn respan(tokens: TokenStream, span: Span) -> TokenStream {
    let respanned = tokens.into_iter().map(|mut token| {
        token.set_span(span);
        token
    });
    respanned.collect()
}
