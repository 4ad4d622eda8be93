//! `impl FromItems`, for the default `collate` of a loader.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::Ident;

use super::batch_bodies::{binding, bounded};
use crate::model::BatchModel;

/// The length of the longest tuple with an impl of `FromItems`.
const LONGEST: usize = 8;

/// ```text
/// impl<__LightningItem0, __LightningItem1>
///     P::FromItems<(__LightningItem0, __LightningItem1)> for DigitBatch
/// where
///     Tensor<2>: P::FromItems<__LightningItem0>,
///     Tensor<1, Int>: P::FromItems<__LightningItem1>,
/// {
///     const COLUMNS: P::Option<usize> =
///         <(Tensor<2>, Tensor<1, Int>) as P::FromItems<(…)>>::COLUMNS;
///     fn from_items(items: P::Vec<(…)>) -> P::Result<Self> {
///         let (images, targets) = <(…) as P::FromItems<(…)>>::from_items(items)?;
///         …
///     }
///     fn from_columns(columns: …) -> P::Result<Self> { … }
/// }
/// ```
/// The default `collate` of a loader whose items are tuples in the order of the fields.
pub(super) fn expand_from_items(model: &BatchModel) -> TokenStream {
    let Some(members) = model.variants.first().filter(|_| !model.is_enum) else { return TokenStream::new() };
    let fields = &members.fields;
    if fields.is_empty() || fields.len() > LONGEST {
        return TokenStream::new();
    }
    let p = model.paths.private();
    let items: Vec<Ident> = (0..fields.len()).map(|index| format_ident!("__LightningItem{index}")).collect();
    let types: Vec<_> = fields.iter().map(|field| &field.ty).collect();
    let names = fields.iter().map(|field| &field.member);
    let locals: Vec<Ident> = fields.iter().map(|field| binding(&field.member)).collect();
    let mut generics = bounded(&model.input.generics, p);
    generics.params.extend(items.iter().map(|item| -> syn::GenericParam { syn::parse_quote!(#item) }));
    let predicates = &mut generics.make_where_clause().predicates;
    predicates.extend(
        types
            .iter()
            .zip(&items)
            .map(|(ty, item)| -> syn::WherePredicate { syn::parse_quote!(#ty: #p::FromItems<#item>) }),
    );
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let ident = &model.input.ident;
    let (_, ty_generics, _) = model.input.generics.split_for_impl();
    // A single field needs no tuple.
    let list = |parts: TokenStream| if fields.len() == 1 { parts } else { quote!((#parts)) };
    let item = list(quote!(#(#items),*));
    let whole = list(quote!(#(#types),*));
    let pattern = list(quote!(#(#locals),*));
    let by = quote!(<#whole as #p::FromItems<#item>>);
    let made = quote!(#p::Result::Ok(Self { #(#names: #locals),* }));
    quote! {
        #[automatically_derived]
        impl #impl_generics #p::FromItems<#item> for #ident #ty_generics #where_clause {
            const COLUMNS: #p::Option<usize> = #by::COLUMNS;
            fn from_items(items: #p::Vec<#item>) -> #p::Result<Self> {
                let #pattern = #by::from_items(items)?;
                #made
            }
            fn from_columns(columns: &mut dyn #p::Iterator<Item = #p::TensorData>) -> #p::Result<Self> {
                let #pattern = #by::from_columns(columns)?;
                #made
            }
        }
    }
}
