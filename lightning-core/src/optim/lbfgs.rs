//! L-BFGS: Burn's, on a flat copy of a module's parameters.
//!
//! The flat copy has one type for all modules, so that Burn's generic code is compiled once.

use burn::{
    module::{Module, Param, ParamId},
    optim::{GradientsParams, LBFGS},
    tensor::{Tensor, kind::BridgeTensor},
};

use super::gradients::GradientStore;
use crate::{
    error::{Error, Result},
    params::{ErasedVisitor, FloatParam, ValueMapper},
    tensor::any_rank::with_rank,
};

/// The trainable parameters, each as a vector.
#[derive(Module, Debug)]
struct Flat {
    params: Vec<Param<Tensor<1>>>,
}

/// The parameter that a vector was made from.
struct Source {
    index: usize,
    id: ParamId,
    dims: Vec<usize>,
}

/// The parameters of a module that L-BFGS trains.
#[derive(Default)]
pub(crate) struct FlatParams {
    sources: Vec<Source>,
    values: Vec<Param<Tensor<1>>>,
}

impl ErasedVisitor for FlatParams {
    fn float(&mut self, index: usize, id: ParamId, _path: &str, param: &dyn FloatParam) -> Result<()> {
        if param.is_trainable() {
            self.sources.push(Source { index, id, dims: param.dims() });
            self.values.push(Param::initialized(id, Tensor::from_inner(flattened(param.value())).require_grad()));
        }
        Ok(())
    }
}

/// Writes the parameters through the mapper and returns the loss there and its gradients.
type Evaluate<'a> = dyn FnMut(&mut dyn ValueMapper) -> Result<(f64, GradientStore)> + 'a;

/// Maps each parameter of the module to its vector.
struct Write<'a> {
    sources: &'a [Source],
    values: Vec<Option<Tensor<1>>>,
}

impl ValueMapper for Write<'_> {
    fn wants(&self, index: usize, id: ParamId) -> bool {
        self.sources.iter().any(|source| source.index == index && source.id == id)
    }

    fn map(&mut self, index: usize, _path: &str, value: BridgeTensor) -> BridgeTensor {
        let Some(at) = self.sources.iter().position(|source| source.index == index) else { return value };
        match (self.sources.get(at), self.values.get_mut(at).and_then(Option::take)) {
            (Some(source), Some(vector)) => shaped(vector, &source.dims),
            _ => value,
        }
    }
}

fn flattened(value: BridgeTensor) -> Tensor<1> {
    let rank = value.rank();
    with_rank!(rank, D => Tensor::<D>::from_bridge(value).flatten::<1>(0, D - 1), Tensor::<1>::from_bridge(value))
}

fn shaped(vector: Tensor<1>, dims: &[usize]) -> BridgeTensor {
    with_rank!(dims.len(), D => {
        let mut sizes = [0usize; D];
        sizes.copy_from_slice(dims);
        vector.reshape(sizes).into_bridge()
    }, vector.into_bridge())
}

impl FlatParams {
    /// Takes one step and returns its loss.
    ///
    /// The line search decides how often `evaluate` is called. It writes the given parameters
    /// through the mapper, computes the loss there and collects its gradients. `write` stores the
    /// parameters of the result.
    ///
    /// # Errors
    /// The first error of an evaluation. The module then has the parameters of that evaluation.
    pub(crate) fn step(
        self,
        lbfgs: &mut LBFGS,
        lr: f64,
        evaluate: &mut Evaluate<'_>,
        write: &mut dyn FnMut(&mut dyn ValueMapper) -> Result<()>,
    ) -> Result<f64> {
        let Self { sources, values } = self;
        let mut failed: Option<Error> = None;
        let vectors = |flat: &Flat| flat.params.iter().map(|param| Some(param.val().inner())).collect();
        let closure = |flat: Flat| {
            let mut gradients = GradientsParams::new();
            let outcome = match &failed {
                // Burn's closure cannot fail. After an error, zero gradients end the search.
                Some(_) => None,
                None => match evaluate(&mut Write { sources: &sources, values: vectors(&flat) }) {
                    Ok(outcome) => Some(outcome),
                    Err(error) => {
                        failed = Some(error);
                        None
                    }
                },
            };
            let (loss, mut evaluated) = outcome.map_or((0.0, None), |(loss, gradients)| (loss, Some(gradients)));
            for (source, param) in sources.iter().zip(&flat.params) {
                let gradient = evaluated.as_mut().and_then(|gradients| gradients.take(source.index));
                let gradient = match gradient {
                    Some(gradient) => flattened(gradient.value),
                    None => param.val().inner().zeros_like(),
                };
                gradients.register::<1>(source.id, gradient);
            }
            (loss, gradients)
        };
        let (flat, loss) = lbfgs.step(lr, Flat { params: values }, closure);
        if let Some(error) = failed {
            return Err(error);
        }
        write(&mut Write { sources: &sources, values: vectors(&flat) })?;
        Ok(loss)
    }
}
