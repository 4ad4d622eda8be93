//! rustc on one file at a time, without cargo: a third of a second each.

use std::{
    ffi::OsString,
    fs,
    ops::Range,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// Calls rustc with what the workspace was built from.
pub(crate) struct Compiler {
    folder: PathBuf,
    arguments: Vec<OsString>,
}

/// What rustc said.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) errors: Vec<Report>,
}

/// One error.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) message: String,
    /// The underlined places.
    pub(crate) primary: Vec<Range<usize>>,
    /// The labelled ones.
    pub(crate) labels: Vec<Range<usize>>,
}

impl Compiler {
    /// Asks cargo where the libraries are; it has built them for this very test.
    pub(crate) fn new(folder: &Path) -> Self {
        let output = Command::new(env!("CARGO"))
            .args(["test", "--offline", "--package", "lightning-tests", "--test", "mutants", "--no-run"])
            .args(["--message-format", "json"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let messages: Vec<Value> = String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        let mut arguments: Vec<OsString> =
            ["--edition", "2024", "--emit", "metadata", "--error-format", "json"].map(OsString::from).into();
        for name in ["burn", "lightning_core", "lightning_examples"] {
            let file = library(&messages, name);
            let mut dependency = OsString::from("dependency=");
            dependency.push(file.parent().expect("a folder"));
            let mut library = OsString::from(format!("{name}="));
            library.push(&file);
            arguments.extend(["-L".into(), dependency, "--extern".into(), library]);
        }
        Self { folder: folder.to_owned(), arguments }
    }

    /// Checks one program.
    pub(crate) fn check(&self, name: &str, source: &str) -> Verdict {
        let file = self.folder.join(format!("{name}.rs"));
        fs::write(&file, source).expect("the program is written");
        let output = Command::new("rustc")
            .args(&self.arguments)
            .args(["--crate-name", name, "--out-dir"])
            .args([&self.folder, &file])
            .output()
            .expect("rustc runs");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!text.contains("internal compiler error") && !text.contains("panicked"), "{name}: {text}");
        let errors: Vec<Report> = text.lines().filter_map(|line| report(line, &file)).collect();
        assert_eq!(output.status.success(), errors.is_empty(), "{name}: {text}");
        Verdict { errors }
    }
}

/// The library of a package, metadata where there is a file of it.
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

fn report(line: &str, file: &Path) -> Option<Report> {
    let message: Value = serde_json::from_str(line).ok()?;
    if message["level"] != "error" || message["spans"].as_array()?.is_empty() {
        return None;
    }
    let spans = |primary: bool| {
        let spans = message["spans"].as_array().into_iter().flatten();
        spans.filter(move |span| span["is_primary"] == primary).filter_map(|span| place(span, file)).collect()
    };
    let text = message["message"].as_str().unwrap_or_default().to_owned();
    Some(Report { message: text, primary: spans(true), labels: spans(false) })
}

/// Where in the user's file a span is: through macros of other files to where they are called.
fn place(span: &Value, file: &Path) -> Option<Range<usize>> {
    if Path::new(span["file_name"].as_str()?) != file {
        return place(&span["expansion"]["span"], file);
    }
    let byte = |name: &str| usize::try_from(span[name].as_u64()?).ok();
    Some(byte("byte_start")?..byte("byte_end")?)
}
