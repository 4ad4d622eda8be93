//! The one table of hooks. Checks, expansion, docs and tests read it; a new hook is a new row.

/// Which item a hook belongs to.
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

    /// The functions that the macro on the struct writes.
    pub(crate) fn generated(self) -> &'static [&'static str] {
        match self {
            Self::Module => &["trainer", "new", "new_on", "hparams", "freeze", "unfreeze", "load_from_checkpoint"],
            Self::Data => &["new", "hparams"],
        }
    }

    /// How a message calls it.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Module => "a module",
            Self::Data => "a data module",
        }
    }
}

/// What kind of method a row describes, and so how it is wired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Has a batch and a trait of its own.
    Step(StepDef),
    /// Called by `run_hook`, or by the data module's method of the same name.
    Hook,
    /// Builds the module.
    Init,
    /// Returns a loader.
    Loader,
    /// Adds to a checkpoint, or reads from one.
    UserState(StateDef),
    /// Makes the optimizers.
    Optimizers,
}

/// The method in the runtime that calls a hook of a checkpoint.
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
    /// The associated type.
    pub(crate) batch: &'static str,
    /// The trait.
    pub(crate) implements: &'static str,
    /// The trait's method.
    pub(crate) method: &'static str,
    /// What turns the step's result into the trait's.
    pub(crate) output: StepOutput,
}

/// What becomes of a step's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepOutput {
    /// The loss.
    Training,
    /// Whatever a step that optimizes by itself returns.
    Manual,
    /// Anything; what no hook takes is dropped, failures excepted.
    Evaluation,
    /// Any type, which becomes the trait's `Output`.
    Prediction,
}

/// The receiver a hook is called with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiver {
    /// `&self`
    Ref,
    /// `&mut self`
    Mut,
    /// `&self` or `&mut self`
    Either,
    /// none
    Absent,
}

impl Receiver {
    /// As it is written.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Ref | Self::Either => "&self",
            Self::Mut => "&mut self",
            Self::Absent => "",
        }
    }
}

/// A parameter that a hook may ask for by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ParamDef {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its type, as a message prints it.
    pub(crate) ty: &'static str,
    /// What it is called with.
    pub(crate) arg: Arg,
}

/// What a parameter is called with.
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
    /// The batch at hand, lent: the associated type it has.
    Batch(&'static str),
    /// What the training step handed on, lent.
    Output,
    /// What the steps of an evaluation returned: the associated type of their batch.
    Outputs(&'static str),
}

impl Arg {
    /// Whether the hook gets a reference to it.
    pub(crate) fn is_lent(self) -> bool {
        matches!(self, Self::Batch(_) | Self::Output)
    }
}

/// Where a logged value belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Logs {
    /// Logging means nothing here.
    Never,
    /// For single steps by default.
    Step(StageDef),
    /// For the epoch by default; may be asked for single steps too.
    Batch(StageDef),
    /// For the epoch only: there is no single step here.
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
    /// The first word of a metric that `per_stage` makes.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }
}

/// One row: everything there is to know of a hook.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HookDef {
    /// Where it may be written.
    pub(crate) owner: Owner,
    /// Its name.
    pub(crate) name: &'static str,
    /// The variant of the runtime's `Hook` or `Step` enum.
    pub(crate) variant: &'static str,
    /// How it is wired.
    pub(crate) kind: Kind,
    /// The receiver.
    pub(crate) receiver: Receiver,
    /// The optional parameters.
    pub(crate) params: &'static [ParamDef],
    /// The return type, as a message prints it.
    pub(crate) output: &'static str,
    /// Where its logged values belong.
    pub(crate) logs: Logs,
    /// When it runs.
    pub(crate) doc: &'static str,
    /// Whether every parameter has to be there.
    pub(crate) needs_all: bool,
}

/// `training_step` with `#[manual_optimization]`.
pub(crate) const MANUAL_STEP: &HookDef = &HookDef {
    owner: Owner::Module,
    name: "training_step",
    variant: "Training",
    kind: Kind::Step(StepDef {
        batch: "TrainBatch",
        implements: "TrainingStep",
        method: "run_manual_step",
        output: StepOutput::Manual,
    }),
    receiver: Receiver::Mut,
    params: &[OPTIMIZERS, BATCH_IDX, STEP_CX],
    output: "Result<()>",
    logs: Step(Train),
    doc: "For each training batch: differentiates its losses and steps the optimizers.",
    needs_all: false,
};

