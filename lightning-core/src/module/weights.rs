//! Weights in files of their own: saved, and loaded whole, in part, or under other names.

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

/// How the tensors of a file are laid out and called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// As Burn has them.
    Burn,
    /// As PyTorch has them: linear weights transposed, norms with `weight` and `bias`.
    #[cfg(feature = "pytorch")]
    PyTorch,
}

/// Weights in a file, and where they go in a module `M`.
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

    /// A safetensors file in Burn's layout: what [`save_weights`](crate::LightningModule::save_weights) wrote, or a checkpoint, of which the
    /// model is taken.
    pub fn safetensors(path: impl AsRef<Path>) -> Self {
        Self::new(path, Layout::Burn)
    }

    /// A file of PyTorch: `.pt`, `.pth` or `.bin` with a state dict, or `.safetensors`. Linear weights are transposed, the weights and
    /// biases of norms get Burn's names, and layers of a `Sequential` are counted without the ones that have no parameters.
    /// No code in the file is run.
    #[cfg(feature = "pytorch")]
    pub fn pytorch(path: impl AsRef<Path>) -> Self {
        Self::new(path, Layout::PyTorch)
    }

    /// The key of a PyTorch file under which the state dict is, as in `{"epoch": 3, "state_dict": {…}}`.
    #[cfg(feature = "pytorch")]
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The field whose weights these are, rather than the whole module's.
    #[must_use]
    pub fn at(mut self, field: FieldKey<M>) -> Self {
        self.at = Some(field.name());
        self
    }

    /// Takes only the tensors of the file below this name, which is cut off: `below("module.encoder")`.
    #[must_use]
    pub fn below(mut self, name: impl Into<String>) -> Self {
        self.below = Some(name.into());
        self
    }

    /// Leaves out tensors of the file by their names, where `*` stands for anything: `skip("fc.*")`.
    #[must_use]
    pub fn skip(mut self, pattern: impl Into<String>) -> Self {
        self.skip.push(pattern.into());
        self
    }

    /// Calls the tensors of the file whose names begin with `from` by names that begin with `to` instead.
    #[must_use]
    pub fn rename(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.rename.push((from.into(), to.into()));
        self
    }
}
