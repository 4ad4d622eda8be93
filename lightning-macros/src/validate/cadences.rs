//! `#[every(…)]` and `#[once(…)]`.

use crate::{
    diagnostics::Diagnostics,
    hooks::{Counted, HookDef, Kind, Owner},
    model::{Cadence, ImplModel, Meant, Method},
    paths::plain,
};

/// `#[every(100)] fn setup(…)`, `#[every(100, steps)]`
pub(super) fn check_cadences(model: &ImplModel, diagnostics: &Diagnostics) {
    for method in &model.methods {
        let Some(cadence) = &method.cadence else { continue };
        match method.meant {
            Meant::Hook(hook) => match hook.counted().filter(|_| model.owner == Owner::Module) {
                Some(counted) => check_unit(cadence, hook, counted, diagnostics),
                None => report_place(model.owner, cadence, hook, diagnostics),
            },
            Meant::Ordinary => report_ordinary(cadence, method, diagnostics),
            // The name is reported.
            Meant::NearMiss(_) | Meant::Unavailable(_) | Meant::Misplaced(_) => {}
        }
    }
}

fn report_ordinary(cadence: &Cadence, method: &Method, diagnostics: &Diagnostics) {
    let name = method.name();
    diagnostics
        .error(cadence, format!("`#[{}]` must be on a hook, found on the method `{name}`", cadence.name()))
        .note(format!("`{name}` is called by the program and not by the trainer"))
        .help(format!("remove the attribute, and call `{name}` in a hook that has it, such as `on_train_batch_end`"))
        .emit();
}

fn report_place(owner: Owner, cadence: &Cadence, hook: &HookDef, diagnostics: &Diagnostics) {
    let (attribute, name) = (cadence.name(), hook.name);
    let report =
        diagnostics.error(cadence, format!("`#[{attribute}]` must be on a hook that a run repeats, found on `{name}`"));
    if owner == Owner::Data {
        report.note(format!("`{name}` runs {}", hook.when())).help(format!("remove `#[{attribute}]`")).emit();
        return;
    }
    match hook.kind {
        Kind::Step(_) if name == "training_step" => report
            .note("a training step runs for each batch")
            .help("return `None` for a batch to skip, or write `#[training_step(optimizer = …, every = 5)]` to train an optimizer less often")
            .emit(),
        Kind::Step(_) => report
            .note("a step runs for each batch of its loader")
            .help("remove the attribute; a limit such as `limit_val_batches` of the trainer reads fewer batches")
            .emit(),
        _ if name == "configure_gradient_clipping" => report
            .note("it clips each optimizer step: without a call the gradients would not be clipped")
            .help("remove the attribute, and write the condition in its body")
            .emit(),
        _ => report
            .note(format!("`{name}` runs {}", hook.when()))
            .help("remove the attribute; hooks of batches, optimizer steps, training epochs and validations take it")
            .emit(),
    }
}

fn check_unit(cadence: &Cadence, hook: &HookDef, counted: Counted, diagnostics: &Diagnostics) {
    let (attribute, name) = (cadence.name(), hook.name);
    let Some(unit) = &cadence.unit else { return };
    let counts = counted.text();
    if !cadence.counts_epochs() {
        let help = match plain(unit).as_str() {
            "epoch" => format!("write `#[{attribute}(5, epochs)]`"),
            _ if counted.is_in_epoch() && !cadence.once => {
                format!("write `#[{attribute}(5)]` to count {counts}, or `#[{attribute}(5, epochs)]`")
            }
            _ => format!("write `#[{attribute}(5)]` to count {counts}"),
        };
        diagnostics
            .error(unit, format!("the unit of `#[{attribute}]` must be `epochs`, found `{unit}`"))
            .note(format!("without a unit, `#[{attribute}]` on `{name}` counts {counts}"))
            .help(help)
            .emit();
        return;
    }
    if matches!(counted, Counted::OtherBatch) {
        diagnostics
            .error(unit, format!("`{name}` must count batches, found `epochs`"))
            .note("testing and prediction have one epoch")
            .help(format!("write `#[{attribute}(5)]` to count {counts}"))
            .emit();
    } else if cadence.once && !matches!(counted, Counted::Epoch) {
        diagnostics
            .error(unit, format!("`#[once]` on `{name}` must count {counts}, found `epochs`"))
            .note("an epoch has several of them")
            .help(format!("write `#[once(5)]` to count {counts}, or move the code to `on_train_epoch_start` or `on_train_epoch_end`"))
            .emit();
    }
}
