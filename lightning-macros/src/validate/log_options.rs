//! `#[log]`: its options (C11).

use super::logs::sites;
use crate::{
    diagnostics::Diagnostics,
    hooks::Logs,
    model::{ImplModel, LogSite, Method},
};

/// Options that exclude each other or do not apply.
pub(super) fn check_log_options(model: &ImplModel, diagnostics: &Diagnostics) {
    for (method, site) in sites(model) {
        check_direction(site, diagnostics);
        check_stateful(site, diagnostics);
        check_views(method, site, diagnostics);
        check_suffix(site, diagnostics);
        if let (Some(name), true) = (&site.options.name, site.bindings.len() > 1) {
            diagnostics
                .error(name, "`name` must name one variable, found several")
                .help("remove `name`: each variable is logged under its own name")
                .emit();
        }
    }
}

/// `#[log(name = "loss/dataloader_idx_0")]`
fn check_suffix(site: &LogSite, diagnostics: &Diagnostics) {
    let Some(name) = &site.options.name else { return };
    let text = name.value();
    if let Some((before, _)) = text.split_once("dataloader_idx_") {
        diagnostics
            .error(name, format!("`name` must not contain `dataloader_idx_`, found `{text}`"))
            .note("with several loaders the trainer adds the suffix `/dataloader_idx_0`, `/dataloader_idx_1`, …")
            .help(format!("write `name = \"{}\"`", before.trim_end_matches(['/', '_'])))
            .emit();
    }
}

/// `#[log(minimize, maximize)]`
fn check_direction(site: &LogSite, diagnostics: &Diagnostics) {
    if let (Some(_), Some(second)) = (&site.options.minimize, &site.options.maximize) {
        diagnostics
            .error(second, "`minimize` and `maximize` are mutually exclusive")
            .help("remove one of the two")
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
            .error(key, "`reduce` cannot be combined with `metric`")
            .note("a stateful metric computes the value of the epoch itself")
            .help("remove one of the two")
            .emit();
    }
    if let Some(size) = &options.batch_size {
        diagnostics
            .error(size, "`batch_size` cannot be combined with `metric`")
            .note("a stateful metric counts its samples itself")
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
            .error(key, format!("`on_step` is not available in `{}`, which runs once per epoch", method.name()))
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
            .error(key, format!("`{key} = false` leaves nothing to log"))
            .help(format!("add `{other}`, or remove `{key} = false`"))
            .emit();
    }
}
