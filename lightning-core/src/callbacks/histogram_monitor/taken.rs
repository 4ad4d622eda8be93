//! The values of parameters around an update, and their gradients.

use std::collections::{BTreeMap, BTreeSet};

use burn::{
    module::ParamId,
    tensor::{Tensor, kind::BridgeTensor},
};

use crate::{
    error::Result,
    optim::{GradientStore, Weight},
    params::{ErasedVisitor, FloatParam},
    precision,
    tensor::{any_rank::with_rank, readback},
};

/// What is logged of one optimizer step.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    /// The optimizer step, from 1.
    step: u64,
    /// The training batches before it.
    batch_step: u64,
    params: BTreeMap<usize, Param>,
}

/// One parameter, as a vector.
#[derive(Clone, Debug)]
struct Param {
    path: String,
    before: Tensor<1>,
    after: Option<Tensor<1>>,
    gradient: Option<Tensor<1>>,
}

/// The numbers of a step, on the host.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) histograms: Vec<(String, Vec<f64>)>,
    pub(super) ratios: Vec<(String, f64)>,
}

/// What a tensor that is read is for.
enum Purpose {
    Histogram(String),
    /// The squared norms of the update and of the values before it.
    Ratio(String),
}

impl Taken {
    pub(super) fn new(step: u64, batch_step: u64) -> Self {
        Self { step, batch_step, params: BTreeMap::new() }
    }

    /// Whether this is of a step and batch in progress.
    pub(super) fn is_of(&self, step: u64, batch_step: u64) -> bool {
        (self.step, self.batch_step) == (step, batch_step)
    }

    /// Whether the optimizer step was made.
    pub(super) fn has_ended(&self, global_step: u64) -> bool {
        self.step == global_step
    }

    /// Returns a visitor that takes values and gradients before an update.
    pub(super) fn before<'a>(
        &'a mut self,
        indices: &'a BTreeSet<usize>,
        gradients: Option<&'a GradientStore>,
    ) -> impl ErasedVisitor + 'a {
        Before { taken: self, indices, gradients }
    }

    /// Returns a visitor that takes the values after the update.
    pub(super) fn after(&mut self) -> impl ErasedVisitor + '_ {
        After(self)
    }

    /// Reads everything that is logged, in one transaction.
    // sync: once every `every_n_steps` optimizer steps.
    pub(super) fn read(self, weights: bool, ratios: bool) -> Result<Read> {
        let (mut purposes, mut tensors) = (Vec::new(), Vec::new());
        for Param { path, before, after, gradient } in self.params.into_values() {
            if let Some(gradient) = gradient {
                purposes.push(Purpose::Histogram(format!("gradients/{path}")));
                tensors.push(gradient);
            }
            let Some(after) = after else { continue };
            if ratios {
                purposes.push(Purpose::Ratio(format!("update_ratio/{path}")));
                let squares = |values: Tensor<1>| values.clone().mul(values).sum();
                tensors.push(Tensor::cat(vec![squares(after.clone().sub(before.clone())), squares(before)], 0));
            }
            if weights {
                purposes.push(Purpose::Histogram(format!("weights/{path}")));
                tensors.push(after);
            }
        }
        let mut read = Read::default();
        for (purpose, values) in purposes.into_iter().zip(readback::read_floats(tensors)?) {
            match (purpose, values.as_slice()) {
                (Purpose::Histogram(name), _) => read.histograms.push((name, values)),
                (Purpose::Ratio(name), [update, before]) if *before != 0.0 => {
                    read.ratios.push((name, (update / before).sqrt()));
                }
                (Purpose::Ratio(_), _) => {}
            }
        }
        Ok(read)
    }
}

struct Before<'a> {
    taken: &'a mut Taken,
    indices: &'a BTreeSet<usize>,
    gradients: Option<&'a GradientStore>,
}

impl ErasedVisitor for Before<'_> {
    fn float(&mut self, index: usize, id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
        if !self.indices.contains(&index) {
            return Ok(());
        }
        let gradient = self.gradients.and_then(|store| {
            let gradient = flat(store.get(index, id)?.clone())?;
            Some(mean(gradient, &store.weight(), store.loss_scale()))
        });
        match self.taken.params.get_mut(&index) {
            Some(known) => known.gradient = gradient.or(known.gradient.take()),
            None => {
                let Some(before) = flat(param.value()) else { return Ok(()) };
                self.taken.params.insert(index, Param { path: path.to_owned(), before, after: None, gradient });
            }
        }
        Ok(())
    }
}

struct After<'a>(&'a mut Taken);

impl ErasedVisitor for After<'_> {
    fn float(&mut self, index: usize, _id: ParamId, _path: &str, param: &dyn FloatParam) -> Result<()> {
        if let Some(known) = self.0.params.get_mut(&index) {
            known.after = flat(param.value());
        }
        Ok(())
    }
}

/// Returns the values as a vector of at least float32; `None` for a rank that Burn does not have.
fn flat(value: BridgeTensor) -> Option<Tensor<1>> {
    let value = precision::widened(value);
    with_rank!(value.rank(), D => Some(Tensor::<D>::from_bridge(value).flatten::<1>(0, D - 1)), None)
}

/// Returns the gradient of the mean loss, for a sum of scaled losses.
fn mean(sum: Tensor<1>, weight: &Weight, loss_scale: f64) -> Tensor<1> {
    let mean = weight.mean_of(sum);
    if loss_scale == 1.0 { mean } else { mean.div_scalar(loss_scale) }
}
