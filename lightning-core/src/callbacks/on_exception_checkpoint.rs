//! Saves a checkpoint when `fit` fails.

use std::path::PathBuf;

use super::{Callback, CallbackContext, model_checkpoint::check_file_name};
use crate::{
    error::{Error, Result},
    module::LightningModule,
    os::files,
};

/// Saves a checkpoint when an error, a panic or a signal ends `fit`, and removes it after a `fit`
/// that succeeds.
///
/// ```
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// use lightning_core::{callbacks::OnExceptionCheckpoint, prelude::*};
/// # #[lightning_module]
/// # #[optimizer(SgdConfig::new(), lr = 0.1)]
/// # struct Net {
/// #     #[init(LinearConfig::new(4, 1).init(device))]
/// #     layer: Linear,
/// # }
/// # #[lightning_module]
/// # impl Net {
/// #     fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
/// #         self.layer.forward(batch).mean()
/// #     }
/// # }
///
/// let trainer = Net::trainer().callback(OnExceptionCheckpoint::new("rescue"));
/// # let _ = trainer;
/// ```
///
/// The file is `<folder>/on_exception.ckpt`. It holds the state at the time of the error. Resume
/// from it if the cause is outside the model, such as a full disk or a lost device. An error that
/// leaves no usable model, such as a panic inside an optimizer's update, leaves no file.
#[derive(Clone, Debug)]
pub struct OnExceptionCheckpoint {
    folder: PathBuf,
    filename: String,
    /// Whether a `fit` is in progress and has started.
    fitting: bool,
}

impl OnExceptionCheckpoint {
    /// Saves into `folder`, as `on_exception.ckpt`.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), filename: "on_exception".to_owned(), fitting: false }
    }

    /// Sets the name of the file, without `.ckpt`. Default `on_exception`.
    #[must_use]
    pub fn filename(mut self, name: impl Into<String>) -> Self {
        self.filename = name.into();
        self
    }

    /// Returns the path of the checkpoint.
    pub fn path(&self) -> PathBuf {
        self.folder.join(format!("{}.ckpt", self.filename))
    }
}

impl<M: LightningModule> Callback<M> for OnExceptionCheckpoint {
    fn check(&self) -> Result<()> {
        check_file_name("`OnExceptionCheckpoint`", &self.filename)
            .map_err(|error| error.help("pass the folder to `OnExceptionCheckpoint::new`"))
    }

    fn on_fit_start(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.fitting = true;
        Ok(())
    }

    fn on_exception(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        // Nothing has been trained before the sanity check.
        if !self.fitting || cx.is_sanity_checking() {
            return Ok(());
        }
        let path = self.path();
        cx.save_checkpoint(module, &path)?;
        if let Some(request) = cx.checkpoints.queue.requests.last_mut() {
            request.announce = Some(format!("saved {}", path.display()));
        }
        Ok(())
    }

    fn teardown(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if !std::mem::take(&mut self.fitting) || cx.is_failing() {
            return Ok(());
        }
        let path = self.path();
        files::remove(&path).map_err(|error| Error::io("remove", &path, error))
    }
}
