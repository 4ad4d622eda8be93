//! The parameters that a hook may declare, recognized by name.

/// One parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ParamDef {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its type, as a message prints it.
    pub(crate) ty: &'static str,
    /// Where its value comes from.
    pub(crate) arg: Arg,
}

impl ParamDef {
    /// The parameter as source text: `batch_idx: usize`.
    pub(crate) fn text(&self) -> String {
        format!("{}: {}", self.name, self.ty)
    }
}

/// Where the value of a parameter comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arg {
    /// The context itself.
    Context,
    /// `cx.name()`, a value.
    FromContext,
    /// The parameter of the same name of the calling function.
    Same,
    /// A reference to the parameter of the same name.
    Borrowed,
    /// A reference to the current batch, of this associated type.
    Batch(&'static str),
    /// A reference to the output of the training step.
    Output,
    /// The outputs of an evaluation's steps, whose batch has this associated type.
    Outputs(&'static str),
}

impl Arg {
    /// Whether the hook gets a reference to it.
    pub(crate) fn is_lent(self) -> bool {
        matches!(self, Self::Batch(_) | Self::Output)
    }
}

const fn param(name: &'static str, ty: &'static str, arg: Arg) -> ParamDef {
    ParamDef { name, ty, arg }
}

const fn batch(ty: &'static str) -> ParamDef {
    param("batch", "&B", Arg::Batch(ty))
}

const fn outputs(batch: &'static str) -> ParamDef {
    param("outputs", "Vec<T>", Arg::Outputs(batch))
}

pub(super) const OPTIMIZERS: ParamDef = param("optimizers", "&mut Optimizers<Self>", Arg::Same);
pub(super) const BATCH_IDX: ParamDef = param("batch_idx", "usize", Arg::FromContext);
pub(super) const DATALOADER_IDX: ParamDef = param("dataloader_idx", "usize", Arg::FromContext);
pub(super) const STEP_CX: ParamDef = param("cx", "&StepContext", Arg::Context);
const HOOK_CX: ParamDef = param("cx", "&mut HookContext", Arg::Context);
const TRAIN_OUTPUT: ParamDef = param("outputs", "&T", Arg::Output);

// The parameters of whole rows.
pub(super) const INIT: &[ParamDef] =
    &[param("hparams", "&…Hparams", Arg::Borrowed), param("device", "&Device", Arg::Same)];
pub(super) const STAGE: &[ParamDef] = &[param("stage", "Stage", Arg::FromContext)];
pub(super) const DATA_STAGE: &[ParamDef] = &[param("stage", "Stage", Arg::Same)];
pub(super) const FIT_CX: &[ParamDef] = &[param("cx", "&FitContext", Arg::Context)];
pub(super) const WRITER: &[ParamDef] = &[param("state", "&mut StateWriter", Arg::Same)];
pub(super) const READER: &[ParamDef] = &[param("state", "&StateReader", Arg::Same)];
pub(super) const STEP: &[ParamDef] = &[BATCH_IDX, DATALOADER_IDX, STEP_CX];
pub(super) const CX: &[ParamDef] = &[HOOK_CX];
pub(super) const BATCH_CX: &[ParamDef] = &[BATCH_IDX, HOOK_CX];
pub(super) const TRAIN_START: &[ParamDef] = &[batch("TrainBatch"), BATCH_IDX, HOOK_CX];
pub(super) const TRAIN_END: &[ParamDef] = &[TRAIN_OUTPUT, batch("TrainBatch"), BATCH_IDX, HOOK_CX];
pub(super) const VAL_BATCH: &[ParamDef] = &[batch("ValBatch"), BATCH_IDX, DATALOADER_IDX, HOOK_CX];
pub(super) const TEST_BATCH: &[ParamDef] = &[batch("TestBatch"), BATCH_IDX, DATALOADER_IDX, HOOK_CX];
pub(super) const PREDICT_BATCH: &[ParamDef] = &[batch("PredictBatch"), BATCH_IDX, DATALOADER_IDX, HOOK_CX];
pub(super) const VAL_END: &[ParamDef] = &[outputs("ValBatch"), HOOK_CX];
pub(super) const TEST_END: &[ParamDef] = &[outputs("TestBatch"), HOOK_CX];
