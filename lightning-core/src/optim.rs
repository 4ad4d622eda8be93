//! Optimizers: what the user declares, and the update of all parameters in one pass.

use std::{fmt, panic::AssertUnwindSafe};

use burn::{
    grad_clipping::GradientClipping,
    module::ParamId,
    optim::{
        AdaGradConfig, AdafactorConfig, AdamConfig, AdamWConfig, AdanConfig, DynState, LambConfig, LionConfig,
        MuonConfig, RmsPropConfig, SgdConfig,
    },
    tensor::{Device, Tensor, kind::BridgeTensor},
};

use crate::{
    config::ClipAlgorithm,
    error::{Error, ErrorKind, Result},
    fused,
    guard::panic_message,
    params::{GradientStore, ValueMapper},
    rank::with_rank,
    readback,
};

/// A configuration that an optimizer can be made from: Burn's optimizer configurations.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no optimizer configuration",
    label = "expected a configuration such as `AdamConfig::new()`",
    note = "the first argument of `#[optimizer(…)]` is one of Burn's configurations: `AdamConfig`, `AdamWConfig`, `SgdConfig`, `RmsPropConfig`, …"
)]
pub trait IntoOptimizer {
    /// The optimizer.
    fn into_optimizer(self) -> OptimizerKind;
}

/// An optimizer as configured: its rule, its clipping, and its numbers as text.
#[derive(Clone)]
pub struct OptimizerKind {
    pub(crate) rule: fused::Rule,
    pub(crate) clipping: Option<GradientClipping>,
    pub(crate) text: String,
}

impl fmt::Debug for OptimizerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

macro_rules! burn_configs {
    ($($config:ident),* $(,)?) => {
        $(impl IntoOptimizer for $config {
            fn into_optimizer(self) -> OptimizerKind {
                OptimizerKind {
                    // `init` is the only place where Burn shows the clipping of a configuration.
                    clipping: self.init().grad_clipping().cloned(),
                    rule: fused::rule_for(&self, self.build()),
                    text: format!("{self:?}"),
                }
            }
        })*
    };
}

burn_configs!(
    AdaGradConfig,
    AdafactorConfig,
    AdamConfig,
    AdamWConfig,
    AdanConfig,
    LambConfig,
    LionConfig,
    MuonConfig,
    RmsPropConfig,
    SgdConfig,
);

/// What `lr = …` takes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no learning rate",
    label = "expected a number",
    note = "write `lr = 1e-3`, or the name of an `f64` hyperparameter"
)]
pub trait IntoLearningRate {
    /// The rate.
    fn into_learning_rate(self) -> f64;
}

impl IntoLearningRate for f64 {
    fn into_learning_rate(self) -> f64 {
        self
    }
}

impl IntoLearningRate for f32 {
    /// The shortest decimal of the `f32`, so that `1e-3f32` is `1e-3` and not its rounded neighbour.
    fn into_learning_rate(self) -> f64 {
        self.to_string().parse().unwrap_or(f64::from(self))
    }
}

/// One declared optimizer, made at the start of `fit`.
#[derive(Clone, Debug)]
pub struct OptimizerSetup {
    name: &'static str,
    kind: OptimizerKind,
    lr: f64,
}

impl OptimizerSetup {
    /// An optimizer of this name with this rate.
    pub fn new(name: &'static str, config: impl IntoOptimizer, lr: impl IntoLearningRate) -> Self {
        Self { name, kind: config.into_optimizer(), lr: lr.into_learning_rate() }
    }

    /// The name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The learning rate.
    pub fn learning_rate(&self) -> f64 {
        self.lr
    }

    /// The same, by Burn's own operations.
    pub(crate) fn unfused(mut self) -> Self {
        self.kind.rule = self.kind.rule.unfused();
        self
    }

    /// The configuration as text: every number the optimizer has.
    pub fn describe(&self) -> &str {
        &self.kind.text
    }
}

struct ParamState {
    id: ParamId,
    state: DynState,
}

