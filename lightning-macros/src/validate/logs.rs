//! `#[log]`: the method and the statement it is on (C11).

use crate::{
    diagnostics::Diagnostics,
    hooks::{Logs, Owner},
    model::{Enclosed, ImplModel, LogForm, LogSite, MACRO_CALL, Method},
};

pub(super) fn sites(model: &ImplModel) -> impl Iterator<Item = (&Method, &LogSite)> {
    model.methods.iter().flat_map(|method| method.logs.iter().map(move |site| (method, site)))
}

/// A `#[log]` in a method that belongs to no stage.
pub(super) fn check_log_places(model: &ImplModel, diagnostics: &Diagnostics) {
    for (method, site) in sites(model) {
        let name = method.name();
        if model.owner == Owner::Data {
            diagnostics
                .error(site, "`#[log]` must be in a module, found in a data module")
                .help("log the value in a step or hook of the `#[lightning_module]`")
                .emit();
            continue;
        }
        // A misspelled name, which is already reported, does not decide where its values belong.
        if method.hook().is_none() && method.logs_to().is_some() {
            continue;
        }
        match method.logs_to() {
            None if site.options.per_stage.is_none() => diagnostics
                .error(site, format!("`#[log]` must be in a step or hook, found in `{name}`"))
                .note("several stages may call the method, so the metric belongs to none")
                .help("write `#[log(per_stage)]` for one metric per stage, or log the result in the step")
                .emit(),
            Some(Logs::Never) => diagnostics
                .error(site, format!("`#[log]` is not available in `{name}`"))
                .note("no metrics are collected while it runs")
                .help("log the value in a training, validation or test step, or in an epoch hook")
                .emit(),
            _ => {}
        }
    }
}

/// A `#[log]` on a statement without a value, or with a value that may never be logged.
pub(super) fn check_log_forms(model: &ImplModel, diagnostics: &Diagnostics) {
    for (_, site) in sites(model) {
        match (site.form, site.bindings.len(), site.enclosed) {
            (LogForm::Other, _, enclosed) if enclosed != Some(Enclosed::Elsewhere(MACRO_CALL)) => diagnostics
                .error(site, "`#[log]` must be on a `let`")
                .help("bind the value first: `#[log] let val_acc = …;`")
                .emit(),
            (_, _, Some(Enclosed::Elsewhere(place))) if place == MACRO_CALL => diagnostics
                .error(site, "`#[log]` must not be in a macro call")
                .note("the attribute macro is given the tokens of the call, and not what they expand to")
                .help("bind the value outside of the call: `#[log] let loss = timed!(…);`")
                .emit(),
            (_, _, Some(Enclosed::Elsewhere(place))) => diagnostics
                .error(site, format!("`#[log]` must not be in {place}"))
                .note("the value may be computed on another thread, or after the step")
                .help("write `#[log]` on a `let` of the step itself, and bind the result there")
                .emit(),
            (LogForm::Declaration, _, _) => diagnostics
                .error(site, "`#[log]` must be on a `let` with a value")
                .help("write `#[log] let val_acc = …;`")
                .emit(),
            (_, 0, _) => diagnostics
                .error(site, "`#[log]` must be on a `let` that binds a variable")
                .note("the variable's name is the metric's name")
                .help("write `#[log] let val_acc = …;`")
                .emit(),
            (LogForm::LetElse, 2.., _) => diagnostics
                .error(site, "`#[log]` on `let … else` must bind one variable, found several")
                .help("log each variable with a separate `let`")
                .emit(),
            // A stateful metric defines the reduction itself.
            (_, _, Some(Enclosed::Loop)) if site.options.reduce.is_none() && site.options.metric.is_none() => {
                diagnostics
                    .error(site, "`#[log]` in a loop needs `reduce`")
                    .note("the value is logged in every iteration")
                    .help("write `reduce = mean`, `sum`, `min` or `max`, or log once after the loop")
                    .emit()
            }
            _ => {}
        }
    }
}
