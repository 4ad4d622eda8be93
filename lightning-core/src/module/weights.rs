//! Files of weights: saved, and loaded completely, partly or under other names.

mod matching;
mod report;
mod source;
mod transfer;

use std::{
    fmt,
    marker::PhantomData,
    path::{Path, PathBuf},
};

pub use self::report::WeightsReport;
pub(super) use self::transfer::{load, save};
use crate::params::FieldKey;

/// The layout and the names of the tensors in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// Those of Burn.
    Burn,
    /// Those of PyTorch: linear weights are transposed, and norms have `weight` and `bias`.
    #[cfg(feature = "pytorch")]
    PyTorch,
}

/// Weights in a file, and the part of a module `M` that they are for.
///
/// ```no_run
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// # use lightning_core::{Weights, prelude::*};
/// # #[lightning_module]
/// # #[optimizer(SgdConfig::new(), lr = 0.1)]
/// # struct Net {
/// #     #[frozen]
/// #     #[init(LinearConfig::new(4, 8).init(device))]
/// #     backbone: Linear,
/// #     #[init(LinearConfig::new(8, 1).init(device))]
/// #     head: Linear,
/// # }
/// # #[lightning_module]
/// # impl Net {
/// #     fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
/// #         self.head.forward(self.backbone.forward(batch)).mean()
/// #     }
/// # }
/// let mut model = Net::new(NetHparams::default());
/// // A pretrained backbone without its classifier.
/// let report = model.load_weights(Weights::pytorch("resnet.pt").at(Net::BACKBONE).skip("fc.*"))?;
/// println!("{report}");
/// # Ok::<(), lightning_core::Error>(())
/// ```
pub struct Weights<M> {
    path: PathBuf,
    layout: Layout,
    #[cfg(feature = "pytorch")]
    key: Option<String>,
    at: Option<&'static str>,
    below: Option<String>,
    skip: Vec<String>,
    rename: Vec<(String, String)>,
    module: PhantomData<fn() -> M>,
}

impl<M> fmt::Debug for Weights<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Weights").field("path", &self.path).field("layout", &self.layout).finish_non_exhaustive()
    }
}

impl<M> Weights<M> {
    fn new(path: impl AsRef<Path>, layout: Layout) -> Self {
        Self {
            path: path.as_ref().to_path_buf(),
            layout,
            #[cfg(feature = "pytorch")]
            key: None,
            at: None,
            below: None,
            skip: Vec::new(),
            rename: Vec::new(),
            module: PhantomData,
        }
    }

    /// Reads a safetensors file in Burn's layout: one of
    /// [`save_weights`](crate::LightningModule::save_weights), or a checkpoint, of which only the
    /// model is read.
    pub fn safetensors(path: impl AsRef<Path>) -> Self {
        Self::new(path, Layout::Burn)
    }

    /// Reads a file of PyTorch: `.pt`, `.pth` or `.bin` with a state dict, or `.safetensors`.
    ///
    /// Linear weights are transposed, the weights and biases of norms get Burn's names, and the
    /// layers of a `Sequential` are renumbered without those that have no parameters. Code in the
    /// file is not run.
    #[cfg(feature = "pytorch")]
    pub fn pytorch(path: impl AsRef<Path>) -> Self {
        Self::new(path, Layout::PyTorch)
    }

    /// Sets the key of the state dict in a PyTorch file such as `{"epoch": 3, "state_dict": {…}}`.
    #[cfg(feature = "pytorch")]
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Loads the weights into this field, and not into the whole module.
    #[must_use]
    pub fn at(mut self, field: FieldKey<M>) -> Self {
        self.at = Some(field.name());
        self
    }

    /// Reads only the tensors below this name, and removes it from their names:
    /// `below("module.encoder")`.
    #[must_use]
    pub fn below(mut self, name: impl Into<String>) -> Self {
        self.below = Some(name.into());
        self
    }

    /// Skips the tensors whose names match a pattern, in which `*` matches anything:
    /// `skip("fc.*")`.
    #[must_use]
    pub fn skip(mut self, pattern: impl Into<String>) -> Self {
        self.skip.push(pattern.into());
        self
    }

    /// Replaces `from` by `to` at the start of the names of tensors.
    #[must_use]
    pub fn rename(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.rename.push((from.into(), to.into()));
        self
    }
}
