//! The parameter groups of an optimizer.

use burn::{module::ParamId, optim::DynState};
use serde::{Deserialize, Serialize};

use crate::{optim::OptimizerKind, params::ParamSelector};

/// Parameters that are updated with the same numbers. The first group of an optimizer has those that no other has.
pub(super) struct Group {
    pub(super) selector: Option<ParamSelector>,
    pub(super) kind: OptimizerKind,
    /// The rate it was declared with; `None` for a group that has the optimizer's.
    pub(super) own_base: Option<f64>,
    /// The rate in force.
    pub(super) lr: f64,
    /// What it was added for during the run; `None` for a declared one.
    pub(super) added: Option<AddedGroup>,
}

/// A group that was added during the run: in a checkpoint, so that a resumed run has it too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AddedGroup {
    /// The path of its parameters.
    pub(crate) below: String,
    pub(crate) rate: AddedRate,
}

/// The rate of a group that was added.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum AddedRate {
    /// Set by hand: neither the optimizer's rate nor a schedule changes it.
    ByHand(f64),
    /// This share of the optimizer's rate.
    Share(f64),
}

/// What an optimizer keeps of one parameter.
#[derive(Default)]
pub(super) struct Slot {
    pub(super) id: Option<ParamId>,
    /// `None` for a parameter that is not this optimizer's.
    pub(super) group: Option<usize>,
    pub(super) state: Option<DynState>,
}

pub(super) fn is_rate(lr: f64) -> bool {
    lr.is_finite() && lr >= 0.0
}
