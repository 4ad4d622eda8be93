//! Configuration files that are part of a program.

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;

/// The program, in a folder of its own.
fn start(folder: &Path, args: &str) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_cli_included"))
        .args(args.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

#[test]
fn a_file_is_a_layer_above_the_program_and_below_everything_else() {
    let folder = TempDir::new().unwrap();
    let (code, config, error) = start(folder.path(), "fit --print-config");
    assert_eq!(code, 0, "{error}");
    // `hidden` and `max_epochs` are in the program, too; the rest is in one of both.
    for line in
        ["seed: 11", "  hidden: 6", "  lr: 0.5", "  batch_size: 4", "  max_epochs: 1", "  limit_train_batches: 6"]
    {
        assert!(config.lines().any(|found| found == line), "{line}\n{config}");
    }
    fs::write(folder.path().join("later.yaml"), "model: {hidden: 7}\nseed: 12\n").unwrap();
    let (_, config, _) = start(folder.path(), "fit --print-config --config later.yaml --trainer.max_epochs 2");
    for line in ["seed: 12", "  hidden: 7", "  max_epochs: 2", "  lr: 0.5"] {
        assert!(config.lines().any(|found| found == line), "{line}\n{config}");
    }
}

#[test]
fn its_callbacks_and_loggers_are_those_of_the_program() {
    let folder = TempDir::new().unwrap();
    let (code, plan, error) = start(folder.path(), "plan");
    assert_eq!(code, 0, "{error}");
    assert!(plan.contains("# callbacks of the program: EarlyStopping"), "{plan}");
    assert!(plan.contains("# loggers of the program: 1"), "{plan}");
}

#[test]
fn a_checkpoint_has_priority_over_the_file() {
    let folder = TempDir::new().unwrap();
    let (code, _, error) = start(folder.path(), "fit --model.hidden 9 --trainer.enable_progress_bar false");
    assert_eq!(code, 0, "{error}");
    // With 6 hidden units, as in the file, the weights would not fit.
    let (code, out, error) = start(folder.path(), "test --ckpt last");
    assert_eq!(code, 0, "{out}\n{error}");
    assert!(out.contains("test_loss") || error.contains("test_loss"), "{out}\n{error}");
}

#[test]
fn a_flag_that_is_wrong_is_refused_as_ever() {
    let folder = TempDir::new().unwrap();
    let (code, _, error) = start(folder.path(), "fit --model.hiden 9");
    assert_eq!(code, 2);
    assert!(error.contains("did you mean `--model.hidden`?"), "{error}");
}

#[test]
fn the_program_depends_on_its_files() {
    let folder = TempDir::new().unwrap();
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("rustc")
        .args(lightning_tests::libraries::rustc_arguments("it", &["burn", "lightning_core"]))
        .args(["--emit", "dep-info", "--crate-name", "included", "--out-dir"])
        .args([folder.path(), &manifest.join("src/bin/cli_included.rs")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let files = fs::read_to_string(folder.path().join("included.d")).unwrap();
    for name in ["cli_included.yaml", "cli_included_net.toml", "cli_included_points.json"] {
        assert!(
            files.lines().any(|line| line.starts_with(&*manifest.join("src/bin").join(name).display().to_string())),
            "{name}\n{files}"
        );
    }
}