impl HookDef {
    const fn hook(
        name: &'static str,
        variant: &'static str,
        logs: Logs,
        params: &'static [ParamDef],
        doc: &'static str,
    ) -> Self {
        Self {
            owner: Owner::Module,
            name,
            variant,
            kind: Kind::Hook,
            receiver: Receiver::Mut,
            params,
            output: "",
            logs,
            doc,
            needs_all: false,
        }
    }

    const fn step(
        name: &'static str,
        variant: &'static str,
        logs: Logs,
        output: &'static str,
        step: StepDef,
        doc: &'static str,
    ) -> Self {
        Self {
            owner: Owner::Module,
            name,
            variant,
            kind: Kind::Step(step),
            receiver: Receiver::Ref,
            params: &[BATCH_IDX, DATALOADER_IDX, STEP_CX],
            output,
            logs,
            doc,
            needs_all: false,
        }
    }

    const fn loader(owner: Owner, name: &'static str, variant: &'static str, doc: &'static str) -> Self {
        Self {
            owner,
            name,
            variant,
            kind: Kind::Loader,
            receiver: Receiver::Either,
            params: &[],
            output: "Result<DataLoader<B>>",
            logs: Never,
            doc,
            needs_all: false,
        }
    }

    /// The whole signature, as a user would write it.
    pub(crate) fn signature(&self) -> String {
        let mut params = Vec::new();
        if self.receiver != Receiver::Absent {
            params.push(self.receiver.text().to_owned());
        }
        match self.kind {
            // A step's other parameters are seldom wanted: the help shows what must be there.
            Kind::Step(StepDef { output: StepOutput::Manual, .. }) => {
                params.push(format!("batch: B, {}: {}", OPTIMIZERS.name, OPTIMIZERS.ty));
            }
            Kind::Step(_) => params.push("batch: B".to_owned()),
            _ => params.extend(self.params.iter().map(|param| format!("{}: {}", param.name, param.ty))),
        }
        let output = if self.output.is_empty() { String::new() } else { format!(" -> {}", self.output) };
        format!("fn {}({}){output}", self.name, params.join(", "))
    }

    /// Whether it may end the epoch.
    pub(crate) fn controls_flow(&self) -> bool {
        self.variant == "OnTrainBatchStart"
    }

    /// When it runs, inside a sentence.
    pub(crate) fn when(&self) -> String {
        let text = self.doc.trim_end_matches('.');
        let mut chars = text.chars();
        chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
    }

    /// The row with the name.
    pub(crate) fn find(owner: Owner, name: &str) -> Option<&'static Self> {
        HOOKS.iter().find(|hook| hook.owner == owner && hook.name == name)
    }
}

const OPTIMIZERS: ParamDef = ParamDef { name: "optimizers", ty: "&mut Optimizers<Self>", arg: Arg::Same };
const FIT_CX: ParamDef = ParamDef { name: "cx", ty: "&FitContext", arg: Arg::Context };
const BATCH_IDX: ParamDef = ParamDef { name: "batch_idx", ty: "usize", arg: Arg::FromContext };
const DATALOADER_IDX: ParamDef = ParamDef { name: "dataloader_idx", ty: "usize", arg: Arg::FromContext };
const STEP_CX: ParamDef = ParamDef { name: "cx", ty: "&StepContext", arg: Arg::Context };
const HOOK_CX: ParamDef = ParamDef { name: "cx", ty: "&mut HookContext", arg: Arg::Context };
const STAGE: ParamDef = ParamDef { name: "stage", ty: "Stage", arg: Arg::FromContext };
const DATA_STAGE: ParamDef = ParamDef { name: "stage", ty: "Stage", arg: Arg::Same };
const STATE_WRITER: ParamDef = ParamDef { name: "state", ty: "&mut StateWriter", arg: Arg::Same };
const STATE_READER: ParamDef = ParamDef { name: "state", ty: "&StateReader", arg: Arg::Same };
const HPARAMS: ParamDef = ParamDef { name: "hparams", ty: "&…Hparams", arg: Arg::Borrowed };
const DEVICE: ParamDef = ParamDef { name: "device", ty: "&Device", arg: Arg::Same };

