//! Several processes under a real `mpirun`, of Debian's `openmpi-bin`, against one process: the
//! program `ddp` prints the bits of the weights that it has trained. Without `mpirun` the tests say
//! that they are skipped.

use std::{
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use crate::mpirun;

/// Ranks that wait for each other in vain wait for 60 seconds.
const SOON: Duration = Duration::from_secs(40);

const PROGRAM: &str = env!("CARGO_BIN_EXE_ddp");

/// Runs the program alone.
pub(crate) fn alone(args: &[&str]) -> Output {
    Command::new(PROGRAM).args(args).output().unwrap()
}

/// The command that runs the program in several processes.
fn command(ranks: usize, args: &[&str]) -> Command {
    let mut command = Command::new("mpirun");
    command.args(["--oversubscribe", "-n", &ranks.to_string(), PROGRAM]).args(args);
    command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    command
}

/// Runs the program in several processes.
pub(crate) fn ranks(ranks: usize, args: &[&str]) -> Output {
    command(ranks, args).output().unwrap()
}

/// The lines of the results, each once; all processes print the same.
pub(crate) fn results(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stdout);
    let is_result = |line: &&str| ["weights", "test_acc", "val_loss"].iter().any(|name| line.starts_with(name));
    let mut lines: Vec<String> = text.lines().filter(is_result).map(str::to_owned).collect();
    lines.sort();
    lines.dedup();
    assert!(!lines.is_empty(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    lines
}

/// Compares processes with one process that accumulates as many batches.
pub(crate) fn compare(processes: usize, args: &[&str]) {
    let accumulate = processes.to_string();
    let one = alone(&[&["--accumulate", &accumulate], args].concat());
    assert_eq!(results(&ranks(processes, args)), results(&one), "{processes} ranks, {args:?}");
}

#[test]
fn ranks_have_the_bits_of_one_process_that_accumulates() {
    if mpirun::is_missing() {
        return;
    }
    // Dropout, Adam, a shuffled loader; validation and test accuracy are of all items.
    compare(2, &[]);
    compare(4, &[]);
    compare(2, &["--clip", "0.1"]);
    compare(4, &["--precision", "bf16-mixed"]);
    compare(2, &["--precision", "16-mixed"]);
    compare(2, &["--model", "two"]);
    compare(4, &["--model", "two", "--items", "90"]);
}

#[test]
fn batches_that_cannot_be_divided_are_neither_repeated_nor_dropped() {
    if mpirun::is_missing() {
        return;
    }
    // 23 batches on 2 and 4 ranks, 22 on 3, and fewer batches than ranks.
    compare(2, &["--items", "90"]);
    compare(4, &["--items", "90"]);
    compare(3, &["--items", "85"]);
    compare(4, &["--items", "6"]);
}

#[test]
fn a_step_that_one_rank_cannot_make_is_skipped_by_all() {
    if mpirun::is_missing() {
        return;
    }
    let event = ["--event", "inf", "--micro-batch", "27"];
    compare(2, &[&event[..], &["--precision", "16-mixed"]].concat());
    compare(2, &[&event[..], &["--clip", "0.5"]].concat());
}

#[test]
fn manual_optimization_has_the_mean_gradient() {
    if mpirun::is_missing() {
        return;
    }
    // One process with twice the batch size: equal to rounding.
    let sum = |output: &Output| -> f64 {
        results(output)[0].split("sum ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap()
    };
    let one = alone(&["--model", "manual", "--batch-size", "8"]);
    assert!((sum(&ranks(2, &["--model", "manual"])) - sum(&one)).abs() < 1e-4);
    let uneven = ranks(2, &["--model", "manual", "--items", "36"]);
    assert_ne!(mpirun::exit_code(&uneven), Some(0));
    let text = String::from_utf8_lossy(&uneven.stderr);
    assert!(
        text.contains("with manual optimization each of 2 processes must have as many batches, found 9 in all"),
        "{text}"
    );
}

#[test]
fn running_statistics_are_the_same_on_all_ranks() {
    if mpirun::is_missing() {
        return;
    }
    // `results` has one line of weights, in which the statistics are.
    assert_eq!(results(&ranks(2, &["--model", "norm"])).len(), 1);
}

/// What becomes of an event on rank 1 alone.
fn event(name: &str) -> (Output, Duration) {
    let folder = tempfile::tempdir().unwrap();
    let since = Instant::now();
    let output = ranks(2, &["--event", name, "--folder", folder.path().to_str().unwrap()]);
    (output, since.elapsed())
}

#[test]
fn all_ranks_end_alike() {
    if mpirun::is_missing() {
        return;
    }
    let checks = [
        ("stop", "after 15 steps: stopped: enough"),
        ("term", "after 15 steps: interrupted"),
        ("break", "after 27 steps: `max_epochs` reached"),
        ("none", "after 36 steps: `max_epochs` reached"),
        ("usr1", "after 36 steps: `max_epochs` reached"),
    ];
    for (name, expected) in checks {
        let (output, took) = event(name);
        let lines = results(&output);
        let weights: Vec<_> = lines.iter().filter(|line| line.starts_with("weights")).collect();
        assert!(output.status.success(), "{name}");
        assert!(weights.len() == 1 && weights[0].ends_with(expected), "{name}: {weights:?}");
        assert!(took < SOON, "{name} took {took:?}");
        let text = String::from_utf8_lossy(&output.stderr);
        let saved = [("usr1", "SIGUSR1: saved"), ("term", "interrupted: saved")];
        for (_, line) in saved.iter().filter(|(event, _)| *event == name) {
            assert_eq!(text.matches(line).count(), 1, "{text}");
        }
    }
}

#[test]
fn an_error_of_one_rank_is_that_of_all() {
    if mpirun::is_missing() {
        return;
    }
    let place = "in `Mlp::training_step`, stage fit, epoch 1, batch 2, global step 14";
    for (name, what) in [("error", "a broken file"), ("panic", "panicked: a broken invariant")] {
        let (output, took) = event(name);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(mpirun::exit_code(&output), Some(1), "{text}");
        assert!(text.contains(&format!("Error: {what}\n  where: {place}")), "{text}");
        assert!(text.contains(&format!("Error: rank 1 failed: {what} ({place})")), "{text}");
        // The end hooks of both.
        assert_eq!(text.matches("ends fit").count(), 2, "{text}");
        assert!(took < SOON, "{name} took {took:?}");
    }
    let (output, _) = event("exit");
    assert_eq!(mpirun::exit_code(&output), Some(3));
}

/// A process of the program below `mpirun`.
fn a_rank_of(mpirun: u32) -> Option<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let mut ranks = processes.filter_map(|process| {
        let pid = process.file_name().into_string().ok()?;
        // `PID (NAME) STATE PARENT …`
        let stat = std::fs::read_to_string(process.path().join("stat")).ok()?;
        let (name, rest) = stat.split_once('(')?.1.split_once(')')?;
        let parent = rest.split_whitespace().nth(1)?;
        (name == "ddp" && parent == mpirun.to_string()).then_some(pid)
    });
    ranks.next()
}

#[test]
fn a_killed_rank_ends_all_and_the_run_resumes() {
    if mpirun::is_missing() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let args = ["--folder", path, "--resume", "--save-every", "2", "--sleep", "20"];
    let mut kills = 0;
    for wait in [700, 900, 1100] {
        let job = command(2, &args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        let Some(pid) = a_rank_of(job.id()) else { continue };
        Command::new("kill").args(["-KILL", &pid]).status().unwrap();
        let since = Instant::now();
        let output = job.wait_with_output().unwrap();
        assert!(since.elapsed() < SOON, "{:?}", since.elapsed());
        // A run that printed its weights was at its end already.
        let text = String::from_utf8_lossy(&output.stdout);
        kills += usize::from(!text.contains("weights"));
    }
    assert!(kills > 0);
    assert_eq!(results(&ranks(2, &args)), results(&alone(&["--accumulate", "2"])));
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}

#[test]
fn another_number_of_ranks_resumes_where_the_batches_divide() {
    if mpirun::is_missing() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (four, two, three) = (folder.path().join("four"), folder.path().join("two"), folder.path().join("three"));
    let first = ranks(4, &["--folder", four.to_str().unwrap(), "--event", "term", "--at", "1"]);
    assert!(results(&first).iter().any(|line| line.ends_with("after 8 steps: interrupted")));
    copy(&four, &two);
    copy(&four, &three);

    let sum = |output: &Output| -> f64 {
        let lines = results(output);
        let weights = lines.iter().find(|line| line.starts_with("weights")).unwrap();
        weights.split("sum ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap()
    };
    let undisturbed = ranks(4, &[]);
    // One process that accumulates has their bits.
    let one = alone(&["--folder", four.to_str().unwrap(), "--resume", "--accumulate", "4"]);
    assert_eq!(results(&one), results(&undisturbed));
    let resumed = ranks(2, &["--folder", two.to_str().unwrap(), "--resume", "--accumulate", "2"]);
    assert!((sum(&resumed) - sum(&undisturbed)).abs() < 1e-4);

    let refused = ranks(3, &["--folder", three.to_str().unwrap(), "--resume"]);
    let text = String::from_utf8_lossy(&refused.stderr);
    let what = "the checkpoint was taken after 8 batches of an epoch, which 3 processes cannot have read";
    let help = "help: resume with one of these numbers of processes: 1, 2, 4, 8";
    assert!(text.contains(what) && text.contains(help), "{text}");
}

#[test]
fn one_rank_writes_the_logs() {
    if mpirun::is_missing() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    results(&ranks(3, &["--folder", path]));
    let runs = std::fs::read_dir(folder.path().join("lightning_logs")).unwrap().count();
    assert_eq!(runs, 1);
    let own = tempfile::tempdir().unwrap();
    results(&alone(&["--folder", own.path().to_str().unwrap(), "--accumulate", "3"]));
    let metrics = |folder: &Path| {
        let file = folder.join("lightning_logs/version_0/metrics.csv");
        std::fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let (several, one) = (metrics(folder.path()), metrics(own.path()));
    assert_eq!(several[0], one[0]);
    assert_eq!(several.len(), one.len());
}

#[test]
fn manual_optimization_has_the_bits_of_one_process_that_takes_two_batches() {
    if mpirun::is_missing() {
        return;
    }
    // One process adds the losses of two batches by hand.
    compare(2, &["--model", "manual"]);
}
