//! The impl side: names, receivers, qualifiers, parameters, outputs.

use quote::ToTokens;
use syn::{Attribute, FnArg, Generics, ImplItem, ItemImpl, ReceiverKind, Safety, Signature, Type};

use super::{check_tensors, logs, optimizers};
use crate::{
    diagnostics::{Diagnostics, suggested},
    hooks::{HookDef, Kind, Owner, ParamDef, Receiver, StepOutput},
    model::{ImplModel, Meant, Method, Param},
    parse::take_attrs,
    paths::plain,
    text::text_of,
};

/// The checks of an impl, each on its own.
const CHECKS: &[fn(&ImplModel, &Diagnostics)] = &[
    check_names,
    check_receivers,
    check_qualifiers,
    check_params,
    check_batches,
    check_named_outputs,
    check_generated_names,
    check_repeated_hooks,
    optimizers::check_training_steps,
    optimizers::check_manual,
    check_burn_types,
    check_habits,
    logs::check_log_places,
    logs::check_log_forms,
    logs::check_log_options,
    logs::check_metric_conflicts,
    logs::check_metric_constants,
];

/// Runs every check.
pub(crate) fn validate_impl(model: &ImplModel, diagnostics: &Diagnostics) {
    for check in CHECKS {
        check(model, diagnostics);
    }
}

/// `#[lightning_module] impl Trait for Digits`: a hook is an inherent method (C17). False where nothing else can be checked.
pub(crate) fn check_impl_item(owner: Owner, item: &ItemImpl, diagnostics: &Diagnostics) -> bool {
    let attribute = owner.attribute();
    if let Some((path, _)) = &item.trait_ {
        diagnostics
            .error(path, format!("`#[{attribute}]` stands on an impl of a trait"))
            .note("hooks are methods of the type itself")
            .help(format!("move the attribute to `impl {}`", text_of(&item.self_ty)))
            .emit();
        return false;
    }
    true
}

/// `#[optimizer(…)]` on the impl (C12)
pub(crate) fn check_impl_attributes(attrs: &mut Vec<Attribute>, diagnostics: &Diagnostics) {
    for attr in take_attrs(attrs, &["optimizer"]) {
        diagnostics
            .error(attr.path(), "`#[optimizer]` stands on the impl")
            .help("write it on the struct, below `#[lightning_module]`")
            .emit();
    }
}

/// `fn train_step(…)` (C1)
fn check_names(model: &ImplModel, diagnostics: &Diagnostics) {
    let keep = "or mark the method `#[not_a_hook]` to keep the name";
    let noun = model.owner.noun();
    for method in &model.methods {
        let name = method.name();
        let ident = &method.sig.ident;
        match method.meant {
            Meant::Hook(_) | Meant::Ordinary => {}
            Meant::NearMiss(Some(hook)) => diagnostics
                .error(ident, format!("`{name}` is no hook of {noun}"))
                .note(format!("`{}`: {}", hook.name, hook.when()))
                .help(format!("did you mean `{}`?", hook.signature()))
                .help(keep)
                .emit(),
            Meant::NearMiss(None) => diagnostics
                .error(ident, format!("`{name}` looks like a hook, but {noun} has no such hook"))
                .help(likely_hooks(&name))
                .help(keep)
                .emit(),
            Meant::Unavailable(instead) => diagnostics
                .error(ident, format!("`{name}` is not available as a hook of {noun}"))
                .help(instead)
                .help(keep)
                .emit(),
            Meant::Misplaced(_) => diagnostics
                .error(ident, format!("`{name}` is a hook of a module, this is a data module"))
                .help("move it to the `#[lightning_module]` impl")
                .help(keep)
                .emit(),
        }
    }
}