const OUTPUT: ParamDef = ParamDef { name: "outputs", ty: "&T", arg: Arg::Output };

const CX: &[ParamDef] = &[HOOK_CX];
const BATCH_CX: &[ParamDef] = &[BATCH_IDX, HOOK_CX];
const TRAIN_START: &[ParamDef] = &[batch("TrainBatch"), BATCH_IDX, HOOK_CX];
const TRAIN_END: &[ParamDef] = &[OUTPUT, batch("TrainBatch"), BATCH_IDX, HOOK_CX];
const VAL_BATCH: &[ParamDef] = &[batch("ValBatch"), BATCH_IDX, DATALOADER_IDX, HOOK_CX];
const TEST_BATCH: &[ParamDef] = &[batch("TestBatch"), BATCH_IDX, DATALOADER_IDX, HOOK_CX];
const PREDICT_BATCH: &[ParamDef] = &[batch("PredictBatch"), BATCH_IDX, DATALOADER_IDX, HOOK_CX];
const VAL_END: &[ParamDef] = &[outputs("ValBatch"), HOOK_CX];
const TEST_END: &[ParamDef] = &[outputs("TestBatch"), HOOK_CX];

const fn batch(ty: &'static str) -> ParamDef {
    ParamDef { name: "batch", ty: "&B", arg: Arg::Batch(ty) }
}

const fn outputs(batch: &'static str) -> ParamDef {
    ParamDef { name: "outputs", ty: "Vec<T>", arg: Arg::Outputs(batch) }
}

use Logs::{Batch, Epoch, Never, Step};
use StageDef::{Test, Train, Val};

