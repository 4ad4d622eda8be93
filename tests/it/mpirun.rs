//! Whether there is an `mpirun` that starts processes, and the program `ddp` in several of them.

use std::{
    ffi::OsStr,
    fs,
    process::{Command, Output},
    sync::OnceLock,
};

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

/// The program `ddp`, which trains a small model and prints the bits of its weights.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_ddp");

/// The command that starts a program in several processes.
pub fn command(ranks: usize, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("mpirun");
    command.args(["--oversubscribe", "-n", &ranks.to_string()]).arg(program);
    command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    command
}

/// The line of the weights, which all processes print alike.
///
/// # Panics
/// If there is none, or if processes have different ones.
pub fn weights(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines: Vec<_> = text.lines().filter(|line| line.starts_with("weights")).collect();
    lines.dedup();
    assert_eq!(lines.len(), 1, "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    lines[0].to_owned()
}

/// The exit code of a job. `mpirun` of Open MPI 4.1 may end with 0 when a process that has failed takes a
/// moment to end after its connections have closed; the code is then that of its last message.
pub fn exit_code(output: &Output) -> Option<i32> {
    match output.status.code() {
        Some(0) => {
            let text = String::from_utf8_lossy(&output.stderr);
            let code = text.rsplit_once("Exit code:").and_then(|(_, rest)| rest.lines().next()?.trim().parse().ok());
            code.or(Some(0))
        }
        code => code,
    }
}

/// The processes of `ddp` below an `mpirun`, with their ranks.
pub fn processes(mpirun: u32) -> Vec<(usize, u32)> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let mut ranks: Vec<_> = processes
        .filter_map(|process| {
            let id = process.file_name().to_str()?.parse().ok()?;
            let (name, rest) = stat(id)?;
            let parent = rest.split_whitespace().nth(1)?;
            let environment = fs::read(process.path().join("environ")).ok()?;
            let variables = environment.split(|byte| *byte == 0);
            let rank = variables.filter_map(|variable| variable.strip_prefix(b"OMPI_COMM_WORLD_RANK=")).next()?;
            let rank = String::from_utf8_lossy(rank).parse().ok()?;
            (name == "ddp" && parent == mpirun.to_string()).then_some((rank, id))
        })
        .collect();
    ranks.sort_unstable();
    ranks
}

/// The letter of what a process does, `T` if it is stopped; `None` if it has ended.
pub fn state(id: u32) -> Option<char> {
    stat(id)?.1.chars().next().filter(|state| *state != 'Z')
}

/// The name of a process, and what follows: `STATE PARENT …`.
fn stat(id: u32) -> Option<(String, String)> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(") ")?;
    Some((name.to_owned(), rest.to_owned()))
}

/// Sends a signal, such as `CONT`.
pub fn send(signal: &str, id: u32) {
    assert!(Command::new("sh").args(["-c", &format!("kill -{signal} {id}")]).status().unwrap().success());
}
