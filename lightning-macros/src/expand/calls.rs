//! Calls of the user's methods, spanned at the types in their signatures.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Generics, Ident, Type};

use super::wrapped_call;
use crate::{
    hooks::{Arg, Kind, ParamDef},
    model::{ImplModel, Method, Param},
    paths::RuntimePath,
    spans::{ends, local, parens, respan},
};

/// The type behind a reference.
pub(super) fn referred(ty: &Type) -> &Type {
    match ty {
        Type::Reference(reference) => &reference.elem,
        ty => ty,
    }
}

/// The parameters of the row, in the user's order.
pub(super) fn known_params(method: &Method) -> Vec<(&'static ParamDef, &Type)> {
    let known = method.params.all.iter().filter_map(|param| match param {
        Param::Known(param, ty) => Some((*param, &**ty)),
        Param::Batch | Param::Unknown(_) => None,
    });
    known.collect()
}

/// `P::arg::<usize>(cx.batch_idx())`
pub(super) fn expand_arg(p: &RuntimePath, param: &ParamDef, ty: &Type) -> TokenStream {
    let span = ends(ty).0;
    let name = Ident::new(param.name, span);
    let (cx, same) = (local("cx", span), local(param.name, span));
    let given = match param.arg {
        Arg::Context => cx.into_token_stream(),
        Arg::FromContext => quote_spanned!(span=> #cx.#name()),
        Arg::Same | Arg::Batch(_) | Arg::Output | Arg::Outputs(_) => same.into_token_stream(),
        Arg::Borrowed => quote_spanned!(span=> &#same),
    };
    expand_given(p, ty, given)
}

/// Spanned at the type in the signature, where rustc reports a wrong type together with the right
/// one. Call and argument have the same hygiene; otherwise rustc underlines the attribute.
pub(super) fn expand_given(p: &RuntimePath, ty: &Type, given: TokenStream) -> TokenStream {
    let (first, last) = ends(ty);
    let (first, last) = (Span::call_site().located_at(first), Span::call_site().located_at(last));
    let function = respan(quote!(#p::arg::<), first);
    let close = respan(quote!(>), last);
    let given = parens(given, last);
    quote!(#function #ty #close #given)
}

/// `<Result<T> as P::FallibleOutput>::into_fallible_output(Self::predict_step(self, …))`: for a
/// type other than `Result` the error is equal to that of the associated type, so rustc prints it
/// once.
pub(super) fn expand_fallible_call(p: &RuntimePath, method: &Method, args: &TokenStream) -> TokenStream {
    let Some(ty) = method.output() else { return TokenStream::new() };
    let convert = qualified(p, ty, &quote!(FallibleOutput::into_fallible_output));
    let (first, last) = ends(ty);
    let mut name = method.sig.ident.clone();
    name.set_span(first);
    let arguments = parens(args.clone(), last);
    let call = parens(quote_spanned!(first=> Self::#name #arguments), last);
    quote!(#convert #call)
}

/// Generated tokens that are underlined as the type: the first token has the type's first span, the
/// others its last.
pub(super) fn stretch(tokens: TokenStream, ty: &Type) -> TokenStream {
    let (first, last) = ends(ty);
    let mut tokens = tokens.into_iter();
    let head = respan(tokens.by_ref().take(1).collect(), first);
    let rest = respan(tokens.collect(), last);
    quote!(#head #rest)
}

/// `<Ty as P::Trait>::item`, spanned at the type.
pub(super) fn qualified(p: &RuntimePath, ty: &Type, item: &TokenStream) -> TokenStream {
    let (first, last) = ends(ty);
    let open = respan(quote!(<), first);
    let mut path = item.clone().into_iter();
    let implements: TokenStream = path.by_ref().take(1).collect();
    let implements = respan(quote!(as #p::#implements>), first);
    let rest = respan(path.collect(), last);
    quote!(#open #ty #implements #rest)
}

/// `P::training_output(Self::training_step(self, …))`, spanned at the return type, or at the name
/// without one.
pub(super) fn expand_output_call(
    p: &RuntimePath,
    method: &Method,
    output: &TokenStream,
    args: &TokenStream,
) -> TokenStream {
    let ident = &method.sig.ident;
    let at = method.output().map_or_else(|| ident.to_token_stream(), ToTokens::to_token_stream);
    let path = |span| {
        let mut name = ident.clone();
        name.set_span(span);
        quote_spanned!(span=> Self::#name)
    };
    wrapped_call(p, output, path, args, at)
}

pub(super) fn methods_that(model: &ImplModel, kind: Kind) -> impl Iterator<Item = &Method> {
    model.methods.iter().filter(move |method| matches!(method.hook(), Some(hook) if hook.kind == kind))
}

/// The generics, the type and the where clause of an `impl … for …`.
pub(super) fn parts(model: &ImplModel) -> (impl ToTokens + '_, &Type, Option<&syn::WhereClause>) {
    let generics: &Generics = &model.item.generics;
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    (impl_generics, &model.item.self_ty, where_clause)
}
