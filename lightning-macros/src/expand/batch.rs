//! `#[derive(Batch)]`.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::{Generics, Ident, Member};

use super::{assert_at, calls::qualified, ends, respan, scoped};
use crate::{
    model::{BatchField, BatchModel, Members},
    paths::{RuntimePath, plain},
    text::text_of,
};

/// ```text
/// impl P::Batch for DigitBatch {
///     const SIZED: bool = <Tensor<2> as P::Batch>::SIZED;
///     fn batch_size(&self) -> P::Option<usize> { P::first_size([P::Batch::batch_size(&self.images)]) }
///     fn to_device(self, device: &P::Device) -> Self { Self { images: P::Batch::to_device(self.images, device) } }
///     fn cast(self, dtype: P::FloatDType) -> Self { Self { images: P::Batch::cast(self.images, dtype) } }
///     fn stage(self, device: &P::Device) -> Self { Self { images: P::Batch::stage(self.images, device) } }
/// }
/// impl<__LightningItem0> P::FromItems<__LightningItem0> for DigitBatch where Tensor<2>: P::FromItems<__LightningItem0> { … }
/// ```
pub(crate) fn expand_batch(model: &BatchModel) -> TokenStream {
    let p = model.paths.private();
    let bodies = if model.is_enum { expand_enum(model) } else { expand_struct(model) };
    let sized = expand_sized(model);
    let batch = implement_batch(model, &sized, bodies);
    let from_items = expand_from_items(model);
    let implementation = quote!(#batch #from_items);
    let ident = &model.input.ident;
    if !model.input.generics.params.is_empty() {
        return scoped(&model.paths, &[], [implementation]);
    }
    let message = format!(
        "nothing in `{0}` carries the batch size\n= help: add a tensor field, or write `#[batch(size)]` on a `Vec` of the samples or a `usize` with their number",
        plain(ident)
    );
    let assertion = assert_at(p, &quote!(assert), ident.span(), &[], quote!(<#ident as #p::Batch>::SIZED, #message));
    scoped(&model.paths, &[], [implementation, assertion])
}

/// The impl with bodies that never run.
pub(crate) fn expand_inert_batch(model: &BatchModel) -> TokenStream {
    let body = || quote!(::core::unreachable!());
    if model.input.generics.lifetimes().next().is_some() {
        // Reported already: a batch of borrowed data cannot be `'static`.
        return TokenStream::new();
    }
    let batch = implement_batch(model, &quote!(true), [body(), body(), body(), body()]);
    scoped(&model.paths, &[], [batch])
}

fn implement_batch(
    model: &BatchModel,
    sized: &TokenStream,
    [size, to_device, cast, stage]: [TokenStream; 4],
) -> TokenStream {
    let p = model.paths.private();
    let ident = &model.input.ident;
    let generics = bounded(&model.input.generics, p);
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #impl_generics #p::Batch for #ident #ty_generics #where_clause {
            const SIZED: bool = #sized;
            fn batch_size(&self) -> #p::Option<usize> {
                #size
            }
            fn to_device(self, device: &#p::Device) -> Self {
                #to_device
            }
            fn cast(self, dtype: #p::FloatDType) -> Self {
                #cast
            }
            fn stage(self, device: &#p::Device) -> Self {
                #stage
            }
        }
    }
}

/// A type parameter is taken to be, or to hold, a part of the batch.
fn bounded(generics: &Generics, p: &RuntimePath) -> Generics {
    let mut generics = generics.clone();
    let params: Vec<Ident> = generics.type_params().map(|param| param.ident.clone()).collect();
    if !params.is_empty() {
        let predicates = &mut generics.make_where_clause().predicates;
        predicates.extend(params.iter().map(|param| -> syn::WherePredicate { syn::parse_quote!(#param: #p::Batch) }));
    }
    generics
}

/// `<Tensor<2> as P::Batch>::SIZED || <Tensor<1, Int> as P::Batch>::SIZED`
fn expand_sized(model: &BatchModel) -> TokenStream {
    let p = model.paths.private();
    if model.fields().any(|field| field.size.is_some()) {
        return quote!(true);
    }
    let mut types: Vec<TokenStream> = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    for field in model.fields().filter(|field| !field.host) {
        let text = text_of(&field.ty);
        if !seen.contains(&text) {
            types.push(qualified(p, &field.ty, &quote!(Batch::SIZED)));
            seen.push(text);
        }
    }
    if types.is_empty() {
        return quote!(false);
    }
    quote!(#(#types)||*)
}

/// The bodies of `batch_size`, `to_device`, `cast` and `stage`.
fn expand_struct(model: &BatchModel) -> [TokenStream; 4] {
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
fn expand_enum(model: &BatchModel) -> [TokenStream; 4] {
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
                // A variant of the batch size needs one of its fields only.
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
    // A reference to an empty enum has to be matched behind the reference.
    let subject = if model.variants.is_empty() { quote!(*self) } else { quote!(self) };
    [
        quote!(match #subject { #(#size,)* }),
        quote!(match self { #(#to_device,)* }),
        quote!(match self { #(#cast,)* }),
        quote!(match self { #(#stage,)* }),
    ]
}

/// Members of the longest tuple that has `FromItems`.
const LONGEST: usize = 8;

/// ```text
/// impl<__LightningItem0, __LightningItem1> P::FromItems<(__LightningItem0, __LightningItem1)> for DigitBatch
/// where Tensor<2>: P::FromItems<__LightningItem0>, Tensor<1, Int>: P::FromItems<__LightningItem1> {
///     const COLUMNS: P::Option<usize> = <(Tensor<2>, Tensor<1, Int>) as P::FromItems<(…)>>::COLUMNS;
///     fn from_items(items: P::Vec<(…)>) -> P::Result<Self> { let (images, targets) = <(…) as P::FromItems<(…)>>::from_items(items)?; … }
///     fn from_columns(columns: …) -> P::Result<Self> { … }
/// }
/// ```
/// The default `collate` of a loader whose items are tuples in the order of the fields.
fn expand_from_items(model: &BatchModel) -> TokenStream {
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

/// The variable that a field of a variant is bound to.
fn binding(member: &Member) -> Ident {
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

/// `images: P::Batch::to_device(self.images, device)`; a host field stays as it is.
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
    // Spanned at the type: one that is no batch is reported there.
    let span = ends(&field.ty).0;
    let (batch, place) = (qualified(p, &field.ty, &quote!(Batch::#function)), respan(place, span));
    quote!(#member: #batch(#place, #arg))
}