/// The hooks that share the most words with a name that is near to none.
fn likely_hooks(name: &str) -> String {
    let words: Vec<&str> = name.split('_').collect();
    let shared = |hook: &HookDef| hook.name.split('_').filter(|word| words.contains(word)).count();
    let hooks = HookDef::of(Owner::Module).filter(|hook| hook.kind == Kind::Hook);
    match hooks.max_by_key(|hook| (shared(hook), std::cmp::Reverse(hook.name.len()))) {
        Some(hook) => format!("the nearest is `{}`", hook.signature()),
        None => "see the table of hooks in the documentation of `#[lightning_module]`".to_owned(),
    }
}

/// The methods that are checked as hooks: a misspelt one is reported for its name alone.
fn hooks(model: &ImplModel) -> impl Iterator<Item = (&Method, &'static HookDef)> {
    model.methods.iter().filter_map(|method| match method.meant {
        Meant::Hook(hook) => Some((method, hook)),
        _ => None,
    })
}

/// `fn training_step(&mut self, …)` (C2)
fn check_receivers(model: &ImplModel, diagnostics: &Diagnostics) {
    for (method, hook) in hooks(model) {
        let name = hook.name;
        let wanted = hook.receiver.text();
        let receiver = method.sig.receiver();
        let found = receiver.map(receiver_text);
        let right = matches!(
            (hook.receiver, found.as_deref()),
            (Receiver::Absent, None)
                | (Receiver::Ref | Receiver::Either, Some("&self"))
                | (Receiver::Mut | Receiver::Either, Some("&mut self"))
        );
        if right {
            continue;
        }
        let report = match (receiver, hook.receiver) {
            (Some(receiver), Receiver::Absent) => {
                diagnostics.error(receiver, format!("`{name}` takes no receiver, found `{}`", receiver_text(receiver)))
            }
            (Some(receiver), _) => {
                diagnostics.error(receiver, format!("`{name}` takes `{wanted}`, found `{}`", receiver_text(receiver)))
            }
            (None, _) => diagnostics.error(&method.sig.ident, format!("`{name}` takes `{wanted}`, found no receiver")),
        };
        let report = report.expected(format!("`{}`", hook.signature()));
        match hook.kind {
            Kind::Step(_) if found.as_deref() == Some("&mut self") => report
                .help(format!(
                    "write `{wanted}`; what changes from batch to batch goes into a hook, such as `on_train_batch_end`"
                ))
                .emit(),
            Kind::Init => report.help("remove it, or mark the method `#[not_a_hook]` to keep the name").emit(),
            _ => report.help(format!("write `{wanted}`")).emit(),
        }
    }
}

/// The receiver as it would be written in short.
fn receiver_text(receiver: &syn::Receiver) -> String {
    let mutability = |mutable: bool| if mutable { "&mut self" } else { "&self" };
    match &receiver.kind {
        ReceiverKind::Reference(_, _, mutable) => mutability(mutable.is_some()).to_owned(),
        ReceiverKind::Typed(_, ty) => match &**ty {
            Type::Reference(reference) if is_self(&reference.elem) => {
                mutability(reference.mutability.is_some()).to_owned()
            }
            _ => text_of(receiver),
        },
        _ => text_of(receiver),
    }
}

fn is_self(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.is_ident("Self"))
}

/// `async fn training_step(…)`, `fn training_step<T>(…)` (C2)
fn check_qualifiers(model: &ImplModel, diagnostics: &Diagnostics) {
    for (method, hook) in hooks(model) {
        let name = hook.name;
        let Signature { constness, asyncness, safety, abi, generics, .. } = &method.sig;
        let Generics { params, .. } = generics;
        let report = |tokens: &dyn ToTokens, found: &str| {
            diagnostics
                .error(tokens.to_token_stream(), format!("`{name}` cannot be {found}"))
                .expected(format!("`{}`", hook.signature()))
                .help(if found == "generic" {
                    "write the types themselves, such as `batch: Tensor<2>`"
                } else {
                    "remove it"
                })
                .emit();
        };
        if let Some(constness) = constness {
            report(constness, "`const`");
        }
        if let Some(asyncness) = asyncness {
            report(asyncness, "`async`");
        }
        if let Safety::Unsafe(token) = safety {
            report(token, "`unsafe`");
        }
        if let Some(abi) = abi {
            report(abi, "`extern`");
        }
        if !params.is_empty() {
            report(params, "generic");
        }
    }
}

