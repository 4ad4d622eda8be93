//! `#[lightning_module] struct`.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};

use super::{
    assert_at,
    hparams::{expand_definition, expand_hparams},
    init::{expand_body, expand_init_module, expand_type},
    init_fields::{expand_fields_definition, expand_inert_init_outputs, expand_init_outputs},
    keys::{expand_keys_of_fields, expand_python_fields, module_fields},
    optimizer::{expand_inert_optimizers, expand_optimizers},
    scoped,
    struct_impl::{expand_built, expand_inert_lightning_struct, expand_lightning_struct},
};
use crate::{
    model::{Bounds, Field, Role, StructModel},
    paths::hparams_ident,
    spans::{ends, parens, respan},
};

/// ```text
/// #[derive(Debug, P::Module)]
/// struct Net { fc: Linear, #[module(skip)] hidden: usize }
/// struct NetHparams { … }                       // hparams.rs
/// struct NetFields { … }                        // where `fn init` builds it: init_fields.rs
/// const _: () = {
///     impl P::LightningStruct for Net { … }
///     impl P::InitModule for Net { … }          // where the fields say how they are built
///     impl Net { const FC: P::FieldKey<Self> … }
///     P::module_methods! { … }                  // new, new_on, trainer, hparams, freeze, …
///     impl P::ConfigureOptimizers for Net { … } // optimizer.rs
///     const _: () = P::assert_not_tensor!(Linear, "fc");
/// };
/// ```
pub(crate) fn expand_struct(model: &StructModel) -> TokenStream {
    let init = match model.is_built_by_attributes() {
        true => expand_init_module(model, expand_body(model)),
        false => expand_init_outputs(model),
    };
    let optimizers = if model.optimizers.is_empty() { Vec::new() } else { expand_optimizers(model) };
    let rest = optimizers.into_iter().chain([expand_built(model)]).chain(expand_assertions(model));
    expand_with(model, expand_lightning_struct(model), init, rest)
}

/// The same names and types for a struct with mistakes; the bodies are never called.
pub(crate) fn expand_inert_struct(model: &StructModel) -> TokenStream {
    let never = quote!(::core::unreachable!());
    let init = match model.is_built_by_attributes() {
        true => expand_init_module(model, never),
        false => expand_inert_init_outputs(model),
    };
    let optimizers = if model.optimizers.is_empty() { Vec::new() } else { expand_inert_optimizers(model) };
    expand_with(model, expand_inert_lightning_struct(model), init, optimizers)
}

