//! Whether there is an `mpirun` that starts processes.

use std::{process::Command, sync::OnceLock};

/// Whether a test cannot run because no `mpirun` of Open MPI starts two processes; says so.
pub fn is_missing() -> bool {
    static PROBLEM: OnceLock<Option<String>> = OnceLock::new();
    let problem = PROBLEM.get_or_init(|| {
        let tried = Command::new("mpirun")
            .args(["--oversubscribe", "-n", "2", "true"])
            .env("OMPI_ALLOW_RUN_AS_ROOT", "1")
            .env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
            .output();
        match tried {
            Ok(output) if output.status.success() => None,
            Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(_) => Some("there is none; install the package openmpi-bin".to_owned()),
        }
    });
    if let Some(problem) = problem {
        eprintln!("skipped: needs an `mpirun` of Open MPI: {problem}");
    }
    problem.is_some()
}
