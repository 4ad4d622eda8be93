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
    copy.map(&mut DynMapper::new(MapMode::Lower))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use burn::{
        nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig},
        tensor::{Device, Distribution},
    };

    use super::*;
    use crate::precision::InF32;

    #[derive(Module, Debug)]
    struct Net {
        linear: Linear,
        norm: InF32<BatchNorm>,
    }

    fn net() -> Net {
        let device = Device::default();
        Net { linear: LinearConfig::new(3, 4).init(&device), norm: InF32::new(BatchNormConfig::new(4).init(&device)) }
    }

    fn input() -> Tensor<2> {
        Tensor::random([8, 3], Distribution::Default, &Device::default().autodiff())
    }

    impl Net {
        fn forward(&self, x: Tensor<2>) -> Tensor<2> {
            self.norm.forward(self.linear.forward(x))
        }
    }

    #[test]
    fn gradients_arrive_at_the_module_in_its_own_type() {
        let net = net().train();
        let low = lowered(&net, FloatDType::BF16, RunningStatistics::Shared);
        assert_eq!(low.linear.weight.val().dtype(), DType::BF16);
        assert_eq!(low.norm.inner().gamma.val().dtype(), DType::F32);
        let out = low.forward(input().cast(FloatDType::BF16));
        assert_eq!(out.dtype(), DType::BF16);
        let grads = out.powi_scalar(2).cast(FloatDType::F32).sum().backward();
        for dtype in [
            net.linear.weight.val().grad(&grads).unwrap().dtype(),
            net.linear.bias.as_ref().unwrap().val().grad(&grads).unwrap().dtype(),
            net.norm.inner().gamma.val().grad(&grads).unwrap().dtype(),
        ] {
            assert_eq!(dtype, DType::F32);
        }
    }

    /// Burn's `map` writes through the storage that clones share: a cast copy must not turn the
    /// module's statistics into 16 bits, and must update them from the batch.
    #[test]
    fn a_copy_updates_the_statistics_of_the_module_in_float32() {
        let net = net().train();
        let before = net.norm.inner().running_mean.value_sync().into_data();
        let low = lowered(&net, FloatDType::F16, RunningStatistics::Shared);
        low.forward(input().cast(FloatDType::F16));
        let after = net.norm.inner().running_mean.value_sync();
        assert_eq!(after.dtype(), DType::F32);
        assert_ne!(after.into_data(), before);
    }

    #[test]
    fn a_copy_with_copied_statistics_leaves_those_of_the_module_alone() {
        let net = net().valid();
        let plain = BatchNormConfig::new(4).init(&Device::default()).valid();
        let low = lowered(&plain, FloatDType::F16, RunningStatistics::Copied);
        assert_eq!(low.running_mean.value().dtype(), DType::F16);
        assert_eq!(plain.running_mean.value().dtype(), DType::F32);
        let low = lowered(&net, FloatDType::F16, RunningStatistics::Copied);
        assert_eq!(low.norm.inner().running_mean.value().dtype(), DType::F32);
    }

    #[test]
    fn kept_parameters_are_leaves() {
        let net = kept_in(net().train(), FloatDType::F16);
        assert_eq!(net.linear.weight.val().dtype(), DType::F16);
        assert_eq!(net.norm.inner().gamma.val().dtype(), DType::F32);
        let out = net.forward(input().cast(FloatDType::F16));
        assert_eq!(out.dtype(), DType::F16);
        let grads = out.powi_scalar(2).sum().backward();
        assert_eq!(net.linear.weight.val().grad(&grads).unwrap().dtype(), DType::F16);
        // In a type of more than 16 bits, an `InF32` has no effect.
        let net = kept_in(net.train(), FloatDType::F64);
        assert_eq!(net.norm.inner().gamma.val().dtype(), DType::F64);
        let out = net.forward(input().cast(FloatDType::F64));
        assert_eq!(out.dtype(), DType::F64);
    }
}
