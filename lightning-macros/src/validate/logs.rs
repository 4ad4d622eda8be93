//! `#[log]`: where, on what, with which options (C10, C11).

use crate::{
    diagnostics::Diagnostics,
    hooks::{Logs, Owner},
    model::{ConflictKind, Enclosed, ImplModel, LogForm, LogSite, Method},
    paths::constant_ident,
};

fn sites(model: &ImplModel) -> impl Iterator<Item = (&Method, &LogSite)> {
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

/// Options that exclude each other, or have no meaning where they stand.
pub(super) fn check_log_options(model: &ImplModel, diagnostics: &Diagnostics) {
    for (method, site) in sites(model) {
        check_direction(site, diagnostics);
        check_stateful(site, diagnostics);
        check_views(method, site, diagnostics);
        if let (Some(name), true) = (&site.options.name, site.bindings.len() > 1) {
            diagnostics
                .error(name, "one `name` for several variables")
                .help("remove `name`: each variable is logged by its own name")
                .emit();
        }
    }
}

/// `#[log(minimize, maximize)]`
fn check_direction(site: &LogSite, diagnostics: &Diagnostics) {
    if let (Some(_), Some(second)) = (&site.options.minimize, &site.options.maximize) {
        diagnostics
            .error(second, "`minimize` and `maximize` exclude each other")
            .help("keep the one that says which values are better")
            .emit();
    }
}

/// `#[log(metric = Accuracy::new(), reduce = sum)]`
fn check_stateful(site: &LogSite, diagnostics: &Diagnostics) {
    let options = &site.options;
    if options.metric.is_none() {
        return;
    }
    if let Some((key, _)) = &options.reduce {
        diagnostics
            .error(key, "`reduce` cannot be written beside `metric`")
            .note("a stateful metric says itself what the values of an epoch come to")
            .help("keep one of the two")
            .emit();
    }
    if let Some(size) = &options.batch_size {
        diagnostics
            .error(size, "`batch_size` cannot be written beside `metric`")
            .note("a stateful metric counts what it is given")
            .help("remove `batch_size`")
            .emit();
    }
}

/// `#[log(on_step = false)]` in a training step, `#[log(on_step)]` in an epoch hook
fn check_views(method: &Method, site: &LogSite, diagnostics: &Diagnostics) {
    let options = &site.options;
    let logs_to = method.logs_to();
    if let (Some(Logs::Epoch(_)), Some((key, true)), None) = (logs_to, &options.on_step, &options.per_stage) {
        diagnostics
            .error(key, format!("`{}` runs once an epoch, there is no step to log", method.name()))
            .help("remove `on_step`")
            .emit();
        return;
    }
    let views: Vec<bool> = match (logs_to, &options.per_stage) {
        (_, Some(_)) => vec![true, false],
        (Some(Logs::Step(_)), None) => vec![true],
        (Some(Logs::Batch(_) | Logs::Epoch(_)), None) => vec![false],
        _ => return,
    };
    let nothing = views.into_iter().map(|step| options.resolve(step)).any(|view| !view.on_step && !view.on_epoch);
    let off = [&options.on_step, &options.on_epoch].into_iter().flatten().find(|(_, on)| !on);
    if let (true, Some((key, _))) = (nothing, off) {
        let other = if key == "on_step" { "on_epoch" } else { "on_step" };
        diagnostics
            .error(key, format!("with `{key} = false` nothing is left to log"))
            .help(format!("write `{other}` beside it, or remove `{key} = false`"))
            .emit();
    }
}

/// One name, two meanings (C10).
pub(super) fn check_metric_conflicts(model: &ImplModel, diagnostics: &Diagnostics) {
    for conflict in &model.conflicts {
        let name = &conflict.name;
        let (headline, help) = match conflict.kind {
            ConflictKind::Metric => {
                (format!("two metrics would both have the constant `{name}`"), "rename one of the two variables")
            }
            ConflictKind::Variable => (format!("two variables are logged as `{name}`"), "give them different names"),
            ConflictKind::View | ConflictKind::Options => (
                format!("metric `{name}` is logged twice, with different options"),
                "write the same options at both, or rename one of the two variables",
            ),
        };
        let report =
            diagnostics.error(&conflict.variable, headline).note(format!("it is logged first in `{}`", conflict.first));
        let report = match conflict.kind {
            ConflictKind::View => report
                .note("training logs each step, everything else the epoch, unless `on_step` or `on_epoch` says so"),
            _ => report,
        };
        report.help(help).emit();
    }
}

/// A metric's constant and an associated constant of the user (C10).
pub(super) fn check_metric_constants(model: &ImplModel, diagnostics: &Diagnostics) {
    for member in &model.item.items {
        let syn::ImplItem::Const(constant) = member else { continue };
        let metric =
            model.metrics.iter().find(|metric| constant_ident(&metric.variable, metric.span) == constant.ident);
        if let Some(metric) = metric {
            diagnostics
                .error(&constant.ident, format!("`{}` is the constant of the metric `{}`", constant.ident, metric.name))
                .help("rename the constant, or the logged variable")
                .emit();
        }
    }
}
