//! The slots of logged variables: one for each metric of the impl.

use syn::Ident;

use super::{
    conflict::{Conflict, ConflictKind},
    impl_model::ImplModel,
    log::LogSite,
    metric::Metric,
};
use crate::{
    hooks::{Logs, StageDef},
    paths::plain,
};

impl ImplModel {
    /// Assigns a slot to each logged variable.
    pub(super) fn collect_metrics(&mut self) {
        let mut methods = std::mem::take(&mut self.methods);
        for method in &mut methods {
            let name = method.name();
            let logs_to = method.logs_to();
            for site in &method.logs {
                let bindings = site.bindings.iter();
                let slots = bindings.filter_map(|variable| {
                    let slot = self.slot(site, variable, logs_to, &name)?;
                    Some((variable.clone(), slot))
                });
                method.slots.push(slots.collect());
            }
        }
        for method in methods.iter().filter(|method| method.logs_to().is_none()) {
            let name = method.name();
            for site in method.logs.iter().filter(|site| site.options.per_stage.is_none()) {
                site.bindings.iter().for_each(|variable| self.assume_stages(site, variable, &name));
            }
        }
        self.methods = methods;
        self.mark_unreached();
    }

    /// The slot of a variable: the first of three for `per_stage`, `None` where nothing can be
    /// logged.
    fn slot(&mut self, site: &LogSite, variable: &Ident, logs_to: Option<Logs>, method: &str) -> Option<usize> {
        if site.options.per_stage.is_some() {
            let slots = [StageDef::Train, StageDef::Val, StageDef::Test].map(|stage| {
                let prefix = format!("{}_", stage.prefix());
                self.stage_slot(site, variable, &prefix, stage, stage == StageDef::Train, method)
            });
            return slots.first().copied();
        }
        let (stage, step_by_default) = match logs_to? {
            Logs::Never => return None,
            Logs::Step(stage) => (stage, true),
            Logs::Batch(stage) | Logs::Epoch(stage) => (stage, false),
        };
        Some(self.stage_slot(site, variable, "", stage, step_by_default, method))
    }

    /// Adds the metrics of a `#[log]` in a helper, which is reported: the keys that it has with
    /// `per_stage`.
    fn assume_stages(&mut self, site: &LogSite, variable: &Ident, method: &str) {
        for stage in [StageDef::Train, StageDef::Val, StageDef::Test] {
            let new = Self::metric(site, variable, &format!("{}_", stage.prefix()), stage, false, method);
            if !self.metrics.iter().any(|metric| metric.collides_with(&new)) {
                self.metrics.push(new);
            }
        }
    }

    fn stage_slot(
        &mut self,
        site: &LogSite,
        variable: &Ident,
        prefix: &str,
        stage: StageDef,
        step_by_default: bool,
        method: &str,
    ) -> usize {
        let new = Self::metric(site, variable, prefix, stage, step_by_default, method);
        if let Some(slot) = self.metrics.iter().position(|metric| metric.collides_with(&new)) {
            self.merge(slot, new, variable);
            return slot;
        }
        self.metrics.push(new);
        self.metrics.len() - 1
    }

    fn metric(
        site: &LogSite,
        variable: &Ident,
        prefix: &str,
        stage: StageDef,
        step_by_default: bool,
        method: &str,
    ) -> Metric {
        let written = format!("{prefix}{}", plain(variable));
        // One `name` for several variables is an error: each then keeps its own name.
        let renamed = site.options.name.as_ref().filter(|_| site.bindings.len() == 1);
        Metric {
            name: renamed.map_or_else(|| written.clone(), |name| format!("{prefix}{}", name.value())),
            variable: written,
            span: variable.span(),
            stages: vec![stage],
            options: site.options.resolve(step_by_default),
            per_stage: site.options.per_stage.is_some(),
            unreached: false,
            methods: vec![method.to_owned()],
            cfgs: vec![site.cfgs.clone()],
        }
    }

    /// Adds another place that logs the metric of a slot, or records that the two are different
    /// metrics.
    fn merge(&mut self, slot: usize, new: Metric, variable: &Ident) {
        let Some(metric) = self.metrics.get_mut(slot) else { return };
        if let Some(kind) = metric.conflict_with(&new) {
            let name = if kind == ConflictKind::Metric { metric.constant_name() } else { new.name };
            let first = metric.methods.first().cloned().unwrap_or_default();
            // One error is enough for the three slots of `per_stage`.
            if !self.conflicts.iter().any(|conflict| conflict.variable == *variable && conflict.first == first) {
                self.conflicts.push(Conflict { variable: variable.clone(), name, first, kind });
            }
            return;
        }
        add_new(&mut metric.stages, new.stages);
        add_new(&mut metric.methods, new.methods);
        metric.cfgs.extend(new.cfgs);
    }
}

fn add_new<T: PartialEq>(known: &mut Vec<T>, others: Vec<T>) {
    for other in others {
        if !known.contains(&other) {
            known.push(other);
        }
    }
}
