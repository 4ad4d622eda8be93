//! The names of metrics (C10).

use crate::{
    diagnostics::Diagnostics,
    model::{ConflictKind, ImplModel},
    paths::constant_ident,
};

/// Two different metrics with one name (C10).
pub(super) fn check_metric_conflicts(model: &ImplModel, diagnostics: &Diagnostics) {
    for conflict in &model.conflicts {
        let name = &conflict.name;
        let same_options = || format!("metric `{name}` must be logged with the same options everywhere");
        let (headline, first, help) = match conflict.kind {
            ConflictKind::Metric => (
                format!("duplicate metric constant `{name}`"),
                "the first metric with this constant is logged in",
                "rename one of the two variables",
            ),
            ConflictKind::Variable => (
                format!("metric `{name}` must be logged from one variable, found two"),
                "it is first logged in",
                "write a different `name` for each variable",
            ),
            ConflictKind::Options => (
                same_options(),
                "it is first logged in",
                "write the same options in both places, or rename one of the variables",
            ),
            ConflictKind::View => (
                same_options(),
                "it is first logged in",
                "write the same `on_step` and `on_epoch` in both places, or rename one of the variables",
            ),
        };
        let report = diagnostics.error(&conflict.variable, headline).note(format!("{first} `{}`", conflict.first));
        let report = match conflict.kind {
            ConflictKind::View => report.note(
                "the defaults differ: training logs each step (`on_step`), validation and test the epoch (`on_epoch`)",
            ),
            _ => report,
        };
        report.help(help).emit();
    }
}

/// The constant of a metric, and a constant of the user (C10).
pub(super) fn check_metric_constants(model: &ImplModel, diagnostics: &Diagnostics) {
    for member in &model.item.items {
        let syn::ImplItem::Const(constant) = member else { continue };
        let metric =
            model.metrics.iter().find(|metric| constant_ident(&metric.variable, metric.span) == constant.ident);
        if let Some(metric) = metric {
            diagnostics
                .error(&constant.ident, format!("duplicate constant `{}`", constant.ident))
                .note(format!("`#[log]` generates a constant of this name for the metric `{}`", metric.name))
                .help("rename the constant or the logged variable")
                .emit();
        }
    }
}
