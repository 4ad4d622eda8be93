//! The metrics of a module: their keys and definitions.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use super::any_of;
use crate::{
    hooks::StageDef,
    model::{Direction, ImplModel, Metric, Reduce},
    paths::{RuntimePath, public_constant},
};

/// ```text
/// impl Net {
///     pub const TRAIN_LOSS: P::Key<Self, P::Minimize, P::YNN> = P::key(0);
/// }
/// ```
pub(super) fn expand_inherent(model: &ImplModel) -> TokenStream {
    let p = model.paths.private();
    let constants = model.metrics.iter().enumerate().map(|(slot, metric)| {
        let slot = Literal::usize_unsuffixed(slot);
        let direction = match metric.options.direction {
            Direction::Minimize => quote!(Minimize),
            Direction::Maximize => quote!(Maximize),
            Direction::Undirected => quote!(Undirected),
        };
        let stages: String = [StageDef::Train, StageDef::Val, StageDef::Test]
            .map(|stage| if metric.stages.contains(&stage) && !metric.unreached { 'Y' } else { 'N' })
            .into_iter()
            .collect();
        let stages = format_ident!("{stages}");
        let methods: Vec<String> = metric.methods.iter().map(|method| format!("`{method}`")).collect();
        let doc = format!("Key of the metric `{}`, logged in {}.", metric.name, methods.join(" and "));
        let cfg = any_of(&metric.cfgs).map(|predicate| quote!(#[cfg(#predicate)]));
        let key = quote!(#p::Key<Self, #p::#direction, #p::#stages> = #p::key(#slot));
        let constant = public_constant(&metric.variable, metric.span, key);
        quote! {
            #cfg
            #[doc = #doc]
            #constant
        }
    });
    let (ident, generics) = (&model.item.self_ty, &model.item.generics);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    if model.metrics.is_empty() {
        return TokenStream::new();
    }
    quote! {
        impl #impl_generics #ident #where_clause {
            #(#constants)*
        }
    }
}

/// `P::MetricDef::train("train_loss").minimize().prog_bar().on_step()`
pub(super) fn expand_metric(p: &RuntimePath, metric: &Metric) -> TokenStream {
    let Metric { name, stages, options, .. } = metric;
    let first = stages.first().map(|stage| format_ident!("{}", stage.prefix()));
    let others = stages.iter().skip(1).map(|stage| format_ident!("and_{}", stage.prefix()));
    let reduce = match options.reduce {
        Reduce::Mean => None,
        Reduce::Sum => Some(quote!(Sum)),
        Reduce::Min => Some(quote!(Min)),
        Reduce::Max => Some(quote!(Max)),
    };
    let calls = [
        (options.direction == Direction::Minimize).then(|| quote!(.minimize())),
        (options.direction == Direction::Maximize).then(|| quote!(.maximize())),
        options.prog_bar.then(|| quote!(.prog_bar())),
        options.on_step.then(|| quote!(.on_step())),
        options.on_epoch.then(|| quote!(.on_epoch())),
        options.no_logger.then(|| quote!(.no_logger())),
        reduce.map(|reduce| quote!(.reduce(#p::Reduce::#reduce))),
        options.metric.as_ref().map(|_| quote!(.stateful())),
    ];
    let calls = calls.into_iter().flatten();
    quote!(#p::MetricDef::#first(#name) #(.#others())* #(#calls)*)
}
