//! `fn init` and `fn configure_optimizers`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};

use super::{
    calls::{expand_arg, expand_output_call, known_params, parts},
    implement_at,
};
use crate::{
    model::{ImplModel, Method},
    paths::RuntimePath,
    spans::{ends, parens, respan},
};

/// ```text
/// impl P::ConfigureOptimizers for Net {
///     const OPTIMIZERS: &'static [&'static str] = &[];
///     fn configure_optimizers(&self, cx: &P::FitContext) -> P::Setups {
///         P::optimizers(Self::configure_optimizers(self, cx))
///     }
/// }
/// ```
pub(super) fn expand_configure(model: &ImplModel, method: &Method) -> TokenStream {
    let p = model.paths.private();
    let known = known_params(method);
    let args = known.iter().map(|(param, ty)| expand_arg(p, param, ty));
    let call = expand_output_call(p, method, &quote!(optimizers), &quote!(self #(, #args)*));
    implement_configure(model, method, call)
}

/// Spanned at the name, where rustc reports a conflicting `#[optimizer(…)]`.
pub(super) fn implement_configure(model: &ImplModel, method: &Method, body: TokenStream) -> TokenStream {
    let p = model.paths.private();
    let (impl_generics, ident, where_clause) = parts(model);
    let cfgs = &method.cfgs;
    let head = quote!(impl #impl_generics #p::ConfigureOptimizers for #ident);
    let body = quote! {
        const OPTIMIZERS: &'static [&'static str] = &[];
        fn configure_optimizers(&self, cx: &#p::FitContext) -> #p::Setups {
            #body
        }
    };
    let implementation = implement_at(method.sig.ident.span(), head, where_clause, body);
    quote!(#(#cfgs)* #[automatically_derived] #implementation)
}

/// ```text
/// impl P::InitModule for Net {
///     type Built = <NetFields as P::InitOutput<Self>>::Built;
///     fn init_module(
///         hparams: <Self as P::LightningStruct>::Hparams, device: &P::Device,
///     ) -> Self::Built {
///         <NetFields as P::InitOutput<Self>>::built(Self::init(&hparams, device), hparams)
///     }
/// }
/// ```
pub(super) fn expand_init_module(model: &ImplModel, method: &Method) -> TokenStream {
    let p = model.paths.private();
    let known = known_params(method);
    let args = known.iter().map(|(param, ty)| expand_arg(p, param, ty));
    let name = &method.sig.ident;
    // For a wrong type the error is equal to that of the associated type, so rustc prints it once.
    let (function, last) = (expand_output_item(p, method, &quote!(built)), output_span(method));
    let args = parens(quote!(Self::#name(#(#args),*), hparams), last);
    implement_init_module(model, method, &expand_output_item(p, method, &quote!(Built)), quote!(#function #args))
}

/// `<NetFields as P::InitOutput<Self>>::Built`, spanned at the return type.
fn expand_output_item(p: &RuntimePath, method: &Method, item: &TokenStream) -> TokenStream {
    let ty = method.output().map_or_else(|| quote!(()), ToTokens::to_token_stream);
    let (first, last) = method.output().map_or_else(|| ends(&method.sig.ident), ends);
    let (open, close) = (respan(quote!(<), first), respan(quote!(as #p::InitOutput<Self>>::#item), last));
    quote!(#open #ty #close)
}

fn output_span(method: &Method) -> Span {
    method.output().map_or_else(|| ends(&method.sig.ident), ends).1
}

pub(super) fn expand_inert_init_module(model: &ImplModel, method: &Method) -> TokenStream {
    let built = match method.may_build() {
        true => expand_output_item(model.paths.private(), method, &quote!(Built)),
        false => quote!(Self),
    };
    implement_init_module(model, method, &built, quote!(::core::unreachable!()))
}

fn implement_init_module(model: &ImplModel, method: &Method, built: &TokenStream, body: TokenStream) -> TokenStream {
    let p = model.paths.private();
    let (impl_generics, ident, where_clause) = parts(model);
    let cfgs = &method.cfgs;
    // Spanned at the name, where rustc reports conflicting `#[init(…)]`s.
    let head = quote!(impl #impl_generics #p::InitModule for #ident);
    let body = quote! {
        type Built = #built;
        fn init_module(hparams: <Self as #p::LightningStruct>::Hparams, device: &#p::Device) -> Self::Built {
            #body
        }
    };
    let implementation = implement_at(method.sig.ident.span(), head, where_clause, body);
    quote!(#(#cfgs)* #[automatically_derived] #implementation)
}
