//! Joins the processes that train together.

use crate::{
    error::Result,
    settings::StrategySettings,
    strategy::{DataParallel, SingleDevice, Strategy},
};

/// Joins the processes that train together, and returns the strategy. `ordered`: sums are made in
/// the order of the ranks.
///
/// # Errors
/// If the settings do not fit how the program was started.
pub(super) fn join(settings: &StrategySettings, ordered: bool) -> Result<Box<dyn Strategy>> {
    let collective = match (settings.strategy.as_str(), &settings.ddp.collective) {
        ("single_device", _) => None,
        (_, Some(collective)) => Some(collective.clone()),
        // Until the launchers are read.
        _ if std::env::var_os("OMPI_COMM_WORLD_SIZE").is_some() => Some(crate::distributed::Mpi::world()? as _),
        _ => None,
    };
    Ok(match collective.filter(|collective| collective.world_size() > 1) {
        Some(collective) => Box::new(DataParallel::new(collective, ordered)),
        None => Box::new(SingleDevice),
    })
}
