//! The roles of fields (C14).

use crate::{
    diagnostics::Diagnostics,
    hooks::Owner,
    model::{Role, StructModel},
};

/// `#[hparam] #[state] x: T`
pub(super) fn check_one_role(model: &StructModel, diagnostics: &Diagnostics) {
    for field in &model.fields {
        let [first, others @ ..] = field.roles.as_slice() else { continue };
        for other in others {
            diagnostics
                .error(other, format!("field `{}` must have one role, found two", field.ident))
                .note(format!("the first role is `#[{}]`", crate::parse::name_of(&first.attr)))
                .help("remove one of the two")
                .emit();
        }
    }
}

/// `x: T` beside `#[init(…)] y: U`
pub(super) fn check_every_role(model: &StructModel, diagnostics: &Diagnostics) {
    let help = match model.owner {
        Owner::Module => {
            "write `#[init(expr)]`, `#[hparam]`, `#[hparam(default = expr)]`, `#[buffer(expr)]` or `#[state]` before it"
        }
        Owner::Data => "write `#[hparam]`, `#[hparam(default = expr)]`, `#[state]` or `#[state(skip)]` before it",
    };
    for field in model.fields.iter().filter(|field| !field.reported && model.role(field).is_none()) {
        diagnostics.error(&field.ident, format!("field `{}` needs a role", field.ident)).help(help).emit();
    }
}

/// `#[init] x: T` beside `#[init(…)] y: U`
pub(super) fn check_expressions(model: &StructModel, diagnostics: &Diagnostics) {
    if !model.is_built_by_attributes() {
        return;
    }
    for role in model.fields.iter().flat_map(|field| field.roles.first()) {
        let name = match &role.role {
            Role::Module(None) => "init",
            Role::Buffer(None) => "buffer",
            _ => continue,
        };
        diagnostics
            .error(role, format!("`#[{name}]` needs an expression"))
            .note("other fields have one, so this field is not built by `fn init`")
            .help(format!("write `#[{name}(expr)]`, or build all fields in `fn init` of the impl"))
            .emit();
    }
}

/// `#[frozen] #[hparam] x: T`
pub(super) fn check_frozen(model: &StructModel, diagnostics: &Diagnostics) {
    for field in &model.fields {
        let Some(frozen) = &field.frozen else { continue };
        if matches!(model.role(field), Some(Role::Module(_)) | None) {
            continue;
        }
        diagnostics
            .error(frozen.path(), format!("`#[frozen]` must be on a field with `#[init]`, found on `{}`", field.ident))
            .note("only such a field has trainable parameters")
            .help("remove `#[frozen]`")
            .emit();
    }
}

/// `#[precision(f32)] #[buffer(…)] x: T`
pub(super) fn check_precision(model: &StructModel, diagnostics: &Diagnostics) {
    for field in &model.fields {
        let Some(precision) = &field.precision else { continue };
        let note = match model.role(field) {
            Some(Role::Module(_)) | None => continue,
            Some(Role::Buffer(_)) => "a buffer is never cast",
            Some(Role::Hparam(_) | Role::State | Role::Skipped) => "only such a field has parameters to cast",
        };
        diagnostics
            .error(
                precision.path(),
                format!("`#[precision]` must be on a field with `#[init]`, found on `{}`", field.ident),
            )
            .note(note)
            .help("remove `#[precision]`")
            .emit();
    }
}
