//! Starts the program again by `mpirun`, as several processes.

use std::{
    collections::HashMap,
    env, fs, io,
    io::IsTerminal as _,
    iter,
    os::unix::{fs::MetadataExt as _, process::CommandExt as _, process::ExitStatusExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1},
    iterator::Signals,
};

use super::STARTED;
use crate::{
    error::{Error, Result},
    os::signals,
};

/// Runs `processes` copies of this program, with its arguments, and returns their exit code.
///
/// SIGINT, SIGTERM, SIGHUP and SIGUSR1 are handed on to the ranks.
///
/// # Errors
/// If there is no launcher, or if it cannot be started.
pub(super) fn run(processes: usize) -> Result<i32> {
    let launcher = find(processes, &env::var("PATH").unwrap_or_default(), Path::is_file)?;
    let program = env::current_exe().map_err(|error| Error::io("find", "this program", error))?;
    let family = Family::of(&launcher);
    let failed = |error| Error::io("start", &launcher, error);
    let mut command = Command::new(&launcher);
    command.args(family.arguments(processes, is_root())).arg(program).args(env::args_os().skip(1)).env(STARTED, "1");
    // A terminal sends its signals to a whole group. `mpirun` would end the ranks within a second,
    // before they have written their files: in a group of its own it only gets what is handed on.
    command.process_group(0);
    if io::stdin().is_terminal() {
        // A group in the background cannot read from the terminal.
        command.stdin(Stdio::null());
    }
    let ignored = signals::ignored();
    let handed_on = [SIGINT, SIGTERM, SIGHUP, SIGUSR1].into_iter().filter(|signal| (ignored >> (signal - 1)) & 1 == 0);
    let signals = Signals::new(handed_on).map_err(failed)?;
    let child = command.spawn().map_err(failed)?;
    let status = wait(child, signals).map_err(failed)?;
    Ok(exit_code(status))
}

/// Waits for the launcher, and hands signals on meanwhile.
fn wait(mut child: Child, mut signals: Signals) -> io::Result<ExitStatus> {
    let (launcher, handle) = (child.id(), signals.handle());
    thread::scope(|scope| {
        let ended = scope.spawn(move || {
            let status = child.wait();
            handle.close();
            status
        });
        for signal in &mut signals {
            // The second SIGTERM or SIGINT ends a rank at once, as it does a run in one process.
            let ranks = ranks(launcher);
            send(signal, if ranks.is_empty() { vec![launcher] } else { ranks });
        }
        ended.join().unwrap_or_else(|_| Err(io::Error::other("the thread that waited panicked")))
    })
}

/// Sends a signal by the shell: there is no safe way to call `kill`. A process that has ended in
/// the meantime is no error.
fn send(signal: i32, processes: Vec<u32>) {
    let processes: Vec<_> = processes.iter().map(u32::to_string).collect();
    let command = format!("kill -{signal} {}", processes.join(" "));
    let _ = Command::new("sh").args(["-c", &command]).stderr(Stdio::null()).status();
}

/// The code that a shell would return.
fn exit_code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1)
}

/// Returns the first launcher of the path.
fn find(processes: usize, path: &str, is_file: impl Fn(&Path) -> bool) -> Result<PathBuf> {
    let launcher = env::split_paths(path)
        .flat_map(|folder| ["mpirun", "mpiexec"].map(|name| folder.join(name)))
        .find(|launcher| is_file(launcher));
    launcher.ok_or_else(|| {
        Error::config(format!(
            "`devices({processes})` starts {processes} processes by `mpirun`, and there is no `mpirun` and no \
             `mpiexec` on the path"
        ))
        .help("install Open MPI, as by `apt-get install openmpi-bin`, or train on one device: `.devices(1)`")
    })
}

/// The launchers that take different arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    OpenMpi,
    /// MPICH's Hydra, which Intel MPI uses as well, and any other.
    Hydra,
}

impl Family {
    fn of(launcher: &Path) -> Self {
        let output = Command::new(launcher).arg("--version").stdin(Stdio::null()).output();
        Self::of_version(&output.map(|output| output.stdout).unwrap_or_default())
    }

    fn of_version(version: &[u8]) -> Self {
        let version = String::from_utf8_lossy(version);
        if version.contains("Open MPI") || version.contains("OpenRTE") { Self::OpenMpi } else { Self::Hydra }
    }

