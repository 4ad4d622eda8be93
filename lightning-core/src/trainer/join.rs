//! Joins the processes that train together.

use std::sync::Arc;

use crate::{
    checkpoint::Resume,
    distributed::{
        Collective,
        launch::{self, Request, Wanted},
        watchdog::Watchdog,
    },
    error::Result,
    settings::StrategySettings,
    strategy::{DataParallel, SingleDevice, Strategy},
};

/// Joins the processes that train together, and returns the strategy. `ordered`: sums are made in
/// the order of the ranks.
///
/// # Errors
/// If the settings do not fit how the program was started, or MPI is missing.
pub(super) fn join(settings: &StrategySettings, ordered: bool) -> Result<Box<dyn Strategy>> {
    Ok(match connect(settings)?.filter(|ranks| ranks.world_size() > 1) {
        Some(ranks) => {
            let watchdog = Watchdog::new(settings.ddp.timeout, Arc::clone(&ranks))?;
            Box::new(DataParallel::new(ranks, watchdog, ordered))
        }
        None => Box::new(SingleDevice),
    })
}

/// Returns a warning if the processes may use only a part of the cores of the machine.
pub(super) fn cores_warning(settings: &StrategySettings) -> Option<String> {
    // Threads of a test have no cores of their own.
    settings
        .ddp
        .collective
        .is_none()
        .then(|| connect(settings).ok().flatten())?
        .as_deref()
        .and_then(launch::cores_warning)
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
