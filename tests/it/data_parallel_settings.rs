//! Settings of data-parallel training: optimizer states that are divided, sums during the backward
//! pass, and normalization with the statistics of all processes. Without `mpirun` the tests say that
//! they are skipped.

use std::path::Path;

use crate::{
    data_parallel::{alone, compare, ranks, results},
    mpirun,
};

#[test]
fn divided_optimizer_states_have_the_bits_of_whole_ones() {
    if mpirun::is_missing() {
        return;
    }
    compare(2, &["--shard"]);
    compare(3, &["--shard", "--clip", "0.1"]);
    compare(2, &["--shard", "--model", "two"]);
    compare(2, &["--shard", "--precision", "16-mixed", "--event", "inf", "--micro-batch", "27"]);
}

/// The files of the checkpoints below a folder.
fn checkpoints(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder.join("lightning_logs/version_0/checkpoints"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".ckpt"))
        .collect();
    names.sort();
    names
}

#[test]
fn a_checkpoint_has_the_states_of_all_ranks() {
    if mpirun::is_missing() {
        return;
    }
    let undisturbed = results(&alone(&["--accumulate", "2"]));
    // Resumed in one process, in two with divided states, and in two without.
    let others: [(&[&str], usize); 3] = [(&["--accumulate", "2"], 1), (&["--shard"], 2), (&[], 2)];
    for (args, processes) in others {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        let first = ranks(2, &["--shard", "--folder", path, "--event", "term"]);
        assert!(results(&first).iter().any(|line| line.ends_with("interrupted")), "{first:?}");
        assert!(!checkpoints(folder.path()).is_empty());
        let args = [&["--folder", path, "--resume"], args].concat();
        let resumed = if processes == 1 { alone(&args) } else { ranks(processes, &args) };
        assert_eq!(results(&resumed), undisturbed, "{args:?}");
    }
}

#[test]
fn each_rank_keeps_its_part_of_the_states() {
    if mpirun::is_missing() {
        return;
    }
    // Adam has two states of 4 bytes for each of 4.2 million parameters.
    let most = |args: &[&str]| -> u64 {
        let output = ranks(2, &[args, &["--model", "wide", "--items", "16", "--epochs", "1"]].concat());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let bytes = text.lines().filter_map(|line| line.strip_prefix("live bytes "));
        bytes.map(|bytes| bytes.parse().unwrap()).max().unwrap_or_else(|| panic!("{output:?}"))
    };
    let (whole, divided) = (most(&[]), most(&["--shard"]));
    let states = 2 * 4 * 4_200_000;
    assert!(divided + states * 2 / 5 < whole, "{divided} bytes with divided states, {whole} without");
}

#[test]
fn sums_during_the_backward_pass_have_the_bits_of_sums_after_it() {
    if mpirun::is_missing() {
        return;
    }
    compare(2, &["--overlap"]);
    // Batches that do not divide evenly, a step that one rank cannot make, and below an accumulation
    // and a rank without a loss.
    compare(2, &["--overlap", "--items", "90"]);
    compare(2, &["--overlap", "--model", "two", "--clip", "0.1"]);
    compare(2, &["--overlap", "--precision", "16-mixed", "--event", "inf", "--micro-batch", "27"]);
    compare(2, &["--overlap", "--precision", "bf16-mixed"]);
    compare(2, &["--overlap", "--shard", "--model", "wide", "--items", "32", "--epochs", "1"]);
    for args in [["--accumulate", "2"], ["--event", "none"]] {
        assert_eq!(results(&ranks(2, &[&["--overlap"], &args[..]].concat())), results(&ranks(2, &args)), "{args:?}");
    }
}

#[test]
fn a_rank_that_fails_during_overlapped_sums_ends_all() {
    if mpirun::is_missing() {
        return;
    }
    for (event, what) in [("error", "a broken file"), ("panic", "a broken invariant")] {
        let output = ranks(2, &["--overlap", "--event", event, "--timeout", "20"]);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(mpirun::exit_code(&output), Some(1), "{text}");
        assert!(text.contains("rank 1 failed: ") && text.contains(what), "{text}");
    }
}

#[test]
fn synchronized_statistics_are_those_of_the_whole_batch() {
    if mpirun::is_missing() {
        return;
    }
    let sum = |output: std::process::Output| -> f64 {
        let lines = results(&output);
        assert_eq!(lines.len(), 1, "all ranks have the same weights: {lines:?}");
        lines[0].split("sum ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap()
    };
    let args = ["--model", "sync", "--epochs", "1"];
    let whole = sum(alone(&[&args[..], &["--batch-size", "8"]].concat()));
    assert!((sum(ranks(2, &args)) - whole).abs() < 1e-4);
    // Without them the statistics are those of each batch.
    let own = sum(alone(&[&args[..], &["--accumulate", "2"]].concat()));
    assert!((own - whole).abs() > 1e-3, "{own} and {whole}");
}

#[test]
fn synchronized_statistics_need_a_batch_on_every_rank() {
    if mpirun::is_missing() {
        return;
    }
    let output = ranks(2, &["--model", "sync", "--items", "36", "--timeout", "20"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_ne!(mpirun::exit_code(&output), Some(0));
    assert!(
        text.contains("all ranks must reach the same points of a run in the same order")
            && text.contains("`SyncBatchNorm`"),
        "{text}"
    );
}

#[test]
fn a_signal_in_a_validation_ends_it_on_all_ranks() {
    if mpirun::is_missing() {
        return;
    }
    // The optimizer states of a checkpoint are exchanged after the signal as well.
    for setting in [&[][..], &["--shard"]] {
        let folder = tempfile::tempdir().unwrap();
        let args = [&["--folder", folder.path().to_str().unwrap()], setting].concat();
        let output = ranks(2, &[&args[..], &["--event", "term-in-validation", "--at", "1"]].concat());
        let text = String::from_utf8_lossy(&output.stderr);
        // 8 batches on 2 ranks: 4 rounds each epoch. The sanity check has 2, the first epoch 4, the
        // second ends after 2.
        assert_eq!(text.matches("ends fit after 8 validation batches").count(), 2, "{text}");
        assert_eq!(text.matches("interrupted: saved ").count(), 1, "{text}");
        let lines = results(&output);
        assert!(lines.iter().any(|line| line.ends_with("after 24 steps: interrupted")), "{lines:?}");
        let resumed = ranks(2, &[&args[..], &["--resume"]].concat());
        assert_eq!(results(&resumed), results(&alone(&["--accumulate", "2"])));
    }
}

#[test]
fn schedules_that_monitor_step_values_decide_alike() {
    if mpirun::is_missing() {
        return;
    }
    // Each rank has a loss of its own. With learning rates of their own they would have other weights.
    let lines = results(&ranks(3, &["--model", "watching"]));
    assert_eq!(lines.len(), 1, "{lines:?}");
}
