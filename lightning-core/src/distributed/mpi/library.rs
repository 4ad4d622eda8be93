//! Which MPI library is opened.

use std::{
    env, iter,
    path::{Path, PathBuf},
};

use super::ffi::Opened;
use crate::error::{Error, Result};

/// The variable that names the library, by a path or by a name that the loader looks for.
const VARIABLE: &str = "LIGHTNING_MPI_LIBRARY";

#[cfg(not(target_vendor = "apple"))]
const OPEN_MPI: &[&str] = &["libmpi.so.40"];
// Intel MPI 2021 reports errors by MPICH's ABI, and ends the process by that of the standard.
#[cfg(not(target_vendor = "apple"))]
const OTHERS: &[&str] = &["libmpi.so.12", "libmpich.so.12", "libmpi_abi.so.1", "libmpi_abi.so.0"];
#[cfg(target_vendor = "apple")]
const OPEN_MPI: &[&str] = &["libmpi.40.dylib"];
#[cfg(target_vendor = "apple")]
const OTHERS: &[&str] = &["libmpi.12.dylib", "libmpi_abi.1.dylib", "libmpi_abi.0.dylib"];

/// Opens the library that belongs to the launcher, or the first that is there.
///
/// # Errors
/// If there is none, with everything that was tried.
pub(super) fn open() -> Result<(Opened, String)> {
    open_first(&candidates(|name| env::var(name).ok(), Path::is_file), Opened::open)
}

fn open_first<L>(candidates: &[String], open: impl Fn(&str) -> Result<L, String>) -> Result<(L, String)> {
    let mut tried = Vec::new();
    for candidate in candidates {
        match open(candidate) {
            Ok(library) => return Ok((library, candidate.clone())),
            Err(error) => tried.push(format!("`{candidate}`: {}", error.trim())),
        }
    }
    Err(Error::config(format!("no MPI library can be opened; tried {}", tried.join("; "))).help(format!(
        "install Open MPI (`apt-get install openmpi-bin`) or MPICH, or name the library: \
         `{VARIABLE}=/path/to/libmpi.so`"
    )))
}

/// The libraries in the order in which they are tried: those beside the `mpirun` of the path come
/// first, because a library works with its own launcher only.
fn candidates(variable: impl Fn(&str) -> Option<String>, is_file: impl Fn(&Path) -> bool) -> Vec<String> {
    if let Some(name) = variable(VARIABLE).filter(|name| !name.is_empty()) {
        return vec![name];
    }
    // MPICH's launcher sets `PMI_RANK`, Open MPI's the other one.
    let mpich = variable("OMPI_COMM_WORLD_SIZE").is_none() && variable("PMI_RANK").is_some();
    let names = if mpich { [OTHERS, OPEN_MPI] } else { [OPEN_MPI, OTHERS] };
    let folders: Vec<PathBuf> = beside_launcher(&variable("PATH").unwrap_or_default(), &is_file);
    let paths = |name: &str| {
        let beside: Vec<_> = folders.iter().map(|folder| folder.join(name)).filter(|path| is_file(path)).collect();
        beside.into_iter().map(|path| path.display().to_string()).chain(iter::once(name.to_owned()))
    };
    names.into_iter().flatten().flat_map(|name| paths(name).collect::<Vec<_>>()).collect()
}

/// The folders of libraries that belong to the first launcher of the path.
fn beside_launcher(path: &str, is_file: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let launcher = env::split_paths(path)
        .flat_map(|folder| ["mpirun", "mpiexec"].map(|name| folder.join(name)))
        .find(|launcher| is_file(launcher));
    let Some(launcher) = launcher else { return Vec::new() };
    let launcher = launcher.canonicalize().unwrap_or(launcher);
    let Some(prefix) = launcher.parent().and_then(Path::parent) else { return Vec::new() };
    vec![prefix.join("lib"), prefix.join("lib64")]
}

#[cfg(all(test, not(target_vendor = "apple")))]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)], files: &[&str]) -> Vec<String> {
        let variable =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        candidates(variable, |path| files.iter().any(|file| Path::new(file) == path))
    }

    #[test]
    fn the_library_of_the_launcher_comes_first() {
        let any = ["libmpi.so.40", "libmpi.so.12", "libmpich.so.12", "libmpi_abi.so.1", "libmpi_abi.so.0"];
        assert_eq!(of(&[], &[]), any);
        assert_eq!(of(&[("OMPI_COMM_WORLD_SIZE", "2"), ("PMI_RANK", "0")], &[]), any);
        assert_eq!(of(&[("PMI_RANK", "0")], &[]).first().map(String::as_str), Some("libmpi.so.12"));
        let files = ["/nowhere/bin/mpiexec", "/nowhere/lib/libmpi.so.12"];
        let found = of(&[("PATH", "/elsewhere/bin:/nowhere/bin")], &files);
        let expected = ["libmpi.so.40", "/nowhere/lib/libmpi.so.12", "libmpi.so.12"];
        assert_eq!(found.get(..3), Some(expected.map(str::to_owned).as_slice()));
    }

    #[test]
    fn the_variable_names_the_only_library() {
        assert_eq!(of(&[(VARIABLE, "/opt/mpi/libmpi.so"), ("PMI_RANK", "0")], &[]), ["/opt/mpi/libmpi.so"]);
    }

    #[test]
    fn what_was_tried_is_named() {
        let candidates = ["libmpi.so.40", "libmpi.so.12"].map(str::to_owned);
        let error = open_first::<()>(&candidates, |name| Err(format!("{name}: cannot open"))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no MPI library can be opened; tried `libmpi.so.40`: libmpi.so.40: cannot open; \
             `libmpi.so.12`: libmpi.so.12: cannot open; help: install Open MPI (`apt-get install openmpi-bin`) or \
             MPICH, or name the library: `LIGHTNING_MPI_LIBRARY=/path/to/libmpi.so`"
        );
    }
}
