//! Model to tokens. The model is valid here, so nothing can fail; every body is a call into the
//! runtime.

mod batch;
mod batch_bodies;
mod batch_saved;
mod batch_types;
mod builders;
mod calls;
mod data;
mod dims;
mod exported;
mod from_items;
mod hparam_values;
mod hparams;
mod init;
mod init_fields;
mod keys;
mod loaders;
mod mentions;
mod metrics;
mod misplaced_hooks;
mod module_impl;
mod module_struct;
mod optimizer;
mod own_keys;
mod run_hook;
mod search;
mod setup;
mod step_outputs;
mod steps;
mod storage;
mod struct_impl;
mod training;
mod user_impl;

pub(crate) use batch::{expand_batch, expand_inert_batch};
pub(crate) use data::{expand_data_impl, expand_data_struct, expand_inert_data_impl, expand_inert_data_struct};
pub(crate) use module_impl::{expand_impl, expand_inert_impl};
pub(crate) use module_struct::{expand_inert_struct, expand_struct};
pub(crate) use user_impl::modernize;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Attribute;

use crate::{
    paths::{Paths, RuntimePath},
    spans::{braces, ends, parens, respan},
};

/// Wraps impls in a block in which the runtime has a short name, with the `#[cfg]`s of the item.
///
/// ```text
/// const _: () = { use ::lightning_core::__private::{self as __p, …}; … };
/// ```
pub(crate) fn scoped(paths: &Paths, cfgs: &[Attribute], items: impl IntoIterator<Item = TokenStream>) -> TokenStream {
    let outer = paths.outer();
    let items = items.into_iter();
    // A program may leave constants, setters and hyperparameters unused; an undocumented field has
    // an undocumented setter. The others are lints for code that the user did not write, also for a
    // module inside of a function.
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

/// The predicate `any(all(a, b), c)` for several places with several `#[cfg]`s each; `None` if one
/// place has none.
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

/// `P::hook_output(Self::on_fit_end(self))`, spanned at `at`.
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
    let args = parens(args.clone(), last);
    let call = parens(quote!(#path #args), last);
    quote!(#wrap #call)
}

/// `impl … for Net { … }` with the head at the span, where rustc reports two impls of one trait.
pub(crate) fn implement_at(
    span: Span,
    head: TokenStream,
    where_clause: impl ToTokens,
    body: TokenStream,
) -> TokenStream {
    let head = respan(head, span);
    let body = braces(body, span);
    quote!(#head #where_clause #body)
}

/// `const _: () = P::assert!(condition, message);`, with all tokens at one span: a constant that
/// panics is reported where its macro is called.
pub(crate) fn assert_at(
    p: &RuntimePath,
    assert: &TokenStream,
    span: Span,
    cfgs: &[Attribute],
    args: TokenStream,
) -> TokenStream {
    let call = respan(quote!(#p::#assert!), span);
    let args = parens(args, span);
    quote_spanned!(span=> #(#cfgs)* const _: () = #call #args;)
}
