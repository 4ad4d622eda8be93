//! The columns of the table of hooks.

/// The attribute on an impl: which hooks its methods may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// `#[lightning_module] impl`
    Module,
    /// `#[data_module] impl`
    Data,
}

impl Owner {
    /// The attribute's name.
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Self::Module => "lightning_module",
            Self::Data => "data_module",
        }
    }

    /// The functions that the macro on the struct generates.
    pub(crate) fn generated(self) -> &'static [&'static str] {
        match self {
            Self::Module => &["trainer", "new", "new_on", "hparams", "freeze", "unfreeze", "load_from_checkpoint"],
            Self::Data => &["new", "hparams"],
        }
    }

    /// The name that messages use.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Module => "a module",
            Self::Data => "a data module",
        }
    }
}

/// Who is called at a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owners {
    /// The module only.
    Module,
    /// Callbacks only.
    Callbacks,
    /// Callbacks and the module.
    Both,
    /// The data module.
    Data,
}

impl Owners {
    /// Whether a method in the impl with this attribute can be the hook.
    pub(crate) fn contains(self, owner: Owner) -> bool {
        match owner {
            Owner::Module => matches!(self, Self::Module | Self::Both),
            Owner::Data => self == Self::Data,
        }
    }

    /// Whether the trait `Callback` has a method for the hook.
    pub(crate) fn has_callbacks(self) -> bool {
        matches!(self, Self::Callbacks | Self::Both)
    }
}

/// What the engine does about errors before and in a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timing {
    /// Runs unless something failed before.
    Plain,
    /// Closes what an earlier hook opened, so it runs whatever failed before.
    End,
    /// Runs for each batch: an error in it is located at that batch.
    InBatch,
}

/// How a method is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Has a batch and its own trait.
    Step(StepDef),
    /// Called by `run_hook`, or by the data module's method of the same name.
    Hook,
    /// Builds the module.
    Init,
    /// Returns a loader.
    Loader,
    /// Adds to a checkpoint, or reads from one.
    UserState(StateDef),
    /// Creates the optimizers.
    Optimizers,
}

/// The runtime method that calls a checkpoint hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StateDef {
    /// Its name.
    pub(crate) method: &'static str,
    /// Whether it reads.
    pub(crate) reads: bool,
}

/// The names in the runtime that belong to a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StepDef {
    /// The associated type of its batch.
    pub(crate) batch: &'static str,
    /// The trait.
    pub(crate) implements: &'static str,
    /// The trait's method.
    pub(crate) method: &'static str,
    /// How its result is converted.
    pub(crate) output: StepOutput,
}

impl StepDef {
    pub(super) const TRAINING_STEP: Self =
        Self::new("TrainBatch", "TrainingStep", "run_training_step", StepOutput::Training);
    pub(super) const MANUAL_STEP: Self = Self::new("TrainBatch", "TrainingStep", "run_manual_step", StepOutput::Manual);
    pub(super) const VALIDATION_STEP: Self =
        Self::new("ValBatch", "ValidationStep", "run_validation_step", StepOutput::Evaluation);
    pub(super) const TEST_STEP: Self = Self::new("TestBatch", "TestStep", "run_test_step", StepOutput::Evaluation);
    pub(super) const PREDICT_STEP: Self =
        Self::new("PredictBatch", "PredictStep", "run_predict_step", StepOutput::Prediction);

    const fn new(batch: &'static str, implements: &'static str, method: &'static str, output: StepOutput) -> Self {
        Self { batch, implements, method, output }
    }
}

/// How the result of a step is converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepOutput {
    /// The loss.
    Training,
    /// The result of a step with manual optimization.
    Manual,
    /// Any type; dropped, except errors, unless an epoch hook takes it.
    Evaluation,
    /// Any type, which becomes the trait's `Output`.
    Prediction,
}

/// The receiver of a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiver {
    /// `&self`
    Ref,
    /// `&mut self`
    Mut,
    /// `&self` or `&mut self`
    Either,
    /// None: an associated function.
    Absent,
}

impl Receiver {
    /// The receiver as source text.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Ref | Self::Either => "&self",
            Self::Mut => "&mut self",
            Self::Absent => "",
        }
    }
}

/// Where a logged value belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Logs {
    /// Nowhere: no metrics are collected here.
    Never,
    /// To single steps by default.
    Step(StageDef),
    /// To the epoch by default; `on_step` is allowed.
    Batch(StageDef),
    /// To the epoch only.
    Epoch(StageDef),
}

/// A stage that logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StageDef {
    /// Training.
    Train,
    /// Validation.
    Val,
    /// Test.
    Test,
}

impl StageDef {
    /// The prefix of a metric that `per_stage` creates.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }
}

/// What `#[every(…)]` and `#[once(…)]` on a hook count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// Training batches of the run.
    TrainBatch,
    /// Optimizer steps.
    Step,
    /// Training epochs.
    Epoch,
    /// Validations.
    Validation,
    /// Batches of a validation loader.
    ValBatch,
    /// Batches of another evaluation loader.
    OtherBatch,
}

impl Counted {
    /// The plural, for messages.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::TrainBatch => "training batches",
            Self::Step => "optimizer steps",
            Self::Epoch => "epochs",
            Self::Validation => "validations",
            Self::ValBatch | Self::OtherBatch => "the batches of a loader",
        }
    }

    /// Whether an epoch of training has several.
    pub(crate) fn is_in_epoch(self) -> bool {
        !matches!(self, Self::Epoch | Self::OtherBatch)
    }
}
