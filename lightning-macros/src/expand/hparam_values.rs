//! The values of hyperparameters in generated functions.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Attribute, spanned::Spanned};

use super::mentions::Mentions;
use crate::{
    model::{Field, StructModel},
    paths::hparams_ident,
    spans::local,
};

/// `let NetHparams { hidden, lr } = hparams;`, or nothing without hyperparameters.
pub(super) fn expand_locals(model: &StructModel) -> TokenStream {
    if model.hparams().next().is_none() {
        return TokenStream::new();
    }
    let ident = hparams_ident(&model.item.ident);
    let fields = model.hparams().map(|(Field { ident, cfgs, .. }, _)| quote!(#(#cfgs)* #ident));
    quote!(let #ident { #(#fields),* } = hparams;)
}

/// `NetHparams { hidden: P::Clone::clone(&self.hidden) }`
pub(super) fn expand_rebuild(model: &StructModel) -> TokenStream {
    let ident = hparams_ident(&model.item.ident);
    let fields = model.hparams().map(|(field, _)| {
        let (Field { ident, cfgs, .. }, clone) = (field, clone_of(model, field, "self"));
        quote!(#(#cfgs)* #ident: #clone)
    });
    quote!(#ident { #(#fields),* })
}

/// `P::Clone::clone(&self.hidden)`, spanned at the type, where rustc reports a missing `Clone`
/// once.
fn clone_of(model: &StructModel, Field { ident, ty, .. }: &Field, place: &str) -> TokenStream {
    let (p, span) = (model.paths.private(), ty.span());
    let place = local(place, span);
    quote_spanned!(span=> #p::Clone::clone(&#place.#ident))
}

/// `let lr = P::Clone::clone(&hparams.lr);` for each hyperparameter in an expression with these
/// `#[cfg]`s.
pub(super) fn expand_mentioned<'a>(
    model: &'a StructModel,
    mentioned: &'a Mentions,
    place: &'a str,
    outer: &'a [Attribute],
) -> impl Iterator<Item = TokenStream> + 'a {
    let hparams = model.hparams().filter(|(field, _)| mentioned.contains(&field.ident));
    hparams.map(move |(field, _)| {
        let (cfgs, clone) = (&field.cfgs, clone_of(model, field, place));
        let (name, again) = mentioned.bindings(&field.ident);
        let lets = [name].into_iter().chain(again).map(|name| quote!(#(#outer)* #(#cfgs)* let #name = #clone;));
        lets.collect()
    })
}
