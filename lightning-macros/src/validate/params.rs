//! The parameters of hooks.

use syn::{FnArg, Type};

use super::{impls::hooks, outputs::contains_impl};
use crate::{
    diagnostics::{Diagnostics, suggested},
    hooks::{HookDef, Kind, ParamDef},
    model::{ImplModel, Param},
    paths::plain,
    text::text_of,
};

/// `fn on_train_epoch_end(&mut self, outputs: Vec<T>)` (C3)
pub(super) fn check_params(model: &ImplModel, diagnostics: &Diagnostics) {
    for (method, hook) in hooks(model) {
        let mut seen: Vec<&str> = Vec::new();
        for (input, param) in
            method.sig.inputs.iter().filter(|input| matches!(input, FnArg::Typed(_))).zip(&method.params.all)
        {
            match param {
                Param::Batch => {}
                Param::Known(known, _) if seen.contains(&known.name) => diagnostics
                    .error(input, format!("duplicate parameter `{}` of `{}`", known.name, hook.name))
                    .help("remove one of the two")
                    .emit(),
                Param::Known(known, ty) => {
                    seen.push(known.name);
                    if contains_impl(ty) {
                        diagnostics
                            .error(ty, format!("`{}` must not be generic, found `{}`", hook.name, text_of(ty)))
                            .help(format!("write `{}`", known.text()))
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
                .error(&method.sig.ident, format!("missing parameter `{}` of `{}`", missing.name, hook.name))
                .expected(format!("`{}`", hook.signature()))
                .help(format!("add `{}`", missing.text()))
                .emit();
        }
    }
}

/// `fn on_train_batch_end(&mut self, batch: Pixels)`: the step owns the batch, a hook borrows it.
fn check_lent(hook: &HookDef, known: &ParamDef, ty: &Type, diagnostics: &Diagnostics) {
    let lent = match ty {
        Type::Reference(reference) if reference.mutability.is_none() => return,
        Type::Reference(reference) => &*reference.elem,
        ty => ty,
    };
    if known.arg.is_lent() {
        diagnostics
            .error(
                ty,
                format!("`{}` must take `{}` by shared reference, found `{}`", hook.name, known.name, text_of(ty)),
            )
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
    let report = diagnostics.error(&typed.pat, format!("unknown parameter `{name}` of `{}`", hook.name));
    let known: Vec<String> = hook.params.iter().map(|param| format!("`{}`", param.text())).collect();
    let report = match (known.is_empty(), hook.kind) {
        (true, _) => report.note(format!("`{}` takes no parameters", hook.name)),
        (false, Kind::Step(_)) => {
            report.note(format!("available parameters: the batch, then any of {}", known.join(", ")))
        }
        (false, _) => report.note(format!("available parameters, recognized by name: {}", known.join(", "))),
    };
    match suggested(&name, hook.params.iter().map(|param| param.name)) {
        Some(near) => report.help(format!("did you mean `{near}`?")).emit(),
        None => report.help(format!("remove `{name}`")).emit(),
    }
}

/// `fn training_step(&self)`, `fn training_step(&self, batch: &Batch)` (C3)
pub(super) fn check_batches(model: &ImplModel, diagnostics: &Diagnostics) {
    for (method, hook) in hooks(model) {
        let Kind::Step(_) = hook.kind else { continue };
        match &method.params.batch {
            None => diagnostics
                .error(&method.sig.ident, format!("`{}` must take a batch, found none", hook.name))
                .expected(format!("`{}`", hook.signature()))
                .help("add `batch: B`, where `B` is the batch type of the loader")
                .emit(),
            Some(ty @ Type::Reference(reference)) => diagnostics
                .error(ty, format!("`{}` must take the batch by value, found `{}`", hook.name, text_of(ty)))
                .help(format!("write `{}`", text_of(&reference.elem)))
                .emit(),
            Some(ty @ Type::ImplTrait(_)) => diagnostics
                .error(ty, format!("the batch of `{}` must have a concrete type, found `{}`", hook.name, text_of(ty)))
                .help("write the name of a type that implements `Batch`, such as `Tensor<2>`")
                .emit(),
            Some(_) => {}
        }
    }
}
