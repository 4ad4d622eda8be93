//! `#[lightning_module] impl`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Ident, Type};

use super::{
    batch_types::{expand_batch_type, expand_counted, expand_not_results},
    builders::{expand_configure, expand_inert_init_module, expand_init_module, implement_configure},
    calls::{known_params, methods_that, parts},
    dims::expand_method_ranks,
    exported::expand_exported,
    implement_at,
    loaders::{expand_inert_own_loaders, expand_own_loaders},
    metrics::{expand_inherent, expand_metric},
    misplaced_hooks::expand_misplaced_hooks,
    run_hook::{expand_counts, expand_hook_set, expand_run_hook, expand_user_states},
    scoped,
    steps::{expand_inert_step, expand_step, steps},
    training::{expand_bound_steps, expand_manual, expand_training, expand_trains, expand_trains_all},
    user_impl::{expand_inert_item, expand_item, expand_log_calls},
};
use crate::{
    hooks::{Arg, HookDef, Kind, StepOutput},
    model::{ImplModel, Method},
    paths::RuntimePath,
    spans::{ends, respan},
};

/// ```text
/// impl Net { /* the user's, with a call after each logged `let` */ }
/// impl Net { const TRAIN_LOSS: P::MetricKey<…> … }
/// impl P::LightningImpl for Net { … }
/// impl P::TrainingStep for Net { … }            // one for each step
/// impl P::InitModule for Net { … }              // with `fn init`
/// P::misplaced_hooks!(…);
/// ```
pub(crate) fn expand_impl(model: &ImplModel) -> TokenStream {
    let item = expand_item(model, true, |method, site| expand_log_calls(model, method, site));
    let mut items = vec![expand_inherent(model), expand_lightning_module(model)];
    for (hook, step) in steps() {
        if step.output == StepOutput::Training && model.bound().next().is_some() {
            items.push(expand_bound_steps(model, step));
            continue;
        }
        items.extend(model.methods_of(hook).map(|method| expand_step(model, method, hook, step)));
    }
    items.extend([expand_counts(model), expand_method_ranks(model)]);
    items.extend(expand_trains(model));
    items.extend(expand_manual(model));
    items.extend(expand_counted(model));
    items.extend(expand_not_results(model));
    items.extend(methods_that(model, Kind::Init).map(|method| expand_init_module(model, method)));
    items.extend(methods_that(model, Kind::Optimizers).map(|method| expand_configure(model, method)));
    items.extend(expand_own_loaders(model));
    items.push(expand_misplaced_hooks(model));
    let scope = scoped(&model.paths, &model.cfgs, items);
    quote!(#item #scope)
}

/// The same names and types for an impl with mistakes; the bodies are never called.
pub(crate) fn expand_inert_impl(model: &ImplModel) -> TokenStream {
    let item = expand_inert_item(model);
    let mut items = vec![expand_inherent(model), expand_inert_lightning_module(model)];
    for (hook, step) in steps() {
        items.extend(model.methods_of(hook).take(1).map(|method| expand_inert_step(model, method, step)));
    }
    // It is unknown what a step with a mistake trains, so no optimizer is reported as untrained.
    items.push(expand_trains_all(model));
    items.extend(methods_that(model, Kind::Init).take(1).map(|method| expand_inert_init_module(model, method)));
    let configure = methods_that(model, Kind::Optimizers).take(1);
    items.extend(configure.map(|method| implement_configure(model, method, quote!(::core::unreachable!()))));
    items.extend(expand_inert_own_loaders(model));
    let scope = scoped(&model.paths, &model.cfgs, items);
    quote!(#item #scope)
}

/// ```text
/// impl P::LightningImpl for Net {
///     const __LIGHTNING_DECLARED: () = P::declared::<Self>();
///     type Builder = P::TrainerBuilder<Self>;
///     type TrainBatch = DigitBatch; type ValBatch = P::NoBatch; …
///     const METRICS: &'static [P::MetricDef] =
///         &[P::MetricDef::train("train_loss").minimize().on_step()];
///     const HOOKS: P::HookSet = P::HookSet::EMPTY.with(P::Hook::OnTrainEpochEnd);
///     fn run_hook(&mut self, hook: P::Hook, cx: &mut P::Cx<'_>) -> P::Result<()> {
///         match hook { … }
///     }
///     fn save_user_state(&mut self, state: &mut P::StateWriter) -> P::Result<()> {
///         P::hook_output(Self::on_save_checkpoint(self, state))
///     }
///     fn exported_step(&self, …) -> P::Result<()> { … }
/// }
/// ```
fn expand_lightning_module(model: &ImplModel) -> TokenStream {
    let run_hook = expand_run_hook(model);
    let states = expand_user_states(model);
    let exported = expand_exported(model);
    implement_lightning_module(model, quote!(#run_hook #states #exported))
}

fn expand_inert_lightning_module(model: &ImplModel) -> TokenStream {
    implement_lightning_module(model, TokenStream::new())
}

fn implement_lightning_module(model: &ImplModel, run_hook: TokenStream) -> TokenStream {
    let p = model.paths.private();
    let (impl_generics, ident, where_clause) = parts(model);
    let batches = steps().map(|(hook, step)| expand_batch_type(model, hook, step));
    let metrics = model.metrics.iter().map(|metric| expand_metric(p, metric));
    let metrics =
        (!model.metrics.is_empty()).then(|| quote!(const METRICS: &'static [#p::MetricDef] = &[#(#metrics),*];));
    let hooks = expand_hook_set(model, "HOOKS", |_, hook| hook.kind == Kind::Hook);
    let takes_batch =
        |method: &Method, _: &HookDef| known_params(method).iter().any(|(param, _)| matches!(param.arg, Arg::Batch(_)));
    let batch_hooks = expand_hook_set(model, "BATCH_HOOKS", takes_batch);
    let declared = expand_declared(p, ident, &quote!(declared));
    let training = expand_training(model);
    // Spanned at the type, where rustc reports a second impl.
    let head = quote!(impl #impl_generics #p::LightningImpl for #ident);
    let body = quote! {
        const __LIGHTNING_DECLARED: () = #declared;
        type Builder = #p::TrainerBuilder<Self>;
        #(#batches)*
        #metrics
        #training
        #hooks
        #batch_hooks
        #run_hook
    };
    let implementation = implement_at(ends(ident).0, head, where_clause, body);
    quote!(#[automatically_derived] #implementation)
}

/// `P::declared::<Self>()`, spanned at the type, where rustc reports a struct without the attribute
/// once.
pub(super) fn expand_declared(p: &RuntimePath, ident: &Type, function: &TokenStream) -> TokenStream {
    let (first, last) = ends(ident);
    let path = respan(quote!(#p::#function), first);
    let this = Ident::new("Self", last);
    quote!(#path::<#this>())
}
