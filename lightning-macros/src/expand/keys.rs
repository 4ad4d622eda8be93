//! The constants and traits of single fields.

use proc_macro2::TokenStream;
use quote::quote;

use super::{init::expand_type, optimizer::expand_keys};
use crate::{
    model::{Field, Role, StructModel},
    paths::public_constant,
    python_hints::field_trait,
};

/// ```text
/// impl Net {
///     pub const FC: P::FieldKey<Self> = P::FieldKey::new("fc");
/// }
/// ```
pub(super) fn expand_keys_of_fields(model: &StructModel) -> TokenStream {
    let p = model.paths.private();
    // A field without a role, which is reported, may be one.
    let may_be_module = |field: &&Field| matches!(model.role(field), Some(Role::Module(_)) | None);
    let keys = model.fields.iter().filter(may_be_module).map(|field| {
        let (name, cfgs) = (field.name(), &field.cfgs);
        let optimized = model.optimizers.iter().any(|optimizer| optimizer.name() == name);
        let marker = optimized.then(|| quote!(, #p::HasOptimizer));
        let key = quote!(#p::FieldKey<Self #marker> = #p::FieldKey::new(#name));
        let constant = public_constant(&name, field.ident.span(), key);
        quote!(#(#cfgs)* #constant)
    });
    let optimizers = expand_keys(model);
    let keys = quote!(#(#keys)* #optimizers);
    if keys.is_empty() {
        return TokenStream::new();
    }
    let ident = &model.item.ident;
    let (impl_generics, ty_generics, where_clause) = model.generics.split_for_impl();
    quote!(impl #impl_generics #ident #ty_generics #where_clause { #keys })
}

/// `impl P::CurrentEpochField for Net { … }` for a field that has a name of PyTorch Lightning's:
/// reading it is valid.
pub(super) fn expand_python_fields(model: &StructModel) -> impl Iterator<Item = TokenStream> {
    let p = model.paths.private();
    let own = model.fields.iter().filter_map(|field| Some((field, field_trait(&field.ident)?)));
    own.map(move |(field, name)| {
        let (Field { ident, cfgs, .. }, ty) = (field, expand_type(model, field));
        let owner = &model.item.ident;
        let (impl_generics, ty_generics, where_clause) = model.generics.split_for_impl();
        quote! {
            #(#cfgs)*
            #[automatically_derived]
            impl #impl_generics #p::#name for #owner #ty_generics #where_clause {
                type Value = #ty;
                fn read(&self) -> &#ty {
                    &self.#ident
                }
            }
        }
    })
}

/// The fields that are modules.
pub(super) fn module_fields(model: &StructModel) -> impl Iterator<Item = &Field> {
    model.fields.iter().filter(|field| matches!(model.role(field), Some(Role::Module(_))))
}