    fn arguments(self, processes: usize, is_root: bool) -> Vec<String> {
        let mut arguments = vec!["-n".to_owned(), processes.to_string()];
        if self == Self::OpenMpi {
            // More processes than cores are what the user asked for.
            arguments.extend(["--bind-to", "none", "--oversubscribe"].map(str::to_owned));
            if is_root {
                arguments.push("--allow-run-as-root".to_owned());
            }
        }
        arguments
    }
}

/// The processes of the ranks: the descendants of the launcher that run this program.
///
/// They get signals directly. Open MPI ends its ranks within two seconds after SIGTERM, and the
/// `mpirun` of Intel MPI is a script that hands nothing on. Empty where there is no `/proc`.
fn ranks(launcher: u32) -> Vec<u32> {
    let this = fs::read_link("/proc/self/exe").ok();
    let runs_this = |id: u32| this.is_some() && fs::read_link(format!("/proc/{id}/exe")).ok() == this;
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let parents: HashMap<u32, u32> = processes
        .filter_map(|process| {
            let id = process.file_name().to_str()?.parse().ok()?;
            Some((id, parent(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?)?))
        })
        .collect();
    let ancestors = |id: u32| iter::successors(parents.get(&id), |parent| parents.get(parent)).copied();
    let is_below = |id: u32| ancestors(id).take(parents.len()).any(|ancestor| ancestor == launcher);
    // Not what a rank has started itself.
    let is_first = |id: u32| !parents.get(&id).is_some_and(|parent| runs_this(*parent));
    parents.keys().copied().filter(|id| is_below(*id) && runs_this(*id) && is_first(*id)).collect()
}

/// The parent in `/proc/<pid>/stat`: the second number after the name, which may hold anything.
fn parent(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Whether the program runs as root, where the kernel says so: Open MPI then asks for confirmation.
fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_launcher_is_recognized_by_its_version() {
        assert_eq!(Family::of_version(b"mpirun (Open MPI) 4.1.4\n\nReport bugs to"), Family::OpenMpi);
        assert_eq!(Family::of_version(b"mpirun (Open MPI) 5.0.11\n"), Family::OpenMpi);
        assert_eq!(Family::of_version(b"HYDRA build details:\n    Version:    4.0.2\n"), Family::Hydra);
        assert_eq!(Family::of_version(b"Intel(R) MPI Library for Linux* OS, Version 2021.19.0"), Family::Hydra);
    }

    #[test]
    fn each_launcher_gets_its_arguments() {
        assert_eq!(Family::OpenMpi.arguments(4, false), ["-n", "4", "--bind-to", "none", "--oversubscribe"]);
        assert_eq!(Family::OpenMpi.arguments(2, true).last().map(String::as_str), Some("--allow-run-as-root"));
        assert_eq!(Family::Hydra.arguments(4, true), ["-n", "4"]);
    }

    #[test]
    fn the_first_launcher_of_the_path_is_used() {
        let find = |files: &[&str]| find(2, "/a:/b", |path| files.iter().any(|file| Path::new(file) == path));
        assert_eq!(find(&["/b/mpirun", "/a/mpiexec"]).unwrap(), Path::new("/a/mpiexec"));
        assert_eq!(find(&["/b/mpirun", "/b/mpiexec"]).unwrap(), Path::new("/b/mpirun"));
        assert_eq!(
            find(&[]).unwrap_err().to_string(),
            "`devices(2)` starts 2 processes by `mpirun`, and there is no `mpirun` and no `mpiexec` on the path; help: \
             install Open MPI, as by `apt-get install openmpi-bin`, or train on one device: `.devices(1)`"
        );
    }

    #[test]
    fn exit_codes_are_those_of_a_shell() {
        assert_eq!(exit_code(ExitStatus::from_raw(3 << 8)), 3);
        assert_eq!(exit_code(ExitStatus::from_raw(9)), 137);
        assert_eq!(exit_code(ExitStatus::from_raw(0)), 0);
    }

    #[test]
    fn parents_are_read_behind_any_name() {
        assert_eq!(parent("17 (a) b (c)) S 42 17 17 0"), Some(42));
        assert_eq!(parent(""), None);
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        if !stat.is_empty() {
            assert_eq!(parent(&stat), Some(std::os::unix::process::parent_id()));
        }
    }
}
