//! What connects the ranks of a run: threads, and MPI by the program `mpi_contract`. A test that
//! finds no `mpirun` says that it is skipped.

use std::{
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

use lightning_core::distributed::Threads;

use crate::mpirun;

#[path = "../src/bin/mpi_contract/contract.rs"]
mod contract;

/// Runs `mpi_contract` under `mpirun`, or says that the test is skipped. As root, Open MPI wants to
/// be told that this is meant.
fn ranks(count: usize, mode: &str) -> Option<Output> {
    if mpirun::is_missing() {
        return None;
    }
    let output = Command::new("mpirun")
        .args(["-n", &count.to_string()])
        .args([env!("CARGO_BIN_EXE_mpi_contract"), mode])
        .envs(["OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"].map(|name| (name, "1")))
        // More ranks than cores, of Open MPI 4 and of Open MPI 5.
        .env("OMPI_MCA_rmaps_base_oversubscribe", "1")
        .env("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe")
        .output()
        .unwrap();
    Some(output)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn threads_keep_the_contract() {
    for world in [1, 2, 3, 5] {
        let ranks = Threads::new(world).into_iter().map(|rank| thread::spawn(move || contract::contract(&rank)));
        for rank in ranks.collect::<Vec<_>>() {
            rank.join().unwrap().unwrap();
        }
    }
}

#[test]
fn mpi_keeps_the_contract() {
    for world in [1, 2, 4] {
        let Some(output) = ranks(world, "contract") else { return };
        assert!(output.status.success(), "{world} ranks: {}", text(&output.stderr));
        let printed = text(&output.stdout);
        let mut lines: Vec<_> = printed.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines.len(), world, "{printed}");
        for (rank, line) in lines.iter().enumerate() {
            let expected = format!("rank {rank} of {world}, {rank} of {world} on this machine, ");
            assert!(line.starts_with(&expected), "{line}");
        }
    }
}

#[test]
fn a_failure_of_mpi_is_an_error_in_words() {
    let Some(output) = ranks(2, "root") else { return };
    let printed = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for rank in [0, 1] {
        assert!(printed.contains(&format!("`MPI_Bcast` failed on rank {rank}: ")), "{printed}");
    }
    assert!(printed.to_lowercase().contains("invalid root"), "{printed}");
}

/// Rank 0 waits for rank 1 for ever.
#[test]
fn a_rank_that_fails_ends_all_with_its_exit_code() {
    for (mode, code) in [("error", 1), ("panic", 101), ("exit", 3), ("abort", 7)] {
        let since = Instant::now();
        let Some(output) = ranks(2, mode) else { return };
        let errors = text(&output.stderr);
        assert_eq!(mpirun::exit_code(&output), Some(code), "{mode}: {errors}");
        assert!(since.elapsed() < Duration::from_secs(10), "{mode}: {:?}", since.elapsed());
        let expected = match mode {
            "error" => "the data of rank 1 is broken",
            "panic" => "rank 1 panics",
            "exit" => "rank 1 ends with the exit code 3, and all other ranks with it",
            _ => "",
        };
        assert!(errors.contains(expected), "{mode}: {errors}");
    }
}

#[test]
fn ranks_that_all_fail_can_all_say_so() {
    let Some(output) = ranks(3, "all") else { return };
    let errors = text(&output.stderr);
    assert_eq!(mpirun::exit_code(&output), Some(1), "{errors}");
    for rank in 0..3 {
        assert!(errors.contains(&format!("rank {rank} knows the error of all")), "{errors}");
    }
}
