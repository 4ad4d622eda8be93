//! The struct side.

use syn::{Fields, ItemStruct};

use super::{check_tensors, optimizers};
use crate::{
    diagnostics::Diagnostics,
    hooks::Owner,
    model::{Role, StructModel},
    paths::plain,
};

/// The checks of a struct, each on its own.
const CHECKS: &[fn(&StructModel, &Diagnostics)] = &[
    check_repeated_fields,
    check_one_role,
    check_every_role,
    check_expressions,
    check_frozen,
    check_precision,
    check_hparam_names,
    check_hparam_generics,
    check_hparam_serde,
    optimizers::check_parts,
    optimizers::check_schedules,
    optimizers::check_fields,
    optimizers::check_groups,
    optimizers::check_overlaps,
    check_burn_types,
];

/// Runs every check.
pub(crate) fn validate_struct(model: &StructModel, diagnostics: &Diagnostics) {
    for check in CHECKS {
        check(model, diagnostics);
    }
}

/// `struct Digits(Linear);`: a field's name is its path in the checkpoint, so it needs one (C17). False where nothing else can be
/// checked.
pub(crate) fn check_struct_shape(owner: Owner, item: &ItemStruct, diagnostics: &Diagnostics) -> bool {
    let (found, tokens) = match &item.fields {
        Fields::Named(fields) => {
            let unnamed = |field: &&syn::Field| field.ident.as_ref().is_none_or(|ident| ident == "_");
            let unnamed: Vec<_> = fields.named.iter().filter(unnamed).collect();
            for field in &unnamed {
                diagnostics.error(&field.ident, "a field needs a name").help("write one instead of `_`").emit();
            }
            return unnamed.is_empty();
        }
        Fields::Unnamed(_) => ("a tuple struct", "Digits { layer: Linear }"),
        // Its loaders may make everything.
        Fields::Unit if owner == Owner::Data => return true,
        Fields::Unit => ("a unit struct", "Digits {}"),
    };
    let attribute = owner.attribute();
    diagnostics
        .error(&item.ident, format!("`#[{attribute}]` needs named fields, `{}` is {found}", item.ident))
        .help(format!("write `struct {}`", tokens.replacen("Digits", &plain(&item.ident), 1)))
        .emit();
    false
}

/// `#[init(…)] layer: Linear, #[hparam] layer: usize` (C14)
fn check_repeated_fields(model: &StructModel, diagnostics: &Diagnostics) {
    for field in model.repeated() {
        diagnostics
            .error(&field.ident, format!("two fields are called `{}`", field.ident))
            .note("a hyperparameter is a field as well")
            .help("rename one of the two")
            .emit();
    }
}

/// `#[hparam] #[state] x: T`
fn check_one_role(model: &StructModel, diagnostics: &Diagnostics) {
    for field in &model.fields {
        let [first, others @ ..] = field.roles.as_slice() else { continue };
        for other in others {
            diagnostics
                .error(other, format!("field `{}` has two roles", field.ident))
                .note(format!("the first is `#[{}]`", crate::parse::name_of(&first.attr)))
                .help("keep one of the two")
                .emit();
        }
    }
}

/// `x: T` beside `#[init(…)] y: U`
fn check_every_role(model: &StructModel, diagnostics: &Diagnostics) {
    let help = match model.owner {
        Owner::Module => {
            "write `#[init(expr)]`, `#[hparam]`, `#[hparam(default = expr)]`, `#[buffer(expr)]` or `#[state]` before it"
        }
        Owner::Data => "write `#[hparam]`, `#[hparam(default = expr)]`, `#[state]` or `#[state(skip)]` before it",
    };
    for field in model.fields.iter().filter(|field| !field.reported && model.role(field).is_none()) {
        diagnostics.error(&field.ident, format!("field `{}` has no role", field.ident)).help(help).emit();
    }
}

