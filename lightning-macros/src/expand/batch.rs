//! `#[derive(Batch)]`.

use proc_macro2::TokenStream;
use quote::quote;

use super::{
    assert_at,
    batch_bodies::{bounded, expand_enum, expand_struct},
    batch_saved::expand_saved,
    calls::qualified,
    dims::{expand_field_docs, expand_field_ranks},
    from_items::expand_from_items,
    scoped,
};
use crate::{model::BatchModel, paths::plain, text::text_of};

/// ```text
/// impl P::Batch for DigitBatch {
///     const SIZED: bool = <Tensor<2> as P::Batch>::SIZED;
///     fn batch_size(&self) -> P::Option<usize> {
///         P::first_size([P::Batch::batch_size(&self.images)])
///     }
///     fn to_device(self, device: &P::Device) -> Self {
///         Self { images: P::Batch::to_device(self.images, device) }
///     }
///     fn cast(self, dtype: P::FloatDType) -> Self {
///         Self { images: P::Batch::cast(self.images, dtype) }
///     }
///     fn stage(self, device: &P::Device) -> Self {
///         Self { images: P::Batch::stage(self.images, device) }
///     }
///     fn save_batch(&self, name: &str, out: &mut P::BatchWriter) { … }
///     fn load_batch(name: &str, from: &P::BatchReader<'_>) -> P::Result<Self> { … }
/// }
/// impl<__LightningItem0> P::FromItems<__LightningItem0> for DigitBatch
/// where Tensor<2>: P::FromItems<__LightningItem0> {
///     …
/// }
/// ```
pub(crate) fn expand_batch(model: &BatchModel) -> TokenStream {
    let p = model.paths.private();
    let bodies = if model.is_enum { expand_enum(model) } else { expand_struct(model) };
    let sized = expand_sized(model);
    let batch = implement_batch(model, &sized, bodies, &expand_saved(model));
    let from_items = expand_from_items(model);
    let ranks = expand_field_ranks(model);
    let implementation = quote!(#batch #from_items #ranks);
    let ident = &model.input.ident;
    if !model.input.generics.params.is_empty() {
        return scoped(&model.paths, &[], [implementation]);
    }
    let message = format!(
        "`{0}` has no batch size\n= help: add a tensor field, or mark a `Vec` of samples or a `usize` count with `#[batch(size)]`",
        plain(ident)
    );
    let assertion = assert_at(p, &quote!(assert), ident.span(), &[], quote!(<#ident as #p::Batch>::SIZED, #message));
    scoped(&model.paths, &[], [implementation, assertion])
}

/// The impl after an error: its bodies are never called.
pub(crate) fn expand_inert_batch(model: &BatchModel) -> TokenStream {
    let body = || quote!(::core::unreachable!());
    if model.input.generics.lifetimes().next().is_some() {
        // Already reported: a batch must be `'static`.
        return TokenStream::new();
    }
    let batch = implement_batch(model, &quote!(true), [body(), body(), body(), body()], &TokenStream::new());
    scoped(&model.paths, &[], [batch])
}

fn implement_batch(
    model: &BatchModel,
    sized: &TokenStream,
    [size, to_device, cast, stage]: [TokenStream; 4],
    saved: &TokenStream,
) -> TokenStream {
    let p = model.paths.private();
    let ident = &model.input.ident;
    let generics = bounded(&model.input.generics, p);
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let docs = expand_field_docs(model);
    quote! {
        #docs
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
            #saved
        }
    }
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
