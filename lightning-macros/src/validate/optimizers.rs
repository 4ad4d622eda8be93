//! `#[optimizer(…)]` (C12, C13).

use syn::Ident;

use crate::{
    diagnostics::Diagnostics,
    model::{Optimizer, Role, StructModel, is_zero, suggestion},
    paths::plain,
};

/// `#[optimizer(lr = 1e-3)]`, `#[optimizer(AdamConfig::new())]`
pub(super) fn check_parts(model: &StructModel, diagnostics: &Diagnostics) {
    for optimizer in model.optimizers.iter().filter(|optimizer| !optimizer.reported) {
        let missing = match (&optimizer.config, &optimizer.lr) {
            (Some(_), Some(_)) => continue,
            (None, Some(_)) => "configuration",
            (Some(_), None) => "learning rate",
            (None, None) => "configuration and no learning rate",
        };
        diagnostics
            .error(optimizer.attr.path(), format!("`#[optimizer]` has no {missing}"))
            .help("write `#[optimizer(AdamConfig::new(), lr = 1e-3)]`")
            .emit();
    }
}

/// `#[optimizer(…, lr = lr, frequency = 2)]`, `frequency = 0`
pub(super) fn check_schedules(model: &StructModel, diagnostics: &Diagnostics) {
    for optimizer in model.optimizers.iter().filter(|optimizer| !optimizer.reported) {
        let Optimizer { frequency, monitor, strict, interval, .. } = optimizer;
        if let Some((_, value)) = frequency.as_ref().filter(|(_, value)| is_zero(value)) {
            diagnostics
                .error(value, "`frequency = 0` would never run")
                .help("leave `frequency` out for every step or epoch, or write at least 1")
                .emit();
        }
        if interval.is_none()
            && let Some((key, _)) = [frequency, monitor, strict].into_iter().flatten().next()
        {
            diagnostics
                .error(key, format!("`{key}` belongs to a schedule, and there is no `interval`"))
                .help("write `interval = step` or `interval = epoch` beside it")
                .emit();
        }
        if let (Some((key, _)), None) = (strict, monitor) {
            diagnostics
                .error(key, "`strict` belongs to `monitor`, which is not there")
                .help("write `monitor = val_loss`, or remove `strict`")
                .emit();
        }
    }
}

/// `#[optimizer(…)] #[hparam] x: f64`, `fields(encodr)`
pub(super) fn check_fields(model: &StructModel, diagnostics: &Diagnostics) {
    for optimizer in &model.optimizers {
        if let Some(field) = optimizer.field.as_ref().filter(|field| !is_module(model, field)) {
            diagnostics
                .error(optimizer.attr.path(), format!("`#[optimizer]` has no meaning on field `{field}`"))
                .note("only a field with `#[init]` has parameters that could be trained")
                .help("remove it, or write it on the struct")
                .emit();
        }
        for field in optimizer.fields.iter().filter(|field| !is_module(model, field)) {
            diagnostics
                .error(field, format!("`{field}` is no field with parameters"))
                .help(suggestion(&plain(field), module_names(model).iter().map(String::as_str)))
                .emit();
        }
        if let Some(name) = &optimizer.name
            && model.fields.iter().any(|field| field.ident == *name)
        {
            diagnostics
                .error(name, format!("the optimizer `{name}` is called like a field"))
                .help("choose another name: an optimizer of one field is written on the field")
                .emit();
        }
    }
}

/// `group(backbne, lr = …)`
pub(super) fn check_groups(model: &StructModel, diagnostics: &Diagnostics) {
    for group in model.optimizers.iter().flat_map(|optimizer| &optimizer.groups) {
        let Some(field) = group.word().filter(|field| !is_module(model, field)) else { continue };
        diagnostics
            .error(field, format!("`{field}` is no field with parameters"))
            .note("a group takes a field, `params::rank_below(n)`, `params::regex(\"…\")` or Burn's `ParamGroup`")
            .help(suggestion(&plain(field), module_names(model).iter().map(String::as_str)))
            .emit();
    }
}

fn is_module(model: &StructModel, name: &Ident) -> bool {
    module_names(model).contains(&plain(name))
}

/// The fields that may have parameters. One whose role was reported counts: it may have been meant as one.
fn module_names(model: &StructModel) -> Vec<String> {
    let module =
        |field: &&crate::model::Field| field.reported || matches!(model.role(field), Some(Role::Module(_)) | None);
    model.fields.iter().filter(module).map(crate::model::Field::name).collect()
}
