//! The batch types of the steps.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::Type;

use super::{any_of, assert_at, user_impl::modernize};
use crate::{
    hooks::{HookDef, Kind, StepDef},
    model::{ImplModel, Method},
    spans::ends,
    text::text_of,
};

/// `type TrainBatch = DigitBatch;`, and `P::NoBatch` where the `#[cfg]` of the step is false.
pub(super) fn expand_batch_type(model: &ImplModel, hook: &HookDef, step: StepDef) -> TokenStream {
    let p = model.paths.private();
    let name = format_ident!("{}", step.batch);
    let repeated: Vec<usize> = model.repeated().map(|method| method.index).collect();
    let once = model.methods_of(hook).filter(|method| !repeated.contains(&method.index));
    // Bound steps share the batch type of the first.
    let first = model.methods_of(hook).find(|method| method.cfgs.is_empty()).map(|method| method.index);
    let shares = move |method: &Method| method.cfgs.is_empty() && Some(method.index) != first;
    let written = once.filter(move |method| !shares(method)).filter_map(|method| Some((method, batch_type(method)?)));
    // Spanned at the type, where rustc reports a private batch of a public module; at the first of
    // equal types, so that it reports one error.
    let types = written.clone().map(|(Method { cfgs, .. }, ty)| {
        let mut batches = model.methods.iter().filter_map(|method| method.params.batch.as_ref());
        let text = text_of(&ty);
        let first = batches.find(|other| text_of(other) == text).unwrap_or(&ty);
        let item = quote_spanned!(ends(first).0=> type #name = #ty;);
        quote!(#(#cfgs)* #item)
    });
    let places: Vec<_> = written.map(|(method, _)| method.cfgs.clone()).collect();
    let absent = match any_of(&places) {
        Some(_) if places.is_empty() => quote!(type #name = #p::NoBatch;),
        Some(predicate) => quote!(#[cfg(not(#predicate))] type #name = #p::NoBatch;),
        None => TokenStream::new(),
    };
    quote!(#(#types)* #absent)
}

/// `const _: () = P::assert_counted!(DigitBatch);`: means over an epoch are weighted by the number
/// of samples. `()` has none, and a generic batch is checked by `fit`.
pub(super) fn expand_counted(model: &ImplModel) -> Vec<TokenStream> {
    if !model.item.generics.params.is_empty() {
        return Vec::new();
    }
    let p = model.paths.private();
    let mut seen: Vec<String> = Vec::new();
    let mut assertions = Vec::new();
    let is_step = |method: &&Method| method.hook().is_some_and(|hook| matches!(hook.kind, Kind::Step(_)));
    for method in model.methods.iter().filter(is_step) {
        let Some(ty) = method.params.batch.as_ref() else { continue };
        let is_tick = matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty());
        let text = text_of(ty);
        if is_tick || seen.contains(&text) {
            continue;
        }
        assertions.push(assert_at(p, &quote!(assert_counted), ends(ty).0, &method.cfgs, quote!(#ty, #text)));
        seen.push(text);
    }
    assertions
}

/// The batch type, also of an invalid `batch: &Batch`.
pub(super) fn batch_type(method: &Method) -> Option<Type> {
    let mut ty = match method.params.batch.as_ref()? {
        Type::Reference(reference) => (*reference.elem).clone(),
        Type::ImplTrait(_) => return None,
        ty => ty.clone(),
    };
    modernize(|tensors| tensors.visit_type_mut(&mut ty));
    Some(ty)
}
