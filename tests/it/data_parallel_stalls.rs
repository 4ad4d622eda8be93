//! A rank that stands still, as on a machine that is suspended: SIGSTOP stops it, SIGCONT continues
//! it. Without `mpirun` the tests say that they are skipped.

use std::{
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::mpirun::{self, PROGRAM, processes, send, state};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A run whose rank `stopped` has stopped itself, and the process of that rank.
fn stopped(ranks: usize, stopped: usize, args: &[&str]) -> (Child, u32) {
    let mut command = mpirun::command(ranks, PROGRAM);
    command.args(["--event", "sigstop", "--rank", &stopped.to_string()]).args(args);
    let mut job = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let since = Instant::now();
    loop {
        assert!(since.elapsed() < PATIENCE && job.try_wait().unwrap().is_none(), "no rank has stopped");
        let found = processes(job.id()).into_iter().find(|(rank, id)| *rank == stopped && state(*id) == Some('T'));
        if let Some((_, id)) = found {
            return (job, id);
        }
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_rank_that_stands_still_holds_up_the_others_and_changes_nothing() {
    if mpirun::is_missing() {
        return;
    }
    let one = mpirun::weights(&Command::new(PROGRAM).args(["--accumulate", "2"]).output().unwrap());
    for rank in [0, 1] {
        let (mut job, id) = stopped(2, rank, &[]);
        thread::sleep(Duration::from_secs(3));
        assert!(job.try_wait().unwrap().is_none(), "the others have not waited");
        assert_eq!((processes(job.id()).len(), state(id)), (2, Some('T')));
        send("CONT", id);
        let output = job.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(mpirun::weights(&output), one, "rank {rank}");
    }
}

#[test]
fn a_rank_that_stands_still_for_longer_than_the_timeout_ends_all() {
    if mpirun::is_missing() {
        return;
    }
    let (job, id) = stopped(3, 1, &["--timeout", "3"]);
    let since = Instant::now();
    let output = job.wait_with_output().unwrap();
    let took = since.elapsed();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(mpirun::exit_code(&output), Some(124), "{text}");
    for rank in [0, 2] {
        let waits = format!("rank {rank} has waited for the other ranks for 3 s in `gradients, epoch 1, batch 2`");
        assert!(text.contains(&waits), "{text}");
    }
    assert!(!text.contains("rank 1 has waited"), "{text}");
    assert!(took >= Duration::from_secs(2) && took < Duration::from_secs(30), "{took:?}");
    assert_eq!(state(id), None, "a process is left");
}
