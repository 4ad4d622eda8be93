//! Which subcommands a module and its data have: decided when the program is compiled, by the batch
//! types of the steps and the types of the loaders.

use std::marker::PhantomData;

use crate::{
    batch::{StepBatch, WithStep, WithoutStep},
    data::{DataModule, DataStruct, EvalData, FitData, Has, NoLoader, Predicting, RunStep, Testing, Validation},
    error::{Error, Result},
    module::{
        ConfigureOptimizers, InitModule, LightningModule, LightningStruct, PredictStep, TestStep, TrainingStep,
        ValidationStep,
    },
    search::DefaultSpace,
    stage::Stage,
    trainer::{AnyBatch, BatchSizeSearch, BatchSizes, EvalReport, FitReport, LrFinder, LrRange, Plan, Trainer},
};

/// A step and a loader, each there or not.
#[derive(Debug)]
pub struct Pair<Step, Loader>(PhantomData<(Step, Loader)>);

/// The error of a stage that is not there. The command line refuses its subcommand before.
fn missing<T>(why: Option<&str>) -> Result<T> {
    Err(Error::config(why.unwrap_or("this subcommand is not available").to_owned()).help("use another subcommand"))
}

/// Training.
pub trait FitsOn<M, D> {
    /// Why there is no training; `None` if there is.
    const MISSING: Option<&'static str>;

    /// Trains.
    ///
    /// # Errors
    /// Those of [`Trainer::fit`], or that there is no training.
    fn fit(trainer: &mut Trainer<M>, module: &mut M, data: &mut D) -> Result<FitReport<M>> {
        let _ = (trainer, module, data);
        missing(Self::MISSING)
    }

    /// Returns what a trainer would do.
    ///
    /// # Errors
    /// Those of [`Trainer::plan`], or that there is no training.
    fn plan(trainer: &Trainer<M>, module: &M, data: &mut D) -> Result<Plan> {
        let _ = (trainer, module, data);
        missing(Self::MISSING)
    }

    /// Returns the first training batch.
    ///
    /// # Errors
    /// If the data cannot be read, or there is no training.
    fn example(trainer: &Trainer<M>, module: &M, data: &mut D) -> Result<AnyBatch> {
        let _ = (trainer, module, data);
        missing(Self::MISSING)
    }

    /// Finds a learning rate.
    ///
    /// # Errors
    /// Those of [`Trainer::find_lr_in`], or that there is no training.
    fn find_lr(trainer: &mut Trainer<M>, module: &M, data: &mut D, range: LrRange) -> Result<LrFinder> {
        let _ = (trainer, module, data, range);
        missing(Self::MISSING)
    }

    /// Finds a batch size.
    ///
    /// # Errors
    /// Those of [`Trainer::find_batch_size_by`], or that there is no training.
    fn find_batch_size(trainer: &mut Trainer<M>, module: &M, data: &D, search: BatchSizeSearch) -> Result<BatchSizes> {
        let _ = (trainer, module, data, search);
        missing(Self::MISSING)
    }
}

impl<M, D, L> FitsOn<M, D> for Pair<WithoutStep, L> {
    const MISSING: Option<&'static str> = Some("the module has no `training_step`");
}

impl<M, D> FitsOn<M, D> for Pair<WithStep, NoLoader> {
    const MISSING: Option<&'static str> = Some("the data module has no `train_dataloader`");
}

impl<M, D, L> FitsOn<M, D> for Pair<WithStep, Has<L>>
where
    M: LightningModule + TrainingStep + ConfigureOptimizers,
    D: DataModule + DataStruct,
    for<'a> &'a mut D: FitData<M>,
{
    const MISSING: Option<&'static str> = None;

    fn fit(trainer: &mut Trainer<M>, module: &mut M, data: &mut D) -> Result<FitReport<M>> {
        trainer.fit(module, data)
    }

    fn plan(trainer: &Trainer<M>, module: &M, data: &mut D) -> Result<Plan> {
        trainer.plan_on(module, || <Self as FitsOn<M, D>>::example(trainer, module, data))
    }

    fn example(trainer: &Trainer<M>, module: &M, data: &mut D) -> Result<AnyBatch> {
        trainer.first_batch(module, FitData::into_run_data(data), Stage::Fit)
    }

    fn find_lr(trainer: &mut Trainer<M>, module: &M, data: &mut D, range: LrRange) -> Result<LrFinder> {
        trainer.find_lr_in(module, data, range)
    }

    fn find_batch_size(trainer: &mut Trainer<M>, module: &M, data: &D, search: BatchSizeSearch) -> Result<BatchSizes> {
        trainer.find_batch_size_by(module, data, search)
    }
}

