//! The metric values of a run of one module.

use std::{fmt, marker::PhantomData, ops::Deref};

use super::{Matrix, MetricKey, Metrics, ThresholdCurves};

/// The metric values of a run of the module `M`. Keys of another module do not compile.
///
/// It dereferences to [`Metrics`], which has the values by name.
///
/// ```
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// # use lightning_core::prelude::*;
/// # #[lightning_module]
/// # #[optimizer(SgdConfig::new(), lr = 0.1)]
/// # struct Net {
/// #     #[init(LinearConfig::new(4, 1).init(device))]
/// #     layer: Linear,
/// # }
/// # #[lightning_module]
/// # impl Net {
/// #     fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
/// #         #[log(minimize)]
/// #         let train_loss = self.layer.forward(batch).mean();
/// #         train_loss
/// #     }
/// # }
/// # let mut model = Net::new(NetHparams::default());
/// # let mut trainer = Net::trainer().max_epochs(1).no_logger().enable_checkpointing(false).build()?;
/// # let batches = vec![Tensor::<2>::ones([2, 4], &Device::default())];
/// let report = trainer.fit(&mut model, batches)?;
/// assert_eq!(report.metrics.get(Net::TRAIN_LOSS), report.metrics.value("train_loss"));
/// # Ok::<(), lightning_core::Error>(())
/// ```
pub struct ModuleMetrics<M> {
    metrics: Metrics,
    module: PhantomData<fn() -> M>,
}

impl<M> ModuleMetrics<M> {
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self { metrics, module: PhantomData }
    }

    /// Returns the value of a declared metric: `metrics.get(Net::VAL_LOSS)`.
    pub fn get<D, S>(&self, key: MetricKey<M, D, S>) -> Option<f64> {
        self.metrics.find(key.into())
    }

    /// Returns one value of a metric that has several: `metrics.part(Net::PRECISION, "cat")`.
    pub fn part<D, S>(&self, key: MetricKey<M, D, S>, part: &str) -> Option<f64> {
        self.metrics.find_part(key.into(), part)
    }

    /// Returns the table of a metric such as [`ConfusionMatrix`](crate::metrics::ConfusionMatrix).
    pub fn matrix<D, S>(&self, key: MetricKey<M, D, S>) -> Option<&Matrix> {
        self.matrix_part(key, "")
    }

    /// Returns one table of a metric that has several:
    /// `metrics.matrix_part(Net::CONFUSION, "cat")`.
    pub fn matrix_part<D, S>(&self, key: MetricKey<M, D, S>, part: &str) -> Option<&Matrix> {
        self.metrics.find_matrix(key.into(), part)
    }

    /// Returns the curves of a metric such as [`Roc`](crate::metrics::Roc); see
    /// [`Metrics::curves`].
    pub fn curves<D, S>(&self, key: MetricKey<M, D, S>) -> Option<&ThresholdCurves> {
        self.metrics.find_curves(key.into())
    }
}

impl<M> Deref for ModuleMetrics<M> {
    type Target = Metrics;

    fn deref(&self) -> &Metrics {
        &self.metrics
    }
}

impl<M> From<ModuleMetrics<M>> for Metrics {
    fn from(metrics: ModuleMetrics<M>) -> Self {
        metrics.metrics
    }
}

impl<M> Clone for ModuleMetrics<M> {
    fn clone(&self) -> Self {
        Self::new(self.metrics.clone())
    }
}

impl<M> PartialEq for ModuleMetrics<M> {
    fn eq(&self, other: &Self) -> bool {
        self.metrics == other.metrics
    }
}

impl<M> fmt::Debug for ModuleMetrics<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.metrics, f)
    }
}

impl<M> fmt::Display for ModuleMetrics<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.metrics, f)
    }
}