/// `#[init] x: T` beside `#[init(…)] y: U`
fn check_expressions(model: &StructModel, diagnostics: &Diagnostics) {
    if !model.initialises_itself() {
        return;
    }
    for role in model.fields.iter().flat_map(|field| field.roles.first()) {
        let name = match &role.role {
            Role::Module(None) => "init",
            Role::Buffer(None) => "buffer",
            _ => continue,
        };
        diagnostics
            .error(role, format!("`#[{name}]` needs an expression here"))
            .note("other fields say how they are built, so this one has to as well")
            .help(format!("write `#[{name}(expr)]`, or build all fields in `fn init` in the impl"))
            .emit();
    }
}

/// `#[frozen] #[hparam] x: T`
fn check_frozen(model: &StructModel, diagnostics: &Diagnostics) {
    for field in &model.fields {
        let Some(frozen) = &field.frozen else { continue };
        if matches!(model.role(field), Some(Role::Module(_)) | None) {
            continue;
        }
        diagnostics
            .error(frozen.path(), format!("`#[frozen]` has no meaning on field `{}`", field.ident))
            .note("only a field with `#[init]` has parameters that could be trained")
            .help("remove `#[frozen]`")
            .emit();
    }
}

/// `#[precision(f32)] #[buffer(…)] x: T`
fn check_precision(model: &StructModel, diagnostics: &Diagnostics) {
    for field in &model.fields {
        let Some(precision) = &field.precision else { continue };
        let note = match model.role(field) {
            Some(Role::Module(_)) | None => continue,
            Some(Role::Buffer(_)) => "a buffer is never cast",
            Some(Role::Hparam(_) | Role::State | Role::Skipped) => {
                "only a field with `#[init]` has parameters that are cast"
            }
        };
        diagnostics
            .error(precision.path(), format!("`#[precision]` has no meaning on field `{}`", field.ident))
            .note(note)
            .help("remove `#[precision]`")
            .emit();
    }
}

/// `#[hparam] device: String`: the expressions in attributes see these names already (C14).
fn check_hparam_names(model: &StructModel, diagnostics: &Diagnostics) {
    const TAKEN: &[&str] = &["device", "hparams", "self", "cx"];
    for (field, _) in model.hparams() {
        let name = field.name();
        if TAKEN.contains(&name.as_str()) {
            diagnostics
                .error(&field.ident, format!("a hyperparameter cannot be called `{name}`"))
                .note(format!("expressions in attributes see another `{name}`"))
                .help(format!("choose another name, such as `{name}_name`"))
                .emit();
        }
    }
}

/// `#[hparam] x: T` in `struct Net<T>`: the hyperparameters are no generic struct.
fn check_hparam_generics(model: &StructModel, diagnostics: &Diagnostics) {
    for (field, _) in model.hparams() {
        if let Some(param) = model.generic_of(field) {
            diagnostics
                .error(&field.ty, format!("hyperparameter `{}` cannot use the generic `{param}`", field.ident))
                .note("the hyperparameters are a struct of their own, without generics")
                .help("give it a concrete type")
                .emit();
        }
    }
}

/// `#[serde(flatten)]`: unknown keys of a configuration could not be told apart any more.
fn check_hparam_serde(model: &StructModel, diagnostics: &Diagnostics) {
    for (field, _) in model.hparams() {
        for attr in &field.serde {
            let Ok(list) = attr.meta.require_list() else { continue };
            let flatten = list.tokens.clone().into_iter().find(|token| token.to_string() == "flatten");
            if let Some(flatten) = flatten {
                diagnostics
                    .error(flatten, format!("hyperparameter `{}` cannot be flattened", field.ident))
                    .note("an unknown key in a configuration file could not be reported")
                    .help("remove `flatten`: the field's keys are written under its name")
                    .emit();
            }
        }
    }
}

/// `x: Tensor<B, 2>` (C18)
fn check_burn_types(model: &StructModel, diagnostics: &Diagnostics) {
    for field in &model.fields {
        check_tensors(&field.ty, diagnostics);
    }
}