/// `fn on_train_epoch_end(&mut self, outputs: Vec<T>)` (C3)
fn check_params(model: &ImplModel, diagnostics: &Diagnostics) {
    for (method, hook) in hooks(model) {
        let mut seen: Vec<&str> = Vec::new();
        for (input, param) in
            method.sig.inputs.iter().filter(|input| matches!(input, FnArg::Typed(_))).zip(&method.params.all)
        {
            match param {
                Param::Batch => {}
                Param::Known(known, _) if seen.contains(&known.name) => diagnostics
                    .error(input, format!("`{}` is asked for twice", known.name))
                    .help("keep one of the two")
                    .emit(),
                Param::Known(known, ty) => {
                    seen.push(known.name);
                    if contains_impl(ty) {
                        diagnostics
                            .error(ty, format!("`{}` cannot be generic", hook.name))
                            .expected(format!("`{}: {}`", known.name, known.ty))
                            .help("name the type")
                            .emit();
                    }
                    check_lent(hook, known, ty, diagnostics);
                }
                Param::Unknown(input) => report_param(hook, input, diagnostics),
            }
        }
        let all_needed = hook.kind == Kind::Init;
        for missing in hook.params.iter().filter(|param| all_needed && !seen.contains(&param.name)) {
            diagnostics
                .error(&method.sig.ident, format!("`{}` has no parameter `{}`", hook.name, missing.name))
                .expected(format!("`{}`", hook.signature()))
                .help(format!("add `{}: {}`", missing.name, missing.ty))
                .emit();
        }
    }
}

/// `fn on_train_batch_end(&mut self, batch: Pixels)`: the step has the batch, the hook sees it.
fn check_lent(hook: &HookDef, known: &ParamDef, ty: &Type, diagnostics: &Diagnostics) {
    let lent = match ty {
        Type::Reference(reference) if reference.mutability.is_none() => return,
        Type::Reference(reference) => &*reference.elem,
        ty => ty,
    };
    if known.arg.is_lent() {
        diagnostics
            .error(ty, format!("`{}` sees its `{}` by reference, found `{}`", hook.name, known.name, text_of(ty)))
            .expected(format!("`{}`", hook.signature()))
            .help(format!("write `&{}`", text_of(lent)))
            .emit();
    }
}

fn report_param(hook: &HookDef, input: &FnArg, diagnostics: &Diagnostics) {
    let FnArg::Typed(typed) = input else { return };
    let name = match &*typed.pat {
        syn::Pat::Ident(binding) => plain(&binding.ident),
        pattern => text_of(pattern),
    };
    let report = diagnostics.error(&typed.pat, format!("`{}` has no parameter `{name}`", hook.name));
    let known: Vec<String> = hook.params.iter().map(|param| format!("`{}: {}`", param.name, param.ty)).collect();
    let report = match (known.is_empty(), hook.kind) {
        (true, _) => report.note("it takes no parameters"),
        (false, Kind::Step(_)) => {
            report.note(format!("its parameters are the batch, then any of {}", known.join(", ")))
        }
        (false, _) => report.note(format!("its parameters, recognised by name, are {}", known.join(", "))),
    };
    match suggested(&name, hook.params.iter().map(|param| param.name)) {
        Some(near) => report.help(format!("did you mean `{near}`?")).emit(),
        None => report.help("remove it").emit(),
    }
}

