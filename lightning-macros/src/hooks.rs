//! The table of hooks. The checks and the expansion of this crate read it; `with_hooks!` hands its
//! rows to the core, which defines the `Hook` enum, `Callback` and `LambdaCallback` from them.
//!
//! A new hook is a new row, and its call in the engine.

#[cfg(test)]
mod docs;
mod foreign;
mod kinds;
mod params;
mod readings;
mod rows;

#[cfg(test)]
pub(crate) use docs::doc_table;
pub(crate) use foreign::{FOREIGN, STAGE_WORDS, UNAVAILABLE};
pub(crate) use kinds::{Counted, Kind, Logs, Owner, Receiver, StageDef, StateDef, StepDef, StepOutput};
pub(crate) use params::{Arg, ParamDef};
pub(crate) use readings::readings;
pub(crate) use rows::with_hooks;

use kinds::{Owners, Timing};
use params::{
    BATCH_CX, BATCH_IDX, CX, DATA_STAGE, FIT_CX, INIT, OPTIMIZERS, PREDICT_BATCH, READER, STAGE, STEP, STEP_CX,
    TEST_BATCH, TEST_END, TRAIN_END, TRAIN_START, VAL_BATCH, VAL_END, WRITER,
};

/// One row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HookDef {
    /// The method's name.
    pub(crate) name: &'static str,
    /// The variant of the runtime's `Hook` or `Step` enum; the associated type of a loader.
    pub(crate) variant: &'static str,
    /// Who is called.
    owners: Owners,
    /// How it relates to errors.
    timing: Timing,
    /// Where its logged values belong.
    pub(crate) logs: Logs,
    /// The optional parameters.
    pub(crate) params: &'static [ParamDef],
    /// When it runs.
    doc: &'static str,
    /// What the method of a module is given or does.
    #[cfg_attr(not(test), expect(dead_code, reason = "read by the documentation's tables"))]
    detail: &'static str,
    /// How it is called.
    pub(crate) kind: Kind,
    /// The receiver.
    pub(crate) receiver: Receiver,
    /// The return type, as a message prints it.
    output: &'static str,
}

use Logs::{Batch, Epoch, Never, Step};
use Owners::{Both, Callbacks, Data, Module};
use StageDef::{Test, Train, Val};
use Timing::{End, InBatch, Plain};

