//! The hooks a run calls, as data: one enum, one bit set.

macro_rules! hooks {
    ($($variant:ident = $name:literal),* $(,)?) => {
        /// A point of a run at which callbacks and the module are called.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum Hook {
            $(
                #[doc = concat!("`", $name, "`")]
                $variant,
            )*
        }

        impl Hook {
            /// Every hook, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The hook's name as it is written in an `impl`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

impl Hook {
    /// Whether only callbacks are called here: a module has no such hook.
    pub const fn is_for_callbacks_alone(self) -> bool {
        matches!(
            self,
            Self::OnSanityCheckStart
                | Self::OnSanityCheckEnd
                | Self::OnException
                | Self::OnSaveCheckpoint
                | Self::OnLoadCheckpoint
        )
    }

    /// Whether only the module is called here: callbacks have no such hook.
    pub(crate) const fn is_for_module_alone(self) -> bool {
        matches!(self, Self::PrepareData | Self::ConfigureGradientClipping)
    }

    /// Whether it closes something, so that it runs whatever has failed before, for every callback and for the module.
    pub(crate) const fn is_end(self) -> bool {
        matches!(
            self,
            Self::Teardown
                | Self::OnFitEnd
                | Self::OnTrainEnd
                | Self::OnTrainEpochEnd
                | Self::OnSanityCheckEnd
                | Self::OnValidationEnd
                | Self::OnValidationEpochEnd
                | Self::OnTestEnd
                | Self::OnTestEpochEnd
                | Self::OnPredictEnd
                | Self::OnPredictEpochEnd
                | Self::OnException
        )
    }

    /// Whether it runs for each batch, so that an error in it belongs to one.
    pub(crate) const fn is_in_batch(self) -> bool {
        matches!(
            self,
            Self::OnTrainBatchStart
                | Self::OnTrainBatchEnd
                | Self::OnBeforeZeroGrad
                | Self::OnBeforeBackward
                | Self::OnAfterBackward
                | Self::OnBeforeOptimizerStep
                | Self::ConfigureGradientClipping
                | Self::OnValidationBatchStart
                | Self::OnValidationBatchEnd
                | Self::OnTestBatchStart
                | Self::OnTestBatchEnd
                | Self::OnPredictBatchStart
                | Self::OnPredictBatchEnd
        )
    }
}

hooks! {
    PrepareData = "prepare_data",
    Setup = "setup",
    Teardown = "teardown",
    OnFitStart = "on_fit_start",
    OnFitEnd = "on_fit_end",
    OnSanityCheckStart = "on_sanity_check_start",
    OnSanityCheckEnd = "on_sanity_check_end",
    OnTrainStart = "on_train_start",
    OnTrainEnd = "on_train_end",
    OnTrainEpochStart = "on_train_epoch_start",
    OnTrainEpochEnd = "on_train_epoch_end",
    OnTrainBatchStart = "on_train_batch_start",
    OnTrainBatchEnd = "on_train_batch_end",
    OnBeforeZeroGrad = "on_before_zero_grad",
    OnBeforeBackward = "on_before_backward",
    OnAfterBackward = "on_after_backward",
    OnBeforeOptimizerStep = "on_before_optimizer_step",
    ConfigureGradientClipping = "configure_gradient_clipping",
    OnValidationStart = "on_validation_start",
    OnValidationEnd = "on_validation_end",
    OnValidationEpochStart = "on_validation_epoch_start",
    OnValidationEpochEnd = "on_validation_epoch_end",
    OnValidationBatchStart = "on_validation_batch_start",
    OnValidationBatchEnd = "on_validation_batch_end",
    OnTestStart = "on_test_start",
    OnTestEnd = "on_test_end",
    OnTestEpochStart = "on_test_epoch_start",
    OnTestEpochEnd = "on_test_epoch_end",
    OnTestBatchStart = "on_test_batch_start",
    OnTestBatchEnd = "on_test_batch_end",
    OnPredictStart = "on_predict_start",
    OnPredictEnd = "on_predict_end",
    OnPredictEpochStart = "on_predict_epoch_start",
    OnPredictEpochEnd = "on_predict_epoch_end",
    OnPredictBatchStart = "on_predict_batch_start",
    OnPredictBatchEnd = "on_predict_batch_end",
    OnException = "on_exception",
    OnSaveCheckpoint = "on_save_checkpoint",
    OnLoadCheckpoint = "on_load_checkpoint",
}

/// The set of hooks that a module writes: asking costs one bit test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HookSet(u64);

impl HookSet {
    /// No hook at all.
    pub const EMPTY: Self = Self(0);

    /// The set with one hook more.
    #[must_use]
    pub const fn with(self, hook: Hook) -> Self {
        Self(self.0 | (1 << hook as u8))
    }

    /// Whether the hook is in the set.
    pub const fn contains(self, hook: Hook) -> bool {
        self.0 & (1 << hook as u8) != 0
    }
}

/// One of the four steps of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Step {
    /// `training_step`
    Training,
    /// `validation_step`
    Validation,
    /// `test_step`
    Test,
    /// `predict_step`
    Predict,
}

impl Step {
    /// All four, in the order of a run.
    pub const ALL: [Self; 4] = [Self::Training, Self::Validation, Self::Test, Self::Predict];

    /// The step's name as it is written in an `impl`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Training => "training_step",
            Self::Validation => "validation_step",
            Self::Test => "test_step",
            Self::Predict => "predict_step",
        }
    }
}

/// The set of steps that a module writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepSet(u8);

impl StepSet {
    /// No step.
    pub const EMPTY: Self = Self(0);

    /// The set with one step more.
    #[must_use]
    pub const fn with(self, step: Step) -> Self {
        Self(self.0 | (1 << step as u8))
    }

    /// The set, with the step where `written` says so.
    #[must_use]
    pub(crate) const fn with_if(self, step: Step, written: bool) -> Self {
        if written { self.with(step) } else { self }
    }

    /// Whether the step is in the set.
    pub const fn contains(self, step: Step) -> bool {
        self.0 & (1 << step as u8) != 0
    }
}
