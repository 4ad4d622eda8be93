//! `#[optimizer(…)]` (C12, C13).

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::Ident;

use crate::{
    diagnostics::Diagnostics,
    model::{IntervalArg, Optimizer, Role, StructModel, is_zero, suggestion},
    paths::plain,
};

/// `#[optimizer(lr = 1e-3)]`, `#[optimizer(AdamConfig::new())]`
pub(super) fn check_parts(model: &StructModel, diagnostics: &Diagnostics) {
    for optimizer in model.optimizers.iter().filter(|optimizer| !optimizer.reported) {
        let missing = match (&optimizer.config, &optimizer.lr) {
            (Some(_), Some(_)) => continue,
            (None, Some(_)) => "a configuration",
            (Some(_), None) => "a learning rate",
            (None, None) => "a configuration and a learning rate",
        };
        diagnostics
            .error(optimizer.attr.path(), format!("`#[optimizer]` needs {missing}"))
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
                .error(value, "`frequency` must be positive, found 0")
                .help("write `frequency = 1`, or remove `frequency` to advance the schedule at every step or epoch")
                .emit();
        }
        if interval.is_none()
            && let Some((key, _)) = [frequency, monitor, strict].into_iter().flatten().next()
        {
            diagnostics
                .error(key, format!("`{key}` needs an `interval`"))
                .help("write `interval = step` or `interval = epoch` beside it")
                .emit();
        }
        if let (Some((key, _)), None) = (strict, monitor) {
            diagnostics
                .error(key, "`strict` needs a `monitor`")
                .help("write `monitor = val_loss`, or remove `strict`")
                .emit();
        }
    }
}

/// `lr = Cosine::new(lr, cx.estimated_optimizer_steps()?), interval = epoch`
pub(super) fn check_units(model: &StructModel, diagnostics: &Diagnostics) {
    for optimizer in model.optimizers.iter().filter(|optimizer| !optimizer.reported) {
        let (Some(IntervalArg::Epoch), Some(lr)) = (optimizer.interval, &optimizer.lr) else { continue };
        let tokens = lr.to_token_stream();
        // Steps by the batches of an epoch are epochs.
        if let (Some(steps), None) =
            (word_in(tokens.clone(), "estimated_optimizer_steps"), word_in(tokens, "batches_per_epoch"))
        {
            diagnostics
                .error(steps, "a schedule with `interval = epoch` must count epochs, found optimizer steps")
                .note("it takes one step at the end of each epoch, and would not reach its end")
                .help("write `interval = step`, or the number of epochs, as `max_epochs` has it")
                .emit();
        }
    }
}

/// The first identifier of this name in an expression.
fn word_in(tokens: TokenStream, name: &str) -> Option<Ident> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Ident(word) if word == name => Some(word),
        TokenTree::Group(group) => word_in(group.stream(), name),
        _ => None,
    })
}

/// `#[optimizer(…)] #[hparam] x: f64`, `fields(encodr)`
pub(super) fn check_fields(model: &StructModel, diagnostics: &Diagnostics) {
    for optimizer in &model.optimizers {
        if let Some(field) = optimizer.field.as_ref().filter(|field| !is_module(model, field)) {
            diagnostics
                .error(
                    optimizer.attr.path(),
                    format!("`#[optimizer]` must be on a field with `#[init]`, found on `{field}`"),
                )
                .note("only such a field has trainable parameters")
                .help("write it on the struct, or remove it")
                .emit();
        }
        for field in optimizer.fields.iter().filter(|field| !is_module(model, field)) {
            diagnostics
                .error(field, format!("`{field}` must be a field with parameters"))
                .help(suggestion(&plain(field), module_names(model).iter().map(String::as_str)))
                .emit();
        }
        if let Some(name) = &optimizer.name
            && model.fields.iter().any(|field| field.ident == *name)
        {
            diagnostics
                .error(name, format!("the optimizer must not have the name of a field, found `{name}`"))
                .help("choose another name, or write the optimizer on the field")
                .emit();
        }
    }
}

/// `group(backbne, lr = …)`
pub(super) fn check_groups(model: &StructModel, diagnostics: &Diagnostics) {
    for group in model.optimizers.iter().flat_map(|optimizer| &optimizer.groups) {
        let Some(field) = group.word().filter(|field| !is_module(model, field)) else { continue };
        diagnostics
            .error(field, format!("`{field}` must be a field with parameters"))
            .note("a group selects a field, `params::rank_below(n)`, `params::regex(\"…\")` or a `ParamGroup` of Burn")
            .help(suggestion(&plain(field), module_names(model).iter().map(String::as_str)))
            .emit();
    }
}

fn is_module(model: &StructModel, name: &Ident) -> bool {
    module_names(model).contains(&plain(name))
}

/// The fields that may have parameters. A field whose attribute is already reported counts, since
/// it may be one of them.
fn module_names(model: &StructModel) -> Vec<String> {
    let module =
        |field: &&crate::model::Field| field.reported || matches!(model.role(field), Some(Role::Module(_)) | None);
    model.fields.iter().filter(module).map(crate::model::Field::name).collect()
}
