//! Where cargo has put the libraries, for programs that rustc compiles without it.

use std::{ffi::OsString, path::PathBuf, process::Command};

use serde_json::Value;

/// The arguments by which rustc finds the libraries with these names. Asks cargo, which has built them
/// for the calling test, `test`, with the features of the whole workspace.
///
/// # Panics
/// If cargo cannot build that test.
pub fn rustc_arguments(test: &str, names: &[&str]) -> Vec<OsString> {
    let output = Command::new(env!("CARGO"))
        .args(["test", "--offline", "--workspace", "--test", test, "--no-run", "--message-format", "json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let messages: Vec<Value> =
        String::from_utf8_lossy(&output.stdout).lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let mut arguments: Vec<OsString> = ["--edition", "2024", "--emit", "metadata"].map(OsString::from).into();
    for name in names {
        let file = library(&messages, name);
        let mut dependency = OsString::from("dependency=");
        dependency.push(file.parent().expect("a folder"));
        let mut library = OsString::from(format!("{name}="));
        library.push(&file);
        arguments.extend(["-L".into(), dependency, "--extern".into(), library]);
    }
    arguments
}

/// The metadata of a package's library.
fn library(messages: &[Value], name: &str) -> PathBuf {
    let artifact = messages.iter().find(|message| {
        message["reason"] == "compiler-artifact"
            && message["target"]["name"] == name
            && message["target"]["kind"][0] == "lib"
            && message["profile"]["test"] == false
    });
    let files = artifact.and_then(|artifact| artifact["filenames"].as_array()).expect("a library");
    let file = files.iter().filter_map(Value::as_str).find(|file| file.ends_with(".rmeta"));
    PathBuf::from(file.expect("metadata"))
}
