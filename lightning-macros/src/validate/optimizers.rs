//! `#[optimizer(…)]` (C12, C13).

use syn::Ident;

use crate::{
    diagnostics::Diagnostics,
    model::{Binding, ImplModel, Meant, Method, Optimizer, Role, StructModel, is_zero, suggestion},
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

/// Two optimizers over one field (C12)
pub(super) fn check_overlaps(model: &StructModel, diagnostics: &Diagnostics) {
    for (at, second) in model.optimizers.iter().enumerate() {
        let earlier = model.optimizers.iter().take(at);
        let Some((first, shared)) = earlier.into_iter().find_map(|first| Some((first, shared(first, second)?))) else {
            continue;
        };
        let report = match (shared, second.field.is_some() && first.field == second.field) {
            (_, true) => diagnostics.error(second.attr.path(), "`#[optimizer]` is written twice"),
            (Shared::All, _)
                if first.field.is_none()
                    && second.field.is_none()
                    && second.fields.is_empty()
                    && first.fields.is_empty() =>
            {
                diagnostics.error(second.attr.path(), "`#[optimizer]` is written twice")
            }
            (Shared::All, _) => diagnostics
                .error(second.attr.path(), format!("this optimizer and `{}` train the same field", first.name())),
            (Shared::Field(field), _) => {
                diagnostics.error(field, format!("`{field}` is trained by the optimizer `{}` already", first.name()))
            }
        };
        let report = report.note("both would step the same parameters");
        let over_all = first.field.is_none() && first.fields.is_empty();
        match shared {
            _ if over_all && second.field.is_some() => {
                report.help("write `fields(…)` in the one on the struct, or keep one of the two").emit();
            }
            Shared::Field(_) if first.field != second.field => report.help("take it out of one of the two").emit(),
            _ => report.help("keep one of the two").emit(),
        }
    }
}

#[derive(Clone, Copy)]
enum Shared<'a> {
    All,
    Field(&'a Ident),
}

fn shared<'a>(first: &Optimizer, second: &'a Optimizer) -> Option<Shared<'a>> {
    let (ones, others) = (first.trained(), second.trained());
    if ones.is_empty() || others.is_empty() {
        return Some(Shared::All);
    }
    let field = others.into_iter().find(|field| ones.contains(field))?;
    Some(if second.field.is_some() { Shared::All } else { Shared::Field(field) })
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

/// Plain, bound and manual steps beside each other; two steps for one optimizer (C12)
pub(super) fn check_training_steps(model: &ImplModel, diagnostics: &Diagnostics) {
    let mut bound: Vec<(&Method, &Binding)> = Vec::new();
    for method in &model.methods {
        if let Some(binding) = &method.binding {
            if let Some((first, _)) = bound.iter().find(|(_, known)| known.optimizer == binding.optimizer) {
                diagnostics
                    .error(&binding.optimizer, format!("`{}` trains `{}` already", first.name(), binding.optimizer))
                    .help("keep one of the two: one step can add several losses")
                    .emit();
            }
            bound.push((method, binding));
        }
    }
    if bound.is_empty() {
        return;
    }
    let plain = |method: &&Method| !method.attributed && method.is_training_step();
    for method in model.methods.iter().filter(plain) {
        diagnostics
            .error(&method.sig.ident, "`training_step` stands beside steps that are bound to optimizers")
            .note("it would train every optimizer a second time")
            .help("write `#[training_step(optimizer = …)]` above it, or remove it")
            .emit();
    }
}

/// Hooks that can never run where the module optimizes by itself (C19)
pub(super) fn check_manual(model: &ImplModel, diagnostics: &Diagnostics) {
    const NEVER: &[&str] = &["on_before_zero_grad", "configure_gradient_clipping"];
    if !model.is_manual() {
        return;
    }
    for method in &model.methods {
        let Meant::Hook(hook) = method.meant else { continue };
        if NEVER.contains(&hook.name) {
            diagnostics
                .error(&method.sig.ident, format!("`{}` can never run: the module optimizes by itself", hook.name))
                .note("with `#[manual_optimization]` the trainer neither clips gradients nor sets them to zero")
                .help("do it in `training_step`: `optimizers.step(KEY, self, gradients.clip_norm(1.0))`")
                .emit();
        }
    }
}
