//! The entry points on `proc_macro2` tokens: parse, model, validate, expand.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{
    Attribute, DeriveInput, Ident, Item, ItemStruct, TypeParamBound, WherePredicate, parse::Parser,
    punctuated::Punctuated,
};

use crate::{
    diagnostics::Diagnostics,
    expand::{expand_batch, expand_data_impl, expand_data_struct, expand_impl, expand_struct},
    fallback::{fall_back_batch, fall_back_impl, fall_back_item, fall_back_struct, fall_back_tokens, keep_imports},
    hooks::Owner,
    model::{BatchModel, ImplModel, StructModel, drop_known_bounds},
    parse::{Parsed, name_of, parse_item, parse_macro_args, repair},
    paths::Paths,
    validate::{
        check_impl_attributes, check_impl_item, check_no_lifetimes, check_self_type, check_struct_shape,
        drop_lifetimes, validate_batch, validate_impl, validate_struct,
    },
};

/// `#[lightning_module]`
pub(crate) fn lightning_module(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Owner::Module, args, item)
}

/// `#[data_module]`
pub(crate) fn data_module(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Owner::Data, args, item)
}

/// `#[derive(Batch)]`
pub(crate) fn derive_batch(input: TokenStream) -> TokenStream {
    let (input, diagnostics) = match syn::parse2::<DeriveInput>(input.clone()) {
        Ok(input) => (input, Diagnostics::default()),
        Err(error) => match repair(input) {
            Some(Item::Struct(item)) => (item.into(), Diagnostics::unreported()),
            _ => return error.to_compile_error(),
        },
    };
    let model = diagnostics.on_page(16, || BatchModel::new(input, &diagnostics));
    validate_batch(&model, &diagnostics);
    let clean = diagnostics.is_empty();
    finish(diagnostics, if clean { expand_batch(&model) } else { fall_back_batch(&model) })
}

