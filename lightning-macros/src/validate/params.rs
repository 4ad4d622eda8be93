//! The parameters of hooks.

use syn::{FnArg, Type};

use super::{impls::hooks, outputs::contains_impl};
use crate::{
    diagnostics::{Diagnostics, suggested},
    hooks::{HookDef, Kind, ParamDef},
    model::{ImplModel, Method, Param},
    parse::name_of,
    paths::plain,
    text::text_of,
};

/// Parameters that a hook does not have: the hook, the name, and what to write instead.
const OTHER_PARAMS: &[(&str, &str, &str)] = &[
    ("training_step", "optimizers", BY_HAND),
    ("training_step", "optimizer", BY_HAND),
    ("training_step", "optim", BY_HAND),
    ("training_step", "optimizer_idx", "write `#[training_step(optimizer = …)]` above one step for each optimizer"),
    ("training_step", "epoch", FROM_CX),
    ("training_step", "current_epoch", FROM_CX),
    ("validation_step", "epoch", FROM_CX),
    ("validation_step", "current_epoch", FROM_CX),
];

const BY_HAND: &str =
    "write `#[manual_optimization]` above it, and `&mut self` and `optimizers: &mut Optimizers<Self>`";
const FROM_CX: &str = "write `cx: &StepContext` and `cx.current_epoch()`";

/// `fn on_train_epoch_end(&mut self, outputs: Vec<T>)` (C3)
pub(super) fn check_params(model: &ImplModel, diagnostics: &Diagnostics) {
    for (method, hook) in hooks(model) {
        check_param_cfgs(method, hook, diagnostics);
        if check_one_batch(method, hook, diagnostics) {
            continue;
        }
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
            let name = type_name(model);
            diagnostics
                .error(&method.sig.ident, format!("missing parameter `{}` of `{}`", missing.name, hook.name))
                .expected(format!("`{}`", hook.signature_of(&name)))
                .help(format!("add `{}`", missing.text().replace('…', &name)))
                .emit();
        }
    }
}

/// `#[cfg(test)] cx: &StepContext`: the generated call has the argument in any case.
fn check_param_cfgs(method: &Method, hook: &HookDef, diagnostics: &Diagnostics) {
    for input in &method.sig.inputs {
        let (FnArg::Typed(syn::PatType { attrs, .. }) | FnArg::Receiver(syn::Receiver { attrs, .. })) = input;
        for attr in attrs.iter().filter(|attr| ["cfg", "cfg_attr"].contains(&name_of(attr).as_str())) {
            diagnostics
                .error(attr, format!("a parameter of `{}` must not be under `#[{}]`", hook.name, name_of(attr)))
                .help(format!("write `{}` twice, each under its `#[cfg(…)]`", method.name()))
                .emit();
        }
    }
}

/// `fn test_step(&self, x: Tensor<2>, y: Tensor<1>)`, `fn training_step(&self, idx: usize, batch: B)`:
/// the first parameter that no name identifies is the batch. Returns whether it has reported.
fn check_one_batch(method: &Method, hook: &HookDef, diagnostics: &Diagnostics) -> bool {
    let (Kind::Step(_), Some(batch)) = (hook.kind, &method.params.batch) else { return false };
    let typed: Vec<&syn::PatType> = method.sig.inputs.iter().filter_map(typed).collect();
    let unnamed: Vec<&syn::PatType> = typed
        .iter()
        .zip(&method.params.all)
        .filter_map(|(input, param)| match param {
            Param::Batch => Some(*input),
            Param::Unknown(_)
                if suggested(&name_of_param(input), hook.params.iter().map(|param| param.name)).is_none() =>
            {
                Some(*input)
            }
            _ => None,
        })
        .collect();
    let [first, others @ ..] = unnamed.as_slice() else { return false };
    let Some(second) = others.first() else { return false };
    let text = text_of(batch);
    if matches!(text.as_str(), "usize" | "u64" | "u32" | "i64" | "i32") {
        diagnostics
            .error(
                first,
                format!("the first parameter of `{}` must be the batch, found `{}`", hook.name, text_of(first)),
            )
            .note("other parameters are recognized by name: `batch_idx: usize`, `dataloader_idx: usize`")
            .help(format!("write `{}, batch_idx: usize`", text_of(second)))
            .emit();
        return true;
    }
    let tensors = |input: &&syn::PatType| text_of(&input.ty).contains("Tensor");
    if !others.iter().all(tensors) {
        return false;
    }
    let (names, types): (Vec<String>, Vec<String>) =
        unnamed.iter().map(|input| (text_of(&input.pat), text_of(&input.ty))).unzip();
    diagnostics
        .error(second, format!("`{}` must take one batch, found {}", hook.name, unnamed.len()))
        .note("a batch of several parts is a tuple, or a struct with `#[derive(Batch)]`")
        .help(format!("write `({}): ({})`", names.join(", "), types.join(", ")))
        .emit();
    true
}

/// The name of the struct, for names such as `NetHparams`.
pub(super) fn type_name(model: &ImplModel) -> String {
    match &*model.item.self_ty {
        Type::Path(path) => path.path.segments.last().map(|last| plain(&last.ident)).unwrap_or_default(),
        _ => String::new(),
    }
}

fn typed(input: &FnArg) -> Option<&syn::PatType> {
    match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    }
}

fn name_of_param(input: &syn::PatType) -> String {
    match &*input.pat {
        syn::Pat::Ident(binding) => plain(&binding.ident),
        pattern => text_of(pattern),
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
    let name = name_of_param(typed);
    let report = diagnostics.error(&typed.pat, format!("unknown parameter `{name}` of `{}`", hook.name));
    let known: Vec<String> = hook.params.iter().map(|param| format!("`{}`", param.text())).collect();
    let report = match (known.is_empty(), hook.kind) {
        (true, _) => report.note(format!("`{}` takes no parameters", hook.name)),
        (false, Kind::Step(_)) => {
            report.note(format!("available parameters: the batch, then any of {}", known.join(", ")))
        }
        (false, _) => report.note(format!("available parameters, recognized by name: {}", known.join(", "))),
    };
    let instead = OTHER_PARAMS.iter().find(|(of, other, _)| *of == hook.name && *other == name);
    match suggested(&name, hook.params.iter().map(|param| param.name)) {
        _ if let Some((.., instead)) = instead => report.help(*instead).emit(),
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
                .expected(format!("`{}`", hook.signature_of(&type_name(model))))
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
