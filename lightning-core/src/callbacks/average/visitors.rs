//! Visitors and mappers of an [`Average`].

use std::collections::{BTreeMap, BTreeSet};

use burn::{
    module::ParamId,
    tensor::{Tensor, kind::BridgeTensor},
};

use super::{Average, Averaged, Rule, Stored};
use crate::{
    error::{Error, ErrorKind, Result},
    params::{ErasedVisitor, FloatParam, ValueMapper},
    tensor::{any_rank::with_rank, handle::with_data},
};

/// Flattens a float tensor.
fn flat(value: BridgeTensor) -> Option<Tensor<1>> {
    let elements = value.shape().num_elements();
    with_rank!(value.rank(), D => Some(Tensor::<D>::from_bridge(value).reshape([elements])), None)
}

/// Reshapes `elements` to the shape of `like`.
fn shaped(elements: Tensor<1>, like: BridgeTensor) -> BridgeTensor {
    with_rank!(like.rank(), D => elements.reshape(Tensor::<D>::from_bridge(like).dims()).into_bridge(), like)
}

/// Updates the average of each parameter.
pub(super) struct Updater<'a> {
    pub(super) average: &'a mut Average,
    pub(super) excluded: &'a BTreeSet<usize>,
    pub(super) rule: &'a Rule,
}

impl ErasedVisitor for Updater<'_> {
    fn float(&mut self, index: usize, _id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
        if self.excluded.contains(&index) {
            return Ok(());
        }
        let Some(current) = flat(param.value()) else { return Ok(()) };
        let value = match self.average.values.remove(&index) {
            None => current,
            Some(Averaged { elements: average, .. }) => {
                let [before] = average.dims();
                let value = (self.rule)(average, current, self.average.count);
                let [after] = value.dims();
                if after != before {
                    let what = format!("`avg_fn` must return {before} elements for `{path}`, found {after}");
                    return Err(Error::config(what).help("compute the average element by element"));
                }
                value
            }
        };
        let averaged = Averaged { path: path.to_owned(), dims: param.dims(), elements: value };
        self.average.values.insert(index, averaged);
        Ok(())
    }
}

/// Replaces the values of a module by their average.
pub(super) struct Put<'a> {
    pub(super) values: &'a BTreeMap<usize, Averaged>,
    pub(super) replaced: BTreeMap<usize, BridgeTensor>,
}

impl ValueMapper for Put<'_> {
    fn wants(&self, index: usize, _id: ParamId) -> bool {
        self.values.contains_key(&index)
    }

    fn map(&mut self, index: usize, _path: &str, value: BridgeTensor) -> BridgeTensor {
        let Some(average) = self.values.get(&index) else { return value };
        self.replaced.insert(index, value.clone());
        shaped(average.elements.clone(), value)
    }
}

/// Puts replaced values back.
pub(super) struct PutBack(pub(super) BTreeMap<usize, BridgeTensor>);

impl ValueMapper for PutBack {
    fn wants(&self, index: usize, _id: ParamId) -> bool {
        self.0.contains_key(&index)
    }

    fn map(&mut self, index: usize, _path: &str, value: BridgeTensor) -> BridgeTensor {
        self.0.remove(&index).unwrap_or(value)
    }
}

/// Restores the average of each parameter from a checkpoint.
pub(super) struct Restore<'a> {
    pub(super) values: &'a mut BTreeMap<usize, Averaged>,
    pub(super) excluded: &'a BTreeSet<usize>,
    pub(super) stored: &'a Stored<'a>,
}

impl ErasedVisitor for Restore<'_> {
    fn float(&mut self, index: usize, _id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
        if self.excluded.contains(&index) {
            return Ok(());
        }
        let Some(data) = (self.stored)(path)? else { return Ok(()) };
        let dims = param.dims();
        if data.shape().as_slice() != dims {
            let found = data.shape();
            return Err(Error::new(
                ErrorKind::Checkpoint,
                format!("the stored average of `{path}` must have shape {dims:?}, found {:?}", found.as_slice()),
            )
            .help("resume with the module that the checkpoint was saved from, or remove the callback"));
        }
        if let Some(elements) = flat(with_data(param.value(), data)) {
            self.values.insert(index, Averaged { path: path.to_owned(), dims, elements });
        }
        Ok(())
    }
}
