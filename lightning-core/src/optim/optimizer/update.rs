//! One step of an optimizer over the parameters of a module.

use std::panic::AssertUnwindSafe;

use burn::{
    grad_clipping::GradientClipping,
    module::ParamId,
    tensor::{Device, Tensor, kind::BridgeTensor},
};

use super::Optimizer;
use crate::{
    error::{Error, ErrorKind, Result},
    optim::{GradientStore, Scaling, config::OptimizerRule},
    os::panics::panic_message,
    params::ValueMapper,
    precision::{narrowed, widened},
    tensor::any_rank::with_rank,
};

impl Optimizer {
    /// Returns a mapper that updates the parameters of the module by one step.
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
    /// The parameter whose update panicked, and the message of the panic, which must not unwind
    /// through the mapping: it owns the module.
    lost: Option<(String, String)>,
}

impl Update<'_> {
    /// Ends the step.
    ///
    /// # Errors
    /// If an update panicked. The value of its parameter is then lost.
    pub(crate) fn finish(self) -> Result<()> {
        let Self { optimizer, lost, .. } = self;
        optimizer.steps += 1;
        match lost {
            None => Ok(()),
            Some((path, what)) => Err(Error::new(
                ErrorKind::Panic,
                format!("the update of parameter `{path}` by `{}` panicked: {what}", optimizer.name),
            )
            .help("the value of the parameter is lost; load the last checkpoint")),
        }
    }

    fn step(&mut self, index: usize, value: BridgeTensor) -> BridgeTensor {
        let (rank, dtype) = (value.rank(), value.dtype());
        let Optimizer { groups, slots, .. } = &mut *self.optimizer;
        let Some(slot) = slots.get_mut(index) else { return value };
        let Some(group) = slot.group.and_then(|group| groups.get(group)) else { return value };
        let OptimizerRule::PerParameter(rule) = &group.kind.rule else { return value };
        let Some(gradient) = self.gradients.take(index) else { return value };
        // A fused optimizer applies a factor that the host knows in its own pass over the gradient.
        let (grad, factor) = match (&group.kind.clipping, self.scaling.host_factor()) {
            (None, Some(factor)) => (gradient.value, factor),
            (None, None) => (self.scaling.apply(gradient.value), 1.0),
            (Some(clipping), _) => (clip(clipping, rank, self.scaling.apply(gradient.value)), 1.0),
        };
        // In 16-bit precision the update is computed in float32, as its state is.
        let value = widened(value);
        let (value, state) = rule.step_scaled(rank, group.lr, value, grad, slot.state.take(), factor);
        slot.state = state;
        narrowed(value, dtype)
    }
}

impl ValueMapper for Update<'_> {
    fn wants(&self, index: usize, id: ParamId) -> bool {
        let is_own = self.optimizer.shard().is_none_or(|shard| shard.keeps(index));
        self.lost.is_none() && is_own && self.optimizer.trains(index, id) && self.gradients.has(index, id)
    }

    fn map(&mut self, index: usize, path: &str, value: BridgeTensor) -> BridgeTensor {
        let shape = value.shape();
        match std::panic::catch_unwind(AssertUnwindSafe(|| self.step(index, value))) {
            Ok(value) => value,
            Err(panic) => {
                self.lost = Some((path.to_owned(), panic_message(panic)));
                placeholder(shape.as_slice(), self.device)
            }
        }
    }
}

fn clip(clipping: &GradientClipping, rank: usize, grad: BridgeTensor) -> BridgeTensor {
    with_rank!(rank, D => clipping.clip_gradient(Tensor::<D>::from_bridge(grad)).into_bridge(), grad)
}

/// Returns zeros with the shape of a lost parameter.
fn placeholder(dims: &[usize], device: &Device) -> BridgeTensor {
    with_rank!(dims.len(), D => {
        let mut sizes = [0usize; D];
        sizes.copy_from_slice(dims);
        Tensor::<D>::zeros(sizes, device).into_bridge()
    }, Tensor::<1>::zeros([1], device).into_bridge())
}