/// Every hook there is, in the order of a run.
#[rustfmt::skip] // a table reads by its columns
pub(crate) const HOOKS: &[HookDef] = &[
    HookDef { owner: Owner::Module, name: "init", variant: "Init", kind: Kind::Init, receiver: Receiver::Absent, params: &[HPARAMS, DEVICE], output: "Self", logs: Never, doc: "Builds the module, instead of `#[init(…)]` on its fields.", needs_all: false },
    HookDef { owner: Owner::Module, name: "prepare_data", variant: "PrepareData", kind: Kind::Hook, receiver: Receiver::Ref, params: &[], output: "", logs: Never, doc: "Before anything else, once per machine: downloads.", needs_all: false },
    HookDef { owner: Owner::Module, name: "setup", variant: "Setup", kind: Kind::Hook, receiver: Receiver::Mut, params: &[STAGE], output: "", logs: Never, doc: "At the start of a run.", needs_all: false },
    HookDef { owner: Owner::Module, name: "teardown", variant: "Teardown", kind: Kind::Hook, receiver: Receiver::Mut, params: &[STAGE], output: "", logs: Never, doc: "At the end of a run, failed runs included.", needs_all: false },

    HookDef { owner: Owner::Module, name: "configure_optimizers", variant: "ConfigureOptimizers", kind: Kind::Optimizers, receiver: Receiver::Ref, params: &[FIT_CX], output: "Result<Vec<OptimizerSetup>>", logs: Never, doc: "At the start of `fit`, instead of `#[optimizer(…)]`: makes the optimizers.", needs_all: false },
    HookDef::step("training_step", "Training", Step(Train), "Tensor<1>", StepDef { batch: "TrainBatch", implements: "TrainingStep", method: "run_training_step", output: StepOutput::Training }, "For each training batch: returns the loss."),
    HookDef::step("validation_step", "Validation", Batch(Val), "", StepDef { batch: "ValBatch", implements: "ValidationStep", method: "run_validation_step", output: StepOutput::Evaluation }, "For each validation batch."),
    HookDef::step("test_step", "Test", Batch(Test), "", StepDef { batch: "TestBatch", implements: "TestStep", method: "run_test_step", output: StepOutput::Evaluation }, "For each test batch."),
    HookDef::step("predict_step", "Predict", Never, "T", StepDef { batch: "PredictBatch", implements: "PredictStep", method: "run_predict_step", output: StepOutput::Prediction }, "For each batch to predict: returns the prediction."),

    HookDef { owner: Owner::Module, name: "on_save_checkpoint", variant: "OnSaveCheckpoint", kind: Kind::UserState(StateDef { method: "save_user_state", reads: false }), receiver: Receiver::Mut, params: &[STATE_WRITER], output: "Result<()>", logs: Never, doc: "Before a checkpoint is taken: adds to it what no field holds.", needs_all: false },
    HookDef { owner: Owner::Module, name: "on_load_checkpoint", variant: "OnLoadCheckpoint", kind: Kind::UserState(StateDef { method: "load_user_state", reads: true }), receiver: Receiver::Mut, params: &[STATE_READER], output: "Result<()>", logs: Never, doc: "When a checkpoint is loaded: reads what `on_save_checkpoint` added.", needs_all: false },

    HookDef::loader(Owner::Module, "train_dataloader", "Train", "The training batches, where `fit` is given `()`."),
    HookDef::loader(Owner::Module, "val_dataloader", "Val", "The validation batches, where `fit` or `validate` is given `()`."),
    HookDef::loader(Owner::Module, "test_dataloader", "Test", "The test batches, where `test` is given `()`."),
    HookDef::loader(Owner::Module, "predict_dataloader", "Predict", "The batches to predict, where `predict` is given `()`."),

    HookDef::hook("on_fit_start", "OnFitStart", Never, CX, "At the start of `fit`."),
    HookDef::hook("on_fit_end", "OnFitEnd", Never, CX, "At the end of `fit`."),
    HookDef::hook("on_train_start", "OnTrainStart", Epoch(Train), CX, "Before the first epoch."),
    HookDef::hook("on_train_end", "OnTrainEnd", Never, CX, "After the last epoch."),
    HookDef::hook("on_train_epoch_start", "OnTrainEpochStart", Epoch(Train), CX, "Before each training epoch."),
    HookDef::hook("on_train_epoch_end", "OnTrainEpochEnd", Epoch(Train), CX, "After each training epoch."),
    HookDef::hook("on_train_batch_start", "OnTrainBatchStart", Step(Train), TRAIN_START, "Before each training batch; `ControlFlow::Break(())` leaves the rest of the epoch out."),
    HookDef::hook("on_train_batch_end", "OnTrainBatchEnd", Step(Train), TRAIN_END, "After each training batch; `outputs` is what `Loss::output` handed on."),
    HookDef::hook("on_before_zero_grad", "OnBeforeZeroGrad", Step(Train), BATCH_CX, "After an optimizer step, before the gradients are dropped."),
    HookDef::hook("on_before_backward", "OnBeforeBackward", Step(Train), BATCH_CX, "Before the loss is differentiated."),
    HookDef::hook("on_after_backward", "OnAfterBackward", Step(Train), BATCH_CX, "After the loss is differentiated."),
    HookDef::hook("on_before_optimizer_step", "OnBeforeOptimizerStep", Step(Train), BATCH_CX, "Before each optimizer step."),
    HookDef::hook("configure_gradient_clipping", "ConfigureGradientClipping", Step(Train), BATCH_CX, "Before each optimizer step, for `gradient_clip_val`: calls `cx.clip_gradients(limit, algorithm)`."),

    HookDef::hook("on_validation_start", "OnValidationStart", Epoch(Val), CX, "Before validation."),
    HookDef::hook("on_validation_end", "OnValidationEnd", Never, CX, "After validation."),
    HookDef::hook("on_validation_epoch_start", "OnValidationEpochStart", Epoch(Val), CX, "Before the validation batches."),
    HookDef::hook("on_validation_epoch_end", "OnValidationEpochEnd", Epoch(Val), VAL_END, "After the validation batches; `outputs` is what `validation_step` returned, loader after loader."),
    HookDef::hook("on_validation_batch_start", "OnValidationBatchStart", Batch(Val), VAL_BATCH, "Before each validation batch."),
    HookDef::hook("on_validation_batch_end", "OnValidationBatchEnd", Batch(Val), VAL_BATCH, "After each validation batch."),
    HookDef::hook("on_test_start", "OnTestStart", Epoch(Test), CX, "Before testing."),
    HookDef::hook("on_test_end", "OnTestEnd", Never, CX, "After testing."),
    HookDef::hook("on_test_epoch_start", "OnTestEpochStart", Epoch(Test), CX, "Before the test batches."),
    HookDef::hook("on_test_epoch_end", "OnTestEpochEnd", Epoch(Test), TEST_END, "After the test batches; `outputs` is what `test_step` returned, loader after loader."),
    HookDef::hook("on_test_batch_start", "OnTestBatchStart", Batch(Test), TEST_BATCH, "Before each test batch."),
    HookDef::hook("on_test_batch_end", "OnTestBatchEnd", Batch(Test), TEST_BATCH, "After each test batch."),
    HookDef::hook("on_predict_start", "OnPredictStart", Never, CX, "Before predicting."),
    HookDef::hook("on_predict_end", "OnPredictEnd", Never, CX, "After predicting."),
    HookDef::hook("on_predict_epoch_start", "OnPredictEpochStart", Never, CX, "Before the batches to predict."),
    HookDef::hook("on_predict_epoch_end", "OnPredictEpochEnd", Never, CX, "After the batches to predict."),
    HookDef::hook("on_predict_batch_start", "OnPredictBatchStart", Never, PREDICT_BATCH, "Before each batch to predict."),
    HookDef::hook("on_predict_batch_end", "OnPredictBatchEnd", Never, PREDICT_BATCH, "After each batch to predict."),

    HookDef { owner: Owner::Data, name: "prepare_data", variant: "PrepareData", kind: Kind::Hook, receiver: Receiver::Either, params: &[], output: "Result<()>", logs: Never, doc: "Once per machine: downloads.", needs_all: false },
    HookDef { owner: Owner::Data, name: "setup", variant: "Setup", kind: Kind::Hook, receiver: Receiver::Mut, params: &[DATA_STAGE], output: "Result<()>", logs: Never, doc: "At the start of a run: reads and splits.", needs_all: false },
    HookDef { owner: Owner::Data, name: "teardown", variant: "Teardown", kind: Kind::Hook, receiver: Receiver::Mut, params: &[DATA_STAGE], output: "Result<()>", logs: Never, doc: "At the end of a run.", needs_all: false },
    HookDef::loader(Owner::Data, "train_dataloader", "Train", "The training batches."),
    HookDef::loader(Owner::Data, "val_dataloader", "Val", "The validation batches."),
    HookDef::loader(Owner::Data, "test_dataloader", "Test", "The test batches."),
    HookDef::loader(Owner::Data, "predict_dataloader", "Predict", "The batches to predict."),
];

