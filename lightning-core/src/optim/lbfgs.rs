//! L-BFGS over a module's parameters: Burn's, on a flat copy of them, so that it is compiled once and not for every module.

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

/// The trained parameters, each as a vector.
#[derive(Module, Debug)]
struct Flat {
    params: Vec<Param<Tensor<1>>>,
}

/// Where a vector belongs.
struct Place {
    index: usize,
    id: ParamId,
    dims: Vec<usize>,
}

/// The parameters of a module that L-BFGS trains.
#[derive(Default)]
pub(crate) struct FlatParams {
    places: Vec<Place>,
    values: Vec<Param<Tensor<1>>>,
}

impl ErasedVisitor for FlatParams {
    fn float(&mut self, index: usize, id: ParamId, _path: &str, param: &dyn FloatParam) -> Result<()> {
        if param.is_trainable() {
            self.places.push(Place { index, id, dims: param.dims() });
            self.values.push(Param::initialized(id, Tensor::from_inner(flattened(param.value())).require_grad()));
        }
        Ok(())
    }
}

/// Writes parameters through the mapper, and gives the loss there with its gradients.
type Evaluate<'a> = dyn FnMut(&mut dyn ValueMapper) -> Result<(f64, GradientStore)> + 'a;

/// Writes vectors back into the module's parameters.
struct Write<'a> {
    places: &'a [Place],
    values: Vec<Option<Tensor<1>>>,
}

impl ValueMapper for Write<'_> {
    fn wants(&self, index: usize, id: ParamId) -> bool {
        self.places.iter().any(|place| place.index == index && place.id == id)
    }

    fn map(&mut self, index: usize, _path: &str, value: BridgeTensor) -> BridgeTensor {
        let Some(at) = self.places.iter().position(|place| place.index == index) else { return value };
        match (self.places.get(at), self.values.get_mut(at).and_then(Option::take)) {
            (Some(place), Some(vector)) => shaped(vector, &place.dims),
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
    /// One step: as many evaluations as it takes. `evaluate` writes the parameters it is given through the mapper,
    /// computes the loss there and collects its gradients.
    ///
    /// # Errors
    /// The first error of an evaluation; the parameters are then those of that evaluation.
    pub(crate) fn step(
        self,
        lbfgs: &mut LBFGS,
        lr: f64,
        evaluate: &mut Evaluate<'_>,
        write: &mut dyn FnMut(&mut dyn ValueMapper) -> Result<()>,
    ) -> Result<f64> {
        let Self { places, values } = self;
        let mut failed: Option<Error> = None;
        let vectors = |flat: &Flat| flat.params.iter().map(|param| Some(param.val().inner())).collect();
        let closure = |flat: Flat| {
            let mut gradients = GradientsParams::new();
            let outcome = match &failed {
                // No further evaluation after an error: a zero gradient ends the search.
                Some(_) => None,
                None => match evaluate(&mut Write { places: &places, values: vectors(&flat) }) {
                    Ok(outcome) => Some(outcome),
                    Err(error) => {
                        failed = Some(error);
                        None
                    }
                },
            };
            let (loss, mut window) = outcome.map_or((0.0, None), |(loss, window)| (loss, Some(window)));
            for (place, param) in places.iter().zip(&flat.params) {
                let gradient = window.as_mut().and_then(|window| window.take(place.index));
                let gradient = match gradient {
                    Some(gradient) => flattened(gradient.value),
                    None => param.val().inner().zeros_like(),
                };
                gradients.register::<1>(place.id, gradient);
            }
            (loss, gradients)
        };
        let (flat, loss) = lbfgs.step(lr, Flat { params: values }, closure);
        if let Some(error) = failed {
            return Err(error);
        }
        write(&mut Write { places: &places, values: vectors(&flat) })?;
        Ok(loss)
    }
}
