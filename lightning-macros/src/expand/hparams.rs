//! `<Name>Hparams`: the hyperparameters as plain data with a schema, of modules and data modules.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Expr, Ident};

use super::search::{expand_space, expand_space_definition};
use crate::{
    model::{Field, StructModel},
    paths::{default_fn_ident, hparams_ident, plain, setter_ident},
    spans::respan,
};

/// A hyperparameter and its default.
pub(super) type Hparam<'a> = (&'a Field, Option<&'a Expr>);

/// The hyperparameters to emit: after an error without duplicates and generic types.
fn usable(model: &StructModel) -> Vec<Hparam<'_>> {
    let mut seen: Vec<&Ident> = Vec::new();
    let mut usable = Vec::new();
    for (field, default) in model.hparams() {
        let repeated = seen.contains(&&field.ident) && field.cfgs.is_empty();
        if !repeated && model.generic_of(field).is_none() {
            seen.push(&field.ident);
            usable.push((field, default));
        }
    }
    usable
}

/// ```text
/// #[derive(Clone, Debug, PartialEq, P::Serialize, P::Deserialize)]
/// #[serde(crate = "P::serde", default)]
/// pub struct NetHparams { pub hidden: usize }
/// ```
pub(super) fn expand_definition(model: &StructModel) -> TokenStream {
    let hparams = usable(model);
    let p = model.paths.outer();
    let owner = &model.item.ident;
    let ident = hparams_ident(owner);
    let (vis, cfgs) = (&model.item.vis, &model.cfgs);
    let serde = model.paths.serde();
    let container_default = all_have_defaults(&hparams).then(|| quote!(, default));
    let doc = format!("Hyperparameters of [`{}`].", plain(owner));
    let fields = hparams.iter().map(|(field, default)| {
        let Field { ident: name, ty, cfgs, docs, serde, .. } = field;
        let default = (container_default.is_none() && default.is_some()).then(|| {
            let path = format!("{ident}::{}", default_fn_ident(name));
            quote!(#[serde(default = #path)])
        });
        // Spanned at the field, since a derive underlines it from its first token on.
        let vis = respan(vis.to_token_stream(), name.span());
        quote!(#(#cfgs)* #(#docs)* #(#serde)* #default #vis #name: #ty)
    });
    // A private field of the user's struct needs no doc comment, so its setter has none, and its
    // type may be private.
    let rest = match hparams.is_empty() {
        true => quote!(#[derive(::core::default::Default)]),
        false => quote!(#[allow(missing_docs, private_interfaces)] #[must_use]),
    };
    let space = expand_space_definition(model, &hparams);
    quote! {
        #(#cfgs)*
        #[doc = #doc]
        #[derive(::core::clone::Clone, ::core::fmt::Debug, ::core::cmp::PartialEq)]
        #[derive(#p::Serialize)]
        #[derive(#p::Deserialize)]
        #[serde(crate = #serde #container_default)]
        #rest
        #vis struct #ident { #(#fields,)* }
        #space
    }
}

/// ```text
/// impl P::Default for NetHparams { fn default() -> Self { Self { hidden: 128 } } }
/// impl NetHparams { pub fn with_hidden(self, hidden: usize) -> Self { Self { hidden, ..self } } }
/// ```
pub(super) fn expand_hparams(model: &StructModel) -> Vec<TokenStream> {
    let hparams = usable(model);
    let mut items = vec![expand_default(model, &hparams), expand_methods(model, &hparams)];
    items.extend(expand_space(model, &hparams));
    items
}

/// Whether all hyperparameters have defaults.
fn all_have_defaults(hparams: &[Hparam<'_>]) -> bool {
    hparams.iter().all(|(_, default)| default.is_some())
}

fn expand_default(model: &StructModel, hparams: &[Hparam<'_>]) -> TokenStream {
    if hparams.is_empty() || !all_have_defaults(hparams) {
        return TokenStream::new();
    }
    let p = model.paths.private();
    let ident = hparams_ident(&model.item.ident);
    let fields = hparams.iter().map(|(Field { ident, cfgs, .. }, default)| quote!(#(#cfgs)* #ident: #default));
    // The impls with the user's expressions are not `automatically_derived`, so that lints apply.
    quote! {
        impl #p::Default for #ident {
            fn default() -> Self {
                Self { #(#fields,)* }
            }
        }
    }
}

fn expand_methods(model: &StructModel, hparams: &[Hparam<'_>]) -> TokenStream {
    if hparams.is_empty() {
        return TokenStream::new();
    }
    let ident = hparams_ident(&model.item.ident);
    let vis = &model.item.vis;
    let required = !all_have_defaults(hparams);
    let new = required.then(|| expand_new(vis, hparams));
    let defaults = hparams.iter().filter(|_| required).filter_map(|(field, default)| {
        let default = default.as_ref()?;
        let Field { ident: name, ty, cfgs, .. } = field;
        let function = default_fn_ident(name);
        Some(quote! {
            #(#cfgs)*
            fn #function() -> #ty {
                #default
            }
        })
    });
    let rest = (hparams.len() > 1).then(|| quote!(, ..self));
    let setters = hparams.iter().map(|(Field { ident: name, ty, cfgs, docs, .. }, _)| {
        let setter = setter_ident(name);
        quote! {
            #(#cfgs)*
            #(#docs)*
            #vis fn #setter(self, #name: #ty) -> Self {
                Self { #name #rest }
            }
        }
    });
    quote!(impl #ident { #new #(#setters)* #(#defaults)* })
}

fn expand_new(vis: &syn::Visibility, hparams: &[Hparam<'_>]) -> TokenStream {
    let params = hparams
        .iter()
        .filter(|(_, default)| default.is_none())
        .map(|(Field { ident, ty, cfgs, .. }, _)| quote!(#(#cfgs)* #ident: #ty));
    let fields = hparams.iter().map(|(Field { ident, cfgs, .. }, default)| match default {
        Some(_) => {
            let function = default_fn_ident(ident);
            quote!(#(#cfgs)* #ident: Self::#function())
        }
        None => quote!(#(#cfgs)* #ident),
    });
    quote! {
        /// The required hyperparameters as given, the others with their defaults.
        #[allow(clippy::too_many_arguments)]
        #vis fn new(#(#params),*) -> Self {
            Self { #(#fields,)* }
        }
    }
}
