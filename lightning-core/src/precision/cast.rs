//! The two casts of a module: of its own parameters, and into a copy for one step.

use burn::{
    module::{Module, ParamId},
    tensor::{DType, FloatDType, Tensor, kind::BridgeTensor},
};

use super::CastTarget;
use crate::{
    error::Result,
    params::{DynMapper, ErasedVisitor, FloatParam, MapMode, ValueMapper, visit},
    tensor::any_rank::with_rank,
};

/// Returns whether every parameter has the type, so that a cast would change nothing.
pub(crate) fn is_in<M: Module>(module: &M, dtype: FloatDType) -> Result<bool> {
    struct Same {
        dtype: DType,
        all: bool,
    }

    impl ErasedVisitor for Same {
        fn float(&mut self, _index: usize, _id: ParamId, _path: &str, param: &dyn FloatParam) -> Result<()> {
            self.all &= param.value().dtype() == self.dtype;
            Ok(())
        }
    }

    let mut same = Same { dtype: dtype.into(), all: true };
    visit(module, &mut same)?;
    Ok(same.all)
}

/// Casts the parameters and running statistics of a module, which remain leaves of the graph.
pub(crate) fn kept_in<M: Module>(module: M, dtype: FloatDType) -> M {
    struct Cast {
        as_declared: bool,
    }

    impl ValueMapper for Cast {
        fn wants(&self, _index: usize, _id: ParamId) -> bool {
            true
        }

        // A cast makes the memory layout contiguous, and the order in which a matrix product is
        // summed depends on the layout. A resumed run has untrained parameters in the layout of
        // their declaration, so a new run must have them too to be equal bit by bit.
        fn is_as_declared(&self, _path: &str) -> bool {
            self.as_declared
        }

        fn map(&mut self, _index: usize, _path: &str, value: BridgeTensor) -> BridgeTensor {
            let Some(dtype) = CastTarget::of_parameter() else { return value };
            with_rank!(value.rank(), D => Tensor::<D>::from_bridge(value).cast(dtype).into_bridge(), value)
        }
    }

    let mut cast = Cast { as_declared: !is_in(&module, dtype).unwrap_or_default() };
    let _target = CastTarget::set(dtype);
    module.map(&mut DynMapper::new(MapMode::Values(&mut cast)))
}

/// Casts a 16-bit value to float32 and returns others unchanged.
///
/// Gradients are accumulated and parameters updated in float32: in 16 bits, a small update of a
/// large number is lost, and squares of gradients round to zero.
pub(crate) fn widened(value: BridgeTensor) -> BridgeTensor {
    match value.dtype() {
        DType::F16 | DType::BF16 => {
            with_rank!(value.rank(), D => Tensor::<D>::from_bridge(value).cast(FloatDType::F32).into_bridge(), value)
        }
        _ => value,
    }
}

/// Casts a [`widened`] value back to its type.
pub(crate) fn narrowed(value: BridgeTensor, dtype: DType) -> BridgeTensor {
    if value.dtype() == dtype {
        return value;
    }
    with_rank!(value.rank(), D => Tensor::<D>::from_bridge(value).cast(dtype).into_bridge(), value)
}

/// The running statistics of a copy of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunningStatistics {
    /// Shared with the module, so that a training step updates them.
    Shared,
    /// Copied, for steps outside of training.
    Copied,
}

/// Returns a copy of a module that computes in `dtype`.
///
/// In training, the parameters of the copy are casts inside the graph, so gradients arrive at the
/// parameters of the module, in their type.
pub(crate) fn lowered<M: Module>(module: &M, dtype: FloatDType, statistics: RunningStatistics) -> M {
    let _target = CastTarget::set(dtype);
    let copy = match statistics {
        RunningStatistics::Shared => module.clone(),
        RunningStatistics::Copied => module.valid(),
    };
    copy.map(&mut DynMapper::new(MapMode::Lower { dtype: &CastTarget::of_parameter }))
}

#[cfg(test)]
mod tests;
