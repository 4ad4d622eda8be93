//! The two casts of a module: for good, where a run keeps its parameters in another type, and into a copy for one step.

use burn::{
    module::{Module, ParamId},
    tensor::{DType, FloatDType, Tensor, kind::BridgeTensor},
};

use super::Target;
use crate::{
    error::Result,
    params::{DynMapper, ErasedVisitor, FloatParam, MapMode, ValueMapper, visit},
    tensor::any_rank::with_rank,
};

/// Whether every parameter is in the type, so that a cast would change nothing.
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

/// Keeps the parameters and running statistics of a module in a type. They are leaves of the graph, as before.
pub(crate) fn kept_in<M: Module>(module: M, dtype: FloatDType) -> M {
    struct Cast {
        as_declared: bool,
    }

    impl ValueMapper for Cast {
        fn wants(&self, _index: usize, _id: ParamId) -> bool {
            true
        }

        // A cast puts elements in their order, and the order in which a product is summed up depends on how they lie: a resumed run
        // has untrained parameters as they were declared, so this one has them so too.
        fn is_as_declared(&self, _path: &str) -> bool {
            self.as_declared
        }

        fn map(&mut self, _index: usize, _path: &str, value: BridgeTensor) -> BridgeTensor {
            let Some(dtype) = Target::of_parameter() else { return value };
            with_rank!(value.rank(), D => Tensor::<D>::from_bridge(value).cast(dtype).into_bridge(), value)
        }
    }

    let mut cast = Cast { as_declared: !is_in(&module, dtype).unwrap_or_default() };
    let _target = Target::set(dtype);
    module.map(&mut DynMapper::new(MapMode::Values(&mut cast)))
}

/// A value of 16 bits in float32, others as they are: what sums gradients and updates parameters, since a small update of a large number
/// is lost in 16 bits, and the squares of gradients are nothing there.
pub(crate) fn widened(value: BridgeTensor) -> BridgeTensor {
    match value.dtype() {
        DType::F16 | DType::BF16 => {
            with_rank!(value.rank(), D => Tensor::<D>::from_bridge(value).cast(FloatDType::F32).into_bridge(), value)
        }
        _ => value,
    }
}

/// A value in the type that it had before it was [`widened`].
pub(crate) fn narrowed(value: BridgeTensor, dtype: DType) -> BridgeTensor {
    if value.dtype() == dtype {
        return value;
    }
    with_rank!(value.rank(), D => Tensor::<D>::from_bridge(value).cast(dtype).into_bridge(), value)
}

/// A copy that computes in a type. In training its parameters are casts of the module's own inside the graph, so gradients arrive at
/// the module, in its type.
///
/// `apart` is for a copy outside of training: it has running statistics of its own, where a clone shares them.
pub(crate) fn lowered<M: Module>(module: &M, dtype: FloatDType, apart: bool) -> M {
    let _target = Target::set(dtype);
    let copy = if apart { module.valid() } else { module.clone() };
    copy.map(&mut DynMapper::new(MapMode::Lower { dtype: &Target::of_parameter }))
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
        let low = lowered(&net, FloatDType::BF16, false);
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

    /// Burn's map writes through the storage that clones share: a cast copy must not turn the module's statistics into 16 bits,
    /// and what it learns of the batch must be the module's.
    #[test]
    fn a_copy_updates_the_statistics_of_the_module_in_float32() {
        let net = net().train();
        let before = net.norm.inner().running_mean.value_sync().into_data();
        let low = lowered(&net, FloatDType::F16, false);
        low.forward(input().cast(FloatDType::F16));
        let after = net.norm.inner().running_mean.value_sync();
        assert_eq!(after.dtype(), DType::F32);
        assert_ne!(after.into_data(), before);
    }

    #[test]
    fn a_copy_apart_leaves_the_statistics_alone() {
        let net = net().valid();
        let plain = BatchNormConfig::new(4).init(&Device::default()).valid();
        let low = lowered(&plain, FloatDType::F16, true);
        assert_eq!(low.running_mean.value().dtype(), DType::F16);
        assert_eq!(plain.running_mean.value().dtype(), DType::F32);
        let low = lowered(&net, FloatDType::F16, true);
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
        // Back again: what was marked is as if it were not.
        let net = kept_in(net.train(), FloatDType::F64);
        assert_eq!(net.norm.inner().gamma.val().dtype(), DType::F64);
        let out = net.forward(input().cast(FloatDType::F64));
        assert_eq!(out.dtype(), DType::F64);
    }
}
