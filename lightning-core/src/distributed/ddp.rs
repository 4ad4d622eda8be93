//! The settings of data-parallel training.

use std::{sync::Arc, time::Duration};

use super::Collective;

/// Data-parallel training with settings: what `strategy("ddp")` is with the defaults.
///
/// ```
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// use std::time::Duration;
///
/// use lightning_core::{distributed::Ddp, prelude::*};
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
/// let trainer = Net::trainer().devices(4).strategy(Ddp::new().timeout(Duration::from_secs(600)));
/// # let _ = trainer;
/// ```
#[derive(Clone, Debug)]
pub struct Ddp {
    pub(crate) timeout: Duration,
    pub(crate) collective: Option<Arc<dyn Collective>>,
    /// Whether the batches of loaders are divided among the processes.
    pub(crate) divides: bool,
    /// Whether each process keeps the optimizer states of some parameters only.
    pub(crate) shards_optimizer: bool,
    /// Whether gradients are summed during the backward pass.
    pub(crate) overlaps: bool,
    /// Whether gradients are summed by NCCL.
    #[cfg(feature = "nccl")]
    pub(crate) nccl: bool,
}

impl Default for Ddp {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30 * 60),
            collective: None,
            divides: true,
            shards_optimizer: false,
            overlaps: false,
            #[cfg(feature = "nccl")]
            nccl: false,
        }
    }
}

impl Ddp {
    /// The defaults: over MPI, with a timeout of 30 minutes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long a process waits for the others before it says where it waits and ends all of
    /// them. Default: 30 minutes.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Divides the states of the optimizers among the processes, so that each keeps about a part of
    /// `1 / world_size` of them: of Adam, twice the size of its parameters. Each parameter is updated
    /// by one process, which sends the new values to the others. The results are the same bits; a
    /// step exchanges one and a half times as much. Default: `false`.
    ///
    /// This is stage 1 of ZeRO (Rajbhandari et al. 2020), by whole parameters. A checkpoint has the
    /// states of all parameters, so that any number of processes resumes from it, with or without
    /// this setting.
    #[must_use]
    pub fn shard_optimizer(mut self, shards: bool) -> Self {
        self.shards_optimizer = shards;
        self
    }

    /// Sums gradients while the backward pass goes on, in buckets of about 4 MB, each as soon as its
    /// gradients are complete. It hides the time of a slow network, and costs a copy of the gradients:
    /// faster between machines, not on one. Default: `false`.
    ///
    /// The first pass learns the order of the gradients. A pass that some process does not run (a
    /// `None`, or no batch) and manual optimization sum afterwards. With `deterministic(true)` more
    /// than two processes sum afterwards too, in the order of their ranks, and so do devices that NCCL
    /// connects.
    #[must_use]
    pub fn overlap(mut self, overlaps: bool) -> Self {
        self.overlaps = overlaps;
        self
    }

    /// Sets what connects the processes, in place of MPI.
    #[must_use]
    pub fn collective(mut self, collective: impl Collective + 'static) -> Self {
        self.collective = Some(Arc::new(collective));
        self
    }

    /// Sets whether the gradients of CUDA devices are summed on them by [`Nccl`](super::Nccl), in
    /// place of being read and summed on the host. Default: `false`, because this has not run on
    /// hardware yet.
    ///
    /// Everything else that processes exchange still goes over MPI. With one process there is
    /// nothing to sum, and the setting has no effect.
    #[cfg(feature = "nccl")]
    #[must_use]
    pub fn nccl(mut self, nccl: bool) -> Self {
        self.nccl = nccl;
        self
    }
}
