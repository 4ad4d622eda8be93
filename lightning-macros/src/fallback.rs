//! What is emitted beside errors: the user's item minus our attributes, and inert impls, so that one mistake prints one error.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, Item, visit_mut::VisitMut};

use crate::{
    expand::{
        expand_inert_batch, expand_inert_data_impl, expand_inert_data_struct, expand_inert_impl, expand_inert_struct,
        modernise,
    },
    hooks::Owner,
    model::{BatchModel, ImplModel, STRUCT_ATTRS, StructModel},
    parse::{name_of, strip_tokens},
};

/// A struct with mistakes.
pub(crate) fn fall_back_struct(mut model: StructModel) -> TokenStream {
    model.make_harmless(|ty| modernise(|tensors| tensors.visit_type_mut(ty)));
    let model = &model;
    match model.owner {
        Owner::Module => expand_inert_struct(model),
        Owner::Data => expand_inert_data_struct(model),
    }
}

/// An impl with mistakes.
pub(crate) fn fall_back_impl(model: &ImplModel) -> TokenStream {
    match model.owner {
        Owner::Module => expand_inert_impl(model),
        Owner::Data => expand_inert_data_impl(model),
    }
}

/// A batch with mistakes.
pub(crate) fn fall_back_batch(model: &BatchModel) -> TokenStream {
    expand_inert_batch(model)
}

/// An item that is neither: as it is, without what rustc would not know.
pub(crate) fn fall_back_item(mut item: Item) -> TokenStream {
    Stripper.visit_item_mut(&mut item);
    item.into_token_stream()
}

/// Tokens that are no item: rustc has read them, so it will say what is wrong.
pub(crate) fn fall_back_tokens(tokens: TokenStream) -> TokenStream {
    let stripped = strip_tokens(tokens, STRUCT_ATTRS);
    quote!(#stripped)
}

struct Stripper;

impl VisitMut for Stripper {
    fn visit_attributes_mut(&mut self, attrs: &mut Vec<Attribute>) {
        attrs.retain(|attr| !STRUCT_ATTRS.contains(&name_of(attr).as_str()));
    }
}
