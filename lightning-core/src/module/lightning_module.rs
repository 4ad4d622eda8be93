//! The trait of a complete module.

use std::path::Path;

use super::{
    def::ModuleInfo,
    onnx::Onnx,
    traits::{LightningImpl, LightningStruct},
    weights::{Weights, WeightsReport},
};
use crate::{__private::set_trainable, batch::StepBatch, error::Result, module::weights, params::FieldKey};

/// A complete lightning module, with its struct and its impl.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a lightning module",
    label = "no `#[lightning_module] impl` for this type",
    note = "write `#[lightning_module]` on the struct and on the impl with the steps",
    note = "C17 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait LightningModule: LightningStruct + LightningImpl {
    /// Freezes everything below the field, in place. For an owned module
    /// `model.freeze(Net::BACKBONE)` returns the frozen module, as Burn's own `freeze` does.
    fn freeze<O>(&mut self, field: FieldKey<Self, O>) {
        *self = set_trainable(self.clone(), field, false);
    }

    /// Unfreezes everything below the field, in place.
    fn unfreeze<O>(&mut self, field: FieldKey<Self, O>) {
        *self = set_trainable(self.clone(), field, true);
    }

    /// Writes the parameters, running statistics and buffers to a safetensors file, under their
    /// paths and in Burn's layout.
    ///
    /// # Errors
    /// If the file cannot be written, with its path.
    fn save_weights(&self, path: impl AsRef<Path>) -> Result<()> {
        weights::save(self, path.as_ref())
    }

    /// Writes an ONNX file of the module: `predict_step`, or `forward` if there is none, with a free
    /// batch size.
    ///
    /// `example` is a batch as the loader returns it, of any size: only its shapes and types are
    /// read. Parameters of `forward` take the fields of their names. Inputs of the file have the
    /// names of the fields. [`onnx`](Self::onnx) has options.
    ///
    /// The module is unchanged. Dropout is off, and normalization uses its running statistics.
    ///
    /// # Errors
    /// If the module has neither method; if an operation, a value that is read, or the use of the
    /// batch size cannot be part of a graph; or if the file cannot be written. Nothing is written
    /// then.
    fn to_onnx<B: StepBatch>(&self, path: impl AsRef<Path>, example: &B) -> Result<()> {
        self.onnx(example).save(path)
    }

    /// Configures the export of an ONNX file: another step, other names, fixed or free sizes.
    ///
    /// ```no_run
    /// # use burn::{nn::*, prelude::*};
    /// # use lightning_core::prelude::*;
    /// # #[lightning_module]
    /// # pub struct Net {
    /// #     #[init(LinearConfig::new(4, 2).init(device))]
    /// #     layer: Linear,
    /// # }
    /// # #[lightning_module]
    /// # impl Net {
    /// #     fn test_step(&self, batch: Tensor<2>) {}
    /// # }
    /// # fn main() -> Result<()> {
    /// # let (model, batch) = (Net::new(NetHparams {}), Tensor::<2>::zeros([8, 4], &Device::default()));
    /// model.onnx(&batch).step(|net, x| net.layer.forward(x)).outputs(["logits"]).save("net.onnx")?;
    /// # Ok(())
    /// # }
    /// ```
    fn onnx<'a, B: StepBatch>(&'a self, example: &'a B) -> Onnx<'a, Self, B> {
        Onnx::new(self, example)
    }

    /// Loads weights from a file: all, those of one field, or some under other names. Returns which
    /// weights were applied, skipped, missing and unused.
    ///
    /// # Errors
    /// If the file cannot be read, a shape does not fit, or no weight was applied. The module is
    /// then unchanged.
    fn load_weights(&mut self, weights: Weights<Self>) -> Result<WeightsReport> {
        weights::load(self, &weights)
    }
}

impl<M: LightningStruct + LightningImpl> LightningModule for M {}

impl ModuleInfo {
    /// Returns the description of `M` that the macro emitted.
    pub(crate) const fn of<M: LightningModule>() -> Self {
        let type_name = std::any::type_name::<M>;
        Self {
            name: M::NAME,
            type_name,
            fields: M::FIELDS,
            metrics: M::METRICS,
            hooks: M::HOOKS,
            training: M::TRAINING,
        }
    }
}
