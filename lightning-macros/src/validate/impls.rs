//! The checks of an impl.

use syn::{Attribute, FnArg, ImplItem, ItemImpl, Type};

use super::{
    cadences, check_tensors, dims, log_options, logs, macro_calls, metrics, names, outputs, params, receivers,
    training_steps,
};
use crate::{
    diagnostics::Diagnostics,
    hooks::{HookDef, Owner},
    model::{ImplModel, Meant, Method},
    parse::{peel_types, take_attrs},
    text::text_of,
};

/// Reports all violations of one rule.
type Check = fn(&ImplModel, &Diagnostics);

/// The checks, which are independent of each other, with their pages of `lightning_core::mistakes`.
const CHECKS: &[(u8, Check)] = &[
    (1, names::check_names),
    (2, receivers::check_receivers),
    (2, receivers::check_qualifiers),
    (3, params::check_params),
    (3, params::check_batches),
    (4, outputs::check_named_outputs),
    (4, outputs::check_init_output),
    (10, check_generated_names),
    (10, check_repeated_hooks),
    (19, macro_calls::check_macro_calls),
    (12, training_steps::check_training_steps),
    (19, training_steps::check_manual),
    (19, cadences::check_cadences),
    (3, dims::check_method_dims),
    (18, check_burn_types),
    (3, check_python_hints),
    (11, logs::check_log_places),
    (11, logs::check_log_forms),
    (11, log_options::check_log_options),
    (10, metrics::check_metric_conflicts),
    (10, metrics::check_metric_constants),
];

/// Runs every check.
pub(crate) fn validate_impl(model: &ImplModel, diagnostics: &Diagnostics) {
    for (page, check) in CHECKS {
        diagnostics.on_page(*page, || check(model, diagnostics));
    }
}

/// `#[lightning_module] impl Trait for Digits`: a hook is an inherent method (C17). Returns false
/// if nothing else can be checked.
pub(crate) fn check_impl_item(owner: Owner, item: &ItemImpl, diagnostics: &Diagnostics) -> bool {
    let attribute = owner.attribute();
    if let Some((path, _)) = &item.trait_ {
        diagnostics
            .error(path, format!("`#[{attribute}]` must be on an inherent impl, found a trait impl"))
            .note("hooks are methods of the type itself")
            .help(format!("move the attribute to `impl {}`", text_of(&item.self_ty)))
            .emit();
        return false;
    }
    true
}

/// `#[lightning_module] impl &Digits`: the impl is read as one of the struct in it. Returns false if
/// there is none.
pub(crate) fn check_self_type(owner: Owner, item: &mut ItemImpl, diagnostics: &Diagnostics) -> bool {
    peel_types(&mut item.self_ty);
    let inner = match &*item.self_ty {
        Type::Reference(reference) => Some((*reference.elem).clone()),
        Type::Paren(paren) => Some((*paren.elem).clone()),
        Type::Tuple(tuple) if tuple.elems.len() == 1 => tuple.elems.first().cloned(),
        Type::Path(path) => match path.path.segments.last() {
            Some(last) if WRAPPERS.iter().any(|wrapper| last.ident == wrapper) => match &last.arguments {
                syn::PathArguments::AngleBracketed(args) => args.args.iter().find_map(|arg| match arg {
                    syn::GenericArgument::Type(inner @ Type::Path(_)) => Some(inner.clone()),
                    _ => None,
                }),
                _ => return true,
            },
            Some(last) if last.ident == "Tensor" && !last.arguments.is_empty() => None,
            _ => return true,
        },
        _ => None,
    };
    let attribute = owner.attribute();
    let found = text_of(&item.self_ty);
    let report = diagnostics.error(
        &item.self_ty,
        format!("`#[{attribute}]` must be on the impl of a struct of this crate, found `{found}`"),
    );
    match inner {
        Some(inner) => {
            report.help(format!("write `impl {}`", text_of(&inner))).emit();
            *item.self_ty = inner;
            true
        }
        None => {
            report.help(format!("write a struct with `#[{attribute}]`, and its impl")).emit();
            false
        }
    }
}

/// Types around a module, which cannot have impls of their own.
const WRAPPERS: &[&str] = &["Box", "Rc", "Arc", "Option", "Vec"];

/// `#[optimizer(…)]` on the impl (C12)
pub(crate) fn check_impl_attributes(attrs: &mut Vec<Attribute>, diagnostics: &Diagnostics) {
    for attr in take_attrs(attrs, &["optimizer"]) {
        diagnostics
            .error(attr.path(), "`#[optimizer]` must be on the struct, found on the impl")
            .help("write it on the struct, below `#[lightning_module]`")
            .emit();
    }
}

/// The methods that are checked as hooks; a misspelled one is reported for its name only.
pub(super) fn hooks(model: &ImplModel) -> impl Iterator<Item = (&Method, &'static HookDef)> {
    model.methods.iter().filter_map(|method| match method.meant {
        Meant::Hook(hook) => Some((method, hook)),
        _ => None,
    })
}

/// `fn freeze(…)`: the macro on the struct generates it.
fn check_generated_names(model: &ImplModel, diagnostics: &Diagnostics) {
    let generated = model.owner.generated();
    for method in &model.methods {
        if generated.contains(&method.name().as_str()) {
            diagnostics
                .error(&method.sig.ident, format!("duplicate method `{}`", method.sig.ident))
                .note(format!("`#[{}]` on the struct generates a method of this name", model.owner.attribute()))
                .help("rename the method")
                .emit();
        }
    }
}

/// Two `fn training_step` under the same `#[cfg]`s. rustc would report the second method better
/// than we can, but also the duplicate trait impls.
fn check_repeated_hooks(model: &ImplModel, diagnostics: &Diagnostics) {
    for method in model.repeated() {
        diagnostics
            .error(&method.sig.ident, format!("duplicate hook `{}`", method.name()))
            .help("remove one of the two")
            .emit();
    }
}

/// `self.trainer.current_epoch`
fn check_python_hints(model: &ImplModel, diagnostics: &Diagnostics) {
    for (member, instead) in model.methods.iter().flat_map(|method| &method.hints.of_trainer) {
        diagnostics
            .error(member, format!("`self.trainer.{member}` is not available"))
            .note("a module has no `trainer`: steps and hooks read the state of the run from `cx`")
            .help(*instead)
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
