//! Saves what a run has reached when something goes wrong.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{Callback, CallbackContext};
use crate::{
    error::{Error, Result},
    module::LightningModule,
    stage::Stage,
};

/// Saves a checkpoint when an error, a panic or a signal ends a `fit`, and removes it once a `fit` has come to its end.
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
/// The file is `<folder>/on_exception.ckpt`. It is the state at the error: resume from it when the cause is outside of the
/// model, such as a full disk or a device that went away. An error that leaves no usable model, such as a panic inside an
/// optimizer's update, leaves no file.
#[derive(Clone, Debug)]
pub struct OnExceptionCheckpoint {
    folder: PathBuf,
    filename: String,
    /// Whether a `fit` is going on that has something to save.
    fitting: bool,
}

impl OnExceptionCheckpoint {
    /// Saves into this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), filename: "on_exception".to_owned(), fitting: false }
    }

    /// The file's name, without `.ckpt`.
    #[must_use]
    pub fn filename(mut self, name: impl Into<String>) -> Self {
        self.filename = name.into();
        self
    }

    /// Where the checkpoint is saved.
    pub fn path(&self) -> PathBuf {
        self.folder.join(format!("{}.ckpt", self.filename))
    }
}

impl<M: LightningModule> Callback<M> for OnExceptionCheckpoint {
    fn setup(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if cx.stage() == Stage::Fit && Path::new(&self.filename).components().count() != 1 {
            return Err(Error::config(format!("`OnExceptionCheckpoint`: `{}` is no file name", self.filename))
                .help("give a name without folders; the folder is what `new` takes"));
        }
        Ok(())
    }

    fn on_fit_start(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.fitting = true;
        Ok(())
    }

    fn on_exception(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        if !self.fitting {
            return Ok(());
        }
        let path = self.path();
        cx.save_checkpoint(module, &path)?;
        cx.print(format!("saved {}", path.display()));
        Ok(())
    }

    fn teardown(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if !std::mem::take(&mut self.fitting) || cx.is_failing() {
            return Ok(());
        }
        let path = self.path();
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", &path, error)),
            _ => Ok(()),
        }
    }
}
