//! Programs of others, which read what this library writes or serve what it talks to: their Python, and
//! the scripts of `tests/foreign`.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// The Python that the variable names, which has the package. Without, the test says that it is skipped.
pub fn python(variable: &str, package: &str) -> Option<PathBuf> {
    let python = std::env::var_os(variable).map(PathBuf::from);
    if python.is_none() {
        eprintln!("SKIPPED what needs `{package}`: `{variable}` must be a Python that has it");
    }
    python
}

/// The Python of the variable `PYTHON`, or that of the machine.
pub fn any_python() -> PathBuf {
    std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into()).into()
}

/// A script of `tests/foreign`.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign").join(name)
}

/// What a command prints, as JSON.
pub fn json_of(command: &mut Command) -> Value {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
