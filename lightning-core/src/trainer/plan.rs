//! A summary of what a trainer will do with a module.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use burn::{module::ParamId, tensor::Device};

use super::Trainer;
use crate::{
    error::Result,
    hooks::{Hook, HookSet, Step, StepSet},
    metrics::MetricDef,
    module::{ConfigureOptimizers, FieldDef, FieldRole, FitContext, LightningModule, Summary},
    optim::{Optimizer, OptimizerSetup, TrainState},
    params::{ErasedVisitor, FloatParam, ParamInfo, running_statistics, visit},
    random::{Stream, derive_seed, global_seed, with_generator},
    stage::Stage,
};

/// What a trainer will do with a module. Printed, it lists metrics, fields, optimizers, steps and
/// hooks.
#[derive(Clone, Debug)]
pub struct Plan {
    module: &'static str,
    steps: StepSet,
    hooks: HookSet,
    metrics: &'static [MetricDef],
    fields: &'static [FieldDef],
    /// The number of parameters of each field.
    parameters: BTreeMap<String, Size>,
    optimizers: Vec<OptimizerSetup>,
    /// The number of parameters that each optimizer trains.
    trained: Vec<u64>,
    /// The module on a batch, or why there is none.
    summary: Option<std::result::Result<Summary, String>>,
}

/// A number of parameters.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    all: u64,
    trainable: u64,
}

/// Counts the parameters of each field.
#[derive(Default)]
struct Sizes(BTreeMap<String, Size>);

impl ErasedVisitor for Sizes {
    fn float(&mut self, _index: usize, _id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
        let field = path.split('.').next().unwrap_or(path);
        let count = param.dims().iter().product::<usize>() as u64;
        let size = self.0.entry(field.to_owned()).or_default();
        size.all += count;
        size.trainable += if param.is_trainable() { count } else { 0 };
        Ok(())
    }
}

/// Counts the parameters that each optimizer trains.
struct Trained<'a> {
    optimizers: &'a mut [Optimizer],
    fields: &'static [FieldDef],
    statistics: BTreeSet<usize>,
    /// The number of each optimizer.
    counts: Vec<u64>,
}

impl ErasedVisitor for Trained<'_> {
    fn float(&mut self, index: usize, id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
        let info = ParamInfo { index, id, path, rank: param.rank() };
        let field = path.split('.').next().unwrap_or(path);
        let is_frozen = self.fields.iter().any(|def| def.name == field && def.role != FieldRole::Module);
        let count = param.dims().iter().product::<usize>() as u64;
        if is_frozen || self.statistics.contains(&index) || !param.is_trainable() {
            return Ok(());
        }
        for (optimizer, own) in self.optimizers.iter_mut().zip(&mut self.counts) {
            *own += if optimizer.assign(&info) { count } else { 0 };
        }
        Ok(())
    }
}

/// A copy of a module in training form, the only one that shows whether a parameter is trained.
/// Parameters that no `new` has drawn get the values that `fit` would draw.
pub(super) fn training_form<M: LightningModule>(module: &M) -> M {
    let device = Device::default();
    let seed = derive_seed(global_seed(), Stream::Init, u64::MAX, 0);
    with_generator(&device, seed, || module.clone().fork(&device.clone().autodiff()).train())
}

impl Plan {
    /// # Errors
    /// If the module cannot be visited, its `configure_optimizers` fails, or the settings of an
    /// optimizer do not fit.
    pub(crate) fn of<M: LightningModule + ConfigureOptimizers>(module: &M) -> Result<Self> {
        Ok(Self::build(module)?.0)
    }

    /// Returns it with the optimizers, which know their parameters.
    fn build<M: LightningModule + ConfigureOptimizers>(module: &M) -> Result<(Self, TrainState)> {
        let device = Device::default();
        let training = training_form(module);
        let mut sizes = Sizes::default();
        visit(&training, &mut sizes)?;
        let cx =
            FitContext { max_epochs: None, max_steps: None, batches_per_epoch: None, steps_by_epochs: None, device };
        let setups = module.configure_optimizers(&cx)?;
        let mut optimizers = setups.iter().cloned().map(Optimizer::new).collect::<Result<Vec<_>>>()?;
        let counts = vec![0; optimizers.len()];
        let statistics = running_statistics(&training)?;
        let mut trained = Trained { optimizers: &mut optimizers, fields: M::FIELDS, statistics, counts };
        visit(&training, &mut trained)?;
        let trained = trained.counts;
        let train = TrainState { optimizers, ..TrainState::default() };
        let plan = Self {
            module: M::NAME,
            steps: M::STEPS,
            hooks: M::HOOKS,
            metrics: M::METRICS,
            fields: M::FIELDS,
            parameters: sizes.0,
            optimizers: setups,
            trained,
            summary: None,
        };
        Ok((plan, train))
    }
}

