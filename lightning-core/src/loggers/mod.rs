//! Loggers: where the metrics of a run go.
//!
//! A trainer passes metrics, hyperparameters, texts, images, histograms and figures to every
//! [`Logger`]. `CsvLogger` writes files (feature `csv`, on by default), [`MemoryLogger`] keeps
//! everything for tests, and other destinations implement the trait.
//!
//! ```no_run
//! # use burn::{nn::*, optim::AdamConfig, prelude::*};
//! # use lightning_core::prelude::*;
//! # #[lightning_module]
//! # #[optimizer(AdamConfig::new(), lr = 1e-3)]
//! # struct Net {
//! #     #[init(LinearConfig::new(2, 1).init(device))]
//! #     layer: Linear,
//! # }
//! # #[lightning_module]
//! # impl Net {
//! #     fn training_step(&self, x: Tensor<2>) -> Tensor<1> {
//! #         self.layer.forward(x).mean()
//! #     }
//! # }
//! use lightning_core::loggers::MemoryLogger;
//!
//! let memory = MemoryLogger::new();
//! let trainer = Net::trainer()
//!     .logger(CsvLogger::new("lightning_logs"))
//!     .logger(memory.clone())
//!     .build()?;
//! # Ok::<(), lightning_core::Error>(())
//! ```

#[cfg(any(feature = "csv", feature = "mlflow", feature = "tensorboard"))]
mod attachments;
mod audio;
#[cfg(any(feature = "mlflow", feature = "wandb"))]
mod base64;
#[cfg(feature = "csv")]
mod csv;
mod figure;
mod graph;
mod histogram;
#[cfg(any(feature = "mlflow", feature = "trackio"))]
mod http;
mod image;
mod list;
mod logger;
mod memory;
mod mesh;
#[cfg(feature = "mlflow")]
mod mlflow;
mod output;
mod png;
#[cfg_attr(not(feature = "tensorboard"), allow(dead_code, reason = "only TensorBoard has all types of fields"))]
pub(crate) mod protobuf;
mod record;
mod required;
#[cfg(any(feature = "mlflow", feature = "wandb"))]
mod staging;
mod table;
#[cfg(feature = "tensorboard")]
mod tensorboard;
mod thread;
#[cfg(any(feature = "mlflow", feature = "trackio"))]
mod tracker_run;
#[cfg(feature = "trackio")]
mod trackio;
#[cfg(any(feature = "csv", feature = "tensorboard", feature = "wandb"))]
mod versions;
#[cfg(feature = "wandb")]
mod wandb;

use burn::tensor::{Tensor, Transaction};

pub(crate) use self::{list::Loggers, output::Output};
// The one list of loggers: a new one is its file, and a name here.
#[cfg(feature = "csv")]
pub use self::csv::CsvLogger;
#[cfg(feature = "mlflow")]
pub use self::mlflow::MlflowLogger;
#[cfg(feature = "tensorboard")]
pub use self::tensorboard::TensorBoardLogger;
#[cfg(feature = "trackio")]
pub use self::trackio::TrackioLogger;
#[cfg(feature = "wandb")]
pub use self::wandb::WandbLogger;
pub use self::{
    audio::Audio,
    figure::{Figure, OwnedFigure},
    graph::{Graph, GraphNode},
    histogram::{Histogram, ToHistogram},
    image::{ImageView, OwnedImage, ToImage, grid},
    logger::Logger,
    memory::MemoryLogger,
    mesh::Mesh,
    record::{LogPosition, Record, RunStatus},
    required::Required,
    table::Table,
};
use crate::{error::Result, tensor::readback};

/// Reads a tensor that is logged, such as an image.
// sync: once per image or histogram, which the user asked for.
fn floats<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f64>> {
    let data = readback::execute(Transaction::default().register(tensor))?;
    Ok(data.iter().flat_map(|data| data.iter::<f64>()).collect())
}