/// Every hook, in the order of a run.
///
/// The columns are: name, variant, owners, timing, where it logs, parameters; when it runs.
#[rustfmt::skip] // A table reads by its columns.
pub(crate) const HOOKS: &[HookDef] = &[
    hook("init", "Init", Module, Plain, Never, INIT,
        "Once, to build the module, instead of `#[init(…)]` on its fields.")
        .called(Kind::Init, Receiver::Absent).returns("Self"),
    hook("prepare_data", "PrepareData", Module, Plain, Never, &[],
        "Before `setup`, once per machine.")
        .detail("Downloads data.").called(Kind::Hook, Receiver::Ref),
    hook("setup", "Setup", Both, Plain, Never, STAGE,
        "At the start of a run, after the data is set up."),
    hook("teardown", "Teardown", Both, End, Never, STAGE,
        "At the end of a run, also of a failed one."),

    hook("configure_optimizers", "ConfigureOptimizers", Module, Plain, Never, FIT_CX,
        "At the start of `fit`, to create the optimizers, instead of `#[optimizer(…)]`.")
        .called(Kind::Optimizers, Receiver::Ref).returns("Result<Vec<OptimizerSetup>>"),
    step("training_step", "Training", Step(Train), StepDef::TRAINING_STEP,
        "For each training batch.")
        .detail("Returns the loss.").returns("Tensor<1>"),
    step("validation_step", "Validation", Batch(Val), StepDef::VALIDATION_STEP,
        "For each validation batch."),
    step("test_step", "Test", Batch(Test), StepDef::TEST_STEP,
        "For each test batch."),
    step("predict_step", "Predict", Never, StepDef::PREDICT_STEP,
        "For each batch to predict.")
        .detail("Returns the prediction.").returns("T"),

    loader("train_dataloader", "Train", Module, "When `fit` is given `()`, for the training batches."),
    loader("val_dataloader", "Val", Module, "When `fit` or `validate` is given `()`, for the validation batches."),
    loader("test_dataloader", "Test", Module, "When `test` is given `()`, for the test batches."),
    loader("predict_dataloader", "Predict", Module, "When `predict` is given `()`, for the batches to predict."),

    hook("on_fit_start", "OnFitStart", Both, Plain, Never, CX,
        "At the start of `fit`."),
    hook("on_fit_end", "OnFitEnd", Both, End, Never, CX,
        "At the end of `fit`."),
    hook("on_sanity_check_start", "OnSanityCheckStart", Callbacks, Plain, Never, CX,
        "Before the sanity check."),
    hook("on_sanity_check_end", "OnSanityCheckEnd", Callbacks, End, Never, CX,
        "After the sanity check."),
    hook("on_train_start", "OnTrainStart", Both, Plain, Epoch(Train), CX,
        "Before the first epoch."),
    hook("on_train_end", "OnTrainEnd", Both, End, Never, CX,
        "After the last epoch."),
    hook("on_train_epoch_start", "OnTrainEpochStart", Both, Plain, Epoch(Train), CX,
        "Before each training epoch."),
    hook("on_train_epoch_end", "OnTrainEpochEnd", Both, End, Epoch(Train), CX,
        "After each training epoch, including its validation."),
    hook("on_train_batch_start", "OnTrainBatchStart", Both, InBatch, Step(Train), TRAIN_START,
        "Before each training batch, which is on the device already.")
        .detail("`ControlFlow::Break(())` skips the rest of the epoch."),
    hook("on_train_batch_end", "OnTrainBatchEnd", Both, InBatch, Step(Train), TRAIN_END,
        "After each training batch.")
        .detail("`outputs` is the value that the step passed to `Loss::output`."),
    hook("on_before_zero_grad", "OnBeforeZeroGrad", Both, InBatch, Step(Train), BATCH_CX,
        "After `training_step`, before the first backward pass of each optimizer step."),
    hook("on_before_backward", "OnBeforeBackward", Both, InBatch, Step(Train), BATCH_CX,
        "Before the backward pass."),
    hook("on_after_backward", "OnAfterBackward", Both, InBatch, Step(Train), BATCH_CX,
        "After the backward pass."),
    hook("on_before_optimizer_step", "OnBeforeOptimizerStep", Both, InBatch, Step(Train), BATCH_CX,
        "Before each optimizer step."),
    hook("configure_gradient_clipping", "ConfigureGradientClipping", Module, InBatch, Step(Train), BATCH_CX,
        "Before each optimizer step, instead of the clipping that `gradient_clip_val` sets.")
        .detail("Calls `cx.clip_gradients(limit, algorithm)`."),

    hook("on_validation_start", "OnValidationStart", Both, Plain, Epoch(Val), CX,
        "Before validation."),
    hook("on_validation_end", "OnValidationEnd", Both, End, Never, CX,
        "After validation."),
    hook("on_validation_epoch_start", "OnValidationEpochStart", Both, Plain, Epoch(Val), CX,
        "Before the validation batches."),
    hook("on_validation_epoch_end", "OnValidationEpochEnd", Both, End, Epoch(Val), VAL_END,
        "After the validation batches.")
        .detail("`outputs` holds the results of `validation_step`, one loader after another."),
    hook("on_validation_batch_start", "OnValidationBatchStart", Both, InBatch, Batch(Val), VAL_BATCH,
        "Before each validation batch."),
    hook("on_validation_batch_end", "OnValidationBatchEnd", Both, InBatch, Batch(Val), VAL_BATCH,
        "After each validation batch."),
    hook("on_test_start", "OnTestStart", Both, Plain, Epoch(Test), CX,
        "Before testing."),
    hook("on_test_end", "OnTestEnd", Both, End, Never, CX,
        "After testing."),
    hook("on_test_epoch_start", "OnTestEpochStart", Both, Plain, Epoch(Test), CX,
        "Before the test batches."),
    hook("on_test_epoch_end", "OnTestEpochEnd", Both, End, Epoch(Test), TEST_END,
        "After the test batches.")
        .detail("`outputs` holds the results of `test_step`, one loader after another."),
    hook("on_test_batch_start", "OnTestBatchStart", Both, InBatch, Batch(Test), TEST_BATCH,
        "Before each test batch."),
    hook("on_test_batch_end", "OnTestBatchEnd", Both, InBatch, Batch(Test), TEST_BATCH,
        "After each test batch."),
    hook("on_predict_start", "OnPredictStart", Both, Plain, Never, CX,
        "Before predicting."),
    hook("on_predict_end", "OnPredictEnd", Both, End, Never, CX,
        "After predicting."),
    hook("on_predict_epoch_start", "OnPredictEpochStart", Both, Plain, Never, CX,
        "Before the batches to predict."),
    hook("on_predict_epoch_end", "OnPredictEpochEnd", Both, End, Never, CX,
        "After the batches to predict."),
    hook("on_predict_batch_start", "OnPredictBatchStart", Both, InBatch, Never, PREDICT_BATCH,
        "Before each batch to predict."),
    hook("on_predict_batch_end", "OnPredictBatchEnd", Both, InBatch, Never, PREDICT_BATCH,
        "After each batch to predict."),

    hook("on_exception", "OnException", Callbacks, End, Never, CX,
        "When an error or a panic ends the run, before the end hooks."),
    hook("on_save_checkpoint", "OnSaveCheckpoint", Both, Plain, Never, WRITER,
        "Before the state of the run is captured for a checkpoint.")
        .detail("Adds state that is in no field.")
        .called(Kind::UserState(StateDef { method: "save_user_state", reads: false }), Receiver::Mut)
        .returns("Result<()>"),
    hook("on_load_checkpoint", "OnLoadCheckpoint", Both, Plain, Never, READER,
        "When a checkpoint is loaded, before `on_fit_start`.")
        .detail("Reads what `on_save_checkpoint` added.")
        .called(Kind::UserState(StateDef { method: "load_user_state", reads: true }), Receiver::Mut)
        .returns("Result<()>"),

    hook("prepare_data", "PrepareData", Data, Plain, Never, &[],
        "Before `setup`, once per machine.")
        .detail("Downloads data.").called(Kind::Hook, Receiver::Either).returns("Result<()>"),
    hook("setup", "Setup", Data, Plain, Never, DATA_STAGE,
        "At the start of a run.")
        .detail("Reads and splits the data.").returns("Result<()>"),
    hook("teardown", "Teardown", Data, End, Never, DATA_STAGE,
        "At the end of a run, also of a failed one.").returns("Result<()>"),
    loader("train_dataloader", "Train", Data, "At the start of `fit`, for the training batches."),
    loader("val_dataloader", "Val", Data, "At the start of `fit` and `validate`, for the validation batches."),
    loader("test_dataloader", "Test", Data, "At the start of `test`, for the test batches."),
    loader("predict_dataloader", "Predict", Data, "At the start of `predict`, for the batches to predict."),
];

