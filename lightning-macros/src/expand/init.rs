//! `impl InitModule`, from the expressions in the attributes of fields.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

use super::{
    calls::qualified,
    hparam_values::{expand_locals, expand_mentioned},
    implement_at,
    mentions::Mentions,
};
use crate::{
    model::{Field, Role, StructModel},
    spans::{ends, parens},
};

/// ```text
/// impl P::InitModule for Net {
///     type Built = Self;
///     fn init_module(hparams: Self::Hparams, device: &P::Device) -> Self::Built { … }
/// }
/// ```
/// `type Built = P::Result<Self>;` if an expression has a `?`.
pub(super) fn expand_init_module(model: &StructModel, body: TokenStream) -> TokenStream {
    let p = model.paths.private();
    let ident = &model.item.ident;
    let (impl_generics, ty_generics, where_clause) = model.generics.split_for_impl();
    let written = model
        .fields
        .iter()
        .flat_map(|field| &field.roles)
        .find(|role| matches!(role.role, Role::Module(Some(_)) | Role::Buffer(Some(_))));
    // Spanned at the first `#[init(…)]`, where rustc reports a conflicting `fn init`.
    let span = written.map_or(ident.span(), |role| ends(role).0);
    let head = quote!(impl #impl_generics #p::InitModule for #ident #ty_generics);
    let exprs = model.fields.iter().filter_map(|field| match model.role(field) {
        Some(Role::Module(expr) | Role::Buffer(expr)) => expr.as_ref(),
        _ => None,
    });
    let (device, again) = Mentions::of(quote!(#(#exprs)*)).param("device");
    let built = if model.is_built_fallibly() { quote!(#p::Result<Self>) } else { quote!(Self) };
    let body = quote! {
        type Built = #built;
        fn init_module(hparams: Self::Hparams, #device: &#p::Device) -> Self::Built {
            #again
            #body
        }
    };
    implement_at(span, head, where_clause, body)
}

/// ```text
/// let hidden = P::Clone::clone(&hparams.hidden);
/// let fc: Linear = LinearConfig::new(hidden, 10).init(device);
/// let NetHparams { hidden } = hparams;
/// Self { fc, hidden }
/// ```
pub(super) fn expand_body(model: &StructModel) -> TokenStream {
    let mut above: Vec<&Field> = Vec::new();
    let mut lets = Vec::new();
    for field in &model.fields {
        if let Some(local) = expand_local(model, field, &above) {
            lets.push(local);
            above.push(field);
        }
    }
    let fields = model.fields.iter().map(|field| {
        let Field { ident, cfgs, .. } = field;
        match model.role(field) {
            Some(Role::State | Role::Skipped) => {
                let default = expand_default_of(model, field);
                quote!(#(#cfgs)* #ident: #default)
            }
            _ => quote!(#(#cfgs)* #ident),
        }
    });
    let locals = expand_locals(model);
    let module = quote!(Self { #(#fields),* });
    let p = model.paths.private();
    let module = if model.is_built_fallibly() { quote!(#p::Result::Ok(#module)) } else { module };
    quote!(#(#lets)* #locals #module)
}

/// `<Vec<f32> as P::Default>::default()`, spanned at the type, where rustc reports a missing
/// `Default`.
pub(super) fn expand_default_of(model: &StructModel, field: &Field) -> TokenStream {
    let default = qualified(model.paths.private(), &field.ty, &quote!(Default::default));
    let nothing = parens(TokenStream::new(), ends(&field.ty).1);
    quote!(#default #nothing)
}

/// `let hidden = P::Clone::clone(&hparams.hidden); let fc1: Linear = <expr>;`, with the
/// hyperparameters in the expression. A field above that occurs in it is a reference, in a block.
fn expand_local(model: &StructModel, field: &Field, above: &[&Field]) -> Option<TokenStream> {
    let p = model.paths.private();
    let expr = match model.role(field)? {
        Role::Module(expr) | Role::Buffer(expr) => expr.as_ref()?,
        _ => return None,
    };
    let Field { ident, cfgs, .. } = field;
    let ty = expand_type(model, field);
    let mentioned = Mentions::of(expr.to_token_stream());
    let hparams = expand_mentioned(model, &mentioned, "hparams", cfgs);
    let earlier = above.iter().filter(|field| mentioned.contains(&field.ident));
    let earlier = earlier.map(|Field { ident, cfgs, .. }| {
        let (name, again) = mentioned.bindings(ident);
        let again = again.map(|again| quote!(#(#cfgs)* let #again = #name;));
        quote!(#(#cfgs)* let #name = &#ident; #again)
    });
    let earlier: TokenStream = earlier.collect();
    let value = if earlier.is_empty() { quote!(#expr) } else { quote!({ #earlier #expr }) };
    let value = if field.precision.is_some() { quote!(#p::InF32::new(#value)) } else { value };
    let value = if field.frozen.is_some() { quote!(#p::frozen(#value)) } else { value };
    Some(quote!(#(#hparams)* #(#cfgs)* let #ident: #ty = #value;))
}

/// The field's type: `P::InF32<BatchNorm>` for `#[precision(f32)] norm: BatchNorm`.
pub(super) fn expand_type(model: &StructModel, field: &Field) -> syn::Type {
    let (p, ty) = (model.paths.outer(), &field.ty);
    if field.precision.is_none() {
        return ty.clone();
    }
    syn::parse_quote!(#p::InF32<#ty>)
}
