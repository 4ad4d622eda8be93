//! The check that no other impl has a hook.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};

use crate::{
    hooks::{HookDef, Kind, Owner},
    model::ImplModel,
    spans::{ends, parens, respan},
};

/// Names that a trait of the user's may well have: its method would be ambiguous with ours.
const ORDINARY: &[&str] = &["init", "setup", "teardown", "prepare_data"];

/// ```text
/// const __LIGHTNING_UNWRITTEN: fn() = || {
///     use P::UnwrittenHooks as _;
///     P::unwritten(Self::on_fit_start);
///     …
/// };
/// ```
/// for each hook that this impl does not have. It is checked and never called.
pub(super) fn expand_unwritten(model: &ImplModel) -> TokenStream {
    let p = model.paths.private();
    let checks = absent(model).map(|hook| check(model, hook, quote!(unwritten)));
    quote! {
        const __LIGHTNING_UNWRITTEN: fn() = || {
            use #p::UnwrittenHooks as _;
            #(#checks)*
        };
    }
}

/// ```text
/// fn __lightning_unwritten() {
///     use P::DataModule as _;
///     P::unwritten_loader::<Self>(Self::val_dataloader);
///     …
/// }
/// ```
/// for each loader that this impl does not have.
pub(super) fn expand_unwritten_loaders(model: &ImplModel) -> TokenStream {
    let p = model.paths.private();
    let loaders = absent(model).filter(|hook| hook.kind == Kind::Loader);
    let checks = loaders.map(|hook| check(model, hook, quote!(unwritten_loader::<Self>)));
    quote! {
        fn __lightning_unwritten() {
            use #p::DataModule as _;
            #(#checks)*
        }
    }
}

fn absent(model: &ImplModel) -> impl Iterator<Item = &'static HookDef> {
    let names: Vec<String> = model.methods.iter().map(|method| method.name()).collect();
    HookDef::of(model.owner)
        .filter(move |hook| !ORDINARY.contains(&hook.name) && !names.iter().any(|name| name == hook.name))
}

/// Spanned at the type, since the place of the other method is unknown.
fn check(model: &ImplModel, hook: &HookDef, function: TokenStream) -> TokenStream {
    let p = model.paths.private();
    let (first, last) = ends(&model.item.self_ty);
    let function = respan(quote!(#p::#function), first);
    let (this, name) = (Ident::new("Self", first), Ident::new(hook.name, last));
    let hook = parens(quote_spanned!(last=> #this::#name), last);
    quote!(#function #hook;)
}
