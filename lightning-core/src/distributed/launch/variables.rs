//! What the variables of a launcher say.

use crate::error::{Error, Result};

/// A way to look up a variable of the environment.
pub(super) type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Who started the processes of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Launcher {
    /// `mpirun` of Open MPI.
    OpenMpi,
    /// `mpiexec` of MPICH, Intel MPI and others with the process manager interface PMI.
    Pmi,
    /// `srun` of SLURM.
    Slurm,
    /// `torchrun`, or another launcher with its variables.
    Torchrun,
}

impl Launcher {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::OpenMpi => "mpirun",
            Self::Pmi => "mpiexec",
            Self::Slurm => "srun",
            Self::Torchrun => "torchrun",
        }
    }
}

/// The processes that a launcher started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Launched {
    pub(super) launcher: Launcher,
    pub(super) processes: usize,
}

/// Reads the variables that launchers set for their processes. `None`: nobody set any, and the
/// program was started alone.
///
/// | launcher | rank | number of processes |
/// |---|---|---|
/// | Open MPI | `OMPI_COMM_WORLD_RANK` | `OMPI_COMM_WORLD_SIZE` |
/// | MPICH, Intel MPI, `srun --mpi=pmi2` | `PMI_RANK` | `PMI_SIZE` |
/// | SLURM | `SLURM_PROCID` | `SLURM_STEP_NUM_TASKS` |
/// | torchrun | `RANK` | `WORLD_SIZE` |
///
/// `mpirun` in a job of SLURM sets its own beside those of SLURM, so that the order counts. The
/// script of a job has `SLURM_PROCID` as well, but no step: a program in it was started alone.
///
/// # Errors
/// If a variable is not a number, or only one of the two is set.
pub(super) fn launched(variable: Variables<'_>) -> Result<Option<Launched>> {
    const ALL: [(Launcher, &str, &str); 4] = [
        (Launcher::OpenMpi, "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
        (Launcher::Pmi, "PMI_RANK", "PMI_SIZE"),
        (Launcher::Slurm, "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
        (Launcher::Torchrun, "RANK", "WORLD_SIZE"),
    ];
    for (launcher, rank, size) in ALL {
        // Both are needed: `RANK` and `WORLD_SIZE` alone are names that other programs use too.
        let (Some(of_rank), Some(of_size)) = (variable(rank), variable(size)) else { continue };
        let of_rank = number(rank, &of_rank)?;
        let processes = number(size, &of_size)?;
        if of_rank >= processes {
            return Err(Error::config(format!("`{rank}` must be below `{size}`, found {of_rank} and {processes}"))
                .help(format!(
                    "remove both variables, or start the program by `{}`, which sets them",
                    launcher.name()
                )));
        }
        return Ok(Some(Launched { launcher, processes }));
    }
    Ok(None)
}

fn number(name: &str, value: &str) -> Result<usize> {
    value.trim().parse().map_err(|_| {
        Error::config(format!("the variable `{name}` must be a number, found `{value}`"))
            .help("remove it, or start the program by the launcher that sets it")
    })
}

/// Returns how often SLURM has started the job again, 0 without SLURM.
pub(super) fn restart_count(variable: Variables<'_>) -> u32 {
    variable("SLURM_RESTART_COUNT").and_then(|count| count.trim().parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Option<Launched>> {
        launched(&|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    fn found(variables: &[(&str, &str)]) -> Option<(Launcher, usize)> {
        of(variables).unwrap().map(|launched| (launched.launcher, launched.processes))
    }

    #[test]
    fn each_launcher_is_recognized() {
        let open_mpi = [("OMPI_COMM_WORLD_RANK", "1"), ("OMPI_COMM_WORLD_SIZE", "4"), ("PMIX_RANK", "1")];
        let pmi = [("PMI_RANK", "0"), ("PMI_SIZE", "3"), ("MPI_LOCALRANKID", "0")];
        let slurm = [("SLURM_PROCID", "2"), ("SLURM_STEP_NUM_TASKS", "8"), ("SLURM_NTASKS", "16")];
        let torchrun = [("RANK", "0"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "0")];
        assert_eq!(found(&open_mpi), Some((Launcher::OpenMpi, 4)));
        assert_eq!(found(&pmi), Some((Launcher::Pmi, 3)));
        assert_eq!(found(&slurm), Some((Launcher::Slurm, 8)));
        assert_eq!(found(&torchrun), Some((Launcher::Torchrun, 2)));
        let [first, second] = [&slurm[..], &open_mpi[..]];
        assert_eq!(found(&[first, second].concat()), Some((Launcher::OpenMpi, 4)));
        assert_eq!(found(&[&torchrun[..], first].concat()), Some((Launcher::Slurm, 8)));
    }

    #[test]
    fn a_program_in_the_script_of_a_job_was_started_alone() {
        assert_eq!(found(&[("SLURM_PROCID", "0"), ("SLURM_NTASKS", "4"), ("SLURM_JOB_ID", "17")]), None);
        assert_eq!(found(&[("WORLD_SIZE", "4")]), None);
        assert_eq!(found(&[]), None);
    }

    #[test]
    fn wrong_variables_are_named() {
        assert_eq!(
            of(&[("RANK", "first"), ("WORLD_SIZE", "2")]).unwrap_err().to_string(),
            "the variable `RANK` must be a number, found `first`; help: remove it, or start the program by the \
             launcher that sets it"
        );
        assert_eq!(
            of(&[("PMI_RANK", "2"), ("PMI_SIZE", "2")]).unwrap_err().to_string(),
            "`PMI_RANK` must be below `PMI_SIZE`, found 2 and 2; help: remove both variables, or start the program \
             by `mpiexec`, which sets them"
        );
    }

    #[test]
    fn the_restarts_of_a_job_are_counted() {
        assert_eq!(restart_count(&|name| (name == "SLURM_RESTART_COUNT").then(|| "3".to_owned())), 3);
        assert_eq!(restart_count(&|_| None), 0);
    }
}
