//! The output after an error: the user's item without our attributes, and inert impls, so that one
//! mistake prints one error.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Attribute, GenericParam, Item, visit_mut::VisitMut};

use crate::{
    expand::{
        expand_inert_batch, expand_inert_data_impl, expand_inert_data_struct, expand_inert_impl, expand_inert_struct,
        modernize,
    },
    hooks::Owner,
    model::{BatchModel, ImplModel, STRUCT_ATTRS, StructModel},
    parse::{attributes_of, name_of, strip_tokens},
};

/// The output for a struct with mistakes.
pub(crate) fn fall_back_struct(mut model: StructModel) -> TokenStream {
    model.remove_reported(|ty| modernize(|tensors| tensors.visit_type_mut(ty)));
    let model = &model;
    match model.owner {
        Owner::Module => expand_inert_struct(model),
        Owner::Data => expand_inert_data_struct(model),
    }
}

/// The output for an impl with mistakes.
pub(crate) fn fall_back_impl(model: &ImplModel) -> TokenStream {
    match model.owner {
        Owner::Module => expand_inert_impl(model),
        Owner::Data => expand_inert_data_impl(model),
    }
}

/// The output for a batch with mistakes.
pub(crate) fn fall_back_batch(model: &BatchModel) -> TokenStream {
    expand_inert_batch(model)
}

/// The output for any other item: the item without our attributes.
pub(crate) fn fall_back_item(mut item: Item) -> TokenStream {
    Stripper.visit_item_mut(&mut item);
    item.into_token_stream()
}

/// The output for tokens that are not an item: rustc reports the syntax error.
pub(crate) fn fall_back_tokens(tokens: TokenStream) -> TokenStream {
    let stripped = strip_tokens(tokens, STRUCT_ATTRS);
    quote!(#stripped)
}

/// `use AdamConfig as _;` for each type in the expressions of our attributes: the output for an
/// item with mistakes has no other use of them, and rustc would report unused imports.
pub(crate) fn keep_imports(item: &TokenStream) -> TokenStream {
    let params: Vec<String> = match syn::parse2::<Item>(item.clone()) {
        Ok(Item::Struct(item)) => item.generics.params.iter().map(param_name).collect(),
        Ok(Item::Impl(item)) => item.generics.params.iter().map(param_name).collect(),
        _ => Vec::new(),
    };
    let mut types = Vec::new();
    // The import of a type under a false `#[cfg]` may be missing as well.
    if attributes_of(item.clone(), &["cfg", "cfg_attr"]).is_empty() {
        for attribute in attributes_of(item.clone(), STRUCT_ATTRS) {
            collect_types(attribute, &params, &mut types);
        }
    }
    if types.is_empty() {
        return TokenStream::new();
    }
    quote! {
        #[allow(unused_imports)]
        const _: () = {
            #(use #types as _;)*
        };
    }
}

fn param_name(param: &GenericParam) -> String {
    match param {
        GenericParam::Type(param) => param.ident.to_string(),
        GenericParam::Const(param) => param.ident.to_string(),
        GenericParam::Lifetime(param) => param.lifetime.ident.to_string(),
    }
}

/// Adds `AdamConfig` of `AdamConfig::new()`: the path without its last segment, if that is spelled
/// as a type.
fn collect_types(tokens: TokenStream, params: &[String], types: &mut Vec<TokenStream>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let is =
        |at: usize, punct: char| matches!(tokens.get(at), Some(TokenTree::Punct(found)) if found.as_char() == punct);
    let colons = |at: usize| is(at, ':') && is(at + 1, ':');
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token {
            // A block may declare the type itself.
            TokenTree::Group(group) if group.delimiter() != Delimiter::Brace => {
                collect_types(group.stream(), params, types);
            }
            TokenTree::Ident(first) => {
                let mut path = vec![first];
                let begins = at < 2 || !colons(at - 2);
                while colons(at + 1)
                    && let Some(TokenTree::Ident(next)) = tokens.get(at + 3)
                {
                    path.push(next);
                    at += 3;
                }
                let has_arguments = colons(at + 1) && is(at + 3, '<');
                if !has_arguments {
                    path.pop();
                }
                let is_type = path.last().is_some_and(|last| last.to_string().starts_with(char::is_uppercase));
                if begins && is_type && first != "Self" && !params.contains(&first.to_string()) {
                    types.push(quote!(#(#path)::*));
                }
            }
            _ => {}
        }
        at += 1;
    }
}

struct Stripper;

impl VisitMut for Stripper {
    /// Its items may have a macro of their own, which reads the attributes.
    fn visit_item_mod_mut(&mut self, _: &mut syn::ItemMod) {}

    fn visit_attributes_mut(&mut self, attrs: &mut Vec<Attribute>) {
        attrs.retain(|attr| !STRUCT_ATTRS.contains(&name_of(attr).as_str()));
    }
}
