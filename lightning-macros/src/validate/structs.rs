//! The checks of a struct.

use syn::{Fields, ItemStruct};

use super::{burn_attrs, check_tensors, hparams, optimizers, overlaps, roles, search};
use crate::{diagnostics::Diagnostics, hooks::Owner, model::StructModel, paths::plain};

/// Reports all violations of one rule.
type Check = fn(&StructModel, &Diagnostics);

/// The checks, which are independent of each other, with their pages of `lightning_core::mistakes`.
const CHECKS: &[(u8, Check)] = &[
    (14, check_repeated_fields),
    (14, roles::check_one_role),
    (14, roles::check_every_role),
    (14, roles::check_expressions),
    (14, roles::check_scope),
    (14, roles::check_field_types),
    (14, roles::check_frozen),
    (14, roles::check_precision),
    (14, burn_attrs::check_module_attrs),
    (15, hparams::check_hparam_names),
    (15, hparams::check_hparam_generics),
    (15, hparams::check_hparam_serde),
    (15, search::check_search),
    (13, optimizers::check_parts),
    (13, optimizers::check_schedules),
    (13, optimizers::check_units),
    (12, optimizers::check_fields),
    (13, optimizers::check_groups),
    (12, overlaps::check_overlaps),
    (18, check_burn_types),
];

/// Runs every check.
pub(crate) fn validate_struct(model: &StructModel, diagnostics: &Diagnostics) {
    for (page, check) in CHECKS {
        diagnostics.on_page(*page, || check(model, diagnostics));
    }
}

/// `struct Digits(Linear);`: the name of a field is its path in a checkpoint (C17). Returns false
/// if nothing else can be checked.
pub(crate) fn check_struct_shape(owner: Owner, item: &ItemStruct, diagnostics: &Diagnostics) -> bool {
    let (found, tokens) = match &item.fields {
        Fields::Named(fields) => {
            let unnamed = |field: &&syn::Field| field.ident.as_ref().is_none_or(|ident| ident == "_");
            let unnamed: Vec<_> = fields.named.iter().filter(unnamed).collect();
            for field in &unnamed {
                diagnostics
                    .error(&field.ident, "a field must have a name, found `_`")
                    .help("write a name instead of `_`")
                    .emit();
            }
            return unnamed.is_empty();
        }
        Fields::Unnamed(_) => ("a tuple struct", "Digits { layer: Linear }"),
        // The loaders of a data module may not need fields.
        Fields::Unit if owner == Owner::Data => return true,
        Fields::Unit => ("a unit struct", "Digits {}"),
    };
    diagnostics
        .error(&item.ident, format!("`{}` must have named fields, found {found}", item.ident))
        .help(format!("write `struct {}`", tokens.replacen("Digits", &plain(&item.ident), 1)))
        .emit();
    false
}

/// `#[init(…)] layer: Linear, #[hparam] layer: usize` (C14)
fn check_repeated_fields(model: &StructModel, diagnostics: &Diagnostics) {
    for field in model.repeated() {
        diagnostics
            .error(&field.ident, format!("duplicate field `{}`", field.ident))
            .note("a hyperparameter is also a field")
            .help("rename one of the two")
            .emit();
    }
}

/// `x: Tensor<B, 2>` (C18)
fn check_burn_types(model: &StructModel, diagnostics: &Diagnostics) {
    for field in &model.fields {
        check_tensors(&field.ty, diagnostics);
    }
}
