//! Joins the processes that train together.

use std::sync::Arc;

use burn::tensor::Device;

#[cfg(feature = "nccl")]
use crate::distributed::{Nccl, watchdog::Place};
use crate::{
    checkpoint::Resume,
    distributed::{
        Collective,
        launch::{self, Request, Wanted},
        watchdog::Watchdog,
    },
    error::Result,
    settings::StrategySettings,
    strategy::{DataParallel, Rank, SingleDevice, Strategy},
};

/// The processes that train together, and a warning of the cores that this one may use.
pub(super) struct Joined {
    /// `None` for a process that trains alone.
    ranks: Option<Arc<dyn Collective>>,
    pub(super) warning: Option<String>,
}

/// Joins the processes that train together.
///
/// # Errors
/// If the settings do not fit how the program was started, or MPI is missing.
pub(super) fn join(settings: &StrategySettings) -> Result<Joined> {
    let ranks = connect(settings)?.filter(|ranks| ranks.world_size() > 1);
    // The threads of a test have no cores of their own.
    let cores = ranks.as_deref().filter(|_| settings.ddp.collective.is_none());
    let warning = cores.and_then(launch::cores_warning);
    Ok(Joined { ranks, warning })
}

impl Joined {
    /// The place of this process among them.
    pub(super) fn rank(&self) -> Rank {
        self.ranks.as_deref().map_or_else(Rank::alone, Rank::of)
    }

    /// Returns how this process trains on its device. `ordered`: sums are made in the order of the
    /// ranks.
    ///
    /// # Errors
    /// If the devices cannot be connected.
    pub(super) fn strategy(
        self,
        settings: &StrategySettings,
        ordered: bool,
        device: &Device,
    ) -> Result<Box<dyn Strategy>> {
        let Some(ranks) = self.ranks else { return Ok(Box::new(SingleDevice)) };
        let watchdog = Watchdog::new(settings.ddp.timeout, Arc::clone(&ranks))?;
        #[cfg(feature = "nccl")]
        let ranks: Arc<dyn Collective> = match settings.ddp.nccl {
            true => {
                let _watched = watchdog.enter(Place { what: "connecting the devices", epoch: None, batch: None });
                Arc::new(Nccl::new(ranks, device)?)
            }
            false => ranks,
        };
        // A sum of two values does not depend on their order. What is summed on the device is not read
        // during the backward pass.
        let may_overlap = (!ordered || ranks.world_size() <= 2) && ranks.device_sum(device).is_none();
        let strategy = DataParallel::new(ranks, watchdog, ordered);
        Ok(Box::new(if settings.ddp.overlaps && may_overlap { strategy.overlapping() } else { strategy }))
    }
}

/// How a run starts that does not say so: a job that SLURM has started again goes on.
pub(super) fn resume(asked: Resume) -> Resume {
    match asked {
        Resume::Never if launch::slurm_restart_count() > 0 => Resume::LastOrStart,
        asked => asked,
    }
}

/// Connects the processes; `None` for one alone.
fn connect(settings: &StrategySettings) -> Result<Option<Arc<dyn Collective>>> {
    let strategy = match settings.strategy.as_str() {
        "single_device" => Wanted::SingleDevice,
        "ddp" => Wanted::Ddp,
        _ => Wanted::Auto,
    };
    match &settings.ddp.collective {
        Some(collective) if strategy != Wanted::SingleDevice => Ok(Some(Arc::clone(collective))),
        _ => launch::join(&Request { strategy, devices: settings.count_per_node(), num_nodes: settings.num_nodes }),
    }
}
