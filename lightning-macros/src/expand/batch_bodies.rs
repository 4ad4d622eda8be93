//! The bodies of the methods of `Batch`.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::{Generics, Ident, Member};

use super::calls::qualified;
use crate::{
    model::{BatchField, BatchModel, Members},
    paths::RuntimePath,
    spans::{ends, respan},
};

/// The bodies of `batch_size`, `to_device`, `cast` and `stage`.
pub(super) fn expand_struct(model: &BatchModel) -> [TokenStream; 4] {
    let p = model.paths.private();
    let Some(members) = model.variants.first() else {
        return [quote!(#p::Option::None), quote!(self), quote!(self), quote!(self)];
    };
    let place = |member: &Member| quote!(self.#member);
    let size = expand_size(p, members, |member| quote!(&self.#member));
    let rebuilt = |function: TokenStream, arg: TokenStream| {
        let fields = members.fields.iter().map(|field| expand_moved(p, field, place, &function, &arg));
        quote!(Self { #(#fields),* })
    };
    let to_device = rebuilt(quote!(to_device), quote!(device));
    let cast = rebuilt(quote!(cast), quote!(dtype));
    let stage = rebuilt(quote!(stage), quote!(device));
    [size, to_device, cast, stage]
}

/// `match self { Self::Labelled { images: images } => …, }`
pub(super) fn expand_enum(model: &BatchModel) -> [TokenStream; 4] {
    let p = model.paths.private();
    let local = |member: &Member| binding(member).to_token_stream();
    let arms = |body: &dyn Fn(&Members) -> TokenStream| -> Vec<TokenStream> {
        model
            .variants
            .iter()
            .map(|members| {
                let variant = &members.variant;
                let pattern = members.fields.iter().map(|BatchField { member, .. }| {
                    let binding = binding(member);
                    quote!(#member: #binding)
                });
                let body = body(members);
                quote!(Self::#variant { #(#pattern),* } => #body)
            })
            .collect()
    };
    let rebuilt = |members: &Members, function: &TokenStream, arg: &TokenStream| {
        let variant = &members.variant;
        let fields = members.fields.iter().map(|field| expand_moved(p, field, local, function, arg));
        quote!(Self::#variant { #(#fields),* })
    };
    let size = arms(&|members| expand_size(p, members, local));
    let to_device = arms(&|members| rebuilt(members, &quote!(to_device), &quote!(device)));
    let cast = arms(&|members| rebuilt(members, &quote!(cast), &quote!(dtype)));
    let stage = arms(&|members| rebuilt(members, &quote!(stage), &quote!(device)));
    // rustc accepts an empty `match` only on the enum itself, not on a reference.
    let subject = if model.variants.is_empty() { quote!(*self) } else { quote!(self) };
    [
        quote!(match #subject { #(#size,)* }),
        quote!(match self { #(#to_device,)* }),
        quote!(match self { #(#cast,)* }),
        quote!(match self { #(#stage,)* }),
    ]
}

/// The variable that a field of a variant is bound to.
pub(super) fn binding(member: &Member) -> Ident {
    match member {
        Member::Named(name) => format_ident!("__lightning_{}", name),
        Member::Unnamed(index) => format_ident!("__lightning_{}", index.index),
    }
}

/// `P::first_size([P::Batch::batch_size(&self.images), …])`
fn expand_size(p: &RuntimePath, members: &Members, reference: impl Fn(&Member) -> TokenStream) -> TokenStream {
    if let Some(field) = members.fields.iter().find(|field| field.size.is_some()) {
        let span = ends(&field.ty).0;
        let (len, reference) = (respan(quote!(#p::BatchLen), span), respan(reference(&field.member), span));
        let len = quote!(#len::batch_len(#reference));
        return quote!(#p::Option::Some(#len));
    }
    let sizes = members.fields.iter().filter(|field| !field.host).map(|field| {
        let span = ends(&field.ty).0;
        let (batch, reference) =
            (qualified(p, &field.ty, &quote!(Batch::batch_size)), respan(reference(&field.member), span));
        quote!(#batch(#reference))
    });
    quote!(#p::first_size([#(#sizes),*]))
}

/// `images: P::Batch::to_device(self.images, device)`; a host field is left unchanged.
fn expand_moved(
    p: &RuntimePath,
    field: &BatchField,
    place: impl Fn(&Member) -> TokenStream,
    function: &TokenStream,
    arg: &TokenStream,
) -> TokenStream {
    let member = &field.member;
    let place = place(member);
    if field.host {
        return quote!(#member: #place);
    }
    // Spanned at the type, where rustc reports a missing `Batch`.
    let span = ends(&field.ty).0;
    let (batch, place) = (qualified(p, &field.ty, &quote!(Batch::#function)), respan(place, span));
    quote!(#member: #batch(#place, #arg))
}

/// Assumes that each type parameter is a part of the batch.
pub(super) fn bounded(generics: &Generics, p: &RuntimePath) -> Generics {
    let mut generics = generics.clone();
    let params: Vec<Ident> = generics.type_params().map(|param| param.ident.clone()).collect();
    if !params.is_empty() {
        let predicates = &mut generics.make_where_clause().predicates;
        predicates.extend(params.iter().map(|param| -> syn::WherePredicate { syn::parse_quote!(#param: #p::Batch) }));
    }
    generics
}
