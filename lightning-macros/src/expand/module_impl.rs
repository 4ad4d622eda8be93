//! `#[lightning_module] impl`.

use proc_macro2::{Literal, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Generics, Ident, ImplItem, Type, visit_mut::VisitMut};

use super::{
    any_of,
    calls::{expand_arg, expand_output_call, known_params},
    data::{expand_inert_own_loaders, expand_own_loaders},
    ends, implement_at, respan,
    run_hook::{expand_hook_set, expand_run_hook, expand_user_states},
    scoped,
    steps::{expand_batch_type, expand_counted, expand_inert_step, expand_step, steps},
    training::{expand_bound_steps, expand_training, expand_trains, expand_trains_all},
};
use crate::{
    habits::read_fields,
    hooks::{Arg, HookDef, Kind, Owner, StageDef, StepOutput},
    model::{Direction, ImplModel, LogForm, Method, Metric, Reduce, expand_placeholders},
    parse::modern_tensor,
    paths::{RuntimePath, constant_ident, plain, public_constant},
};

/// ```text
/// impl Net { /* the user's, with a call after each logged `let` */ }
/// impl Net { const TRAIN_LOSS: P::MetricKey<…> … }
/// impl P::LightningImpl for Net { … }
/// impl P::TrainingStep for Net { … }            // one for each step
/// impl P::InitModule for Net { … }              // with `fn init`
/// ```
pub(crate) fn expand_impl(model: &ImplModel) -> TokenStream {
    let item = expand_item(model, |method, site| expand_log_calls(model, method, site));
    let mut items = vec![expand_inherent(model), expand_lightning_module(model)];
    for (hook, step) in steps() {
        if step.output == StepOutput::Training && model.bound().next().is_some() {
            items.push(expand_bound_steps(model, step));
            continue;
        }
        items.extend(model.methods_of(hook).map(|method| expand_step(model, method, hook, step)));
    }
    items.extend(expand_trains(model));
    items.extend(expand_counted(model));
    items.extend(methods_that(model, Kind::Init).map(|method| expand_init_module(model, method)));
    items.extend(methods_that(model, Kind::Optimizers).map(|method| expand_configure(model, method)));
    items.extend(expand_own_loaders(model));
    let scope = scoped(&model.paths, &model.cfgs, items);
    quote!(#item #scope)
}

/// The same names and types with bodies that never run, for an impl with mistakes.
pub(crate) fn expand_inert_impl(model: &ImplModel) -> TokenStream {
    let item = expand_inert_item(model);
    let mut items = vec![expand_inherent(model), expand_inert_lightning_module(model)];
    for (hook, step) in steps() {
        items.extend(model.methods_of(hook).take(1).map(|method| expand_inert_step(model, method, step)));
    }
    // What a step with a mistake trains is not known: nobody is to say that it trains nothing.
    items.push(expand_trains_all(model));
    items.extend(methods_that(model, Kind::Init).take(1).map(|method| expand_inert_init_module(model, method)));
    let configure = methods_that(model, Kind::Optimizers).take(1);
    items.extend(configure.map(|method| implement_configure(model, method, quote!(::core::unreachable!()))));
    items.extend(expand_inert_own_loaders(model));
    let scope = scoped(&model.paths, &model.cfgs, items);
    quote!(#item #scope)
}

/// The user's impl with its logged values used and its old tensors written as today.
pub(super) fn expand_inert_item(model: &ImplModel) -> TokenStream {
    let mut item = expand_item(model, |method, site| {
        // A variable without a value cannot be used yet.
        let logged = method.logs.get(site).filter(|site| site.form != LogForm::Declaration);
        let bindings = logged.map(|site| site.bindings.as_slice()).unwrap_or_default();
        quote!(#(let _ = &#bindings;)*)
    });
    if let Ok(mut parsed) = syn::parse2::<syn::ItemImpl>(item.clone()) {
        drop_habits(model, &mut parsed);
        drop_colliding(model, &mut parsed);
        modernise(|tensors| tensors.visit_item_impl_mut(&mut parsed));
        item = parsed.into_token_stream();
    }
    item
}

/// Drops the bodies that ask for a trainer: that is reported, and rustc would report the field once more.
fn drop_habits(model: &ImplModel, item: &mut syn::ItemImpl) {
    for method in model.methods.iter().filter(|method| !method.habits.of_trainer.is_empty()) {
        if let Some(ImplItem::Fn(function)) = item.items.get_mut(method.index) {
            function.attrs.push(syn::parse_quote!(#[allow(unused)]));
            function.block = syn::parse_quote!({ ::core::unreachable!() });
        }
    }
}

/// Drops what has the name of something that the macros write, so that rustc does not report it again.
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

/// Writes `Tensor<B, 2>` as `Tensor<2>`, so that rustc does not report it again.
pub(crate) fn modernise(visit: impl FnOnce(&mut dyn VisitMut)) {
    struct Tensors;
    impl VisitMut for Tensors {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            if let Some(modern) = modern_tensor(ty) {
                *ty = modern;
            }
            syn::visit_mut::visit_type_mut(self, ty);
        }
    }
    visit(&mut Tensors);
}

fn expand_item(model: &ImplModel, replacement: impl Fn(&Method, usize) -> TokenStream) -> TokenStream {
    let mut item = model.item.clone();
    let p = model.paths.outer();
    for method in &model.methods {
        if let Some(ImplItem::Fn(function)) = item.items.get_mut(method.index) {
            expand_placeholders(&mut function.block, |site| replacement(method, site));
            if model.owner == Owner::Module {
                read_fields(p, &method.sig, &mut function.block);
            }
            if method.habits.on_self {
                // A method of the user's own comes first, so it may well be unused.
                let words = syn::parse_quote!(#[allow(unused_imports)] use #p::Habits as _;);
                function.block.stmts.insert(0, words);
            }
        }
    }
    item.into_token_stream()
}

/// `P::log::<Self, _>(0, &train_loss);`
fn expand_log_calls(model: &ImplModel, method: &Method, site: usize) -> TokenStream {
    let p = model.paths.outer();
    let (Some(log), Some(slots)) = (method.logs.get(site), method.slots.get(site)) else { return TokenStream::new() };
    let cfgs = &log.own_cfgs;
    let calls = slots.iter().map(|(variable, slot)| {
        // Spanned at the variable, where a type that cannot be logged is reported.
        let span = variable.span();
        let (p, slot) = (p.at(span), Literal::usize_unsuffixed(*slot));
        let options = &log.options;
        let call = match (&options.per_stage, &options.batch_size, &options.metric) {
            (per_stage, _, Some(metric)) => {
                let log =
                    if per_stage.is_some() { quote_spanned!(span=> log_per_stage) } else { quote_spanned!(span=> log) };
                quote_spanned!(span=> #p::logged_metric::<Self, _, _>(#slot, || #metric).#log(&#variable);)
            }
            (Some(_), Some(size), None) => {
                quote_spanned!(span=> #p::log_weighted_per_stage::<Self, _, _>(#slot, &#variable, #size);)
            }
            (Some(_), None, None) => quote_spanned!(span=> #p::log_per_stage::<Self, _>(#slot, &#variable);),
            (None, Some(size), None) => {
                quote_spanned!(span=> #p::log_weighted::<Self, _, _>(#slot, &#variable, #size);)
            }
            (None, None, None) => quote_spanned!(span=> #p::log::<Self, _>(#slot, &#variable);),
        };
        // The closure is there so that the metric is made once a run.
        let allow = options.metric.as_ref().map(|_| quote!(#[allow(clippy::redundant_closure)]));
        quote!(#(#cfgs)* #allow #call)
    });
    calls.collect()
}

/// ```text
/// impl Net {
///     pub const TRAIN_LOSS: P::Key<Self, P::Minimize, P::YNN> = P::key(0);
/// }
/// ```
fn expand_inherent(model: &ImplModel) -> TokenStream {
    let p = model.paths.private();
    let constants = model.metrics.iter().enumerate().map(|(slot, metric)| {
        let slot = Literal::usize_unsuffixed(slot);
        let direction = match metric.options.direction {
            Direction::Minimize => quote!(Minimize),
            Direction::Maximize => quote!(Maximize),
            Direction::Undirected => quote!(Undirected),
        };
        let stages: String = [StageDef::Train, StageDef::Val, StageDef::Test]
            .map(|stage| if metric.stages.contains(&stage) { 'Y' } else { 'N' })
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

/// ```text
/// impl P::LightningImpl for Net {
///     const __LIGHTNING_DECLARED: () = P::declared::<Self>();
///     type Builder = P::TrainerBuilder<Self>;
///     type TrainBatch = DigitBatch; type ValBatch = P::NoBatch; …
///     const METRICS: &'static [P::MetricDef] = &[P::MetricDef::train("train_loss").minimize().on_step()];
///     const HOOKS: P::HookSet = P::HookSet::EMPTY.with(P::Hook::OnTrainEpochEnd);
///     fn run_hook(&mut self, hook: P::Hook, cx: &mut P::Cx<'_>) -> P::Result<()> { match hook { … } }
///     fn save_user_state(&mut self, state: &mut P::StateWriter) -> P::Result<()> { P::hook_output(Self::on_save_checkpoint(self, state)) }
/// }
/// ```
fn expand_lightning_module(model: &ImplModel) -> TokenStream {
    let run_hook = expand_run_hook(model);
    let states = expand_user_states(model);
    implement_lightning_module(model, quote!(#run_hook #states))
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
    // Spanned at the type, where a second impl is reported.
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

/// `P::declared::<Self>()`, spanned at the type: a struct without the attribute is reported there, once.
pub(super) fn expand_declared(p: &RuntimePath, ident: &Type, function: &TokenStream) -> TokenStream {
    let (first, last) = ends(ident);
    let path = respan(quote!(#p::#function), first);
    let this = Ident::new("Self", last);
    quote!(#path::<#this>())
}

pub(super) fn methods_that(model: &ImplModel, kind: Kind) -> impl Iterator<Item = &Method> {
    model.methods.iter().filter(move |method| matches!(method.hook(), Some(hook) if hook.kind == kind))
}

/// `P::MetricDef::train("train_loss").minimize().prog_bar().on_step()`
fn expand_metric(p: &RuntimePath, metric: &Metric) -> TokenStream {
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

/// ```text
/// impl P::ConfigureOptimizers for Net {
///     const OPTIMIZERS: &'static [&'static str] = &[];
///     fn configure_optimizers(&self, cx: &P::FitContext) -> P::Setups {
///         P::optimizers(Self::configure_optimizers(self, cx))
///     }
/// }
/// ```
fn expand_configure(model: &ImplModel, method: &Method) -> TokenStream {
    let p = model.paths.private();
    let known = known_params(method);
    let args = known.iter().map(|(param, ty)| expand_arg(p, param, ty));
    let call = expand_output_call(p, method, &quote!(optimizers), &quote!(self #(, #args)*));
    implement_configure(model, method, call)
}

/// Spanned at the name, where it is reported that `#[optimizer(…)]` declares optimizers as well.
fn implement_configure(model: &ImplModel, method: &Method, body: TokenStream) -> TokenStream {
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
///     type Built = Self;
///     fn init_module(hparams: <Self as P::LightningStruct>::Hparams, device: &P::Device) -> Self { Self::init(&hparams, device) }
/// }
/// ```
fn expand_init_module(model: &ImplModel, method: &Method) -> TokenStream {
    let p = model.paths.private();
    let known = known_params(method);
    let args = known.iter().map(|(param, ty)| expand_arg(p, param, ty));
    let name = &method.sig.ident;
    implement_init_module(model, method, quote!(Self::#name(#(#args),*)))
}

fn expand_inert_init_module(model: &ImplModel, method: &Method) -> TokenStream {
    implement_init_module(model, method, quote!(::core::unreachable!()))
}

fn implement_init_module(model: &ImplModel, method: &Method, body: TokenStream) -> TokenStream {
    let p = model.paths.private();
    let (impl_generics, ident, where_clause) = parts(model);
    let cfgs = &method.cfgs;
    let built = method.output().map_or_else(|| quote!(()), ToTokens::to_token_stream);
    // Spanned at the name, where it is reported that the fields say how they are built as well.
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

/// The generics, the type and the where clause of an `impl … for …`.
pub(super) fn parts(model: &ImplModel) -> (impl ToTokens + '_, &Type, Option<&syn::WhereClause>) {
    let generics: &Generics = &model.item.generics;
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    (impl_generics, &model.item.self_ty, where_clause)
}

/// The rows of the data module.
pub(super) fn data_hooks() -> impl Iterator<Item = &'static HookDef> {
    HookDef::of(Owner::Data)
}