/// Names from other frameworks and older versions, and the hook that is meant.
#[rustfmt::skip]
pub(crate) const FOREIGN: &[(&str, &str)] = &[
    ("train_step", "training_step"), ("forward_step", "training_step"), ("fit_step", "training_step"),
    ("val_step", "validation_step"), ("valid_step", "validation_step"), ("eval_step", "validation_step"), ("evaluation_step", "validation_step"), ("dev_step", "validation_step"),
    ("testing_step", "test_step"), ("prediction_step", "predict_step"), ("pred_step", "predict_step"), ("inference_step", "predict_step"),
    ("training_epoch_end", "on_train_epoch_end"), ("train_epoch_end", "on_train_epoch_end"), ("training_step_end", "on_train_batch_end"),
    ("validation_epoch_end", "on_validation_epoch_end"), ("val_epoch_end", "on_validation_epoch_end"), ("validation_step_end", "on_validation_batch_end"),
    ("test_epoch_end", "on_test_epoch_end"), ("test_step_end", "on_test_batch_end"), ("predict_epoch_end", "on_predict_epoch_end"),
    ("on_epoch_start", "on_train_epoch_start"), ("on_epoch_end", "on_train_epoch_end"), ("on_epoch_begin", "on_train_epoch_start"),
    ("on_batch_start", "on_train_batch_start"), ("on_batch_end", "on_train_batch_end"), ("on_batch_begin", "on_train_batch_start"),
    ("on_training_start", "on_train_start"), ("on_training_end", "on_train_end"), ("on_train_begin", "on_train_start"), ("on_train_batch_begin", "on_train_batch_start"),
    ("on_training_epoch_start", "on_train_epoch_start"), ("on_training_epoch_end", "on_train_epoch_end"),
    ("on_training_batch_start", "on_train_batch_start"), ("on_training_batch_end", "on_train_batch_end"),
    ("on_val_start", "on_validation_start"), ("on_val_end", "on_validation_end"), ("on_val_epoch_start", "on_validation_epoch_start"), ("on_val_epoch_end", "on_validation_epoch_end"),
    ("on_val_batch_start", "on_validation_batch_start"), ("on_val_batch_end", "on_validation_batch_end"),
    ("on_valid_start", "on_validation_start"), ("on_valid_end", "on_validation_end"), ("on_valid_epoch_start", "on_validation_epoch_start"), ("on_valid_epoch_end", "on_validation_epoch_end"),
    ("on_before_step", "on_before_optimizer_step"), ("on_zero_grad", "on_before_zero_grad"),
    ("valid_dataloader", "val_dataloader"), ("validation_dataloader", "val_dataloader"), ("dev_dataloader", "val_dataloader"), ("eval_dataloader", "val_dataloader"),
    ("training_dataloader", "train_dataloader"), ("prediction_dataloader", "predict_dataloader"), ("pred_dataloader", "predict_dataloader"),
    ("train_loader", "train_dataloader"), ("val_loader", "val_dataloader"), ("valid_loader", "val_dataloader"), ("validation_loader", "val_dataloader"), ("test_loader", "test_dataloader"), ("predict_loader", "predict_dataloader"),
    ("train_data_loader", "train_dataloader"), ("val_data_loader", "val_dataloader"), ("test_data_loader", "test_dataloader"), ("predict_data_loader", "predict_dataloader"),
];

