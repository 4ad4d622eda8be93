//! Hyperparameters (C14).

use crate::{diagnostics::Diagnostics, model::StructModel};

/// `#[hparam] device: String`: the expressions in attributes already use these names (C14).
pub(super) fn check_hparam_names(model: &StructModel, diagnostics: &Diagnostics) {
    const TAKEN: &[&str] = &["device", "hparams", "self", "cx", "new"];
    for (field, _) in model.hparams() {
        let name = field.name();
        if TAKEN.contains(&name.as_str()) {
            diagnostics
                .error(&field.ident, format!("a hyperparameter must not be named `{name}`"))
                .note(format!("`{name}` is a reserved name in the expressions of attributes"))
                .help(format!("choose another name, such as `{name}_name`"))
                .emit();
        }
    }
}

/// `#[hparam] x: T` in `struct Net<T>`: the struct of hyperparameters is not generic.
pub(super) fn check_hparam_generics(model: &StructModel, diagnostics: &Diagnostics) {
    for (field, _) in model.hparams() {
        if let Some(param) = model.generic_of(field) {
            diagnostics
                .error(
                    &field.ty,
                    format!("hyperparameter `{}` must not use the generic parameter `{param}`", field.ident),
                )
                .note("the generated struct of hyperparameters has no generic parameters")
                .help("write a concrete type")
                .emit();
        }
    }
}

/// `#[serde(flatten)]`: unknown keys of a configuration could not be reported.
pub(super) fn check_hparam_serde(model: &StructModel, diagnostics: &Diagnostics) {
    for (field, _) in model.hparams() {
        for attr in &field.serde {
            let Ok(list) = attr.meta.require_list() else { continue };
            let flatten = list.tokens.clone().into_iter().find(|token| token.to_string() == "flatten");
            if let Some(flatten) = flatten {
                diagnostics
                    .error(flatten, format!("hyperparameter `{}` must not be flattened", field.ident))
                    .note("with `flatten` an unknown key in a configuration file could not be reported")
                    .help("remove `flatten`: the field's keys are written under its name")
                    .emit();
            }
        }
    }
}
