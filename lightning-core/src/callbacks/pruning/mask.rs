//! Masks of parameters.

use burn::tensor::{Bool, Device, Tensor, TensorData, kind::BridgeTensor};

use crate::tensor::any_rank::with_rank;

/// Which weights of a parameter remain.
#[derive(Clone, Debug)]
pub(super) struct Mask {
    pub(super) path: String,
    pub(super) keep: Vec<bool>,
    /// The negation of `keep`, with the parameter's shape and on its device.
    pub(super) pruned: BridgeTensor,
}

impl Mask {
    /// A mask for `value`, one `keep` for each of its elements.
    pub(super) fn new(path: String, keep: Vec<bool>, value: &BridgeTensor) -> Self {
        let pruned: Vec<bool> = keep.iter().map(|keep| !keep).collect();
        let shape = value.shape();
        let pruned = with_rank!(value.rank(), D => {
            let device: Device = Tensor::<D>::from_bridge(value.clone()).device();
            Tensor::<D, Bool>::from_data(TensorData::new(pruned, shape), &device).into_bridge()
        }, value.clone());
        Self { path, keep, pruned }
    }

    /// Sets the pruned elements of `value` to zero.
    pub(super) fn apply_to(&self, value: BridgeTensor) -> BridgeTensor {
        with_rank!(value.rank(), D => {
            let pruned = Tensor::<D, Bool>::from_bridge(self.pruned.clone());
            Tensor::<D>::from_bridge(value).mask_fill(pruned, 0.0).into_bridge()
        }, value)
    }
}

/// A parameter at the start of training.
#[derive(Clone, Debug)]
pub(super) struct Initial {
    pub(super) path: String,
    pub(super) value: BridgeTensor,
}

/// Reads the absolute values of a parameter.
// sync: once for each parameter, each time it prunes.
pub(super) fn magnitudes(value: BridgeTensor) -> Vec<f32> {
    with_rank!(value.rank(), D => Tensor::<D>::from_bridge(value).abs().into_data().iter::<f32>().collect(), Vec::new())
}
