//! `<Name>Fields`: what `fn init` may return, all fields but the hyperparameters.

use proc_macro2::TokenStream;
use quote::quote;

use super::init::expand_type;
use crate::{
    model::{Field, StructModel},
    paths::{fields_ident, hparams_ident, plain},
};

/// ```text
/// struct NetFields { fc: Linear }
/// ```
/// for a struct that `fn init` builds. Each field has the visibility of the struct's.
pub(super) fn expand_fields_definition(model: &StructModel) -> TokenStream {
    if model.is_built_by_attributes() {
        return TokenStream::new();
    }
    let (owner, generics, vis, cfgs) = (&model.item.ident, &model.item.generics, &model.item.vis, &model.cfgs);
    let (ident, where_clause) = (fields_ident(owner), &generics.where_clause);
    let doc = format!("The fields of [`{}`] that are not hyperparameters, for `fn init`.", plain(owner));
    let visibilities = model.item.fields.iter().map(|field| &field.vis);
    let fields = model.fields.iter().zip(visibilities).filter(|(field, _)| field.hparam().is_none());
    let fields = fields.map(|(field, vis)| {
        let (Field { ident, cfgs, docs, .. }, ty) = (field, expand_type(model, field));
        quote!(#(#cfgs)* #(#docs)* #vis #ident: #ty)
    });
    // `fn init` may return the module itself. A field need not have a `Debug`.
    quote! {
        #(#cfgs)*
        #[doc = #doc]
        #[allow(dead_code, missing_debug_implementations, missing_docs)]
        #vis struct #ident #generics #where_clause { #(#fields,)* }
    }
}

/// ```text
/// impl P::InitOutput<Net> for NetFields {
///     type Built = Net;
///     fn built(self, hparams: NetHparams) -> Net {
///         let NetFields { fc } = self;
///         let NetHparams { hidden } = hparams;
///         Net { fc, hidden }
///     }
/// }
/// impl<E: P::Into<P::Error>> P::InitOutput<Net> for P::Result<NetFields, E> { … }
/// ```
pub(super) fn expand_init_outputs(model: &StructModel) -> TokenStream {
    let names = |hparams: bool| {
        let fields = model.fields.iter().filter(move |field| field.hparam().is_some() == hparams);
        let fields = fields.map(|Field { ident, cfgs, .. }| quote!(#(#cfgs)* #ident));
        quote!(#(#fields),*)
    };
    let owner = &model.item.ident;
    let (fields, hparams) = (fields_ident(owner), hparams_ident(owner));
    let (own, given) = (names(false), names(true));
    let all = model.fields.iter().map(|Field { ident, cfgs, .. }| quote!(#(#cfgs)* #ident));
    implement(
        model,
        &quote! {
            let #fields { #own } = self;
            let #hparams { #given } = hparams;
            #owner { #(#all),* }
        },
    )
}

/// The same after an error; the body is never called.
pub(super) fn expand_inert_init_outputs(model: &StructModel) -> TokenStream {
    implement(model, &quote!(::core::unreachable!()))
}

fn implement(model: &StructModel, body: &TokenStream) -> TokenStream {
    if model.is_built_by_attributes() {
        return TokenStream::new();
    }
    let p = model.paths.private();
    let owner = &model.item.ident;
    let (fields, hparams) = (fields_ident(owner), hparams_ident(owner));
    let (impl_generics, ty_generics, where_clause) = model.generics.split_for_impl();
    let mut fallible = model.generics.clone();
    fallible.params.push(syn::parse_quote!(__LightningError: #p::Into<#p::Error>));
    let (fallible_generics, _, _) = fallible.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #impl_generics #p::InitOutput<#owner #ty_generics> for #fields #ty_generics #where_clause {
            type Built = #owner #ty_generics;
            fn built(self, hparams: #hparams) -> #owner #ty_generics {
                #body
            }
        }
        #[automatically_derived]
        impl #fallible_generics #p::InitOutput<#owner #ty_generics>
            for #p::Result<#fields #ty_generics, __LightningError> #where_clause
        {
            type Built = #p::Result<#owner #ty_generics, __LightningError>;
            fn built(self, hparams: #hparams) -> Self::Built {
                self.map(|fields| #p::InitOutput::built(fields, hparams))
            }
        }
    }
}