/// `training_step` with `#[manual_optimization]`.
pub(crate) const MANUAL_STEP: &HookDef = &HookDef {
    receiver: Receiver::Mut,
    params: &[OPTIMIZERS, BATCH_IDX, STEP_CX],
    ..step("training_step", "Training", Step(Train), StepDef::MANUAL_STEP, "For each training batch.")
        .detail("Differentiates its losses and steps the optimizers.")
        .returns("Result<()>")
};

const fn hook(
    name: &'static str,
    variant: &'static str,
    owners: Owners,
    timing: Timing,
    logs: Logs,
    params: &'static [ParamDef],
    doc: &'static str,
) -> HookDef {
    let (kind, receiver, output, detail) = (Kind::Hook, Receiver::Mut, "", "");
    HookDef { name, variant, owners, timing, logs, params, doc, detail, kind, receiver, output }
}

const fn step(name: &'static str, variant: &'static str, logs: Logs, step: StepDef, doc: &'static str) -> HookDef {
    hook(name, variant, Module, Plain, logs, STEP, doc).called(Kind::Step(step), Receiver::Ref)
}

const fn loader(name: &'static str, variant: &'static str, owners: Owners, doc: &'static str) -> HookDef {
    hook(name, variant, owners, Plain, Never, &[], doc)
        .called(Kind::Loader, Receiver::Either)
        .returns("Result<DataLoader<B>>")
}

