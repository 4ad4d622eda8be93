//! `#[log]`: the method and the statement it is on (C11).

use crate::{
    diagnostics::Diagnostics,
    hooks::{Logs, Owner},
    model::{Enclosed, ImplModel, LogForm, LogSite, Method},
};

pub(super) fn sites(model: &ImplModel) -> impl Iterator<Item = (&Method, &LogSite)> {
    model.methods.iter().flat_map(|method| method.logs.iter().map(move |site| (method, site)))
}

/// A `#[log]` where logging means nothing.
pub(super) fn check_log_places(model: &ImplModel, diagnostics: &Diagnostics) {
    for (method, site) in sites(model) {
        let name = method.name();
        if model.owner == Owner::Data {
            diagnostics
                .error(site, "a data module logs nothing")
                .help("log the value in a step or hook of the `#[lightning_module]`")
                .emit();
            continue;
        }
        // A name that was reported decides nothing about its values.
        if method.hook().is_none() && method.logs_to().is_some() {
            continue;
        }
        match method.logs_to() {
            None if site.options.per_stage.is_none() => diagnostics
                .error(site, format!("`{name}` is no step and no hook, so this metric belongs to no stage"))
                .note("several stages may call the method")
                .help("write `#[log(per_stage)]` for one metric per stage, or log the result in the step")
                .emit(),
            Some(Logs::Never) => diagnostics
                .error(site, format!("`{name}` logs nothing"))
                .note("no stage collects metrics when it runs")
                .help("log the value in a training, validation or test step, or in an epoch hook")
                .emit(),
            _ => {}
        }
    }
}

/// A `#[log]` on something that is no value, or on a value that may never be seen.
pub(super) fn check_log_forms(model: &ImplModel, diagnostics: &Diagnostics) {
    for (_, site) in sites(model) {
        match (site.form, site.bindings.len(), site.enclosed) {
            (LogForm::Other, _, _) => diagnostics
                .error(site, "`#[log]` stands on no `let`")
                .help("bind the value first: `#[log] let val_acc = …;`")
                .emit(),
            (_, _, Some(Enclosed::Elsewhere(place))) => diagnostics
                .error(site, format!("`#[log]` stands in {place}"))
                .note("the value may come into being on another thread, or after the step")
                .help("log it where the result is bound in the step itself")
                .emit(),
            (LogForm::Declaration, _, _) => diagnostics
                .error(site, "this `let` has no value yet")
                .help("write `#[log]` on a `let` with a value: `#[log] let val_acc = …;`")
                .emit(),
            (_, 0, _) => diagnostics
                .error(site, "this `let` binds no variable")
                .note("the variable's name is the metric's name")
                .help("name the value: `#[log] let val_acc = …;`")
                .emit(),
            (LogForm::LetElse, 2.., _) => diagnostics
                .error(site, "`let … else` with several variables cannot be logged")
                .help("log each variable by a `let` of its own")
                .emit(),
            // A stateful metric says itself what the rounds make together.
            (_, _, Some(Enclosed::Loop)) if site.options.reduce.is_none() && site.options.metric.is_none() => {
                diagnostics
                    .error(site, "`#[log]` stands in a loop")
                    .note("the value is logged in every round, and nothing says what the rounds make together")
                    .help("write `reduce = mean`, `sum`, `min` or `max`, or log once after the loop")
                    .emit()
            }
            _ => {}
        }
    }
}
