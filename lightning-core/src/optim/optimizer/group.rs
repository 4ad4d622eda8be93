//! The parameter groups of an optimizer.

use burn::{module::ParamId, optim::DynState};
use serde::{Deserialize, Serialize};

use crate::{optim::OptimizerKind, params::ParamSelector};

/// Parameters that are updated with the same settings. The first group of an optimizer has the
/// parameters that are in no other group.
pub(super) struct Group {
    pub(super) selector: Option<ParamSelector>,
    pub(super) kind: OptimizerKind,
    /// The declared learning rate; `None` for a group without a rate of its own.
    pub(super) own_base: Option<f64>,
    /// The current learning rate.
    pub(super) lr: f64,
    /// The description of a group that was added during the run; `None` for a declared group.
    pub(super) added: Option<AddedGroup>,
}

/// A group that was added during the run. Checkpoints contain it, so that a resumed run has it too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AddedGroup {
    /// The path of its parameters.
    pub(crate) below: String,
    pub(crate) rate: AddedRate,
}

/// The learning rate of an added group.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum AddedRate {
    /// A fixed rate, which neither the rate of the optimizer nor a schedule changes.
    ByHand(f64),
    /// A multiple of the rate of the optimizer.
    Share(f64),
}

/// The group and state of one parameter.
#[derive(Default)]
pub(super) struct Slot {
    pub(super) id: Option<ParamId>,
    /// `None` if the optimizer does not train the parameter.
    pub(super) group: Option<usize>,
    pub(super) state: Option<DynState>,
}

/// The rule that [`is_rate`] checks, for messages.
pub(super) const VALID_RATE: &str = "finite and at least 0";

/// Returns whether a number is a valid learning rate.
pub(super) fn is_rate(lr: f64) -> bool {
    lr.is_finite() && lr >= 0.0
}