/// `fn training_step(&self)`, `fn training_step(&self, batch: &Batch)` (C3)
fn check_batches(model: &ImplModel, diagnostics: &Diagnostics) {
    for (method, hook) in hooks(model) {
        let Kind::Step(_) = hook.kind else { continue };
        match &method.params.batch {
            None => diagnostics
                .error(&method.sig.ident, format!("`{}` takes a batch, found none", hook.name))
                .expected(format!("`{}`", hook.signature()))
                .help("add `batch: B`, where `B` is the type that the loader gives")
                .emit(),
            Some(ty @ Type::Reference(reference)) => diagnostics
                .error(ty, format!("`{}` takes its batch by value, found a reference", hook.name))
                .help(format!("write `{}`: the step owns the batch", text_of(&reference.elem)))
                .emit(),
            Some(ty @ Type::ImplTrait(_)) => diagnostics
                .error(ty, format!("the batch of `{}` needs a named type", hook.name))
                .help("write the type that derives `Batch`")
                .emit(),
            Some(_) => {}
        }
    }
}

/// `fn train_dataloader(&self) -> impl Loader<Batch>`: the type becomes an associated type, which has to be named.
fn check_named_outputs(model: &ImplModel, diagnostics: &Diagnostics) {
    for (method, hook) in hooks(model) {
        let (what, help) = match hook.kind {
            Kind::Loader => ("loader", "write `DataLoader<B>`, or `Result<DataLoader<B>>`"),
            Kind::Step(step) if step.output == StepOutput::Prediction => {
                ("prediction", "write the type that the step returns")
            }
            _ => continue,
        };
        match method.output() {
            Some(ty) if contains_impl(ty) => {
                diagnostics.error(ty, format!("name the {what}'s type")).help(help).emit();
            }
            None if hook.kind == Kind::Loader => diagnostics
                .error(&method.sig.ident, format!("`{}` returns nothing", hook.name))
                .expected(format!("`{}`", hook.signature()))
                .help(help)
                .emit(),
            _ => {}
        }
    }
}

fn contains_impl(ty: &Type) -> bool {
    struct Impls(bool);
    impl<'ast> syn::visit::Visit<'ast> for Impls {
        fn visit_type_impl_trait(&mut self, _: &'ast syn::TypeImplTrait) {
            self.0 = true;
        }
    }
    let mut impls = Impls(false);
    syn::visit::Visit::visit_type(&mut impls, ty);
    impls.0
}

/// `fn freeze(…)`: the attribute on the struct emits it.
fn check_generated_names(model: &ImplModel, diagnostics: &Diagnostics) {
    let generated = model.owner.generated();
    for method in &model.methods {
        if generated.contains(&method.name().as_str()) {
            diagnostics
                .error(
                    &method.sig.ident,
                    format!("`{}` exists already: `#[{}]` writes it", method.sig.ident, model.owner.attribute()),
                )
                .help("choose another name")
                .emit();
        }
    }
}

/// Two `fn training_step` under one set of `#[cfg]`s: rustc reports the pair, at the second name, better than we could,
/// but only once the traits are implemented once.
fn check_repeated_hooks(model: &ImplModel, diagnostics: &Diagnostics) {
    for method in model.repeated() {
        diagnostics
            .error(&method.sig.ident, format!("`{}` is written twice", method.name()))
            .help("keep one of the two")
            .emit();
    }
}

/// `self.trainer.current_epoch`
fn check_habits(model: &ImplModel, diagnostics: &Diagnostics) {
    for (member, instead) in model.methods.iter().flat_map(|method| &method.habits.of_trainer) {
        diagnostics
            .error(member, format!("a module has no trainer to ask for `{member}`"))
            .note("what a step or hook may know of the run is in its parameter `cx`")
            .help(format!("write {instead}"))
            .emit();
    }
}

/// `fn training_step(&self, batch: Tensor<B, 2>)` (C18)
fn check_burn_types(model: &ImplModel, diagnostics: &Diagnostics) {
    for member in &model.item.items {
        let ImplItem::Fn(function) = member else { continue };
        for input in &function.sig.inputs {
            if let FnArg::Typed(typed) = input {
                check_tensors(&typed.ty, diagnostics);
            }
        }
        if let syn::ReturnType::Type(_, ty) = &function.sig.output {
            check_tensors(ty, diagnostics);
        }
    }
}