fn attribute(owner: Owner, args: TokenStream, item: TokenStream) -> TokenStream {
    let diagnostics = Diagnostics::default();
    let paths = diagnostics.on_page(17, || parse_macro_args(args, owner.attribute(), &diagnostics));
    let (expansion, repaired) = match parse_item(item.clone(), &diagnostics) {
        None => (fall_back_tokens(item.clone()), false),
        Some(Parsed::Whole(item)) => (diagnostics.on_page(17, || item_side(owner, paths, item, &diagnostics)), false),
        Some(Parsed::Repaired(repaired)) => match repaired_side(owner, paths, repaired) {
            // Such as the impl of a foreign type: rustc reports the syntax error.
            nothing if nothing.is_empty() => (fall_back_tokens(item.clone()), true),
            expansion => (expansion, true),
        },
    };
    let imports = (repaired || !diagnostics.is_empty()).then(|| keep_imports(&item));
    finish(diagnostics, quote!(#expansion #imports))
}

fn item_side(owner: Owner, paths: Paths, item: Item, diagnostics: &Diagnostics) -> TokenStream {
    match item {
        Item::Struct(item) => struct_side(owner, paths, item, diagnostics),
        Item::Impl(item) => impl_side(owner, paths, item, diagnostics),
        other => {
            let attribute = owner.attribute();
            diagnostics
                .error(head(&other), format!("`#[{attribute}]` must be on a struct or its impl"))
                .help("write it on a struct with named fields, and on the struct's `impl`")
                .emit();
            fall_back_item(other)
        }
    }
}

/// The names and types of an item with a syntax error. What else is wrong with it is reported when
/// the error is mended.
fn repaired_side(owner: Owner, paths: Paths, item: Item) -> TokenStream {
    let unreported = Diagnostics::unreported();
    let expansion = item_side(owner, paths, item, &unreported);
    finish(unreported, expansion)
}

fn struct_side(owner: Owner, paths: Paths, mut item: ItemStruct, diagnostics: &Diagnostics) -> TokenStream {
    if !check_struct_shape(owner, &item, diagnostics) {
        return fall_back_item(Item::Struct(item));
    }
    let model = diagnostics.on_page(14, || {
        check_no_lifetimes(owner, &mut item, diagnostics);
        StructModel::new(owner, paths, item, diagnostics)
    });
    validate_struct(&model, diagnostics);
    match (diagnostics.is_empty(), owner) {
        (false, _) => fall_back_struct(model),
        (true, Owner::Module) => expand_struct(&model),
        (true, Owner::Data) => expand_data_struct(&model),
    }
}

fn impl_side(owner: Owner, paths: Paths, mut item: syn::ItemImpl, diagnostics: &Diagnostics) -> TokenStream {
    if !check_impl_item(owner, &item, diagnostics) {
        return fall_back_item(Item::Impl(item));
    }
    if !check_self_type(owner, &mut item, diagnostics) {
        // rustc would report the impl of a foreign type again.
        return TokenStream::new();
    }
    let borrows = drop_lifetimes(&mut item);
    check_impl_attributes(&mut item.attrs, diagnostics);
    let model = ImplModel::new(owner, paths, item, diagnostics);
    validate_impl(&model, diagnostics);
    match (diagnostics.is_empty() && !borrows, owner) {
        (false, _) => fall_back_impl(&model),
        (true, Owner::Module) => expand_impl(&model),
        (true, Owner::Data) => expand_data_impl(&model),
    }
}

/// The keyword and the name of the item, to underline.
fn head(item: &Item) -> TokenStream {
    match item {
        Item::Enum(item) => {
            let (keyword, ident) = (item.enum_token, &item.ident);
            quote!(#keyword #ident)
        }
        Item::Fn(item) => {
            let (keyword, ident) = (item.sig.fn_token, &item.sig.ident);
            quote!(#keyword #ident)
        }
        Item::Trait(item) => {
            let (keyword, ident) = (item.trait_token, &item.ident);
            quote!(#keyword #ident)
        }
        Item::Union(item) => {
            let (keyword, ident) = (item.union_token, &item.ident);
            quote!(#keyword #ident)
        }
        Item::Mod(item) => {
            let (keyword, ident) = (item.mod_token, &item.ident);
            quote!(#keyword #ident)
        }
        other => quote!(#other),
    }
}

/// The expansion, after the errors.
fn finish(diagnostics: Diagnostics, expansion: TokenStream) -> TokenStream {
    let errors = diagnostics.finish();
    quote!(#errors #expansion)
}

/// `#[without_bounds(M, N)]`: the struct without the predicates that name a trait of the runtime,
/// and without the bounds of some parameters that each module or data has.
pub(crate) fn without_bounds(args: TokenStream, item: TokenStream) -> TokenStream {
    let params = Punctuated::<Ident, syn::Token![,]>::parse_terminated.parse2(args);
    let (Ok(params), Ok(mut item_struct)) = (params, syn::parse2::<ItemStruct>(item.clone())) else { return item };
    if let Some(clause) = item_struct.generics.where_clause.take() {
        let is_ours = |bound: &TypeParamBound| match bound {
            TypeParamBound::Trait(bound) => bound.path.segments.iter().any(|segment| segment.ident == "__private"),
            _ => false,
        };
        let written = clause.predicates.into_iter().filter(|predicate| match predicate {
            WherePredicate::Type(predicate) => !predicate.bounds.iter().any(is_ours),
            _ => true,
        });
        item_struct.generics.make_where_clause().predicates.extend(written);
    }
    let params: Vec<&Ident> = params.iter().collect();
    drop_known_bounds(&mut item_struct.generics, &params);
    quote!(#item_struct)
}

/// `#[optimizer(…)]` as a macro of its own: rustc calls it only if it is above
/// `#[lightning_module]`, which otherwise removes it. It moves itself below; without
/// `#[lightning_module]` it reports an error.
pub(crate) fn optimizer(args: TokenStream, item: TokenStream) -> TokenStream {
    let diagnostics = Diagnostics::default();
    let mut item_struct = match syn::parse2::<ItemStruct>(item.clone()) {
        Ok(item_struct) => item_struct,
        Err(_) => {
            let message = "`#[optimizer]` must be on the struct of a module\n= help: write it on the struct, below `#[lightning_module]`";
            diagnostics.syntax(syn::Error::new(Span::call_site(), message));
            let error = diagnostics.finish();
            return quote!(#error #item);
        }
    };
    let is_module = |attr: &Attribute| attr.path().segments.last().is_some_and(|last| last.ident == "lightning_module");
    match item_struct.attrs.iter().position(is_module) {
        Some(place) => item_struct.attrs.insert(place + 1, syn::parse_quote!(#[optimizer(#args)])),
        None => {
            let name = &item_struct.ident;
            // rustc reports a misspelled attribute.
            let is_near = |attr: &Attribute| name_of(attr).starts_with("lightning");
            if item_struct.attrs.iter().any(is_near) {
                item_struct.attrs.retain(|attr| !is_near(attr));
                item_struct.attrs.insert(0, syn::parse_quote!(#[optimizer(#args)]));
                return lightning_module(TokenStream::new(), quote!(#item_struct));
            }
            diagnostics
                .error(name, format!("`#[optimizer]` needs `#[lightning_module]`, found none on `{name}`"))
                .help("write `#[lightning_module]` above `#[optimizer(…)]`")
                .emit();
            let error = diagnostics.finish();
            // As if it were there, so that its absence is reported once.
            item_struct.attrs.insert(0, syn::parse_quote!(#[optimizer(#args)]));
            let module = repaired_side(Owner::Module, Paths::default(), Item::Struct(item_struct));
            return quote!(#error #module);
        }
    }
    let error = diagnostics.finish();
    quote!(#error #item_struct)
}
