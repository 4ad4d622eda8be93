//! Callbacks: code that runs at the points of a run, beside the module.
//!
//! A new callback is a file of this folder and its two lines in the list below.

mod average;
mod backbone_finetuning;
mod callback;
mod context;
mod device_stats_monitor;
mod early_stopping;
mod ema_weight_averaging;
mod finetuning;
mod gradient_accumulation_scheduler;
mod histogram_monitor;
mod info;
mod lambda;
mod logged_steps;
mod lr_monitor;
mod model_checkpoint;
mod model_summary;
mod on_exception_checkpoint;
mod onnx_export;
mod prediction_writer;
mod pruning;
mod select;
mod spike_detection;
mod stochastic_weight_averaging;
mod throughput_monitor;
mod timer;
mod weight_averaging;

pub use callback::Callback;
pub(crate) use callback::call;
pub use context::CallbackContext;
#[cfg(feature = "cli")]
pub(crate) use context::Identity;
pub(crate) use context::SettingsView;
pub use info::{CallbackInfo, CallbackOrder};

#[doc(no_inline)]
pub use crate::progress::{Epochs, Steps};
pub use backbone_finetuning::BackboneFinetuning;
pub use device_stats_monitor::{DeviceStat, DeviceStatsMonitor};
pub use early_stopping::EarlyStopping;
pub use ema_weight_averaging::EmaWeightAveraging;
pub use finetuning::{BaseFinetuning, FinetuningContext, FinetuningSchedule, UnfrozenRate};
pub use gradient_accumulation_scheduler::GradientAccumulationScheduler;
pub use histogram_monitor::HistogramMonitor;
pub use lambda::LambdaCallback;
pub use lr_monitor::LearningRateMonitor;
pub use model_checkpoint::{CheckpointInterval, IntoCheckpointInterval, ModelCheckpoint, TopK};
pub use model_summary::ModelSummary;
pub use on_exception_checkpoint::OnExceptionCheckpoint;
pub use onnx_export::OnnxExport;
pub use prediction_writer::{
    EpochSink, PredictedBatch, PredictionFile, PredictionSink, PredictionWriter, Predicts, WriteInterval,
};
pub use pruning::{Pruning, PruningAmount};
pub use spike_detection::SpikeDetection;
pub use stochastic_weight_averaging::{IntoSwaRates, StochasticWeightAveraging};
pub use throughput_monitor::ThroughputMonitor;
pub use timer::Timer;
pub use weight_averaging::{AveragingCounts, AveragingPoint, WeightAveraging};
