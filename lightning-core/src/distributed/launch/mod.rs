//! How the processes of a run find each other.
//!
//! [`join`] reads what the launcher has set, decides whether there are other processes, and
//! connects them. Everything that can be wrong is checked before the first exchange, because a rank that
//! waits for one that has ended with an error waits in vain.

mod cores;
#[cfg(all(unix, feature = "mpi"))]
mod restart;
mod variables;

use std::{env, sync::Arc};

use self::variables::{Launched, Launcher, Variables};
use super::Collective;
use crate::error::{Error, Result};

/// The variable that a process has which was started by [`restart`]: it must not do so again.
const STARTED: &str = "LIGHTNING_STARTED_BY_MPIRUN";

/// How devices train together, as the settings say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// `strategy("auto")`: data parallel if there are several processes.
    Auto,
    /// `strategy("single_device")`: on one device, whoever else was started.
    SingleDevice,
    /// `strategy("ddp")`: data parallel.
    Ddp,
}

/// The settings that decide how many processes there have to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) strategy: Wanted,
    /// The number of devices of each machine; `None` if it is not set.
    pub(crate) devices: Option<usize>,
    pub(crate) num_nodes: usize,
}

/// Returns the processes that train together, or `None` if this one trains alone.
///
/// A program that was started alone and asks for several devices is started again by `mpirun`; this
/// process then waits for it, and exits with its exit code. Where several processes share a
/// machine, each gets its share of the cores (see [`cores`]).
///
/// No library is opened where the variables and the settings say that there is one process.
///
/// # Errors
/// Of [`ErrorKind::Config`](crate::ErrorKind::Config), if the settings, the launcher and the MPI
/// library do not fit together, or if one of them is missing.
pub(crate) fn join(request: &Request) -> Result<Option<Arc<dyn Collective>>> {
    let variable = |name: &str| env::var(name).ok();
    match decide(request, &variable, &command())? {
        Decision::Alone => Ok(None),
        Decision::World(launched) => connect(request, launched).map(Some),
        Decision::Start(processes) => start(processes),
    }
}

/// Returns how often SLURM has started this job again: above 0 the run has to be resumed.
pub(crate) fn slurm_restart_count() -> u32 {
    variables::restart_count(&|name| env::var(name).ok())
}

/// Returns a warning if the ranks of this machine may use only a part of its cores.
pub(crate) fn cores_warning(ranks: &dyn Collective) -> Option<String> {
    cores::Cores::look().warning(ranks.local_size())
}

#[cfg(all(unix, feature = "mpi"))]
fn connect(request: &Request, launched: Launched) -> Result<Arc<dyn Collective>> {
    let mpi = super::Mpi::world()?;
    check_world(request, launched, &*mpi, mpi.library(), &command())?;
    cores::share(mpi.local_size());
    Ok(mpi)
}

#[cfg(all(unix, feature = "mpi"))]
fn start<T>(processes: usize) -> Result<T> {
    std::process::exit(restart::run(processes)?)
}

#[cfg(not(all(unix, feature = "mpi")))]
fn connect(_request: &Request, launched: Launched) -> Result<Arc<dyn Collective>> {
    Err(no_mpi(launched.processes))
}

#[cfg(not(all(unix, feature = "mpi")))]
fn start<T>(processes: usize) -> Result<T> {
    Err(no_mpi(processes))
}

#[cfg(any(test, not(all(unix, feature = "mpi"))))]
fn no_mpi(processes: usize) -> Error {
    let help = if cfg!(unix) {
        "add the feature: `cargo add lightning-core --features mpi`"
    } else {
        "train on one device, or on a Unix system"
    };
    Error::config(format!(
        "training in {processes} processes needs MPI, and this build of lightning-core is without its feature `mpi`"
    ))
    .help(help)
}

/// The command line of this program, for messages.
fn command() -> String {
    env::args().collect::<Vec<_>>().join(" ")
}

#[derive(Debug, PartialEq)]
enum Decision {
    /// This process trains alone.
    Alone,
    /// A launcher started this process and others.
    World(Launched),
    /// So many processes have to be started.
    Start(usize),
}

fn decide(request: &Request, variable: Variables<'_>, command: &str) -> Result<Decision> {
    let Request { strategy, devices, num_nodes } = *request;
    let wanted = devices.unwrap_or(1).saturating_mul(num_nodes);
    if strategy == Wanted::SingleDevice {
        if wanted == 1 {
            return Ok(Decision::Alone);
        }
        return Err(Error::config(format!(
            "`strategy(\"single_device\")` trains on one device, found {}",
            settings(request)
        ))
        .help("write `.strategy(\"ddp\")`, or remove the number of devices and machines"));
    }
    let Some(launched) = variables::launched(variable)? else {
        return decide_alone(request, wanted, variable, command);
    };
    let Launched { launcher, processes } = launched;
    if processes == 1 && wanted == 1 {
        return Ok(Decision::Alone);
    }
    if launcher == Launcher::Torchrun {
        return Err(Error::config(format!(
            "the program was started by `torchrun` (`RANK` and `WORLD_SIZE` are set), which does not connect its \
             {processes} process{} by MPI",
            plural(processes)
        ))
        .help(format!("start it by `mpirun -n {} {command}`, or by `srun`", processes.max(wanted))));
    }
    check_number(request, launched, command)?;
    Ok(Decision::World(launched))
}