/// A running optimizer: its state for every parameter, in the order of the module's parameters.
pub(crate) struct Optimizer {
    name: &'static str,
    kind: OptimizerKind,
    pub(crate) lr: f64,
    states: Vec<Option<ParamState>>,
    pub(crate) steps: u64,
}

impl fmt::Debug for Optimizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} lr {} after {} steps", self.name, self.kind.text, self.lr, self.steps)
    }
}

impl Optimizer {
    /// # Errors
    /// When the learning rate is no number that can be trained with.
    pub(crate) fn new(setup: OptimizerSetup) -> Result<Self> {
        let OptimizerSetup { name, kind, lr } = setup;
        if !lr.is_finite() || lr < 0.0 {
            return Err(Error::config(format!("the learning rate of `{name}` is {lr}"))
                .help("give a finite rate of at least 0"));
        }
        Ok(Self { name, kind, lr, states: Vec::new(), steps: 0 })
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn describe(&self) -> &str {
        &self.kind.text
    }

    /// The update of one step, to be run over the module's parameters.
    pub(crate) fn update<'a>(
        &'a mut self,
        gradients: &'a mut GradientStore,
        scaling: Scaling,
        device: &'a Device,
    ) -> Update<'a> {
        Update { optimizer: self, gradients, scaling, device, lost: None }
    }
}

/// Applies one optimizer step as a [`ValueMapper`].
pub(crate) struct Update<'a> {
    optimizer: &'a mut Optimizer,
    gradients: &'a mut GradientStore,
    scaling: Scaling,
    device: &'a Device,
    /// A panic inside an update: it must not unwind through the mapping, which owns the module.
    lost: Option<(String, String)>,
}

impl Update<'_> {
    /// Ends the step.
    ///
    /// # Errors
    /// When an update panicked: the parameter's value went down with it.
    pub(crate) fn finish(self) -> Result<()> {
        let Self { optimizer, lost, .. } = self;
        optimizer.steps += 1;
        match lost {
            None => Ok(()),
            Some((path, what)) => Err(Error::new(
                ErrorKind::Panic,
                format!("the update of parameter `{path}` by `{}` panicked: {what}", optimizer.name),
            )
            .help("the parameter's value is lost: load the last checkpoint")),
        }
    }

    fn step(&mut self, index: usize, value: BridgeTensor) -> BridgeTensor {
        let rank = value.rank();
        let Some(gradient) = self.gradients.take(index) else { return value };
        let Optimizer { kind, lr, states, .. } = &mut *self.optimizer;
        if states.len() <= index {
            states.resize_with(index + 1, || None);
        }
        let Some(slot) = states.get_mut(index) else { return value };
        // A state of another id belonged to a layer that has been replaced.
        let state = slot.take().filter(|state| state.id == gradient.id).map(|state| state.state);
        // A factor is left to the update, which may have it in its one pass.
        let (grad, factor) = match (&kind.clipping, self.scaling.factor()) {
            (None, Some(factor)) => (gradient.value, factor),
            (None, None) => (self.scaling.apply(gradient.value), 1.0),
            (Some(clipping), _) => (clip(clipping, rank, self.scaling.apply(gradient.value)), 1.0),
        };
        let (value, state) = kind.rule.step_scaled(rank, *lr, value, grad, state, factor);
        *slot = state.map(|state| ParamState { id: gradient.id, state });
        value
    }
}

impl ValueMapper for Update<'_> {
    fn wants(&self, index: usize, id: ParamId) -> bool {
        self.lost.is_none() && self.gradients.has(index, id)
    }

    fn map(&mut self, index: usize, path: &str, value: BridgeTensor) -> BridgeTensor {
        let shape = value.shape();
        match std::panic::catch_unwind(AssertUnwindSafe(|| self.step(index, value))) {
            Ok(value) => value,
            Err(panic) => {
                self.lost = Some((path.to_owned(), panic_message(&*panic)));
                placeholder(shape.as_slice(), self.device)
            }
        }
    }
}

