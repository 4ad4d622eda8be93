//! `<Name>Hparams`: the hyperparameters as plain data with a schema. The same for modules and data modules.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Expr, Ident, spanned::Spanned};

use super::local;
use crate::{
    model::{Field, StructModel},
    paths::{default_fn_ident, hparams_ident, plain, setter_ident},
    text::text_of,
};

/// A hyperparameter and its default.
pub(super) type Hparam<'a> = (&'a Field, Option<&'a Expr>);

/// The hyperparameters that can be written down: after an error, those of one name and without generics.
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
/// #[derive(Clone, Debug, PartialEq, P::serde::Serialize, P::serde::Deserialize)]
/// #[serde(crate = "P::serde", default)]
/// pub struct NetHparams { pub hidden: usize }
/// impl P::Default for NetHparams { fn default() -> Self { Self { hidden: 128 } } }
/// impl NetHparams { pub fn with_hidden(mut self, hidden: usize) -> Self { self.hidden = hidden; self } }
/// impl P::Hparams for NetHparams { const SCHEMA: &'static [P::HparamDef] = &[P::HparamDef { … }]; }
/// ```
pub(super) fn expand_hparams(model: &StructModel) -> Vec<TokenStream> {
    let hparams = usable(model);
    vec![
        expand_definition(model, &hparams),
        expand_default(model, &hparams),
        expand_methods(model, &hparams),
        expand_schema(model, &hparams),
    ]
}

/// Whether every hyperparameter has a default, so that the whole has one.
fn all_have_defaults(hparams: &[Hparam<'_>]) -> bool {
    hparams.iter().all(|(_, default)| default.is_some())
}

fn expand_definition(model: &StructModel, hparams: &[Hparam<'_>]) -> TokenStream {
    let p = model.paths.private();
    let owner = &model.item.ident;
    let ident = hparams_ident(owner);
    let vis = &model.item.vis;
    let serde = model.paths.serde();
    let container_default = all_have_defaults(hparams).then(|| quote!(, default));
    let doc = format!("Hyperparameters of [`{}`].", plain(owner));
    let fields = hparams.iter().map(|(field, default)| {
        let Field { ident: name, ty, cfgs, serde, .. } = field;
        let docs = docs_of(field);
        let default = (container_default.is_none() && default.is_some()).then(|| {
            let path = format!("{ident}::{}", default_fn_ident(name));
            quote!(#[serde(default = #path)])
        });
        quote!(#(#cfgs)* #docs #(#serde)* #default pub #name: #ty)
    });
    quote! {
        #[doc = #doc]
        #[derive(
            ::core::clone::Clone, ::core::fmt::Debug, ::core::cmp::PartialEq,
            #p::serde::Serialize, #p::serde::Deserialize,
        )]
        #[serde(crate = #serde #container_default)]
        #[allow(unreachable_pub)]
        #vis struct #ident { #(#fields,)* }
    }
}

/// The field's own documentation, or a line that says what it is.
fn docs_of(field: &Field) -> TokenStream {
    let docs = &field.docs;
    if docs.is_empty() {
        let doc = format!("Hyperparameter `{}`.", field.name());
        return quote!(#[doc = #doc]);
    }
    quote!(#(#docs)*)
}

fn expand_default(model: &StructModel, hparams: &[Hparam<'_>]) -> TokenStream {
    if !all_have_defaults(hparams) {
        return TokenStream::new();
    }
    let p = model.paths.private();
    let ident = hparams_ident(&model.item.ident);
    let fields = hparams.iter().map(|(Field { ident, cfgs, .. }, default)| quote!(#(#cfgs)* #ident: #default));
    quote! {
        #[automatically_derived]
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
    let required = !all_have_defaults(hparams);
    let new = required.then(|| expand_new(hparams));
    let defaults = hparams.iter().filter(|_| required).filter_map(|(field, default)| {
        let default = default.as_ref()?;
        let Field { ident: name, ty, cfgs, .. } = field;
        let function = default_fn_ident(name);
        Some(quote! {
            #(#cfgs)*
            #[doc(hidden)]
            fn #function() -> #ty {
                #default
            }
        })
    });
    let setters = hparams.iter().map(|(field, _)| {
        let Field { ident: name, ty, cfgs, .. } = field;
        let setter = setter_ident(name);
        let doc = format!("Sets `{}`.", field.name());
        quote! {
            #(#cfgs)*
            #[doc = #doc]
            #[must_use]
            pub fn #setter(mut self, #name: #ty) -> Self {
                self.#name = #name;
                self
            }
        }
    });
    // Not every program sets every hyperparameter; a private struct has `pub` methods all the same.
    quote! {
        #[allow(dead_code, unreachable_pub)]
        impl #ident { #new #(#setters)* #(#defaults)* }
    }
}

fn expand_new(hparams: &[Hparam<'_>]) -> TokenStream {
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
        #[must_use]
        #[allow(clippy::too_many_arguments)]
        pub fn new(#(#params),*) -> Self {
            Self { #(#fields,)* }
        }
    }
}

fn expand_schema(model: &StructModel, hparams: &[Hparam<'_>]) -> TokenStream {
    let p = model.paths.private();
    let ident = hparams_ident(&model.item.ident);
    let rows = hparams.iter().map(|(field, default)| {
        let (name, ty, doc, cfgs) = (field.name(), field.type_text(), field.doc_text(), &field.cfgs);
        let default = match default.map(text_of) {
            Some(default) => quote!(#p::Option::Some(#default)),
            None => quote!(#p::Option::None),
        };
        quote!(#(#cfgs)* #p::HparamDef { name: #name, ty: #ty, default: #default, doc: #doc })
    });
    quote! {
        #[automatically_derived]
        impl #p::Hparams for #ident {
            const SCHEMA: &'static [#p::HparamDef] = &[#(#rows),*];
        }
    }
}

/// `NetHparams { hidden: P::Clone::clone(&self.hidden) }`
pub(super) fn expand_rebuild(model: &StructModel) -> TokenStream {
    let p = model.paths.private();
    let ident = hparams_ident(&model.item.ident);
    let fields = model.hparams().map(|(field, _)| {
        let Field { ident, cfgs, ty, .. } = field;
        let this = local("self", ty.span());
        let clone = quote_spanned!(ty.span()=> #p::Clone::clone(&#this.#ident));
        quote!(#(#cfgs)* #ident: #clone)
    });
    quote!(#ident { #(#fields),* })
}

/// `let NetHparams { hidden, lr } = …;`, or nothing without hyperparameters.
pub(super) fn expand_locals(model: &StructModel, value: TokenStream) -> TokenStream {
    if model.hparams().next().is_none() {
        return TokenStream::new();
    }
    let ident = hparams_ident(&model.item.ident);
    let fields = model.hparams().map(|(Field { ident, cfgs, .. }, _)| quote!(#(#cfgs)* #ident));
    quote!(let #ident { #(#fields),* } = #value;)
}