/// Hooks of PyTorch Lightning that a module does not have, and what to do instead.
#[rustfmt::skip]
pub(crate) const UNAVAILABLE: &[(&str, &str)] = &[
    ("optimizer_step", "the trainer steps the optimizer: use `on_before_optimizer_step` to look at the gradients before it does"),
    ("optimizer_zero_grad", "gradients are dropped after each step: use `on_before_zero_grad` to run code before that"),
    ("backward", "the trainer differentiates the loss: use `on_before_backward` or `on_after_backward`"),
    ("clip_gradients", "set `gradient_clip_val(…)` on the trainer"),
    ("lr_scheduler_step", "give the scheduler to `#[optimizer(…, lr = …)]` on the struct: the trainer steps it"),
    ("on_exception", "write a callback"),
    ("transfer_batch_to_device", "implement `Batch` for the batch's type, or derive it"),
    ("on_before_batch_transfer", "change the batch where the loader makes it, in `collate`"),
    ("on_after_batch_transfer", "change the batch at the start of the step"),
    ("configure_callbacks", "give callbacks to the trainer: `.callback(…)`"),
    ("configure_model", "build the fields with `#[init(…)]`, or write `fn init`"),
    ("configure_sharded_model", "build the fields with `#[init(…)]`, or write `fn init`"),
    ("on_validation_model_eval", "validation runs on a copy without gradients: use `on_validation_start`"),
    ("on_validation_model_train", "validation runs on a copy without gradients: use `on_validation_end`"),
    ("on_validation_model_zero_grad", "validation runs on a copy without gradients: use `on_validation_start`"),
    ("on_test_model_eval", "testing runs on a copy without gradients: use `on_test_start`"),
    ("on_test_model_train", "testing runs on a copy without gradients: use `on_test_end`"),
    ("on_predict_model_eval", "predicting runs on a copy without gradients: use `on_predict_start`"),
];

/// Words after `on_` that make a name look like a hook.
pub(crate) const STAGE_WORDS: &[&str] =
    &["train", "training", "validation", "val", "valid", "test", "predict", "fit", "epoch", "batch"];

/// The hook table of the documentation.
#[cfg(test)]
pub(crate) fn doc_table(owner: Owner) -> String {
    let mut table = "| method | runs | logs |\n|---|---|---|\n".to_owned();
    for hook in HOOKS.iter().filter(|hook| hook.owner == owner) {
        let logs = match hook.logs {
            Never => "no",
            Step(_) => "step",
            Batch(_) => "epoch (step)",
            Epoch(_) => "epoch",
        };
        table.push_str(&format!("| `{}` | {} | {logs} |\n", hook.signature(), hook.doc));
    }
    table
}
