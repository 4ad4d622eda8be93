//! Combinations of training steps (C12), and hooks that never run (C19).

use crate::{
    diagnostics::Diagnostics,
    model::{Binding, ImplModel, Meant, Method},
};

/// Plain steps beside bound ones; two steps for one optimizer (C12)
pub(super) fn check_training_steps(model: &ImplModel, diagnostics: &Diagnostics) {
    let mut bound: Vec<(&Method, &Binding)> = Vec::new();
    for method in &model.methods {
        if let Some(binding) = &method.binding {
            if let Some((first, _)) = bound.iter().find(|(_, known)| known.optimizer == binding.optimizer) {
                diagnostics
                    .error(&binding.optimizer, format!("`{}` already trains `{}`", first.name(), binding.optimizer))
                    .help("remove one of the two; one step can return the sum of several losses")
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
            .error(&method.sig.ident, "`training_step` cannot be combined with steps that are bound to optimizers")
            .note("`training_step` steps all optimizers, so each would be stepped twice")
            .help("write `#[training_step(optimizer = …)]` above it, or remove it")
            .emit();
    }
}

/// Hooks that never run with manual optimization (C19)
pub(super) fn check_manual(model: &ImplModel, diagnostics: &Diagnostics) {
    const NEVER: &[&str] = &["on_before_zero_grad", "configure_gradient_clipping"];
    if !model.is_manual() {
        return;
    }
    for method in &model.methods {
        let Meant::Hook(hook) = method.meant else { continue };
        if NEVER.contains(&hook.name) {
            diagnostics
                .error(&method.sig.ident, format!("`{}` never runs with manual optimization", hook.name))
                .note("with `#[manual_optimization]` the trainer does not clip gradients or set them to zero")
                .help("move its code to `training_step`, for example `optimizers.step(KEY, self, gradients.clip_norm(1.0))`")
                .emit();
        }
    }
}
