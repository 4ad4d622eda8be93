//! The names of metrics (C10).

use crate::{
    diagnostics::Diagnostics,
    model::{ConflictKind, ImplModel},
    paths::constant_ident,
};

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
