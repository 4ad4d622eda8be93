//! The macros on `proc_macro2` tokens: expansions, messages, programs, mutations.

mod docs;
mod errors;
mod programs;
mod robustness;
mod snapshots;
mod speed;
mod streams;

use proc_macro2::TokenStream;
use syn::{Attribute, Item, Meta, Token, punctuated::Punctuated, visit::Visit};

use crate::entry::{data_module, derive_batch, lightning_module};

/// Expands each item of the source that has one of the macros.
pub(crate) fn expand(source: &str) -> TokenStream {
    let file = syn::parse_file(source).expect("the test's source is Rust");
    file.items.into_iter().map(expand_item).collect()
}

fn expand_item(mut item: Item) -> TokenStream {
    let Some(attrs) = attrs_of(&mut item) else { return TokenStream::new() };
    let batch = attrs.iter().any(derives_batch);
    let macro_attr = attrs
        .iter()
        .position(|attr| attr.path().is_ident("lightning_module") || attr.path().is_ident("data_module"))
        .map(|at| attrs.remove(at));
    let item = quote::ToTokens::into_token_stream(item);
    match macro_attr {
        Some(attr) => {
            let args = match &attr.meta {
                Meta::List(list) => list.tokens.clone(),
                _ => TokenStream::new(),
            };
            if attr.path().is_ident("data_module") { data_module(args, item) } else { lightning_module(args, item) }
        }
        None if batch => derive_batch(item),
        None => TokenStream::new(),
    }
}

fn derives_batch(attr: &Attribute) -> bool {
    attr.path().is_ident("derive")
        && attr
            .parse_args_with(Punctuated::<syn::Path, Token![,]>::parse_terminated)
            .is_ok_and(|paths| paths.iter().any(|path| path.is_ident("Batch")))
}

fn attrs_of(item: &mut Item) -> Option<&mut Vec<Attribute>> {
    match item {
        Item::Struct(item) => Some(&mut item.attrs),
        Item::Enum(item) => Some(&mut item.attrs),
        Item::Union(item) => Some(&mut item.attrs),
        Item::Impl(item) => Some(&mut item.attrs),
        Item::Fn(item) => Some(&mut item.attrs),
        Item::Trait(item) => Some(&mut item.attrs),
        _ => None,
    }
}

/// The expansion, formatted.
pub(crate) fn pretty(source: &str) -> String {
    let tokens = expand(source);
    let file =
        syn::parse2(tokens.clone()).unwrap_or_else(|error| panic!("the expansion is no Rust: {error}\n{tokens}"));
    prettyplease::unparse(&file)
}

/// The messages of all `compile_error!`s.
pub(crate) fn messages(source: &str) -> Vec<String> {
    #[derive(Default)]
    struct Errors(Vec<String>);
    impl<'ast> Visit<'ast> for Errors {
        fn visit_macro(&mut self, call: &'ast syn::Macro) {
            if call.path.segments.last().is_some_and(|last| last.ident == "compile_error") {
                let message: syn::LitStr = call.parse_body().expect("a message");
                self.0.push(message.value());
            }
        }
    }
    let tokens = expand(source);
    assert!(!tokens.to_string().contains("__lightning_log !"), "a placeholder is left:\n{tokens}");
    let file: syn::File = syn::parse2(tokens.clone()).unwrap_or_else(|error| panic!("no Rust: {error}\n{tokens}"));
    let mut errors = Errors::default();
    errors.visit_file(&file);
    errors.0
}
