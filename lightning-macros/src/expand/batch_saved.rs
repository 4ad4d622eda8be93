//! The methods of `Batch` that write a batch to a file and read it.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::Member;

use super::{batch_bodies::binding, calls::qualified, dims::expand_field_checks};
use crate::{
    model::{BatchField, BatchModel, Members},
    paths::{RuntimePath, plain},
    spans::{ends, respan},
};

/// ```text
/// fn save_batch(&self, name: &str, out: &mut P::BatchWriter) {
///     P::Batch::save_batch(&self.images, &P::part(name, "images"), out);
/// }
/// fn load_batch(name: &str, from: &P::BatchReader<'_>) -> P::Result<Self> {
///     P::Result::Ok(Self { images: P::Batch::load_batch(&P::part(name, "images"), from)? })
/// }
/// ```
pub(super) fn expand_saved(model: &BatchModel) -> TokenStream {
    let p = model.paths.private();
    let (save, load) = if model.is_enum { of_enum(model, p) } else { of_struct(model, p) };
    let traits = model.fields().any(|field| field.host).then(|| {
        quote! {
            #[allow(unused_imports)]
            use #p::{RefusesHost as _, SavesHost as _};
        }
    });
    quote! {
        fn save_batch(&self, name: &str, out: &mut #p::BatchWriter) {
            #traits
            let _ = (name, &out);
            #save
        }
        fn load_batch(name: &str, from: &#p::BatchReader<'_>) -> #p::Result<Self> {
            #traits
            let _ = (name, from);
            #load
        }
    }
}

fn of_struct(model: &BatchModel, p: &RuntimePath) -> (TokenStream, TokenStream) {
    let Some(members) = model.variants.first() else {
        return (TokenStream::new(), quote!(#p::Result::Err(from.refuse::<Self>(name))));
    };
    let reference = |member: &Member| quote!(&self.#member);
    let checks = expand_field_checks(model, members, reference);
    let save = expand_save(p, members, reference);
    let fields = members.fields.iter().map(|field| expand_load(p, field));
    (quote!(#checks #save), quote!(#p::Result::Ok(Self { #(#fields),* })))
}

fn of_enum(model: &BatchModel, p: &RuntimePath) -> (TokenStream, TokenStream) {
    if model.variants.is_empty() {
        return (quote!(match *self {}), quote!(#p::Result::Err(from.refuse::<Self>(name))));
    }
    let save = model.variants.iter().map(|members| {
        let variant = &members.variant;
        let pattern = members.fields.iter().map(|BatchField { member, .. }| {
            let binding = binding(member);
            quote!(#member: #binding)
        });
        let text = members.variant.as_ref().map(plain);
        let reference = |member: &Member| binding(member).to_token_stream();
        let checks = expand_field_checks(model, members, reference);
        let body = expand_save(p, members, reference);
        quote!(Self::#variant { #(#pattern),* } => { #checks out.variant(name, #text); #body })
    });
    let load = model.variants.iter().map(|members| {
        let (variant, text) = (&members.variant, members.variant.as_ref().map(plain));
        let fields = members.fields.iter().map(|field| expand_load(p, field));
        quote!(#text => #p::Result::Ok(Self::#variant { #(#fields),* }))
    });
    let save = quote!(match self { #(#save)* });
    let load = quote! {
        match &*from.variant(name)? {
            #(#load,)*
            _ => #p::Result::Err(from.refuse::<Self>(name)),
        }
    };
    (save, load)
}

/// The name of a field in a file.
fn part(p: &RuntimePath, member: &Member) -> TokenStream {
    let field = match member {
        Member::Named(name) => plain(name),
        Member::Unnamed(index) => index.index.to_string(),
    };
    quote!(&#p::part(name, #field))
}

fn expand_save(p: &RuntimePath, members: &Members, reference: impl Fn(&Member) -> TokenStream) -> TokenStream {
    let declared = members.fields.iter().any(|field| field.size.is_some()).then(|| quote!(out.size_is_declared();));
    let fields = members.fields.iter().map(|field| {
        let (part, reference, ty) = (part(p, &field.member), reference(&field.member), &field.ty);
        if field.host {
            return quote!((&#p::HostField::<#ty>::new()).save_host(#reference, #part, out););
        }
        let (batch, reference) = (qualified(p, ty, &quote!(Batch::save_batch)), respan(reference, ends(ty).0));
        quote!(#batch(#reference, #part, out);)
    });
    quote!(#declared #(#fields)*)
}

fn expand_load(p: &RuntimePath, field: &BatchField) -> TokenStream {
    let (member, part, ty) = (&field.member, part(p, &field.member), &field.ty);
    if field.host {
        return quote!(#member: (&#p::HostField::<#ty>::new()).load_host(#part, from)?);
    }
    let batch = qualified(p, ty, &quote!(Batch::load_batch));
    quote!(#member: #batch(#part, from)?)
}
