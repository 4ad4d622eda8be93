//! Starts the program `cli_program` in a folder of its own.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// What an invocation came to.
pub struct Told {
    pub code: i32,
    pub out: String,
    pub err: String,
    /// The names of the files and folders that it left.
    pub left: Vec<String>,
    pub folder: TempDir,
}

/// A configuration that many cases read.
pub const BASE: &str = "\
seed: 7
model:
  lr: 0.25
  block:
    width: 6
data:
  batch_size: 8
trainer:
  max_epochs: 1
";

/// Starts the program with files, variables and a text for its input.
pub fn start(args: &[&str], files: &[(&str, &[u8])], vars: &[(&str, &str)], input: &str) -> Told {
    let folder = TempDir::new().unwrap();
    start_in(folder, args, files, vars, input)
}

/// As [`start`], in a folder that may hold something.
pub fn start_in(folder: TempDir, args: &[&str], files: &[(&str, &[u8])], vars: &[(&str, &str)], input: &str) -> Told {
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let before = names(folder.path());
    let mut command = Command::new(env!("CARGO_BIN_EXE_cli_program"));
    command.args(args).current_dir(folder.path());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LIGHTNING_")) {
        command.env_remove(name);
    }
    let mut child = command
        .envs(vars.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that reads no input closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let left = names(folder.path()).into_iter().filter(|name| !before.contains(name)).collect();
    Told {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
        left,
        folder,
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}
