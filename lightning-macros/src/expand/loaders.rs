//! The methods that return loaders, of a data module or of a module.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Type;

use super::{
    any_of,
    calls::{parts, qualified, stretch},
};
use crate::{
    hooks::{HookDef, Kind, Owner},
    model::{ImplModel, Meant, Method},
    spans::{braces, ends, parens, respan},
};

/// ```text
/// impl P::ModuleLoaders for Net {
///     type Train = P::Has<…>; type Val = P::NoLoader; …
///     fn train_dataloader(&mut self) -> P::Result<Self::Train> { … } // as in a data module
///     …
/// }
/// ```
/// for a module with a loader.
pub(super) fn expand_own_loaders(model: &ImplModel) -> Option<TokenStream> {
    implement_own_loaders(model, |hook| expand_loader(model, hook))
}

/// The types of the loaders after an error; the bodies are never called.
pub(super) fn expand_inert_own_loaders(model: &ImplModel) -> Option<TokenStream> {
    implement_own_loaders(model, |hook| expand_inert_loader(model, hook))
}

fn implement_own_loaders(model: &ImplModel, expand: impl Fn(&HookDef) -> TokenStream) -> Option<TokenStream> {
    let rows = || HookDef::of(Owner::Module).filter(|hook| hook.kind == Kind::Loader);
    rows().find(|hook| model.methods_of(hook).next().is_some())?;
    let p = model.paths.private();
    let (impl_generics, ident, where_clause) = parts(model);
    let members = rows().map(expand);
    Some(quote! {
        #[automatically_derived]
        impl #impl_generics #p::ModuleLoaders for #ident #where_clause {
            #(#members)*
        }
    })
}

pub(super) fn expand_inert_loader(model: &ImplModel, hook: &HookDef) -> TokenStream {
    let ty = expand_loader_type(model, hook);
    let body = |_: Option<&Method>| quote!(::core::unreachable!());
    let function = expand_loader_fn(model, hook, body);
    quote!(#ty #function)
}

pub(super) fn expand_loader(model: &ImplModel, hook: &HookDef) -> TokenStream {
    let p = model.paths.private();
    let ty = expand_loader_type(model, hook);
    let function = expand_loader_fn(model, hook, |method| match method {
        Some(method) => {
            let call = expand_loader_call(model, method);
            // Spanned at the type, like everything that requires it to be a loader.
            let span = method.output().map_or_else(Span::call_site, |ty| ends(ty).0);
            let (ok, has) = (respan(quote!(#p::Result::Ok), span), respan(quote!(#p::Has), span));
            let question = syn::Token![?](span);
            let loader = parens(quote!(#call #question), span);
            let present = parens(quote!(#has #loader), span);
            quote!(#ok #present)
        }
        None => quote!(#p::Result::Ok(#p::NoLoader)),
    });
    quote!(#ty #function)
}

/// `<Result<DataLoader<B>> as P::LoaderOutput>::into_loader(<Data>::train_dataloader(self))`: for a
/// type that is not a loader the error is equal to that of the associated type, so rustc prints it
/// once.
fn expand_loader_call(model: &ImplModel, method: &Method) -> TokenStream {
    let Some(ty) = method.output() else { return TokenStream::new() };
    let (first, last) = ends(ty);
    let convert = qualified(model.paths.private(), ty, &quote!(LoaderOutput::into_loader));
    let mut name = method.sig.ident.clone();
    name.set_span(first);
    let owner = respan(model.item.self_ty.to_token_stream(), first);
    let args = parens(quote!(self), last);
    let call = parens(quote_spanned!(first=> <#owner>::#name #args), last);
    quote!(#convert #call)
}

/// `type Train = P::Has<<Result<DataLoader<B>> as P::LoaderOutput>::Loader>;`
fn expand_loader_type(model: &ImplModel, hook: &HookDef) -> TokenStream {
    let p = model.paths.private();
    let name = format_ident!("{}", hook.variant);
    let written = loaders(model, hook).map(|(Method { cfgs, .. }, ty)| {
        let loader = qualified(p, ty, &quote!(LoaderOutput::Loader));
        let (first, last) = ends(ty);
        // All tokens are spanned at the type; otherwise rustc also reports the attribute.
        let (open, close) = (respan(quote!(type #name = #p::Has<), first), respan(quote!(>;), last));
        quote!(#(#cfgs)* #open #loader #close)
    });
    let absent = absence(model, hook, quote!(type #name = #p::NoLoader;));
    quote!(#(#written)* #absent)
}

fn expand_loader_fn(model: &ImplModel, hook: &HookDef, body: impl Fn(Option<&Method>) -> TokenStream) -> TokenStream {
    let p = model.paths.private();
    let name = format_ident!("{}", hook.name);
    let ty = format_ident!("{}", hook.variant);
    let function = |span: Span, returned: TokenStream, body: TokenStream| {
        let (keyword, name) = (syn::Token![fn](span), respan(name.to_token_stream(), span));
        let receiver = respan(quote!((&mut self)), span);
        let arrow = respan(quote!(->), span);
        let block = braces(body, span);
        quote!(#keyword #name #receiver #arrow #returned #block)
    };
    let returned = quote!(#p::Result<Self::#ty>);
    let written = loaders(model, hook).map(|(method, written)| {
        let cfgs = &method.cfgs;
        // Spanned at the return type, where rustc reports a type that is not a loader.
        let function = function(ends(written).0, stretch(returned.clone(), written), body(Some(method)));
        quote!(#(#cfgs)* #function)
    });
    let absent = absence(model, hook, function(Span::call_site(), returned.clone(), body(None)));
    quote!(#(#written)* #absent)
}

/// The methods that return the loader, with their types; after an error, those with a concrete
/// type.
fn loaders<'a>(model: &'a ImplModel, hook: &'a HookDef) -> impl Iterator<Item = (&'a Method, &'a Type)> {
    let spelt_right = |method: &Method| matches!(method.meant, Meant::Hook(_) | Meant::NearMiss(_));
    model.methods_of(hook).filter(move |method| spelt_right(method)).filter_map(|method| match method.output()? {
        Type::ImplTrait(_) => None,
        ty => Some((method, ty)),
    })
}

/// The item for a missing loader, with the inverse of the methods' `#[cfg]`s.
fn absence(model: &ImplModel, hook: &HookDef, item: TokenStream) -> TokenStream {
    let places: Vec<_> = loaders(model, hook).map(|(method, _)| method.cfgs.clone()).collect();
    match any_of(&places) {
        Some(_) if places.is_empty() => item,
        Some(predicate) => quote!(#[cfg(not(#predicate))] #item),
        None => TokenStream::new(),
    }
}