impl<M: LightningModule> Trainer<M> {
    /// Returns a summary of what a trainer will do with `module`, to print: metrics, fields,
    /// optimizers, steps and hooks.
    ///
    /// # Errors
    /// If the module's optimizers cannot be created.
    pub fn plan(module: &M) -> Result<Plan>
    where
        M: ConfigureOptimizers,
    {
        Plan::of(module)
    }

    /// The same with the summary of the module on a batch, or the reason why there is none.
    #[cfg(feature = "cli")]
    pub(crate) fn plan_on(&self, module: &M, example: impl FnOnce() -> Result<super::AnyBatch>) -> Result<Plan>
    where
        M: ConfigureOptimizers,
    {
        let output = &self.run.settings.output;
        let (plan, train) = Plan::build(module)?;
        if !output.model_summary {
            return Ok(plan);
        }
        let summary = example().and_then(|example| super::summary::of(module, &example, &train));
        let summary = summary.map(|summary| summary.depth(output.summary_depth));
        Ok(Plan { summary: Some(summary.map_err(|error| error.message().to_owned())), ..plan })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.module)?;
        self.fmt_metrics(f)?;
        self.fmt_fields(f)?;
        self.fmt_optimizers(f)?;
        match &self.summary {
            Some(Ok(summary)) => writeln!(f, "first batch\n{summary}")?,
            Some(Err(error)) => writeln!(f, "no shapes of layers: {error}")?,
            None => {}
        }
        self.fmt_calls(f)
    }
}

impl Plan {
    fn fmt_metrics(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "metrics")?;
        for def in self.metrics {
            let stages: Vec<_> = [Stage::Fit, Stage::Validate, Stage::Test]
                .into_iter()
                .filter(|stage| def.stages.contains(*stage))
                .map(Stage::name)
                .collect();
            let when = match (def.on_step, def.on_epoch) {
                (true, true) => "step and epoch",
                (true, false) => "step",
                _ => "epoch",
            };
            let direction =
                def.direction.map_or_else(String::new, |direction| format!(", {direction:?}").to_lowercase());
            writeln!(f, "  {} in {} ({when}{direction})", def.name, stages.join(", "))?;
        }
        Ok(())
    }

    fn fmt_fields(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "fields")?;
        for field in self.fields {
            let Size { all, trainable } = self.parameters.get(field.name).copied().unwrap_or_default();
            let role = match field.role {
                // A field may have been frozen or unfrozen since the module was built.
                FieldRole::Module | FieldRole::Frozen if all > 0 && trainable == 0 => {
                    format!("{all} parameters, frozen")
                }
                FieldRole::Module | FieldRole::Frozen => format!("{all} parameters"),
                FieldRole::Buffer => "buffer".to_owned(),
                FieldRole::Hparam => "hyperparameter".to_owned(),
                FieldRole::State => "state".to_owned(),
                FieldRole::Skipped => "state, not saved".to_owned(),
            };
            writeln!(f, "  {}: {} ({role})", field.name, field.type_name)?;
        }
        Ok(())
    }

    fn fmt_optimizers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "optimizers")?;
        for (optimizer, trained) in self.optimizers.iter().zip(&self.trained) {
            let text = optimizer.describe().split_whitespace().collect::<Vec<_>>().join(" ");
            writeln!(f, "  {}: {text}, lr {}, {trained} parameters", optimizer.name(), optimizer.learning_rate())?;
        }
        Ok(())
    }

    fn fmt_calls(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = |is_implemented: bool| if is_implemented { '*' } else { ' ' };
        writeln!(f, "calls of a run, in order (* = implemented by the module)")?;
        for step in Step::ALL {
            writeln!(f, "  {} {}", mark(self.steps.contains(step)), step.name())?;
        }
        for hook in Hook::ALL.iter().filter(|hook| !hook.is_for_callbacks_alone()) {
            writeln!(f, "  {} {}", mark(self.hooks.contains(*hook)), hook.name())?;
        }
        Ok(())
    }
}
