//! The user's own impl: log calls, and changes after an error.

use proc_macro2::{Literal, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{FnArg, ImplItem, ReceiverKind, Type, visit_mut::VisitMut};

use super::{dims::add_checks, own_keys::own_keys};
use crate::{
    hooks::{Owner, Receiver},
    model::{ImplModel, LogForm, Method, expand_placeholders},
    parse::modern_tensor,
    paths::{constant_ident, plain},
    python_hints::read_fields,
    spans::{ends, parens, respan},
    text::text_of,
};

pub(super) fn expand_item(
    model: &ImplModel,
    checks: bool,
    replacement: impl Fn(&Method, usize) -> TokenStream,
) -> TokenStream {
    let mut item = model.item.clone();
    let p = model.paths.outer();
    for method in &model.methods {
        if let Some(ImplItem::Fn(function)) = item.items.get_mut(method.index) {
            expand_placeholders(&mut function.block, |site| replacement(method, site));
            if model.owner == Owner::Module {
                read_fields(p, &method.sig, &mut function.block);
                own_keys(p, method, &mut function.block);
            }
            if method.hints.on_self {
                // A method of the module has priority, and the import is then unused.
                let words = syn::parse_quote!(#[allow(unused_imports)] use #p::PythonHints as _;);
                function.block.stmts.insert(0, words);
            }
            if checks {
                add_checks(model, method, function);
            }
        }
    }
    item.into_token_stream()
}

/// `P::log::<Self, _>(0, &train_loss);`
pub(super) fn expand_log_calls(model: &ImplModel, method: &Method, site: usize) -> TokenStream {
    let p = model.paths.outer();
    let (Some(log), Some(slots)) = (method.logs.get(site), method.slots.get(site)) else { return TokenStream::new() };
    let cfgs = &log.own_cfgs;
    let calls = slots.iter().map(|(variable, slot)| {
        // Spanned at the variable, where rustc reports a type that cannot be logged.
        let span = variable.span();
        let (p, slot) = (p.at(span), Literal::usize_unsuffixed(*slot));
        let options = &log.options;
        // Spanned at the expression, where rustc reports a weight that is not a number.
        let weight = options.batch_size.as_ref().map(|size| {
            let (first, last) = ends(size);
            let (weight, size) = (respan(quote!(#p::log_weight), first), parens(size.to_token_stream(), last));
            quote!(#weight #size)
        });
        let call = match (&options.per_stage, &weight, &options.metric) {
            (per_stage, _, Some(metric)) => {
                let log =
                    if per_stage.is_some() { quote_spanned!(span=> log_per_stage) } else { quote_spanned!(span=> log) };
                quote_spanned!(span=> #p::logged_metric::<Self, _, _>(#slot, || #metric).#log(&#variable);)
            }
            (Some(_), Some(size), None) => {
                quote_spanned!(span=> #p::log_weighted_per_stage::<Self, _>(#slot, &#variable, #size);)
            }
            (Some(_), None, None) => quote_spanned!(span=> #p::log_per_stage::<Self, _>(#slot, &#variable);),
            (None, Some(size), None) => {
                quote_spanned!(span=> #p::log_weighted::<Self, _>(#slot, &#variable, #size);)
            }
            (None, None, None) => quote_spanned!(span=> #p::log::<Self, _>(#slot, &#variable);),
        };
        // The closure delays the construction of the metric, which happens once per run.
        let allow = options.metric.as_ref().map(|_| quote!(#[allow(clippy::redundant_closure)]));
        quote!(#(#cfgs)* #allow #call)
    });
    calls.collect()
}

/// The user's impl after an error: logged variables are used, and old tensor types are replaced.
pub(super) fn expand_inert_item(model: &ImplModel) -> TokenStream {
    let mut item = expand_item(model, false, |method, site| {
        // A variable without a value cannot be used.
        let logged = method.logs.get(site).filter(|site| site.form != LogForm::Declaration);
        let bindings = logged.map(|site| site.bindings.as_slice()).unwrap_or_default();
        quote!(#(let _ = &#bindings;)*)
    });
    if let Ok(mut parsed) = syn::parse2::<syn::ItemImpl>(item.clone()) {
        drop_python_bodies(model, &mut parsed);
        correct_signatures(model, &mut parsed);
        drop_colliding(model, &mut parsed);
        modernize(|tensors| tensors.visit_item_impl_mut(&mut parsed));
        item = parsed.into_token_stream();
    }
    item
}

/// Replaces the bodies that use `self.trainer`: this is already reported, and rustc would report
/// the missing field again.
fn drop_python_bodies(model: &ImplModel, item: &mut syn::ItemImpl) {
    for method in model.methods.iter().filter(|method| !method.hints.of_trainer.is_empty()) {
        if let Some(ImplItem::Fn(function)) = item.items.get_mut(method.index) {
            function.attrs.push(syn::parse_quote!(#[allow(unused)]));
            function.block = syn::parse_quote!({ ::core::unreachable!() });
        }
    }
}

/// Gives hooks the receiver and the batch that they must have: others are reported, and rustc would
/// report the body again.
fn correct_signatures(model: &ImplModel, item: &mut syn::ItemImpl) {
    for method in &model.methods {
        let (Some(hook), Some(ImplItem::Fn(function))) = (method.hook(), item.items.get_mut(method.index)) else {
            continue;
        };
        for input in &mut function.sig.inputs {
            match input {
                FnArg::Receiver(receiver) => {
                    let shared = matches!(receiver.kind, ReceiverKind::Reference(_, _, None));
                    if shared && matches!(hook.receiver, Receiver::Mut) {
                        *input = syn::parse_quote!(&mut self);
                    }
                }
                FnArg::Typed(typed) => {
                    let Type::Reference(reference) = &*typed.ty else { continue };
                    if method.params.batch.as_ref().is_some_and(|batch| text_of(batch) == text_of(&typed.ty)) {
                        typed.ty = reference.elem.clone();
                    }
                }
            }
        }
    }
}

/// Removes items with the name of a generated item, so that rustc does not report them again.
fn drop_colliding(model: &ImplModel, item: &mut syn::ItemImpl) {
    let repeated: Vec<usize> = model.repeated().map(|method| method.index).collect();
    let mut index = 0;
    item.items.retain(|member| {
        let here = index;
        index += 1;
        match member {
            ImplItem::Fn(function) => {
                !repeated.contains(&here) && !model.owner.generated().contains(&plain(&function.sig.ident).as_str())
            }
            ImplItem::Const(constant) => {
                !model.metrics.iter().any(|metric| constant_ident(&metric.variable, metric.span) == constant.ident)
            }
            _ => true,
        }
    });
}

/// Replaces `Tensor<B, 2>` with `Tensor<2>`, so that rustc does not report it again.
pub(crate) fn modernize(visit: impl FnOnce(&mut dyn VisitMut)) {
    struct Tensors;
    impl VisitMut for Tensors {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            if let Some(modern) = modern_tensor(ty) {
                *ty = modern.ty;
            }
            syn::visit_mut::visit_type_mut(self, ty);
        }
    }
    visit(&mut Tensors);
}
