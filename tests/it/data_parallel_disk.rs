//! The disk of rank 0 fills up during a run in several processes. Without `mpirun`, and where a
//! small disk cannot be made, the tests say that they are skipped.

use std::{
    path::Path,
    process::{Command, Output},
    sync::OnceLock,
};

use crate::mpirun::{self, PROGRAM};

/// Runs the commands of a shell with a disk of 1 MiB at the folder `$0`, which only they see, with
/// arguments `$@`. `None`, with a message, where that is refused.
fn on_a_small_disk(folder: &Path, commands: &str, args: &[&str]) -> Option<Output> {
    /// The arguments of `unshare` that are not refused.
    static ALLOWED: OnceLock<Option<&[&str]>> = OnceLock::new();
    let with = |unshare: &[&str], commands: &str| {
        let mut command = Command::new("unshare");
        command.args(unshare).args(["sh", "-c"]);
        command.arg(format!("mount -t tmpfs -o size=1m tmpfs \"$0\" || exit 99\n{commands}")).arg(folder);
        command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
        command
    };
    let allowed = ALLOWED.get_or_init(|| {
        let ways: [&[&str]; 2] = [&["--mount"], &["--mount", "--map-root-user"]];
        ways.into_iter().find(|way| with(way, "").output().is_ok_and(|output| output.status.success()))
    });
    let Some(way) = allowed else {
        eprintln!("skipped: needs `unshare --mount` and `mount -t tmpfs`, which are refused or not there");
        return None;
    };
    Some(with(way, commands).args(args).output().unwrap())
}

/// The error of a checkpoint that finds no space: its first line.
fn error(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<_> = text.lines().filter(|line| line.starts_with("Error: ")).collect();
    assert!(lines.len() == 1 && text.contains("cause: No space left on device"), "{text}");
    lines[0].to_owned()
}

/// Fills the disk in the 14th step, after which there is a checkpoint; that of the 12th is written by then.
const FILL: &str = "--sleep 50 --folder \"$0\" --save-every 2 --event fill --fill \"$0\"/rest --rank 0 --at 1";

#[test]
fn a_full_disk_of_the_first_rank_ends_all_with_its_error() {
    if mpirun::is_missing() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // The second batch of rank 0 in an epoch is the third of one process.
    let alone = format!("\"$1\" --accumulate 2 {} --at 2", FILL.replace(" --at 1", ""));
    let Some(alone) = on_a_small_disk(folder.path(), &alone, &[PROGRAM]) else { return };
    assert_eq!(alone.status.code(), Some(1));
    let expected = error(&alone);
    assert!(expected.contains("step=14.ckpt"), "{expected}");

    // The checkpoint before is whole: the run resumes when there is space.
    let several = format!(
        "mpirun --oversubscribe -n 2 \"$1\" {FILL} >&2; code=$?
        rm \"$0\"/rest
        mpirun --oversubscribe -n 2 \"$1\" --folder \"$0\" --save-every 2 --resume 2> /dev/null
        exit $code"
    );
    let several = on_a_small_disk(folder.path(), &several, &[PROGRAM]).unwrap();
    let text = String::from_utf8_lossy(&several.stderr);
    assert_eq!(mpirun::exit_code(&several), Some(1), "{text}");
    assert!(text.contains(&expected), "{expected}\n{text}");
    let (_, what) = expected.split_once("Error: ").unwrap();
    assert!(text.contains(&format!("Error: rank 0 failed: {what}: No space left on device")), "{text}");
    assert_eq!(text.matches("ends fit").count(), 2, "{text}");
    let undisturbed = Command::new(PROGRAM).args(["--accumulate", "2"]).output().unwrap();
    assert_eq!(mpirun::weights(&several), mpirun::weights(&undisturbed));
}

#[test]
fn a_full_disk_of_the_logs_is_a_warning_and_training_goes_on() {
    if mpirun::is_missing() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let fill = FILL.replace(" --save-every 2", "");
    let commands = format!("mpirun --oversubscribe -n 2 \"$1\" {fill} --logs-only --epochs 6");
    let Some(several) = on_a_small_disk(folder.path(), &commands, &[PROGRAM]) else { return };
    let text = String::from_utf8_lossy(&several.stderr);
    assert!(text.contains("warning: the logger `TensorBoardLogger` failed, and the run continues"), "{text}");
    // The `test` after it locks the folder of its run, for which there is no space: an error of rank 0
    // before the others are told of the folder.
    assert_eq!(mpirun::exit_code(&several), Some(1), "{text}");
    assert!(text.contains("rank 0 failed: cannot lock the run folder"), "{text}");
    let one = Command::new(PROGRAM).args(["--accumulate", "2", "--epochs", "6"]).output().unwrap();
    assert_eq!(mpirun::weights(&several), mpirun::weights(&one));
}
