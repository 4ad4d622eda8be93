//! Two `#[log]`s that share a name and differ.

use syn::Ident;

use super::metric::Metric;

/// Two `#[log]`s that use one name for different metrics.
pub(crate) struct Conflict {
    /// The second variable.
    pub(crate) variable: Ident,
    /// The name both have.
    pub(crate) name: String,
    /// The method of the first.
    pub(crate) first: String,
    /// What differs.
    pub(crate) kind: ConflictKind,
}

/// What differs between two `#[log]`s that share a name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConflictKind {
    /// The names of the metrics: only their constants share a name.
    Metric,
    /// The variables: both have the same `name = "…"`.
    Variable,
    /// Whether steps or epochs are logged; the default depends on the method.
    View,
    /// Another option.
    Options,
}

impl Metric {
    /// Whether the two cannot both exist unless they are the same.
    pub(super) fn collides_with(&self, other: &Self) -> bool {
        self.name == other.name || self.constant_name() == other.constant_name()
    }

    /// In what the two differ; `None` if they are one metric.
    pub(super) fn conflict_with(&self, other: &Self) -> Option<ConflictKind> {
        if self.name != other.name {
            return Some(ConflictKind::Metric);
        }
        if self.variable != other.variable {
            return Some(ConflictKind::Variable);
        }
        // The three slots of one `per_stage` are adjacent, so a second use has to be `per_stage`
        // too.
        if self.options == other.options && self.per_stage == other.per_stage {
            return None;
        }
        let views = |metric: &Self| (metric.options.on_step, metric.options.on_epoch);
        Some(if views(self) == views(other) { ConflictKind::Options } else { ConflictKind::View })
    }
}
