//! Processes that do not fit together, started as a user would: what each of them says, and that all
//! of them end. Those that need `mpirun` say that they are skipped without it.

use std::{
    process::{Command, Output},
    time::{Duration, Instant},
};

use crate::mpirun::{self, PROGRAM};

/// Ranks that wait for each other in vain wait for 60 seconds.
const SOON: Duration = Duration::from_secs(40);

/// Runs rank 0 with some arguments and rank 1 with others.
fn differ(first: &[&str], second: &[&str]) -> Output {
    let mut command = mpirun::command(1, PROGRAM);
    command.args(first).args([":", "-n", "1", PROGRAM]).args(second);
    let since = Instant::now();
    let output = command.output().unwrap();
    assert!(since.elapsed() < SOON, "{:?}", since.elapsed());
    output
}

/// Checks that each of `ranks` processes ends with an error that has this text. What they print may be
/// mixed before it.
fn expect(output: &Output, ranks: usize, text: &str) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(mpirun::exit_code(output), Some(1), "{errors}");
    assert!(errors.contains("Error: "), "{errors}");
    assert_eq!(errors.matches(text).count(), ranks, "{text}\n{errors}");
}

#[test]
fn ranks_that_run_different_programs_are_named() {
    if mpirun::is_missing() {
        return;
    }
    let program = "all ranks must have the same program: rank 0 has ";
    let checks: [(&[&str], &[&str], &str); 5] = [
        (&[], &["--model", "two"], "the module `ddp::models::Mlp`, rank 1 has the module `ddp::models::Two`"),
        (&["--epochs", "3"], &["--epochs", "4"], "`max_epochs` 3, rank 1 has `max_epochs` 4"),
        (&["--clip", "0.5"], &["--clip", "0.25"], "`gradient_clip_val` 0.5, rank 1 has `gradient_clip_val` 0.25"),
        (&[], &["--precision", "bf16-mixed"], "`precision` 32-true, rank 1 has `precision` bf16-mixed"),
        (
            &["--event", "none", "--at", "5"],
            &["--event", "none", "--at", "6"],
            "the hyperparameter `args` {\"at\":5,\"event\":\"none\",\"fill\":null,\"micro_batch\":null,\"rank\":1,\"sleep\":0}, \
             rank 1 has the hyperparameter `args` {\"at\":6,",
        ),
    ];
    for (first, second, text) in checks {
        expect(&differ(first, second), 2, &format!("{program}{text}"));
    }
}

#[test]
fn ranks_with_different_data_are_named() {
    if mpirun::is_missing() {
        return;
    }
    expect(
        &differ(&["--items", "96"], &["--items", "80"]),
        2,
        "all ranks must have the same training data: rank 0 has 24 batches in loader 0, rank 1 has 20 batches in loader 0",
    );
}

#[test]
fn settings_that_do_not_fit_the_launcher_are_named() {
    if mpirun::is_missing() {
        return;
    }
    let run = |ranks: usize, args: &[&str]| mpirun::command(ranks, PROGRAM).args(args).output().unwrap();
    expect(
        &run(2, &["--devices", "3"]),
        2,
        &format!(
            "`devices(3)` must be started as 3 processes, one for each device, found 2 started by `mpirun`\n  help: \
             start `mpirun -n 3 {PROGRAM} --devices 3`, or write `.devices(2)`"
        ),
    );
    // Four processes of this machine for two machines of two each.
    let output = run(4, &["--devices", "2", "--num-nodes", "2"]);
    for rank in 0..4 {
        expect(
            &output,
            1,
            &format!(
                "`devices(2)` and `num_nodes(2)`: each machine must have 2 processes, found 4 on the machine of rank \
                 {rank}\n  help: start `mpirun -n 4 --map-by ppr:2:node {PROGRAM} --devices 2 --num-nodes 2`"
            ),
        );
    }
}

#[test]
fn a_library_that_is_not_that_of_the_launcher_is_named() {
    if mpirun::is_missing() {
        return;
    }
    // As `mpiexec -n 2` of MPICH starts a process, for which it has no library.
    let mut alone = Command::new(PROGRAM);
    alone.envs([("PMI_RANK", "1"), ("PMI_SIZE", "2"), ("LIGHTNING_MPI_LIBRARY", "libmpi.so.40")]);
    let output = alone.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let start =
        "Error: `mpiexec` and `libmpi.so.40` are of different MPIs: the first has started 2 processes, and Open MPI";
    assert!(text.contains(start) && text.contains(" found 1\n  help: "), "{text}");
}

#[test]
fn a_launcher_or_a_library_that_is_not_there_is_named() {
    let run = |variables: &[(&str, &str)], args: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.args(args).envs(variables.iter().copied()).output().unwrap()
    };
    expect(
        &run(&[("PATH", "")], &["--devices", "2"]),
        1,
        "`devices(2)` starts 2 processes by `mpirun`, and there is no `mpirun` and no `mpiexec` on the path\n  help: \
         install Open MPI, as by `apt-get install openmpi-bin`, or train on one device: `.devices(1)`",
    );
    let launched = [("OMPI_COMM_WORLD_RANK", "0"), ("OMPI_COMM_WORLD_SIZE", "2")];
    expect(
        &run(&[&launched[..], &[("LIGHTNING_MPI_LIBRARY", "libnothing.so")]].concat(), &[]),
        1,
        "no MPI library can be opened; tried `libnothing.so`: ",
    );
    expect(
        &run(&[("RANK", "0"), ("WORLD_SIZE", "2")], &[]),
        1,
        &format!(
            "the program was started by `torchrun` (`RANK` and `WORLD_SIZE` are set), which does not connect its 2 \
             processes by MPI\n  help: start it by `mpirun -n 2 {PROGRAM}`, or by `srun`"
        ),
    );
    expect(
        &run(&[], &["--devices", "2", "--num-nodes", "2"]),
        1,
        "`num_nodes(2)` needs a launcher that starts processes on 2 machines, and the program was started alone",
    );
}