fn clip(clipping: &GradientClipping, rank: usize, grad: BridgeTensor) -> BridgeTensor {
    with_rank!(rank, D => clipping.clip_gradient(Tensor::<D>::from_bridge(grad)).into_bridge(), grad)
}

/// What happens to the gradients of a window between the backward pass and the optimizer.
#[derive(Clone, Debug)]
pub(crate) struct Scaling {
    /// One over the size of the window, times what the norm asks for.
    factor: f64,
    clip: Clip,
}

#[derive(Clone, Debug, Default)]
enum Clip {
    #[default]
    None,
    /// By a factor that lies on the device: nobody waits for it.
    OnDevice(Box<Tensor<1>>),
    Value(f64),
}

impl Scaling {
    /// The scaling of a window's gradients.
    pub(crate) fn new(gradients: &mut GradientStore, limit: Option<f64>, by: ClipAlgorithm, host: bool) -> Self {
        let mean = 1.0 / gradients.passes().max(1) as f64;
        match (limit, by) {
            (None, _) => Self { factor: mean, clip: Clip::None },
            (Some(limit), ClipAlgorithm::Value) => Self { factor: mean, clip: Clip::Value(limit) },
            (Some(limit), ClipAlgorithm::Norm) => Self::by_norm(gradients, mean, limit, host),
        }
    }

    /// The scaling that brings the total norm of all gradients, multiplied with `mean`, down to `limit`.
    fn by_norm(gradients: &mut GradientStore, mean: f64, limit: f64, host: bool) -> Self {
        let (mut sum, mut sums) = (0.0, Vec::new());
        gradients.for_each(|gradient| {
            let (gradient, squares) = if host { fused::sum_of_squares(gradient) } else { (gradient, None) };
            match squares {
                Some(squares) => sum += squares,
                None => sums.extend(with_rank!(gradient.rank(), D => {
                    let value = Tensor::<D>::from_bridge(gradient.clone());
                    Some(value.clone().mul(value).sum())
                }, None)),
            }
            gradient
        });
        let sums = (!sums.is_empty()).then(|| Tensor::cat(sums, 0).sum());
        let clip = match sums {
            Some(sums) if !host => {
                let norm = sums.sqrt().mul_scalar(mean);
                Clip::OnDevice(Box::new(norm.add_scalar(1e-6).recip().mul_scalar(limit).clamp_max(1.0)))
            }
            sums => {
                let norm = (sum + sums.map_or(0.0, readback::host_scalar)).sqrt() * mean;
                let factor = limit / (norm + 1e-6);
                // A norm that is no number stays visible: it does not clip.
                return Self { factor: if factor < 1.0 { mean * factor } else { mean }, clip: Clip::None };
            }
        };
        Self { factor: mean, clip }
    }

    /// The one factor that the gradients are multiplied with, where that is all.
    fn factor(&self) -> Option<f64> {
        matches!(self.clip, Clip::None).then_some(self.factor)
    }

    fn apply(&self, gradient: BridgeTensor) -> BridgeTensor {
        if self.factor() == Some(1.0) {
            return gradient;
        }
        with_rank!(gradient.rank(), D => {
            let mut gradient = Tensor::<D>::from_bridge(gradient);
            if self.factor != 1.0 {
                gradient = gradient.mul_scalar(self.factor);
            }
            let gradient = match &self.clip {
                Clip::None => gradient,
                Clip::OnDevice(factor) => gradient.mul(Tensor::clone(factor).reshape([1; D])),
                Clip::Value(limit) => gradient.clamp(-limit, *limit),
            };
            gradient.into_bridge()
        }, gradient)
    }
}

/// Something of the right shape in a lost parameter's place.
fn placeholder(dims: &[usize], device: &Device) -> BridgeTensor {
    with_rank!(dims.len(), D => {
        let mut sizes = [0usize; D];
        sizes.copy_from_slice(dims);
        Tensor::<D>::zeros(sizes, device).into_bridge()
    }, Tensor::<1>::zeros([1], device).into_bridge())
}