/// Decides for a program that no launcher has started.
fn decide_alone(request: &Request, wanted: usize, variable: Variables<'_>, command: &str) -> Result<Decision> {
    let Request { devices, num_nodes, .. } = *request;
    if num_nodes > 1 {
        let devices = devices.unwrap_or(1);
        return Err(Error::config(format!(
            "`num_nodes({num_nodes})` needs a launcher that starts processes on {num_nodes} machines, and the program \
             was started alone"
        ))
        .help(format!(
            "start it by `srun --nodes={num_nodes} --ntasks-per-node={devices} {command}`, or by `mpirun --host {} \
             {command}`",
            (1..=num_nodes).map(|node| format!("machine{node}:{devices}")).collect::<Vec<_>>().join(",")
        )));
    }
    if variable(STARTED).is_some() {
        return Err(Error::config(format!(
            "the program was started again for {}, but its launcher has set no rank",
            settings(request)
        ))
        .help(format!("start it by `mpirun -n {wanted} {command}`; remove `{STARTED}` if you have set it")));
    }
    Ok(if wanted > 1 { Decision::Start(wanted) } else { Decision::Alone })
}

/// Checks the number of processes against the settings.
fn check_number(request: &Request, launched: Launched, command: &str) -> Result<()> {
    let Request { devices, num_nodes, .. } = *request;
    let Launched { launcher, processes } = launched;
    let name = launcher.name();
    let Some(devices) = devices else {
        if processes.is_multiple_of(num_nodes.max(1)) {
            return Ok(());
        }
        return Err(Error::config(format!(
            "{}: every machine must have the same number of processes, found {processes} started by `{name}`",
            settings(request)
        ))
        .help(format!("start a multiple of {num_nodes}, or remove `num_nodes`")));
    };
    let wanted = devices.saturating_mul(num_nodes);
    if processes == wanted {
        return Ok(());
    }
    let start = match launcher {
        Launcher::Slurm => format!("srun --nodes={num_nodes} --ntasks-per-node={devices} {command}"),
        _ => format!("{name} -n {wanted} {command}"),
    };
    // What would fit: more machines with as many devices, or as many devices on these machines.
    let fit = if processes.is_multiple_of(num_nodes.max(1)) {
        format!("write `.devices({})`", processes / num_nodes.max(1))
    } else if processes.is_multiple_of(devices.max(1)) {
        format!("write `.num_nodes({})`", processes / devices.max(1))
    } else {
        "remove both settings".to_owned()
    };
    Err(Error::config(format!(
        "{} must be started as {wanted} process{}, one for each device, found {processes} started by `{name}`",
        settings(request),
        plural(wanted),
    ))
    .help(format!("start `{start}`, or {fit}")))
}

/// Checks what the library found against what the launcher and the settings say.
#[cfg_attr(not(all(unix, feature = "mpi")), allow(dead_code, reason = "there is no library"))]
fn check_world(
    request: &Request,
    launched: Launched,
    ranks: &dyn Collective,
    library: &str,
    command: &str,
) -> Result<()> {
    let Launched { launcher, processes } = launched;
    let (name, world) = (launcher.name(), ranks.world_size());
    if world != processes {
        let help = match launcher {
            Launcher::Slurm => "write `srun --mpi=pmix` for Open MPI, or `srun --mpi=pmi2` for MPICH and Intel MPI; \
                 `srun --mpi=list` prints what there is"
                .to_owned(),
            _ => format!(
                "start the program by the launcher of {}, or name the library of `{name}`: \
                 `LIGHTNING_MPI_LIBRARY=/path/to/libmpi.so`",
                ranks.name()
            ),
        };
        return Err(Error::config(format!(
            "`{name}` and `{library}` are of different MPIs: the first has started {processes} process{}, and {} \
             found {world}",
            plural(processes),
            ranks.name()
        ))
        .help(help));
    }
    let (Some(devices), local) = (request.devices, ranks.local_size()) else { return Ok(()) };
    if local == devices {
        return Ok(());
    }
    let start = match launcher {
        Launcher::Slurm => format!("srun --nodes={} --ntasks-per-node={devices} {command}", request.num_nodes),
        Launcher::OpenMpi => format!("mpirun -n {world} --map-by ppr:{devices}:node {command}"),
        _ => format!("{name} -n {world} -ppn {devices} {command}"),
    };
    Err(Error::config(format!(
        "{}: each machine must have {devices} process{}, found {local} on the machine of rank {}",
        settings(request),
        plural(devices),
        ranks.rank()
    ))
    .help(format!("start `{start}`")))
}

/// The end of the word "process".
fn plural(processes: usize) -> &'static str {
    if processes == 1 { "" } else { "es" }
}

/// The settings as the user wrote them.
fn settings(request: &Request) -> String {
    let Request { devices, num_nodes, .. } = *request;
    match (devices, num_nodes) {
        (Some(devices), 1) => format!("`devices({devices})`"),
        (Some(devices), _) => format!("`devices({devices})` and `num_nodes({num_nodes})`"),
        (None, _) => format!("`num_nodes({num_nodes})`"),
    }
}

#[cfg(test)]
mod tests;
