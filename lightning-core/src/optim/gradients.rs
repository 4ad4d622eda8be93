//! Accumulation buffers: the gradients of one or several micro-batches.

use burn::{
    module::ParamId,
    tensor::{Gradients, Tensor, kind::BridgeTensor},
};

use crate::{
    error::Result,
    optim::{Optimizer, Weight},
    params::{ErasedVisitor, FloatParam, ParamInfo},
    precision,
    tensor::any_rank::with_rank,
};

/// The gradient of one parameter.
#[derive(Clone, Debug)]
pub(crate) struct Gradient {
    pub(crate) id: ParamId,
    pub(crate) value: BridgeTensor,
}

/// An accumulation buffer: gradients summed over micro-batches, in the order of the module's
/// parameters.
#[derive(Clone, Debug, Default)]
pub(crate) struct GradientStore {
    slots: Vec<Option<Gradient>>,
    /// The number of micro-batches in the buffer.
    micro_batches: u64,
    /// The number of rounds since the last update, with or without a micro-batch of this process.
    rounds: u64,
    /// The number that the sum is divided by to be a mean.
    weight: Option<Weight>,
    /// The loss scale; `None` for 1.
    loss_scale: Option<f64>,
}

impl GradientStore {
    /// Empties the buffer.
    pub(crate) fn clear(&mut self) {
        self.slots.clear();
        self.micro_batches = 0;
        self.rounds = 0;
        self.weight = None;
        self.loss_scale = None;
    }

    /// Returns the number of micro-batches in the buffer.
    pub(crate) fn micro_batches(&self) -> u64 {
        self.micro_batches
    }

    /// Counts the micro-batches after the first `before` as one: they are parts of a batch.
    pub(crate) fn count_as_one(&mut self, before: u64) {
        self.micro_batches = self.micro_batches.min(before + 1);
    }

    /// Returns the number of rounds since the last update.
    pub(crate) fn rounds(&self) -> u64 {
        self.rounds
    }

    /// Counts a round, in which this process may have no micro-batch.
    pub(crate) fn count_round(&mut self) {
        self.rounds += 1;
    }

    /// Returns the number that the sum is divided by to be a mean.
    pub(crate) fn weight(&self) -> Weight {
        self.weight.clone().unwrap_or(Weight::Number(1.0))
    }

    /// Returns the loss scale.
    pub(crate) fn loss_scale(&self) -> f64 {
        self.loss_scale.unwrap_or(1.0)
    }

    /// Marks the gradients with the loss scale that they have.
    pub(crate) fn mark_loss_scale(&mut self, scale: f64) {
        self.loss_scale = Some(scale);
    }

    /// Sets the loss scale of the next micro-batch, and rescales the gradients in the buffer to it.
    pub(crate) fn set_loss_scale(&mut self, scale: f64) {
        let ratio = scale / self.loss_scale();
        if ratio != 1.0 {
            for slot in &mut self.slots {
                *slot = slot.take().map(|Gradient { id, value }| Gradient { id, value: scaled(value, ratio) });
            }
        }
        self.loss_scale = Some(scale);
    }

    /// Returns a visitor that moves the gradients of the parameters that `optimizers` train from
    /// `gradients` to the buffer.
    pub(crate) fn collector<'a>(
        &'a mut self,
        gradients: &'a mut Gradients,
        weight: Weight,
        optimizers: &'a mut [Optimizer],
    ) -> impl ErasedVisitor + 'a {
        self.micro_batches += 1;
        self.weight = Some(match self.weight.take() {
            Some(sum) => sum.add(weight),
            None => weight,
        });
        GradientCollector { store: self, gradients, optimizers }
    }

    /// Returns whether the buffer has a gradient of the parameter.
    pub(crate) fn has(&self, index: usize, id: ParamId) -> bool {
        matches!(self.slots.get(index), Some(Some(gradient)) if gradient.id == id)
    }

    /// Takes the gradient of the parameter.
    pub(crate) fn take(&mut self, index: usize) -> Option<Gradient> {
        self.slots.get_mut(index).and_then(Option::take)
    }

    /// Returns the gradient of the parameter.
    pub(crate) fn get(&self, index: usize, id: ParamId) -> Option<&BridgeTensor> {
        match self.slots.get(index) {
            Some(Some(gradient)) if gradient.id == id => Some(&gradient.value),
            _ => None,
        }
    }

    /// Adds a gradient from a checkpoint.
    pub(crate) fn put(&mut self, index: usize, id: ParamId, value: BridgeTensor) {
        self.add(index, Gradient { id, value });
    }

    /// Sets the number of micro-batches in the buffer, and the number that their sum is divided by.
    pub(crate) fn set_micro_batches(&mut self, micro_batches: u64, weight: Weight) {
        (self.micro_batches, self.weight) = (micro_batches, Some(weight));
    }

    /// Replaces the gradient of the parameter at `index`, if there is one, by the result of
    /// `change`.
    pub(crate) fn change(&mut self, index: usize, change: impl FnOnce(BridgeTensor) -> BridgeTensor) {
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = slot.take().map(|Gradient { id, value }| Gradient { id, value: change(value) });
        }
    }

    /// Replaces the gradient of every parameter that `optimizer` trains by the result of `change`.
    pub(crate) fn for_each_of(&mut self, optimizer: &Optimizer, mut change: impl FnMut(BridgeTensor) -> BridgeTensor) {
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if slot.as_ref().is_some_and(|gradient| optimizer.trains(index, gradient.id)) {
                *slot = slot.take().map(|Gradient { id, value }| Gradient { id, value: change(value) });
            }
        }
    }

    /// Returns all gradients with the indices of their parameters.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &Gradient)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| slot.as_ref().map(|gradient| (index, gradient)))
    }

    fn add(&mut self, index: usize, new: Gradient) {
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, || None);
        }
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = Some(match slot.take() {
                Some(sum) if sum.id == new.id => Gradient { id: new.id, value: add(sum.value, new.value) },
                _ => new,
            });
        }
    }
}

pub(crate) fn add(a: BridgeTensor, b: BridgeTensor) -> BridgeTensor {
    with_rank!(a.rank(), D => Tensor::<D>::from_bridge(a).add(Tensor::from_bridge(b)).into_bridge(), a)
}

pub(crate) fn scaled(value: BridgeTensor, factor: f64) -> BridgeTensor {
    with_rank!(value.rank(), D => Tensor::<D>::from_bridge(value).mul_scalar(factor).into_bridge(), value)
}

pub(crate) struct GradientCollector<'a> {
    store: &'a mut GradientStore,
    gradients: &'a mut Gradients,
    optimizers: &'a mut [Optimizer],
}

impl ErasedVisitor for GradientCollector<'_> {
    fn float(&mut self, index: usize, id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
        let info = ParamInfo { index, id, path, rank: param.rank() };
        let mut trained = false;
        for optimizer in &mut *self.optimizers {
            trained |= optimizer.assign(&info);
        }
        if let Some(value) = trained.then(|| param.take_gradient(self.gradients)).flatten() {
            self.store.add(index, Gradient { id, value: precision::widened(value) });
        }
        Ok(())
    }
}