impl HookDef {
    const fn called(self, kind: Kind, receiver: Receiver) -> Self {
        Self { kind, receiver, ..self }
    }

    const fn returns(self, output: &'static str) -> Self {
        Self { output, ..self }
    }

    const fn detail(self, detail: &'static str) -> Self {
        Self { detail, ..self }
    }

    /// The rows whose methods may stand in an impl with the attribute.
    pub(crate) fn of(owner: Owner) -> impl Iterator<Item = &'static Self> + Clone {
        HOOKS.iter().filter(move |hook| hook.owners.contains(owner))
    }

    /// The row with the name.
    pub(crate) fn find(owner: Owner, name: &str) -> Option<&'static Self> {
        Self::of(owner).find(|hook| hook.name == name)
    }

    /// The full signature, as a user would write it.
    pub(crate) fn signature(&self) -> String {
        let mut params = Vec::new();
        if self.receiver != Receiver::Absent {
            params.push(self.receiver.text().to_owned());
        }
        match self.kind {
            // The other parameters of a step are rarely wanted: the help shows the required ones.
            Kind::Step(StepDef { output: StepOutput::Manual, .. }) => {
                params.push(format!("batch: B, {}: {}", OPTIMIZERS.name, OPTIMIZERS.ty));
            }
            Kind::Step(_) => params.push("batch: B".to_owned()),
            _ => params.extend(self.params.iter().map(ParamDef::text)),
        }
        let arrow = if self.output.is_empty() { "" } else { " -> " };
        format!("fn {}({}){arrow}{}", self.name, params.join(", "), self.output)
    }

    /// The signature in the impl of this struct, whose hyperparameters are `<Name>Hparams`.
    pub(crate) fn signature_of(&self, name: &str) -> String {
        self.signature().replace('…', name)
    }

    /// Whether its result may end the epoch.
    pub(crate) fn controls_flow(&self) -> bool {
        self.variant == "OnTrainBatchStart"
    }

    /// What `#[every(…)]` and `#[once(…)]` count; `None` for a hook that a run does not repeat.
    pub(crate) fn counted(&self) -> Option<Counted> {
        Some(match self.variant {
            "OnTrainBatchStart" | "OnTrainBatchEnd" | "OnBeforeBackward" | "OnAfterBackward" => Counted::TrainBatch,
            "OnBeforeZeroGrad" | "OnBeforeOptimizerStep" => Counted::Step,
            "OnTrainEpochStart" | "OnTrainEpochEnd" => Counted::Epoch,
            "OnValidationStart" | "OnValidationEnd" | "OnValidationEpochStart" | "OnValidationEpochEnd" => {
                Counted::Validation
            }
            "OnValidationBatchStart" | "OnValidationBatchEnd" => Counted::ValBatch,
            "OnTestBatchStart" | "OnTestBatchEnd" | "OnPredictBatchStart" | "OnPredictBatchEnd" => Counted::OtherBatch,
            _ => return None,
        })
    }

    /// When it runs, for the middle of a sentence.
    pub(crate) fn when(&self) -> String {
        let mut chars = self.doc.trim_end_matches('.').chars();
        let first = chars.next().into_iter().flat_map(char::to_lowercase);
        first.chain(chars).collect()
    }
}
