//! The precision of a run and what follows from it.

use burn::{
    module::Module,
    tensor::{Device, FloatDType},
};

use super::{Precision, cast, training_form};

/// The setting's name in a checkpoint.
pub(crate) const SETTING: &str = "precision";

/// How a run computes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Numerics {
    /// `None` leaves modules and batches in the types they have.
    pub(crate) precision: Option<Precision>,
    /// Whether the backward pass computes cheap activations again rather than keeping them.
    pub(crate) gradient_checkpointing: bool,
}

impl Numerics {
    /// The type that batches come in.
    pub(crate) fn batches(self) -> Option<FloatDType> {
        self.precision.map(Precision::compute_dtype)
    }

    /// The device with a graph.
    pub(crate) fn training_device(self, device: &Device) -> Device {
        let device = device.clone().autodiff();
        if self.gradient_checkpointing { device.gradient_checkpointing() } else { device }
    }

    /// Puts a module, which is on the device, in training form.
    pub(crate) fn train<M: Module>(self, module: M, device: &Device) -> M {
        training_form::train(module, &self.training_device(device), self.gradient_checkpointing)
    }

    /// Puts a module in training form at the start of a run: its parameters in the type in which
    /// the run stores them.
    pub(crate) fn begin_training<M: Module>(self, module: M, device: &Device) -> M {
        let module = self.train(module, device);
        match self.precision {
            Some(precision) => cast::kept_in(module, precision.param_dtype()),
            None => module,
        }
    }
}
