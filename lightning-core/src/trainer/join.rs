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

/// How this process trains, and a warning of the cores that it may use.
pub(super) struct Joined {
    pub(super) strategy: Box<dyn Strategy>,
    pub(super) warning: Option<String>,
}

/// Joins the processes that train together. `ordered`: sums are made in the order of the ranks.
///
/// # Errors
/// If the settings do not fit how the program was started, or MPI is missing.
pub(super) fn join(settings: &StrategySettings, ordered: bool) -> Result<Joined> {
    let Some(ranks) = connect(settings)?.filter(|ranks| ranks.world_size() > 1) else {
        return Ok(Joined { strategy: Box::new(SingleDevice), warning: None });
    };
    // The threads of a test have no cores of their own.
    let is_given = settings.ddp.collective.is_some();
    let warning = if is_given { None } else { launch::cores_warning(&*ranks) };
    let watchdog = Watchdog::new(settings.ddp.timeout, Arc::clone(&ranks))?;
    // A sum of two values does not depend on their order.
    let may_overlap = !ordered || ranks.world_size() <= 2;
    let strategy = DataParallel::new(ranks, watchdog, ordered);
    let strategy = if settings.ddp.overlaps && may_overlap { strategy.overlapping() } else { strategy };
    Ok(Joined { strategy: Box::new(strategy), warning })
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
