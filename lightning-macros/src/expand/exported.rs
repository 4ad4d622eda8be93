//! The steps that are recorded as a graph: `forward`, and `predict_step`, which an export prefers.

use proc_macro2::{Literal, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::{FnArg, Pat, ReceiverKind, Type};

use crate::{
    model::{ImplModel, Meant, Method},
    paths::{RuntimePath, plain},
};

/// ```text
/// const FORWARD: bool = true;
/// fn forward_step(&self, example: &P::BatchReader<'_>, results: &mut P::BatchWriter) -> P::Result<()> {
///     use P::{Exports as _, RefusesExport as _, RefusesParameter as _, TakesPart as _};
///     let images = (&P::StepParameter::<Tensor<2>>::new()).take("images", 0, 1, example)?;
///     P::Exported(Self::forward(self, images)).export(results)
/// }
/// ```
///
/// And for a `predict_step`, which an export prefers:
///
/// ```text
/// const EXPORTED: &'static str = "predict_step";
/// fn exported_step(&self, example: &P::BatchReader<'_>, results: &mut P::BatchWriter) -> P::Result<()> {
///     use P::{Exports as _, RefusesExport as _};
///     P::Exported(P::predicted(self, example)?).export(results)
/// }
/// ```
pub(super) fn expand_exported(model: &ImplModel) -> TokenStream {
    let p = model.paths.private();
    let forward =
        model.methods.iter().find(|method| matches!(method.meant, Meant::Ordinary) && method.name() == "forward");
    let mut items = forward.and_then(|method| expand_forward(p, method)).unwrap_or_default();
    let predicts = |method: &&Method| {
        matches!(method.meant, Meant::Hook(hook) if hook.name == "predict_step")
            && method.output().is_none_or(|output| !is_bare_result(output))
    };
    for method in model.methods.iter().filter(predicts) {
        let cfgs = &method.cfgs;
        items.extend(quote! {
            #(#cfgs)*
            const EXPORTED: &'static str = "predict_step";
            #(#cfgs)*
            fn exported_step(&self, example: &#p::BatchReader<'_>, results: &mut #p::BatchWriter) -> #p::Result<()> {
                use #p::{Exports as _, RefusesExport as _};
                #p::Exported(#p::predicted(self, example)?).export(results)
            }
        });
    }
    items
}

/// Nothing for a `forward` that cannot be called with values alone: a generic one, or one with another
/// receiver.
fn expand_forward(p: &RuntimePath, method: &Method) -> Option<TokenStream> {
    let sig = &method.sig;
    let is_plain = sig.generics.params.is_empty()
        && sig.generics.where_clause.is_none()
        && sig.asyncness.is_none()
        && matches!(sig.safety, syn::Safety::Default);
    let mut inputs = sig.inputs.iter();
    let takes_self = matches!(
        inputs.next(),
        Some(FnArg::Receiver(receiver)) if matches!(receiver.kind, ReceiverKind::Reference(_, _, None))
    );
    method.output().filter(|_| is_plain && takes_self)?;
    let count = Literal::usize_unsuffixed(inputs.len());
    let mut parts = TokenStream::new();
    let mut args = quote!(self);
    for (index, input) in inputs.enumerate() {
        let FnArg::Typed(typed) = input else { return None };
        let (ty, borrow) = match &*typed.ty {
            Type::Reference(reference) if reference.mutability.is_none() => (&*reference.elem, quote!(&)),
            ty => (ty, TokenStream::new()),
        };
        if !has_values(ty) {
            return None;
        }
        // A pattern has no name; its parts are found by number.
        let name = match &*typed.pat {
            Pat::Ident(ident) => plain(&ident.ident),
            _ => index.to_string(),
        };
        let part = format_ident!("__lightning_{index}");
        let index = Literal::usize_unsuffixed(index);
        parts.extend(quote! {
            let #part = (&#p::StepParameter::<#ty>::new()).take(#name, #index, #count, example)?;
        });
        args.extend(quote!(, #borrow #part));
    }
    let ident = &sig.ident;
    let cfgs = &method.cfgs;
    Some(quote! {
        #(#cfgs)*
        const FORWARD: bool = true;
        #(#cfgs)*
        fn forward_step(&self, example: &#p::BatchReader<'_>, results: &mut #p::BatchWriter) -> #p::Result<()> {
            use #p::{Exports as _, RefusesExport as _, RefusesParameter as _, TakesPart as _};
            #parts
            #p::Exported(Self::#ident(#args)).export(results)
        }
    })
}

/// Whether a type is named `Result` and has no arguments: if it is not a `Result<T, E>`, rustc reports it for the
/// step, and would report it again here.
fn is_bare_result(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    path.path.segments.last().is_some_and(|last| last.ident == "Result" && last.arguments.is_none())
}

/// Whether a type can be that of a variable, as far as its tokens tell.
fn has_values(ty: &Type) -> bool {
    const UNSIZED: [&str; 4] = ["str", "Path", "OsStr", "CStr"];
    let is_sized = match ty {
        Type::Path(path) => path.path.segments.last().is_some_and(|last| UNSIZED.iter().all(|name| last.ident != name)),
        Type::Tuple(_) | Type::Array(_) | Type::Paren(_) | Type::Group(_) => true,
        _ => false,
    };
    is_sized && !contains_impl(ty.to_token_stream())
}

/// Whether `impl Trait` is anywhere in a type.
fn contains_impl(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == "impl",
        TokenTree::Group(group) => contains_impl(group.stream()),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}
