//! `impl LightningStruct`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Type;

use super::{
    hparam_values::expand_rebuild,
    hparams::Hparam,
    storage::{expand_buffers, expand_state},
};
use crate::{
    model::{Bounds, Field, Role, StructModel, drop_known_bounds},
    paths::{RuntimePath, hparams_ident, plain},
    spans::respan,
    text::text_of,
};

/// ```text
/// impl P::LightningStruct for Net {
///     type Hparams = NetHparams;
///     const NAME: &'static str = "Net";
///     const FIELDS: &'static [P::FieldDef] = &[P::FieldDef::module("fc", "Linear")];
///     fn hparams(&self) -> NetHparams { NetHparams { hidden: P::Clone::clone(&self.hidden) } }
/// }
/// ```
pub(super) fn expand_lightning_struct(model: &StructModel) -> TokenStream {
    let rebuild = expand_rebuild(model);
    let buffers = expand_buffers(model);
    let state = expand_state(model);
    let freeze = expand_freeze(model);
    implement_lightning_struct(model, rebuild, quote!(#freeze #buffers #state))
}

/// ```text
/// fn __lightning_freeze(&mut self) {
///     P::freeze_field(&mut self.teacher);
/// }
/// ```
/// for the `#[frozen]` fields that `fn init` builds. `#[init(…)]` freezes its own.
fn expand_freeze(model: &StructModel) -> TokenStream {
    let frozen: Vec<&Field> = model.fields.iter().filter(|field| field.frozen.is_some()).collect();
    if model.is_built_by_attributes() || frozen.is_empty() {
        return TokenStream::new();
    }
    let p = model.paths.private();
    let calls = frozen.iter().map(|Field { ident, cfgs, .. }| quote!(#(#cfgs)* #p::freeze_field(&mut self.#ident);));
    quote! {
        fn __lightning_freeze(&mut self) {
            #(#calls)*
        }
    }
}

/// `fn built() { P::built::<Net>() }`, spanned at the name, where rustc reports a struct with
/// neither `#[init(…)]` nor `fn init`.
pub(super) fn expand_built(model: &StructModel) -> TokenStream {
    if model.is_built_by_attributes() {
        return TokenStream::new();
    }
    let p = model.paths.private();
    let name = &model.item.ident;
    let (impl_generics, ty_generics, where_clause) = model.generics.split_for_impl();
    let path = respan(quote!(#p::built::<#name #ty_generics>), name.span());
    quote! {
        #[allow(clippy::multiple_bound_locations)]
        fn built #impl_generics () #where_clause {
            #path()
        }
    }
}

pub(super) fn expand_inert_lightning_struct(model: &StructModel) -> TokenStream {
    implement_lightning_struct(model, quote!(::core::unreachable!()), TokenStream::new())
}

fn implement_lightning_struct(model: &StructModel, rebuild: TokenStream, methods: TokenStream) -> TokenStream {
    let p = model.paths.private();
    let ident = &model.item.ident;
    let name = plain(ident);
    let hparams = hparams_ident(ident);
    // The impl of the methods may have fewer bounds than the struct.
    let mut generics = model.generics.clone();
    drop_known_bounds(&mut generics, &Bounds::of(model).unneeded().collect::<Vec<_>>());
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let rows = expand_rows(model);
    quote! {
        #[automatically_derived]
        impl #impl_generics #p::LightningStruct for #ident #ty_generics #where_clause {
            type Hparams = #hparams;
            const NAME: &'static str = #name;
            #rows
            fn hparams(&self) -> #hparams {
                #rebuild
            }
            #methods
        }
    }
}

/// `const FIELDS: &'static [P::FieldDef] = &[P::FieldDef::module("fc", "Linear"),
/// P::FieldDef::hparam("hidden", "usize").default("128")];`
pub(super) fn expand_rows(model: &StructModel) -> TokenStream {
    let p = model.paths.private();
    let rows = model.fields.iter().map(|field| expand_field_row(model, field));
    quote!(const FIELDS: &'static [#p::FieldDef] = &[#(#rows),*];)
}

fn expand_field_row(model: &StructModel, field: &Field) -> TokenStream {
    let p = model.paths.private();
    let (name, ty, cfgs) = (field.name(), field.type_text(), &field.cfgs);
    let constructor = match model.role(field) {
        Some(Role::Module(_)) if field.frozen.is_some() => quote!(frozen),
        Some(Role::Module(_)) => quote!(module),
        Some(Role::Buffer(_)) => quote!(buffer),
        Some(Role::Hparam(..)) => quote!(hparam),
        Some(Role::State) => quote!(state),
        Some(Role::Skipped) | None => quote!(skipped),
    };
    let default = field.hparam().flatten().map(text_of).map(|default| quote!(.default(#default)));
    let key = Some(field.key()).filter(|key| field.hparam().is_some() && *key != name);
    let key = key.map(|key| quote!(.key(#key)));
    let custom = (field.hparam().is_some() && field.has_custom_form()).then(|| quote!(.custom()));
    let nested = expand_nested(p, field);
    let doc = Some(field.doc_text()).filter(|doc| !doc.is_empty()).map(|doc| quote!(.doc(#doc)));
    quote!(#(#cfgs)* #p::FieldDef::#constructor(#name, #ty) #default #key #custom #nested #doc)
}

/// `.nested({ use P::NoHparamFields as _; P::HparamFieldsOf::<BlockHparams>::FIELDS })` for the
/// hyperparameters of a nested module, which have their own. A type of the user's with such a name has
/// none.
fn expand_nested(p: &RuntimePath, field: &Field) -> Option<TokenStream> {
    let Type::Path(path) = &field.ty else { return None };
    let is_nested = field.hparam().is_some() && path.path.segments.last()?.ident.to_string().ends_with("Hparams");
    let ty = &field.ty;
    is_nested.then(|| {
        quote! {
            .nested({
                #[allow(unused_imports)]
                use #p::NoHparamFields as _;
                #p::HparamFieldsOf::<#ty>::FIELDS
            })
        }
    })
}

/// The rows of the hyperparameters alone: `P::FieldDef::hparam("hidden", "usize").default("128"), …`.
pub(super) fn expand_hparam_rows(model: &StructModel, fields: &[Hparam<'_>]) -> TokenStream {
    fields.iter().map(|(field, _)| expand_field_row(model, field)).map(|row| quote!(#row,)).collect()
}
