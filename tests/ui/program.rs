//! Compiles one wrong program, and compares what rustc says with what is kept beside it.

use std::{ffi::OsString, fs, path::Path, process::Command};

use super::normalize::normalize;

/// Calls rustc with what the workspace was built from.
pub(super) struct Compiler {
    arguments: Vec<OsString>,
    /// Where it writes.
    output: tempfile::TempDir,
    workspace: String,
}

impl Compiler {
    pub(super) fn new() -> Self {
        let libraries = lightning_tests::libraries::rustc_arguments("ui", &["burn", "lightning_core", "serde"]);
        let options = ["--color=never", "--diagnostic-width=140", "--crate-name", "wrong"].map(OsString::from);
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        Self {
            arguments: [libraries, options.into()].concat(),
            output: tempfile::tempdir().unwrap(),
            workspace: workspace.display().to_string(),
        }
    }

    /// What rustc says of a program; `None` if it compiles.
    pub(super) fn message(&self, name: &str) -> Option<String> {
        let output = Command::new("rustc")
            .args(&self.arguments)
            .arg("--out-dir")
            .arg(self.output.path().join(name))
            .arg(format!("tests/ui/{name}.rs"))
            // Where the libraries were compiled: rustc finds their sources and shows them.
            .current_dir(&self.workspace)
            .output()
            .expect("rustc runs");
        let said = String::from_utf8_lossy(&output.stderr);
        (!output.status.success()).then(|| normalize(&said, &self.workspace))
    }

    /// Compares a program's message with the kept one; returns what differs. `update` keeps the new one.
    pub(super) fn check(&self, name: &str, update: bool) -> Option<String> {
        let Some(said) = self.message(name) else { return Some(format!("{name}: compiles without an error")) };
        let path = super::folder("ui").join(format!("{name}.stderr"));
        let kept = fs::read_to_string(&path).unwrap_or_default();
        if said == kept {
            return None;
        }
        if update {
            fs::write(&path, &said).unwrap();
            return None;
        }
        Some(format!("{name}:\n--- expected\n{kept}--- found\n{said}"))
    }
}
