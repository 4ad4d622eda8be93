//! Keeps an ONNX file of the best model.

use std::{marker::PhantomData, path::PathBuf};

use super::{Callback, CallbackContext, CallbackInfo, CallbackOrder};
use crate::{
    batch::StepBatch,
    error::Result,
    metrics::{Directed, Direction, KeyRef, Monitor},
    module::LightningModule,
    params::{StateReader, StateWriter},
    stage::Stage,
};

/// Writes an ONNX file whenever a metric improves, so that the file is that of the best model.
///
/// `predict_step` is exported, or `forward` without one, as
/// [`to_onnx`](crate::LightningModule::to_onnx) does. The metadata of the file has the metric and its
/// value. A check is a validation run, or the end of a training epoch if validation runs once an
/// epoch. Of several processes the first one writes.
///
/// ```
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// use lightning_core::{callbacks::OnnxExport, prelude::*};
/// # #[lightning_module]
/// # #[optimizer(SgdConfig::new(), lr = 0.1)]
/// # struct Net {
/// #     #[init(LinearConfig::new(4, 1).init(device))]
/// #     layer: Linear,
/// # }
/// # #[lightning_module]
/// # impl Net {
/// #     fn forward(&self, x: Tensor<2>) -> Tensor<2> {
/// #         self.layer.forward(x)
/// #     }
/// #     fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
/// #         self.forward(batch).mean()
/// #     }
/// #     fn validation_step(&self, batch: Tensor<2>) {
/// #         #[log(minimize)]
/// #         let val_loss = self.forward(batch).mean();
/// #     }
/// # }
///
/// let example = Tensor::<2>::zeros([8, 4], &Device::default());
/// let trainer = Net::trainer().callback(OnnxExport::new(Net::VAL_LOSS, "net.onnx", example)).build()?;
/// # Ok::<(), lightning_core::Error>(())
/// ```
pub struct OnnxExport<M, B> {
    key: KeyRef,
    direction: Direction,
    path: PathBuf,
    example: B,
    best: f64,
    module: PhantomData<fn() -> M>,
}

impl<M, B> std::fmt::Debug for OnnxExport<M, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnnxExport").field("key", &self.key).field("path", &self.path).finish_non_exhaustive()
    }
}

impl<M, B> OnnxExport<M, B> {
    /// Monitors a metric that was logged with `minimize` or `maximize`, and writes to `path`.
    /// `example` is a batch of any size, of which only the shapes and types are read.
    pub fn new<K: Monitor<M>>(monitor: K, path: impl Into<PathBuf>, example: B) -> Self {
        let direction = <K::Direction as Directed>::DIRECTION;
        Self {
            key: monitor.key().into(),
            direction,
            path: path.into(),
            example,
            best: direction.worst(),
            module: PhantomData,
        }
    }
}

impl<M: LightningModule, B: StepBatch> OnnxExport<M, B> {
    fn look(&mut self, cx: &mut CallbackContext<'_>, module: &M) -> Result<()> {
        let Some(value) = cx.monitored(self.key, true)? else { return Ok(()) };
        if !self.direction.is_better(value, self.best) {
            return Ok(());
        }
        self.best = value;
        if cx.is_fast_dev_run() || !cx.is_global_zero() {
            return Ok(());
        }
        let export = module.onnx(&self.example).metadata("metric", self.key.display());
        export.metadata("value", value.to_string()).save(&self.path)
    }
}

impl<M: LightningModule, B: StepBatch> Callback<M> for OnnxExport<M, B> {
    fn info(&self) -> CallbackInfo {
        CallbackInfo::new().order(CallbackOrder::Monitor).monitors([self.key.metric().to_owned()])
    }

    fn state_key(&self) -> String {
        format!("OnnxExport({}, {})", self.key.display(), self.path.display())
    }

    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        state.put_number("best", self.best);
        Ok(())
    }

    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        state.get_number("best", &mut self.best)
    }

    fn on_train_epoch_end(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        if cx.is_quiet() || !cx.monitors_at_epoch_end() {
            return Ok(());
        }
        self.look(cx, module)
    }

    fn on_validation_end(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        if cx.is_quiet()
            || cx.monitors_at_epoch_end()
            || cx.stage() != Stage::Validate
            || !cx.view.progress.validation.enabled
        {
            return Ok(());
        }
        self.look(cx, module)
    }
}
