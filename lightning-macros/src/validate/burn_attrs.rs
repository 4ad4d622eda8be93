//! Attributes of Burn's derive on fields (C14).

use crate::{diagnostics::Diagnostics, hooks::Owner, model::StructModel, parse::name_of};

/// `#[module(skip)] layer: Linear`: Burn would leave the field out of the model, and the role of the
/// field would say that it is in.
pub(super) fn check_module_attrs(model: &StructModel, diagnostics: &Diagnostics) {
    if model.owner == Owner::Data {
        // No derive of a data module knows it: rustc reports it.
        return;
    }
    for field in &model.item.fields {
        for attr in field.attrs.iter().filter(|attr| name_of(attr) == "module") {
            diagnostics
                .error(attr.path(), "`#[module]` must not be on a field of a `#[lightning_module]` struct")
                .note("the role of a field says whether it is part of the model")
                .help("remove it, or write `#[state(skip)]` for a field that is not part of the model")
                .emit();
        }
    }
}