macro_rules! evaluation {
    ($trait:ident, $method:ident, $step:ident, $stage:ident, $batch:ident, $report:ty, $no_step:literal, $no_loader:literal, $doc:literal, [$($bound:tt)*]) => {
        #[doc = $doc]
        pub trait $trait<M, D> {
            /// Why it is not there; `None` if it is.
            const MISSING: Option<&'static str>;

            /// Runs it.
            ///
            /// # Errors
            /// Those of the trainer, or that it is not there.
            fn $method(trainer: &mut Trainer<M>, module: &mut M, data: &mut D) -> Result<$report> {
                let _ = (trainer, module, data);
                missing(Self::MISSING)
            }

            /// Returns its first batch.
            ///
            /// # Errors
            /// If the data cannot be read, or it is not there.
            fn example(trainer: &Trainer<M>, module: &M, data: &mut D) -> Result<AnyBatch> {
                let _ = (trainer, module, data);
                missing(Self::MISSING)
            }
        }

        impl<M, D, L> $trait<M, D> for Pair<WithoutStep, L> {
            const MISSING: Option<&'static str> = Some($no_step);
        }

        impl<M, D> $trait<M, D> for Pair<WithStep, NoLoader> {
            const MISSING: Option<&'static str> = Some($no_loader);
        }

        impl<M, D, L> $trait<M, D> for Pair<WithStep, Has<L>>
        where
            M: LightningModule + $step,
            for<'a> &'a mut D: EvalData<M, $stage, M::$batch>,
            $($bound)*
        {
            const MISSING: Option<&'static str> = None;

            fn $method(trainer: &mut Trainer<M>, module: &mut M, data: &mut D) -> Result<$report> {
                evaluation!(@call $method trainer module data)
            }

            fn example(trainer: &Trainer<M>, module: &M, data: &mut D) -> Result<AnyBatch> {
                let step = evaluation!(@step $method);
                trainer.first_batch(module, EvalData::into_run_data(data, step), evaluation!(@stage $method))
            }
        }
    };
    (@step predict) => { RunStep::predict(Default::default()) };
    (@step validate) => { RunStep::validation() };
    (@step test) => { RunStep::test() };
    (@stage predict) => { Stage::Predict };
    (@stage validate) => { Stage::Validate };
    (@stage test) => { Stage::Test };
    (@call predict $trainer:ident $module:ident $data:ident) => {
        $trainer.predict($module, $data).map(|outputs| outputs.len())
    };
    (@call $method:ident $trainer:ident $module:ident $data:ident) => {
        $trainer.$method($module, $data)
    };
}

evaluation!(
    ValidatesOn,
    validate,
    ValidationStep,
    Validation,
    ValBatch,
    EvalReport<M>,
    "the module has no `validation_step`",
    "the data module has no `val_dataloader`",
    "Validation.",
    []
);
evaluation!(
    TestsOn,
    test,
    TestStep,
    Testing,
    TestBatch,
    EvalReport<M, Testing>,
    "the module has no `test_step`",
    "the data module has no `test_dataloader`",
    "Testing.",
    []
);
evaluation!(
    PredictsOn,
    predict,
    PredictStep,
    Predicting,
    PredictBatch,
    usize,
    "the module has no `predict_step`",
    "the data module has no `predict_dataloader`",
    "Prediction; the number of batches.",
    [M::Output: 'static]
);

/// A module that a command line can steer together with the data module `D`: every module that can be
/// built, with data that fits the steps it has.
pub trait RunsOn<D: DataModule + DataStruct>:
    LightningModule + InitModule + LightningStruct<Hparams: DefaultSpace>
{
    /// Training, if there is one.
    type Fit: FitsOn<Self, D>;
    /// Validation, if there is one.
    type Validate: ValidatesOn<Self, D>;
    /// Testing, if there is it.
    type Test: TestsOn<Self, D>;
    /// Prediction, if there is it.
    type Predict: PredictsOn<Self, D>;
}

/// The step of a batch type, present or not.
type StepOf<B> = <B as StepBatch>::Present;

impl<M, D> RunsOn<D> for M
where
    M: LightningModule + InitModule + LightningStruct<Hparams: DefaultSpace>,
    D: DataModule + DataStruct,
    Pair<StepOf<M::TrainBatch>, D::Train>: FitsOn<M, D>,
    Pair<StepOf<M::ValBatch>, D::Val>: ValidatesOn<M, D>,
    Pair<StepOf<M::TestBatch>, D::Test>: TestsOn<M, D>,
    Pair<StepOf<M::PredictBatch>, D::Predict>: PredictsOn<M, D>,
{
    type Fit = Pair<StepOf<M::TrainBatch>, D::Train>;
    type Validate = Pair<StepOf<M::ValBatch>, D::Val>;
    type Test = Pair<StepOf<M::TestBatch>, D::Test>;
    type Predict = Pair<StepOf<M::PredictBatch>, D::Predict>;
}
