//! `<Name>Space`: what a search tries for each hyperparameter.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, ExprRange, RangeLimits};

use super::{hparams::Hparam, struct_impl::expand_hparam_rows};
use crate::{
    model::{Field, Search, SearchKind, StructModel},
    paths::{hparams_ident, plain, space_ident},
    spans::respan,
};

/// ```text
/// pub struct NetSpace(P::Space<NetHparams>);
/// ```
pub(super) fn expand_space_definition(model: &StructModel, hparams: &[Hparam<'_>]) -> TokenStream {
    if hparams.is_empty() {
        return TokenStream::new();
    }
    let p = model.paths.outer();
    let owner = &model.item.ident;
    let (space, ident) = (space_ident(owner), hparams_ident(owner));
    let (vis, cfgs) = (&model.item.vis, &model.cfgs);
    let doc = format!("What a search tries for the hyperparameters of [`{}`].", plain(owner));
    quote! {
        #(#cfgs)*
        #[doc = #doc]
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #[allow(dead_code)]
        #[must_use]
        #vis struct #space(#p::Space<#ident>);
    }
}

/// ```text
/// P::space!(pub NetSpace, NetHparams, space, [P::FieldDef::hparam("lr", "f64"),], { let space = space.lr(P::log_uniform(1e-5..1e-1)); }, {
///     pub fn lr(self, values: impl P::IntoDistribution<f64>) -> Self { Self(self.0.replace("lr", values)) }
/// });
/// ```
pub(super) fn expand_space(model: &StructModel, hparams: &[Hparam<'_>]) -> Vec<TokenStream> {
    let p = model.paths.private();
    let owner = &model.item.ident;
    let (space, ident, vis) = (space_ident(owner), hparams_ident(owner), &model.item.vis);
    if hparams.is_empty() {
        return Vec::new();
    }
    let rows = expand_hparam_rows(model, hparams);
    let defaults = hparams.iter().filter_map(|(field, _)| {
        let (Field { ident: name, cfgs, .. }, search) = (field, field.search()?);
        let values = expand_search(model, search);
        Some(quote!(#(#cfgs)* let space = space.#name(#values);))
    });
    let methods = hparams.iter().map(|(field, _)| {
        let Field { ident: name, ty, cfgs, docs, .. } = field;
        let path = field.key();
        quote! {
            #(#cfgs)*
            #(#docs)*
            #vis fn #name(self, values: impl #p::IntoDistribution<#ty>) -> Self {
                Self(self.0.replace(#path, values))
            }
        }
    });
    vec![quote! {
        #p::space!(#vis #space, #ident, space, [#rows], { #(#defaults)* }, { #(#methods)* });
    }]
}

/// `P::log_uniform(1e-5..1e-1)`, spanned at the name of the distribution, where rustc reports a type
/// that does not fit.
fn expand_search(model: &StructModel, search: &Search) -> TokenStream {
    let span = search.span();
    let p = model.paths.private().at(span);
    match &search.kind {
        SearchKind::Float { range, log } => {
            let range = half_open(range);
            match log {
                true => quote_spanned!(span=> #p::log_uniform(#range)),
                false => quote_spanned!(span=> #p::uniform(#range)),
            }
        }
        SearchKind::Int { range, log, step } => {
            let log = log.then(|| quote_spanned!(span=> .log()));
            let step = step.as_ref().map(|step| quote_spanned!(span=> .step(#step)));
            quote_spanned!(span=> #p::int(#range) #log #step)
        }
        SearchKind::Choice(values) => {
            let values = values.iter().map(owned);
            quote_spanned!(span=> #p::choice([#(#values),*]))
        }
        SearchKind::Boolean => quote_spanned!(span=> #p::boolean()),
    }
}

/// `0.0..=1.0` as `0.0..1.0`: of floats the end makes no difference.
fn half_open(range: &ExprRange) -> TokenStream {
    match range.limits {
        RangeLimits::HalfOpen(_) => range.to_token_stream(),
        RangeLimits::Closed(_) => {
            let (start, end) = (&range.start, &range.end);
            quote!(#start..#end)
        }
    }
}

/// A text as a `String`.
fn owned(value: &Expr) -> TokenStream {
    match value {
        Expr::Lit(literal) if matches!(literal.lit, syn::Lit::Str(_)) => {
            let into = respan(quote!(.into()), syn::spanned::Spanned::span(value));
            quote!(#value #into)
        }
        _ => value.to_token_stream(),
    }
}
