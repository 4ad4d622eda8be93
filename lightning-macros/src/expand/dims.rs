//! The checks of `#[dims(…)]`, and the shapes in the documentation.

use proc_macro2::{Group, Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Attribute, Expr, ExprClosure, ExprReturn, ImplItemFn, Item, Type, visit_mut::VisitMut};

use super::{
    calls::qualified,
    run_hook::{is_generic, without_self},
};
use crate::{
    model::{BatchField, BatchModel, ImplModel, Members, Method, Shape, Size, written_rank},
    paths::{RuntimePath, plain},
    spans::{ends, local, parens, respan},
    text::text_of,
};

/// `&[P::Dim::Name("batch"), P::Dim::Size(28), P::Dim::Any]`
fn expand_sizes(p: &RuntimePath, shape: &Shape) -> TokenStream {
    let sizes = shape.sizes.iter().map(|size| match size {
        Size::Any => quote!(#p::Dim::Any),
        Size::Is(size) => quote!(#p::Dim::Size(#size)),
        Size::Named(name) => {
            let name = plain(name);
            quote!(#p::Dim::Name(#name))
        }
    });
    quote!(&[#(#sizes),*])
}

/// `<Tensor<4> as P::HasDims>::shapes(&images)`, spanned at the type, where rustc reports one that
/// is not a tensor: equal to the error of [`expand_rank`], so that it is printed once.
fn expand_shapes(p: &RuntimePath, ty: &Type, value: TokenStream) -> TokenStream {
    let (first, last) = ends(ty);
    let shapes = qualified(&p.at(first), ty, &quote!(HasDims::shapes));
    let args = parens(value, last);
    quote!(#shapes #args)
}

/// `param(…)`, of which the panic is located at the type in the signature.
fn located(method: &str, args: TokenStream, ty: &Type) -> (Ident, Group) {
    let at = ends(ty).0;
    (local(method, at), parens(args, Span::call_site().located_at(at)))
}

/// `P::assert!(<Images as P::HasDims>::RANK == 4, "…")`, for a type that does not show its rank.
fn expand_rank(p: &RuntimePath, ty: &Type, shape: &Shape) -> Option<TokenStream> {
    if written_rank(ty).is_some() {
        return None;
    }
    let (found, span) = (shape.sizes.len(), shape.span());
    let message = format!(
        "`#[dims]` must have as many sizes as `{0}` has dimensions, found {found}\n= help: write a size for each dimension, `_` for any",
        text_of(ty)
    );
    let rank = qualified(p, ty, &quote!(HasDims::RANK));
    let assert = respan(quote!(#p::assert!), span);
    let args = parens(quote!(#rank == #found, #message), span);
    Some(quote!(#assert #args))
}

/// ```text
/// out.dims("DigitBatch", |dims| {
///     dims.field("images", &self.images, &[P::Dim::Name("batch"), P::Dim::Size(28)]);
/// });
/// ```
pub(super) fn expand_field_checks(
    model: &BatchModel,
    members: &Members,
    reference: impl Fn(&syn::Member) -> TokenStream,
) -> TokenStream {
    let p = model.paths.private();
    let shaped = || members.fields.iter().filter_map(|field| Some((field, field.shape.as_ref()?)));
    if shaped().next().is_none() {
        return TokenStream::new();
    }
    let owner = match &members.variant {
        Some(variant) => format!("{}::{}", plain(&model.input.ident), plain(variant)),
        None => plain(&model.input.ident),
    };
    let is_generic = !model.input.generics.params.is_empty();
    let checks = shaped().map(|(field, shape)| {
        let (name, sizes) = (name_of(field), expand_sizes(p, shape));
        let shapes = expand_shapes(p, &field.ty, reference(&field.member));
        let rank = expand_rank(p, &field.ty, shape).filter(|_| is_generic).map(|rank| quote!(const { #rank };));
        quote!(#rank dims.field(#name, &#shapes, #sizes);)
    });
    quote!(out.dims(#owner, |dims| { #(#checks)* });)
}

/// The assertions of ranks that the fields' types do not show, outside of generic code.
pub(super) fn expand_field_ranks(model: &BatchModel) -> TokenStream {
    let p = model.paths.private();
    if !model.input.generics.params.is_empty() {
        return TokenStream::new();
    }
    let ranks = model.fields().filter_map(|field| expand_rank(p, &field.ty, field.shape.as_ref()?));
    quote!(#(const _: () = #ranks;)*)
}

/// The shapes of the fields as the documentation of `impl Batch`: a derive cannot add to that of
/// the fields.
pub(super) fn expand_field_docs(model: &BatchModel) -> TokenStream {
    let mut lines = Vec::new();
    for members in &model.variants {
        for field in &members.fields {
            let Some(shape) = &field.shape else { continue };
            let name = match &members.variant {
                Some(variant) => format!("{}::{}", plain(variant), name_of(field)),
                None => name_of(field),
            };
            lines.push(format!("`{name}`. Shape: `{}`.", shape.text()));
        }
    }
    let docs = lines.iter().enumerate().flat_map(|(at, line)| {
        let gap = (at > 0).then(|| quote!(#[doc = ""]));
        [gap.unwrap_or_default(), quote!(#[doc = #line])]
    });
    docs.collect()
}

fn name_of(field: &BatchField) -> String {
    match &field.member {
        syn::Member::Named(name) => plain(name),
        syn::Member::Unnamed(index) => index.index.to_string(),
    }
}

/// The assertions of ranks that the types in signatures do not show, outside of generic code.
pub(super) fn expand_method_ranks(model: &ImplModel) -> TokenStream {
    let p = model.paths.private();
    if is_generic(model) {
        return TokenStream::new();
    }
    let ranks = model.methods.iter().flat_map(|method| {
        let generic = !method.sig.generics.params.is_empty();
        method.shapes.all().filter(move |_| !generic).filter_map(|(ty, shape)| {
            let (cfgs, rank) = (&method.cfgs, expand_rank(p, ty, shape)?);
            let rank = without_self(rank, &model.item.self_ty);
            Some(quote!(#(#cfgs)* const _: () = #rank;))
        })
    });
    ranks.collect()
}

/// Adds the checks to the body of a method, and the shapes to its documentation.
///
/// ```text
/// /// `images`: Shape: `[batch, 1, 28, 28]`.
/// fn forward(&self, images: Tensor<4>) -> Tensor<2> {
///     let mut dims = P::__dims_of_call!("Net::forward");
///     if let Some(dims) = &mut dims {
///         P::bind_hparams::<Self>(dims, &self, &["batch"]);
///         dims.param("images", &images, &[…]);
///     }
///     let result: Tensor<2> = 'body: { … };
///     if let Some(dims) = &mut dims { dims.result(&result, &[…]); }
///     result
/// }
/// ```
pub(super) fn add_checks(model: &ImplModel, method: &Method, function: &mut ImplItemFn) {
    let shapes = &method.shapes;
    if shapes.is_empty() {
        return;
    }
    function.attrs.extend(docs(method));
    let p = model.paths.outer();
    let owner = format!("{}::{}", owner_of(&model.item.self_ty), method.name());
    let (dims, result) = (local("__lightning_dims", Span::call_site()), local("__lightning_result", Span::call_site()));
    let generic = is_generic(model) || !method.sig.generics.params.is_empty();
    let checks = shapes.params.iter().map(|(name, ty, shape)| {
        let (written, sizes) = (plain(name), expand_sizes(p, shape));
        let shapes = expand_shapes(p, ty, quote!(&#name));
        let (param, args) = located("param", quote!(#written, &#shapes, #sizes), ty);
        quote!(#dims.#param #args;)
    });
    let ranks = shapes.all().filter_map(|(ty, shape)| expand_rank(p, ty, shape)).map(|rank| quote!(const { #rank };));
    let ranks = generic.then(|| quote!(#(#ranks)*));
    let mut names: Vec<String> = Vec::new();
    for size in shapes.all().flat_map(|(_, shape)| &shape.sizes) {
        if let Size::Named(name) = size
            && !names.contains(&plain(name))
        {
            names.push(plain(name));
        }
    }
    let hparams = method.sig.receiver().filter(|_| !names.is_empty()).map(|receiver| {
        let this = &receiver.self_token;
        quote!(#p::bind_hparams::<Self>(#dims, &#this, &[#(#names),*]);)
    });
    let checks = quote! {
        #ranks
        let mut #dims = #p::__dims_of_call!(#owner);
        if let #p::Option::Some(#dims) = &mut #dims {
            #hparams
            #(#checks)*
        }
    };
    let block = &mut function.block;
    let Some((ty, shape)) = &shapes.result else {
        let checks: syn::Block = syn::parse_quote!({ #checks });
        block.stmts.splice(0..0, checks.stmts);
        return;
    };
    Returns.visit_block_mut(block);
    let sizes = expand_sizes(p, shape);
    let found = expand_shapes(p, ty, quote!(&#result));
    let (compared, args) = located("result", quote!(&#found, #sizes), ty);
    *block = syn::parse_quote!({
        #checks
        // Of a body that is `todo!()`.
        #[allow(clippy::diverging_sub_expression)]
        let #result: #ty = '__lightning_body: #block;
        #[allow(unreachable_code, clippy::needless_return)]
        return {
            if let #p::Option::Some(#dims) = &mut #dims {
                #dims.#compared #args;
            }
            #result
        };
    });
}

/// `Net` of `nets::Net<A>`.
fn owner_of(ty: &Type) -> String {
    match ty {
        Type::Path(path) => path.path.segments.last().map_or_else(|| text_of(ty), |last| plain(&last.ident)),
        _ => text_of(ty),
    }
}

fn docs(method: &Method) -> Vec<Attribute> {
    let params = method.shapes.params.iter().map(|(name, _, shape)| {
        let name = plain(name);
        format!("`{}`. Shape: `{}`.", name.trim_start_matches('_'), shape.text())
    });
    let result = method.shapes.result.iter().map(|(_, shape)| format!("The result. Shape: `{}`.", shape.text()));
    let lines = params.chain(result).flat_map(|line| [String::new(), line]);
    lines.map(|line| syn::parse_quote!(#[doc = #line])).collect()
}

/// Replaces `return x` of the method itself, so that every result is compared. In a macro call it
/// stays.
struct Returns;

impl VisitMut for Returns {
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        syn::visit_mut::visit_expr_mut(self, expr);
        if let Expr::Return(ExprReturn { expr: value, return_token, attrs }) = expr {
            let value = value.as_ref().map(ToTokens::to_token_stream);
            let keyword = quote_spanned!(return_token.span=> break '__lightning_body);
            *expr = Expr::Verbatim(quote!(#(#attrs)* #keyword #value));
        }
    }

    fn visit_expr_closure_mut(&mut self, _: &mut ExprClosure) {}

    fn visit_expr_async_mut(&mut self, _: &mut syn::ExprAsync) {}

    fn visit_item_mut(&mut self, _: &mut Item) {}
}
