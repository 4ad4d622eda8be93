//! The cores that the ranks of a machine share.

use std::{env, fs, thread};

/// The cores that a rank may run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cores {
    /// Those of this rank.
    rank: usize,
    /// Those of the launcher on this machine, and with it of all its ranks.
    machine: usize,
}

impl Cores {
    /// Looks at this process and at its parent, which is the launcher's process on this machine: a
    /// launcher that binds ranks to cores is not bound itself.
    pub(super) fn look() -> Self {
        let rank = thread::available_parallelism().map_or(1, usize::from);
        let Some(allowed) = allowed("self") else { return Self { rank, machine: rank } };
        // Limits of a container count for all ranks of it, and are not those of the launcher.
        let machine = parent().and_then(|parent| self::allowed(&parent)).unwrap_or(allowed);
        if allowed < machine { Self { rank: rank.min(allowed), machine } } else { Self { rank, machine: rank } }
    }

    /// The number of threads with which each of the ranks computes.
    fn threads(self, ranks: usize) -> usize {
        (self.machine / ranks.max(1)).clamp(1, self.rank.max(1))
    }

    pub(super) fn warning(self, ranks: usize) -> Option<String> {
        let Self { rank, machine } = self;
        let used = rank.saturating_mul(ranks);
        if rank >= machine || used >= machine {
            return None;
        }
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        Some(format!(
            "the {ranks} rank{} of this machine may use {rank} core{} each, and {} of its {machine} cores are idle: \
             the launcher binds ranks to cores; start `mpirun --bind-to none`",
            plural(ranks),
            plural(rank),
            machine - used,
        ))
    }
}

/// Gives each of the ranks of a machine its share of the cores: the threads of rayon, by which Burn
/// and the optimizers compute. `RAYON_NUM_THREADS` takes precedence, as does a pool that the
/// program has used before.
#[cfg_attr(not(all(unix, feature = "mpi")), allow(dead_code, reason = "there are no other ranks"))]
pub(super) fn share(ranks: usize) {
    if env::var_os("RAYON_NUM_THREADS").is_some() {
        return;
    }
    let threads = Cores::look().threads(ranks);
    // An error says that the pool exists.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
}

#[cfg(unix)]
fn parent() -> Option<String> {
    Some(std::os::unix::process::parent_id().to_string())
}

#[cfg(not(unix))]
fn parent() -> Option<String> {
    None
}

/// The number of cores that a process may run on, where the kernel says so.
fn allowed(process: &str) -> Option<usize> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    count(list.trim())
}

/// Counts a list such as `0-3,8`.
fn count(list: &str) -> Option<usize> {
    list.split(',')
        .map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
            Some(last.checked_sub(first)? + 1)
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cores_are_counted() {
        assert_eq!(count("0"), Some(1));
        assert_eq!(count("0-63"), Some(64));
        assert_eq!(count("0-3,8,12-13"), Some(7));
        assert_eq!(count("some"), None);
        assert_eq!(count("3-1"), None);
    }

    #[test]
    fn ranks_share_the_cores() {
        let of = |rank, machine, ranks| Cores { rank, machine }.threads(ranks);
        assert_eq!(of(16, 16, 4), 4);
        assert_eq!(of(16, 16, 3), 5);
        assert_eq!(of(2, 2, 4), 1);
        assert_eq!(of(1, 16, 2), 1, "bound to one core");
        assert_eq!(of(8, 16, 4), 4, "two ranks on each of two sockets");
        assert_eq!(of(8, 16, 2), 8);
    }

    #[test]
    fn idle_cores_are_named() {
        let of = |rank, machine, ranks| Cores { rank, machine }.warning(ranks);
        assert_eq!(
            of(1, 16, 2).unwrap(),
            "the 2 ranks of this machine may use 1 core each, and 14 of its 16 cores are idle: the launcher binds \
             ranks to cores; start `mpirun --bind-to none`"
        );
        assert_eq!(of(16, 16, 2), None);
        assert_eq!(of(8, 16, 2), None, "each has a half");
        assert_eq!(of(1, 2, 4), None, "oversubscribed");
    }

    #[test]
    fn this_process_has_cores() {
        let Cores { rank, machine } = Cores::look();
        assert!(rank >= 1 && machine >= rank);
    }
}