fn expand_with(
    model: &StructModel,
    lightning_struct: TokenStream,
    init: TokenStream,
    rest: impl IntoIterator<Item = TokenStream>,
) -> TokenStream {
    let item = expand_item(model);
    let hparams = expand_definition(model);
    let fields = expand_fields_definition(model);
    let items = expand_hparams(model).into_iter().chain([lightning_struct, init]);
    let items = items
        .chain([expand_keys_of_fields(model), expand_methods(model), expand_bounds(model)])
        .chain(expand_python_fields(model))
        .chain(rest);
    let scope = scoped(&model.paths, &model.cfgs, items);
    quote!(#item #hparams #fields #scope)
}

/// The user's struct with Burn's derive, which skips all fields but modules and buffers.
fn expand_item(model: &StructModel) -> TokenStream {
    let p = model.paths.outer();
    let mut item = model.item.clone();
    for (written, field) in item.fields.iter_mut().zip(&model.fields) {
        match model.role(field) {
            Some(Role::Module(_)) => written.ty = expand_type(model, field),
            Some(Role::Buffer(_)) => {}
            _ => written.attrs.push(syn::parse_quote!(#[module(skip)])),
        }
    }
    let bounds = Bounds::of(model);
    let (predicates, unneeded) = (bounds.predicates(p), bounds.unneeded());
    // Below the derives, which need them. The impls of a module may have fewer bounds than the
    // struct was written with.
    let without_bounds = (!predicates.is_empty()).then(|| quote!(#[#p::without_bounds(#(#unneeded),*)]));
    if !predicates.is_empty() {
        item.generics.make_where_clause().predicates.extend(predicates);
    }
    // Burn's derive appends predicates, and does not add the comma before them.
    if let Some(clause) = item.generics.where_clause.as_mut().filter(|clause| !clause.predicates.empty_or_trailing()) {
        clause.predicates.push_punct(Default::default());
    }
    quote! {
        #[derive(::core::fmt::Debug, #p::Module)]
        #without_bounds
        #item
    }
}

/// ```text
/// impl<M: Block> P::DeclaredModule for Net<M> where M: P::Module + P::ModuleDisplay + 'static {}
/// const _: () = { fn bounds<M: Block>() { P::assert_module_param::<M>(); } };
/// ```
/// for a struct with type parameters.
fn expand_bounds(model: &StructModel) -> TokenStream {
    let p = model.paths.private();
    let bounds = Bounds::of(model);
    if model.item.generics.type_params().next().is_none() {
        return TokenStream::new();
    }
    let mut generics = model.item.generics.clone();
    let (impl_generics, ty_generics, where_clause) = model.item.generics.split_for_impl();
    generics.make_where_clause().predicates.extend(bounds.predicates(p));
    let closed = &generics.where_clause;
    let name = &model.item.ident;
    // Spanned at the parameter and at the types of fields, where rustc reports missing bounds.
    let assert = |function: &str, ty: &dyn ToTokens| {
        let (first, last) = ends(ty);
        let function = format_ident!("{function}");
        let (path, open) = (respan(quote!(#p::#function), first), respan(quote!(::<), first));
        let (close, call) = (respan(quote!(>), last), parens(TokenStream::new(), last));
        quote!(#path #open #ty #close #call;)
    };
    // Parameters where they are declared.
    let params = model.item.generics.type_params().map(|param| {
        let ident = &param.ident;
        match bounds.modules.contains(&ident) {
            true => assert("assert_module_param", ident),
            false => assert("assert_data_param", ident),
        }
    });
    let modules = bounds.module_fields.iter().map(|ty| assert("assert_module_field", ty));
    let data = bounds.data_fields.iter().map(|ty| assert("assert_data_field", ty));
    quote! {
        impl #impl_generics #p::DeclaredModule for #name #ty_generics #closed {}
        #[allow(clippy::multiple_bound_locations)]
        fn bounds #impl_generics () #where_clause {
            #(#params)*
        }
        // The bounds of the parameters are reported above.
        #[allow(clippy::multiple_bound_locations)]
        fn fields #impl_generics () #closed {
            #(#modules)* #(#data)*
        }
    }
}

/// `P::module_methods!(Net, [], [Net], []);`, with `NetHparams` behind it if there are none.
fn expand_methods(model: &StructModel) -> TokenStream {
    let p = model.paths.private();
    let name = &model.item.ident;
    let (impl_generics, ty_generics, where_clause) = model.generics.split_for_impl();
    // Spanned at the name, where rustc reports a method of the user with one of these names.
    let methods = respan(quote!(#p::module_methods!), name.span());
    let empty = model.hparams().next().is_none().then(|| hparams_ident(name)).map(|ident| quote!(, #ident));
    let args = quote!(#name, [#impl_generics], [#name #ty_generics], [#where_clause] #empty);
    let args = parens(args, name.span());
    quote!(#methods #args;)
}

/// `const _: () = P::assert_not_tensor!(Linear, "fc");`: a tensor without a role would be neither
/// trained nor a buffer.
fn expand_assertions(model: &StructModel) -> Vec<TokenStream> {
    if model.is_generic() {
        return Vec::new();
    }
    let p = model.paths.private();
    let assertion = |field: &Field| {
        let (Field { ty, cfgs, .. }, name) = (field, field.name());
        assert_at(p, &quote!(assert_not_tensor), ends(ty).0, cfgs, quote!(#ty, #name))
    };
    module_fields(model).map(assertion).collect()
}
