//! `#[lightning_module] impl`.

use proc_macro2::{Delimiter, Group, Literal, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Generics, Ident, ImplItem, Type, visit_mut::VisitMut};

use super::{
    any_of,
    data::{expand_inert_own_loaders, expand_own_loaders},
    ends, implement_at, local,
    optimizer::{expand_batch, expand_bound},
    respan, scoped, wrapped_call,
};
use crate::{
    habits::read_fields,
    hooks::{Arg, HOOKS, HookDef, Kind, Owner, ParamDef, StageDef, StateDef, StepDef, StepOutput},
    model::{
        Binding, Direction, ImplModel, LogForm, Meant, Method, Metric, Param, Reduce, expand_placeholders, name_hash,
    },
    parse::modern_tensor,
    paths::{constant_ident, plain},
    text::text_of,
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
                read_fields(&p, &method.sig, &mut function.block);
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
        let (p, slot) = (respan(p.clone(), span), Literal::usize_unsuffixed(*slot));
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
        let ident = constant_ident(&metric.variable, metric.span);
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
        quote! {
            #cfg
            #[doc = #doc]
            pub const #ident: #p::Key<Self, #p::#direction, #p::#stages> = #p::key(#slot);
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

/// ```text
/// fn save_user_state(&mut self, state: &mut P::StateWriter) -> P::Result<()> { P::hook_output(Self::on_save_checkpoint(self, state)) }
/// fn load_user_state(&mut self, state: &P::StateReader<'_>) -> P::Result<()> { P::hook_output(Self::on_load_checkpoint(self, state)) }
/// ```
fn expand_user_states(model: &ImplModel) -> TokenStream {
    let p = model.paths.private();
    let written = model.methods.iter().filter_map(|method| match method.meant {
        Meant::Hook(hook) => match &hook.kind {
            Kind::UserState(state) => Some((method, hook, state)),
            _ => None,
        },
        _ => None,
    });
    let methods = written.map(|(method, hook, StateDef { method: name, reads })| {
        let cfgs = &method.cfgs;
        let name = format_ident!("{name}");
        let ty = if *reads { quote!(&#p::StateReader<'_>) } else { quote!(&mut #p::StateWriter) };
        let call = expand_hook_call(&p, method, hook);
        quote! {
            #(#cfgs)*
            fn #name(&mut self, state: #ty) -> #p::Result<()> {
                #call
            }
        }
    });
    methods.collect()
}

fn expand_inert_lightning_module(model: &ImplModel) -> TokenStream {
    implement_lightning_module(model, TokenStream::new())
}

fn implement_lightning_module(model: &ImplModel, run_hook: TokenStream) -> TokenStream {
    let p = model.paths.private();
    let (impl_generics, ident, where_clause) = parts(model);
    let batches = steps().map(|(hook, step)| expand_batch_type(model, hook, step));
    let metrics = model.metrics.iter().map(|metric| expand_metric(&p, metric));
    let metrics =
        (!model.metrics.is_empty()).then(|| quote!(const METRICS: &'static [#p::MetricDef] = &[#(#metrics),*];));
    let hooks = expand_hook_set(model, "HOOKS", |_, hook| hook.kind == Kind::Hook);
    let takes_batch =
        |method: &Method, _: &HookDef| known_params(method).iter().any(|(param, _)| matches!(param.arg, Arg::Batch(_)));
    let batch_hooks = expand_hook_set(model, "BATCH_HOOKS", takes_batch);
    let declared = expand_declared(&p, ident, &quote!(declared));
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
pub(super) fn expand_declared(p: &TokenStream, ident: &Type, function: &TokenStream) -> TokenStream {
    let (first, last) = ends(ident);
    let path = respan(quote!(#p::#function), first);
    let this = Ident::new("Self", last);
    quote!(#path::<#this>())
}

/// The rows of the steps.
fn steps() -> impl Iterator<Item = (&'static HookDef, StepDef)> {
    HOOKS.iter().filter_map(|hook| match hook.kind {
        Kind::Step(step) => Some((hook, step)),
        _ => None,
    })
}

/// The methods called by `run_hook`.
fn hook_methods(model: &ImplModel) -> impl Iterator<Item = (&Method, &'static HookDef)> + Clone {
    model.methods.iter().filter_map(|method| match method.meant {
        Meant::Hook(hook) if hook.kind == Kind::Hook => Some((method, hook)),
        _ => None,
    })
}

fn methods_that(model: &ImplModel, kind: Kind) -> impl Iterator<Item = &Method> {
    model.methods.iter().filter(move |method| matches!(method.hook(), Some(hook) if hook.kind == kind))
}

/// `type TrainBatch = DigitBatch;`, with the other case where the step stands under a `#[cfg]`.
fn expand_batch_type(model: &ImplModel, hook: &HookDef, step: StepDef) -> TokenStream {
    let p = model.paths.private();
    let name = format_ident!("{}", step.batch);
    let repeated: Vec<usize> = model.repeated().map(|method| method.index).collect();
    let once = model.methods_of(hook).filter(|method| !repeated.contains(&method.index));
    // Several steps share the batch of the first.
    let first = model.methods_of(hook).find(|method| method.cfgs.is_empty()).map(|method| method.index);
    let shares = move |method: &Method| method.cfgs.is_empty() && Some(method.index) != first;
    let written = once.filter(move |method| !shares(method)).filter_map(|method| Some((method, batch_type(method)?)));
    let types = written.clone().map(|(Method { cfgs, .. }, ty)| quote!(#(#cfgs)* type #name = #ty;));
    let places: Vec<_> = written.map(|(method, _)| method.cfgs.clone()).collect();
    let absent = match any_of(&places) {
        Some(_) if places.is_empty() => quote!(type #name = #p::NoBatch;),
        Some(predicate) => quote!(#[cfg(not(#predicate))] type #name = #p::NoBatch;),
        None => TokenStream::new(),
    };
    quote!(#(#types)* #absent)
}

/// `const _: () = P::assert_counted!(DigitBatch);`: means over an epoch are weighted by the number of samples. `()` is a tick, and a
/// generic batch is asked at `fit`.
fn expand_counted(model: &ImplModel) -> Vec<TokenStream> {
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
        if is_tick || seen.contains(&text_of(ty)) {
            continue;
        }
        seen.push(text_of(ty));
        let span = ends(ty).0;
        let cfgs = &method.cfgs;
        let call = respan(quote!(#p::assert_counted!), span);
        let mut args = Group::new(Delimiter::Parenthesis, ty.to_token_stream());
        args.set_span(span);
        assertions.push(quote_spanned!(span=> #(#cfgs)* const _: () = #call #args;));
    }
    assertions
}

/// The batch's type; in an impl with mistakes what stands behind a reference.
fn batch_type(method: &Method) -> Option<Type> {
    let mut ty = match method.params.batch.as_ref()? {
        Type::Reference(reference) => (*reference.elem).clone(),
        Type::ImplTrait(_) => return None,
        ty => ty.clone(),
    };
    modernise(|tensors| tensors.visit_type_mut(&mut ty));
    Some(ty)
}

/// `P::MetricDef::train("train_loss").minimize().prog_bar().on_step()`
fn expand_metric(p: &TokenStream, metric: &Metric) -> TokenStream {
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

/// `const HOOKS: P::HookSet = P::HookSet::EMPTY.with(P::Hook::OnTrainEpochEnd);` where there are any; a hook under a `#[cfg]` is
/// added by a statement.
fn expand_hook_set(model: &ImplModel, name: &str, is: impl Fn(&Method, &HookDef) -> bool) -> Option<TokenStream> {
    let p = model.paths.private();
    let name = format_ident!("{name}");
    let hook_of = |method: &Method| method.hook().filter(|hook| hook.kind == Kind::Hook && is(method, hook));
    let members = || model.methods.iter().filter_map(|method| Some((method, hook_of(method)?)));
    members().next()?;
    let variant = |hook: &HookDef| format_ident!("{}", hook.variant);
    let always = members().filter(|(method, _)| method.cfgs.is_empty()).map(|(_, hook)| variant(hook));
    let always = quote!(#p::HookSet::EMPTY #(.with(#p::Hook::#always))*);
    let mut sometimes = members().filter(|(method, _)| !method.cfgs.is_empty()).peekable();
    if sometimes.peek().is_none() {
        return Some(quote!(const #name: #p::HookSet = #always;));
    }
    let statements = sometimes.map(|(Method { cfgs, .. }, hook)| {
        let variant = variant(hook);
        quote!(#(#cfgs)* let set = set.with(#p::Hook::#variant);)
    });
    Some(quote!(const #name: #p::HookSet = { let set = #always; #(#statements)* set };))
}

/// The hook that asks for something, with the type it is to have.
fn hook_that_takes(model: &ImplModel, takes: impl Fn(&HookDef, Arg) -> bool) -> Option<(&Method, &Type)> {
    hook_methods(model).find_map(|(method, hook)| {
        let known = known_params(method).into_iter().find(|(param, _)| takes(hook, param.arg));
        known.map(|(_, ty)| (method, ty))
    })
}

/// ```text
/// fn run_hook(&mut self, hook: P::Hook, cx: &mut P::Cx<'_>) -> P::Outcome {
///     match hook {
///         P::Hook::OnTrainEpochEnd => P::hook_output(Self::on_train_epoch_end(self, cx)),
///         _ => P::Result::Ok(()),
///     }
/// }
/// ```
fn expand_run_hook(model: &ImplModel) -> TokenStream {
    let hooks = hook_methods(model);
    if hooks.clone().next().is_none() {
        return TokenStream::new();
    }
    let p = model.paths.private();
    let arms = hooks.clone().map(|(method, hook)| {
        let cfgs = &method.cfgs;
        let variant = format_ident!("{}", hook.variant);
        let call = expand_hook_call(&p, method, hook);
        quote!(#(#cfgs)* #p::Hook::#variant => #call,)
    });
    let takes_cx = hooks.clone().any(|(method, hook)| !method.params.all.is_empty() || hook.controls_flow());
    let cx = if takes_cx { quote!(cx) } else { quote!(_cx) };
    quote! {
        fn run_hook(&mut self, hook: #p::Hook, #cx: &mut #p::Cx<'_>) -> #p::Outcome {
            match hook {
                #(#arms)*
                _ => #p::Result::Ok(()),
            }
        }
    }
}

/// `P::hook_output(Self::on_train_batch_end(self, batch_idx, cx))`; what is read from `cx` is read before it is lent.
fn expand_hook_call(p: &TokenStream, method: &Method, hook: &HookDef) -> TokenStream {
    let known = known_params(method);
    let lends = known.iter().any(|(param, _)| matches!(param.arg, Arg::Context | Arg::Output));
    let reads = known.iter().filter_map(|(param, ty)| {
        let (first, last) = ends(ty);
        let name = local(param.name, first);
        Some(match param.arg {
            Arg::FromContext if lends => {
                let name = format_ident!("{}", param.name);
                quote!(let #name = cx.#name();)
            }
            Arg::Batch(batch) => {
                let batch = format_ident!("{batch}");
                quote!(let #name = cx.batch::<<Self as #p::LightningImpl>::#batch>()?;)
            }
            Arg::Outputs(_) => {
                let take = respan(quote!(#p::epoch_outputs), first);
                let mut args = Group::new(Delimiter::Parenthesis, quote!(cx));
                args.set_span(last);
                quote!(let #name = #take::<#ty> #args ?;)
            }
            _ => return None,
        })
    });
    let reads: TokenStream = reads.collect();
    let args = known.iter().map(|(param, ty)| {
        let span = ends(ty).0;
        match param.arg {
            Arg::FromContext if lends => expand_given(p, ty, local(param.name, span).into_token_stream()),
            // What it returns goes to the context as well.
            Arg::Context if hook.controls_flow() => {
                let cx = local("cx", span);
                expand_given(p, ty, quote_spanned!(span=> &mut *#cx))
            }
            _ => expand_arg(p, param, ty),
        }
    });
    let args = quote!(self #(, #args)*);
    let output = known.iter().find(|(param, _)| param.arg == Arg::Output).map(|(_, ty)| *ty);
    let call = match output {
        Some(ty) => expand_lent_output_call(p, method, ty, &args),
        None if hook.controls_flow() => {
            let call = expand_output_call(p, method, &quote!(flow_output), &args);
            quote!(#call.map(|flow| cx.follow(flow)))
        }
        None => expand_output_call(p, method, &quote!(hook_output), &args),
    };
    if reads.is_empty() { call } else { quote!({ #reads #call }) }
}

/// `P::with_outputs::<Tensor<2>, _>(cx, |outputs, cx| Self::on_train_batch_end(self, outputs, cx))`
fn expand_lent_output_call(p: &TokenStream, method: &Method, ty: &Type, args: &TokenStream) -> TokenStream {
    let (first, _) = ends(ty);
    let outputs = local("outputs", first);
    let context = known_params(method).into_iter().find(|(param, _)| param.arg == Arg::Context);
    let cx = context.map_or_else(|| quote!(_), |(_, ty)| local("cx", ends(ty).0).into_token_stream());
    let element = referred(ty);
    let name = &method.sig.ident;
    quote!(#p::with_outputs::<#element, _>(cx, |#outputs, #cx| Self::#name(#args)))
}

/// What stands behind a reference.
fn referred(ty: &Type) -> &Type {
    match ty {
        Type::Reference(reference) => &reference.elem,
        ty => ty,
    }
}

/// The parameters that the row knows, in the user's order.
fn known_params(method: &Method) -> Vec<(&'static ParamDef, &Type)> {
    let known = method.params.all.iter().filter_map(|param| match param {
        Param::Known(param, ty) => Some((*param, ty)),
        Param::Batch | Param::Unknown(_) => None,
    });
    known.collect()
}

/// `P::arg::<usize>(cx.batch_idx())`
pub(super) fn expand_arg(p: &TokenStream, param: &ParamDef, ty: &Type) -> TokenStream {
    let span = ends(ty).0;
    let name = Ident::new(param.name, span);
    let (cx, same) = (local("cx", span), local(param.name, span));
    let given = match param.arg {
        Arg::Context => cx.into_token_stream(),
        Arg::FromContext => quote_spanned!(span=> #cx.#name()),
        Arg::Same | Arg::Batch(_) | Arg::Output | Arg::Outputs(_) => same.into_token_stream(),
        Arg::Borrowed => quote_spanned!(span=> &#same),
    };
    expand_given(p, ty, given)
}

/// Spanned at the type the user wrote: a wrong one is reported there, with the right one. The call is of one hygiene with what it
/// is given, without which rustc underlines the attribute.
fn expand_given(p: &TokenStream, ty: &Type, given: TokenStream) -> TokenStream {
    let (first, last) = ends(ty);
    let (first, last) = (Span::call_site().located_at(first), Span::call_site().located_at(last));
    let function = respan(quote!(#p::arg::<), first);
    let close = respan(quote!(>), last);
    let mut given = Group::new(Delimiter::Parenthesis, given);
    given.set_span(last);
    quote!(#function #ty #close #given)
}

/// `<Result<T> as P::FallibleOutput>::into_fallible_output(Self::predict_step(self, …))`: a type that is no `Result` gives the same error
/// here as for the associated type, and rustc prints it once.
fn expand_fallible_call(p: &TokenStream, method: &Method, args: &TokenStream) -> TokenStream {
    let Some(ty) = method.output() else { return TokenStream::new() };
    let convert = qualified(p, ty, &quote!(FallibleOutput::into_fallible_output));
    let (first, last) = ends(ty);
    let mut name = method.sig.ident.clone();
    name.set_span(first);
    let mut arguments = Group::new(Delimiter::Parenthesis, args.clone());
    arguments.set_span(last);
    let mut call = Group::new(Delimiter::Parenthesis, quote_spanned!(first=> Self::#name #arguments));
    call.set_span(last);
    quote!(#convert #call)
}

/// Tokens of ours, underlined as the type: the first as its first, the others as its last.
pub(super) fn stretch(tokens: TokenStream, ty: &Type) -> TokenStream {
    let (first, last) = ends(ty);
    let mut tokens = tokens.into_iter();
    let head = respan(tokens.by_ref().take(1).collect(), first);
    let rest = respan(tokens.collect(), last);
    quote!(#head #rest)
}

/// `<Ty as P::Trait>::item`, underlined as the type.
pub(super) fn qualified(p: &TokenStream, ty: &Type, item: &TokenStream) -> TokenStream {
    let (first, last) = ends(ty);
    let open = respan(quote!(<), first);
    let mut path = item.clone().into_iter();
    let implements: TokenStream = path.by_ref().take(1).collect();
    let implements = respan(quote!(as #p::#implements>), first);
    let rest = respan(path.collect(), last);
    quote!(#open #ty #implements #rest)
}

/// `P::training_output(Self::training_step(self, …))`, underlined as the return type, or as the name without one.
fn expand_output_call(p: &TokenStream, method: &Method, output: &TokenStream, args: &TokenStream) -> TokenStream {
    let ident = &method.sig.ident;
    let at = method.output().map_or_else(|| ident.to_token_stream(), ToTokens::to_token_stream);
    let path = |span| {
        let mut name = ident.clone();
        name.set_span(span);
        quote_spanned!(span=> Self::#name)
    };
    wrapped_call(p, output, path, args, at)
}

/// ```text
/// impl P::TrainingStep for Net {
///     fn run_training_step(&self, batch: Self::TrainBatch, cx: &P::StepCx<'_>) -> P::Result<P::Option<P::TrainingOutput>> {
///         P::training_output(Self::training_step(self, batch))
///     }
/// }
/// ```
fn expand_step(model: &ImplModel, method: &Method, hook: &HookDef, step: StepDef) -> TokenStream {
    let p = model.paths.private();
    let step = if method.is_manual() { own_step(method).unwrap_or(step) } else { step };
    let args = method.params.all.iter().filter_map(|param| match param {
        Param::Batch => Some(quote!(batch)),
        Param::Known(param, ty) => Some(expand_arg(&p, param, ty)),
        Param::Unknown(_) => None,
    });
    let args = quote!(self #(, #args)*);
    let handed_on = hook_that_takes(model, |_, arg| arg == Arg::Output).filter(|(hook, _)| hook.cfgs.is_empty());
    let handed_on = handed_on.map(|(_, ty)| referred(ty));
    let kept = match step.output {
        StepOutput::Evaluation => hook_that_takes(model, |_, arg| arg == Arg::Outputs(step.batch)),
        _ => None,
    };
    let body = match (step.output, handed_on) {
        (StepOutput::Training, Some(ty)) => {
            expand_output_call(&p, method, &quote!(training_output_of::<#ty, _>), &args)
        }
        (StepOutput::Manual, Some(ty)) => expand_output_call(&p, method, &quote!(manual_output_of::<#ty, _>), &args),
        (output, _) => expand_step_output(&p, method, output, kept, &args),
    };
    let takes_cx = kept.is_some()
        || hook.params.iter().any(|param| known_params(method).iter().any(|(known, _)| known.name == param.name));
    implement_step(model, method, step, if takes_cx { quote!(cx) } else { quote!(_cx) }, quote!(batch), body)
}

/// What becomes of what a step returns, where nothing is handed on.
fn expand_step_output(
    p: &TokenStream,
    method: &Method,
    output: StepOutput,
    kept: Option<(&Method, &Type)>,
    args: &TokenStream,
) -> TokenStream {
    match output {
        StepOutput::Training => expand_output_call(p, method, &quote!(training_output), args),
        StepOutput::Manual => expand_output_call(p, method, &quote!(manual_output), args),
        StepOutput::Evaluation => expand_evaluation(p, method, kept, args),
        StepOutput::Prediction if method.is_fallible() => expand_fallible_call(p, method, args),
        StepOutput::Prediction => expand_output_call(p, method, &quote!(Result::Ok), args),
    }
}

/// ```text
/// use P::PlainOutput as _;
/// P::kept_output::<Vec<f64>, _, _>(cx, P::Evaluated(Self::validation_step(self, batch)).given())
/// ```
/// `P::evaluation_output(…)` where no hook takes the outputs, and `P::no_output(…)` where there are none.
fn expand_evaluation(
    p: &TokenStream,
    method: &Method,
    kept: Option<(&Method, &Type)>,
    args: &TokenStream,
) -> TokenStream {
    if kept.is_none() && method.output().is_none() {
        return expand_output_call(p, method, &quote!(no_output), args);
    }
    let call = expand_output_call(p, method, &quote!(Evaluated), args);
    let (first, last) = match method.output() {
        Some(ty) => ends(ty),
        None => ends(&method.sig.ident),
    };
    let given = respan(quote!(.given), last);
    let mut nothing = Group::new(Delimiter::Parenthesis, TokenStream::new());
    nothing.set_span(last);
    let call = quote!(#call #given #nothing);
    let dropped = {
        let path = respan(quote!(#p::evaluation_output), first);
        let mut args = Group::new(Delimiter::Parenthesis, quote!(#call));
        args.set_span(last);
        quote!(#path #args)
    };
    let body = match kept {
        None => dropped,
        Some((Method { cfgs, .. }, ty)) => {
            let path = respan(quote!(#p::kept_output), first);
            let comma = respan(quote!(,), first);
            let mut args = Group::new(Delimiter::Parenthesis, quote!(cx #comma #call));
            args.set_span(last);
            let (open, rest) = (respan(quote!(::<), first), respan(quote!(, _, _>), last));
            let kept = quote!(#path #open #ty #rest #args);
            match any_of(std::slice::from_ref(cfgs)) {
                None => kept,
                Some(predicate) => quote! {
                    let _ = cx;
                    #[cfg(#predicate)] { #kept }
                    #[cfg(not(#predicate))] { #dropped }
                },
            }
        }
    };
    quote! {
        #[allow(unused_imports)]
        use #p::PlainOutput as _;
        #body
    }
}

fn expand_inert_step(model: &ImplModel, method: &Method, step: StepDef) -> TokenStream {
    if batch_type(method).is_none() {
        return TokenStream::new();
    }
    let step = if method.is_manual() { own_step(method).unwrap_or(step) } else { step };
    implement_step(model, method, step, quote!(_cx), quote!(_batch), quote!(::core::unreachable!()))
}

fn implement_step(
    model: &ImplModel,
    method: &Method,
    step: StepDef,
    cx: TokenStream,
    batch: TokenStream,
    body: TokenStream,
) -> TokenStream {
    let p = model.paths.private();
    let (impl_generics, ident, where_clause) = parts(model);
    let cfgs = &method.cfgs;
    let (implements, run) = (format_ident!("{}", step.implements), format_ident!("{}", step.method));
    let batch_ty = format_ident!("{}", step.batch);
    let (associated, output) = match step.output {
        StepOutput::Training | StepOutput::Manual => (None, quote!(#p::Option<#p::TrainingOutput>)),
        StepOutput::Evaluation => (None, quote!(())),
        StepOutput::Prediction => (Some(expand_prediction(&p, method)), quote!(Self::Output)),
    };
    let returned = quote!(#p::Result<#output>);
    // Spanned at a written type that is to be a `Result`, where its errors are.
    let (span, returned) = match method.output() {
        Some(ty) if associated.is_some() && method.is_fallible() => (ends(ty).0, stretch(returned, ty)),
        _ => (Span::call_site(), returned),
    };
    let (keyword, run) = (syn::Token![fn](span), respan(run.to_token_stream(), span));
    let params = match step.output {
        StepOutput::Training => quote!(&self, _step: usize, #batch: Self::#batch_ty),
        StepOutput::Manual => {
            quote!(&mut self, #batch: Self::#batch_ty, optimizers: &mut #p::Optimizers<'_, Self>)
        }
        StepOutput::Evaluation | StepOutput::Prediction => quote!(&self, #batch: Self::#batch_ty),
    };
    let mut body = Group::new(Delimiter::Brace, body);
    body.set_span(span);
    let again = expand_again(model, step);
    quote! {
        #(#cfgs)*
        #[automatically_derived]
        impl #impl_generics #p::#implements for #ident #where_clause {
            #associated
            #again
            #keyword #run(#params, #cx: &#p::StepCx<'_>) -> #returned #body
        }
    }
}

/// `const AGAIN: P::Again<Self::TrainBatch> = P::again!();`; where the hook after the batch takes it too, it has to be `Clone`.
fn expand_again(model: &ImplModel, step: StepDef) -> Option<TokenStream> {
    let p = model.paths.private();
    let batch = format_ident!("{}", step.batch);
    let after = |hook: &HookDef, arg| hook.name.ends_with("_end") && arg == Arg::Batch(step.batch);
    let again = match hook_that_takes(model, after) {
        Some((_, ty)) => {
            let clone = respan(quote!(#p::Clone::clone), ends(ty).0);
            quote!(|batch| #p::Option::Some(#clone(batch)))
        }
        None if step.output == StepOutput::Training => quote!(#p::again!()),
        None => return None,
    };
    Some(quote!(const AGAIN: #p::Again<Self::#batch> = #again;))
}

/// How the method itself is wired, where it is not as the row with its name says.
fn own_step(method: &Method) -> Option<StepDef> {
    match method.hook()?.kind {
        Kind::Step(step) => Some(step),
        _ => None,
    }
}

/// `const TRAINING: P::TrainingMode = …;` where it is not one plain step, and the check that bound optimizers are declared.
fn expand_training(model: &ImplModel) -> TokenStream {
    let p = model.paths.private();
    if model.is_manual() {
        return quote!(const TRAINING: #p::TrainingMode = #p::TrainingMode::Manual;);
    }
    let mut bound = model.bound().peekable();
    if bound.peek().is_none() {
        return TokenStream::new();
    }
    let one = || quote!(1);
    let steps = bound.clone().map(|(method, Binding { optimizer, every, repeat })| {
        let (name, optimizer) = (method.name(), plain(optimizer));
        let every = every.as_ref().map_or_else(one, ToTokens::to_token_stream);
        let repeat = repeat.as_ref().map_or_else(one, ToTokens::to_token_stream);
        quote!(#p::BoundStep { name: #name, optimizer: #optimizer, every: #every, repeat: #repeat })
    });
    // What `configure_optimizers` makes is known at `fit` only.
    let checks = methods_that(model, Kind::Optimizers).next().is_none().then(|| {
        let checks = bound.map(|(_, binding)| expand_bound(&p, &binding.optimizer));
        quote! {
            fn __lightning_bound() {
                #(#checks)*
            }
        }
    });
    quote! {
        const TRAINING: #p::TrainingMode = #p::TrainingMode::Bound(&[#(#steps),*]);
        #checks
    }
}

/// `impl P::TrainsOptimizer<7265u64> for Net {}` for each bound step; a plain or manual step trains every optimizer.
fn expand_trains(model: &ImplModel) -> Vec<TokenStream> {
    let p = model.paths.private();
    let (impl_generics, ident, where_clause) = parts(model);
    let mut hashes: Vec<u64> = model.bound().map(|(_, binding)| name_hash(&plain(&binding.optimizer))).collect();
    if hashes.is_empty() {
        let trains = model.methods.iter().any(Method::is_training_step);
        return if trains { vec![expand_trains_all(model)] } else { Vec::new() };
    }
    hashes.sort_unstable();
    hashes.dedup();
    let trains = |hash: u64| quote!(impl #impl_generics #p::TrainsOptimizer<#hash> for #ident #where_clause {});
    hashes.into_iter().map(trains).collect()
}

/// `impl<const NAME: u64> P::TrainsOptimizer<NAME> for Net {}`
fn expand_trains_all(model: &ImplModel) -> TokenStream {
    let p = model.paths.private();
    let ident = &model.item.self_ty;
    let mut generics = model.item.generics.clone();
    generics.params.push(syn::parse_quote!(const __LIGHTNING_NAME: u64));
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    quote!(impl #impl_generics #p::TrainsOptimizer<__LIGHTNING_NAME> for #ident #where_clause {})
}

/// ```text
/// impl P::TrainingStep for Net {
///     fn run_training_step(&self, step: usize, batch: Self::TrainBatch, cx: &P::StepCx<'_>) -> … {
///         match step { 0usize => P::training_output(Self::critic_step(self, batch)), _ => … }
///     }
///     const AGAIN: P::Again<Self::TrainBatch> = |batch| P::Option::Some(P::Clone::clone(batch));
/// }
/// ```
fn expand_bound_steps(model: &ImplModel, step: StepDef) -> TokenStream {
    let p = model.paths.private();
    let (impl_generics, ident, where_clause) = parts(model);
    let (implements, run) = (format_ident!("{}", step.implements), format_ident!("{}", step.method));
    let last = model.bound().count().saturating_sub(1);
    let arms = model.bound().enumerate().map(|(at, (method, _))| {
        let args = method.params.all.iter().filter_map(|param| match param {
            Param::Batch => method.params.batch.as_ref().map(expand_batch),
            Param::Known(param, ty) => Some(expand_arg(&p, param, ty)),
            Param::Unknown(_) => None,
        });
        let call = expand_output_call(&p, method, &quote!(training_output), &quote!(self #(, #args)*));
        let pattern = if at == last { quote!(_) } else { quote!(#at) };
        quote!(#pattern => #call,)
    });
    let span = model
        .bound()
        .find_map(|(method, _)| method.params.batch.as_ref())
        .map_or_else(Span::call_site, |ty| ends(ty).0);
    let again = respan(quote!(#p::Clone::clone), span);
    quote! {
        #[automatically_derived]
        impl #impl_generics #p::#implements for #ident #where_clause {
            fn #run(&self, step: usize, batch: Self::TrainBatch, cx: &#p::StepCx<'_>) -> #p::Result<#p::Option<#p::TrainingOutput>> {
                match step { #(#arms)* }
            }
            const AGAIN: #p::Again<Self::TrainBatch> = |batch| #p::Option::Some(#again(batch));
        }
    }
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
    let args = known.iter().map(|(param, ty)| expand_arg(&p, param, ty));
    let call = expand_output_call(&p, method, &quote!(optimizers), &quote!(self #(, #args)*));
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

/// `type Output = Tensor<2>;`, or what is inside where the written type is a `Result`.
fn expand_prediction(p: &TokenStream, method: &Method) -> TokenStream {
    match method.output() {
        None => quote!(
            type Output = ();
        ),
        Some(Type::ImplTrait(_)) => quote!(
            type Output = ();
        ),
        Some(ty) if method.is_fallible() => {
            let output = qualified(p, ty, &quote!(FallibleOutput::Output));
            quote!(type Output = #output;)
        }
        Some(ty) => quote!(type Output = #ty;),
    }
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
    let args = known.iter().map(|(param, ty)| expand_arg(&p, param, ty));
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
    HOOKS.iter().filter(|hook| hook.owner == Owner::Data)
}
