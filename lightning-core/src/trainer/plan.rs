//! What a trainer will do with a module, as a text to read before training.

use std::{collections::BTreeMap, fmt};

use burn::{module::ParamId, tensor::Device};

use crate::{
    error::Result,
    hooks::{Hook, HookSet, Step, StepSet},
    metrics::MetricDef,
    module::{ConfigureOptimizers, FieldDef, FieldRole, FitContext, LightningModule},
    optim::OptimizerSetup,
    params::{ErasedVisitor, FloatParam, visit},
    stage::Stage,
};

/// What a trainer will do with a module; printed, it lists steps, hooks, metrics, fields and optimizers.
#[derive(Clone, Debug)]
pub struct Plan {
    module: &'static str,
    steps: StepSet,
    hooks: HookSet,
    metrics: &'static [MetricDef],
    fields: &'static [FieldDef],
    parameters: BTreeMap<String, u64>,
    optimizers: Vec<OptimizerSetup>,
}

#[derive(Default)]
struct Sizes(BTreeMap<String, u64>);

impl ErasedVisitor for Sizes {
    fn float(&mut self, _index: usize, _id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
        let field = path.split('.').next().unwrap_or(path);
        *self.0.entry(field.to_owned()).or_default() += param.dims().iter().product::<usize>() as u64;
        Ok(())
    }
}

impl Plan {
    pub(crate) fn of<M: LightningModule + ConfigureOptimizers>(module: &M) -> Result<Self> {
        let mut sizes = Sizes::default();
        visit(module, &mut sizes)?;
        let cx = FitContext {
            max_epochs: None,
            max_steps: None,
            batches_per_epoch: None,
            steps_by_epochs: None,
            device: Device::default(),
        };
        Ok(Self {
            module: M::NAME,
            steps: M::STEPS,
            hooks: M::HOOKS,
            metrics: M::METRICS,
            fields: M::FIELDS,
            parameters: sizes.0,
            optimizers: module.configure_optimizers(&cx)?,
        })
    }
}

fn mark(written: bool) -> char {
    if written { '*' } else { ' ' }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { module, steps, hooks, metrics, fields, parameters, optimizers } = self;
        writeln!(f, "{module}")?;
        writeln!(f, "metrics")?;
        for def in *metrics {
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
        writeln!(f, "fields")?;
        for field in *fields {
            let count = parameters.get(field.name).copied().unwrap_or(0);
            let role = match field.role {
                FieldRole::Module => format!("{count} parameters"),
                FieldRole::Frozen => format!("{count} parameters, frozen"),
                FieldRole::Buffer => "buffer".to_owned(),
                FieldRole::Hparam => "hyperparameter".to_owned(),
                FieldRole::State => "state".to_owned(),
                FieldRole::Skipped => "state, not saved".to_owned(),
            };
            writeln!(f, "  {}: {} ({role})", field.name, field.type_name)?;
        }
        writeln!(f, "optimizers")?;
        let trained: u64 = fields
            .iter()
            .filter(|field| field.role == FieldRole::Module)
            .filter_map(|field| parameters.get(field.name))
            .sum();
        for optimizer in optimizers {
            let text = optimizer.describe().split_whitespace().collect::<Vec<_>>().join(" ");
            writeln!(f, "  {}: {text}, lr {}, {trained} parameters", optimizer.name(), optimizer.learning_rate())?;
        }
        writeln!(f, "what a run calls, in order (* = written by the module)")?;
        for step in Step::ALL {
            writeln!(f, "  {} {}", mark(steps.contains(step)), step.name())?;
        }
        for hook in Hook::ALL.iter().filter(|hook| !hook.is_for_callbacks_alone()) {
            writeln!(f, "  {} {}", mark(hooks.contains(*hook)), hook.name())?;
        }
        Ok(())
    }
}
