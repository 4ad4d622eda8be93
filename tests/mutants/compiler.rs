//! rustc on one file at a time, without cargo.

use std::{
    ffi::OsString,
    fs,
    ops::Range,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// What rustc says when it, or a macro, panics; an assertion that fails at compile time is an error
/// like any other.
const CRASHES: &[&str] = &["internal compiler error", "unexpectedly panicked", "attribute panicked", "derive panicked"];

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

/// What rustc said of several programs.
pub(crate) struct Together {
    /// Whether all of them are right.
    pub(crate) compiles: bool,
    /// The errors of each.
    pub(crate) verdicts: Vec<Verdict>,
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
    /// Asks cargo where the libraries are.
    pub(crate) fn new(folder: &Path) -> Self {
        let mut arguments =
            lightning_tests::libraries::rustc_arguments("mutants", &["burn", "lightning_core", "lightning_examples"]);
        arguments.extend(["--error-format", "json"].map(OsString::from));
        Self { folder: folder.to_owned(), arguments }
    }

    /// Checks one program.
    pub(crate) fn check(&self, name: &str, source: &str) -> Verdict {
        let (_, errors) = self.compile(name, source);
        Verdict { errors }
    }

    /// Checks several programs at once, each in a module of its own: reading the libraries is most
    /// of the time. An error of one can keep rustc from coming to a later error of another, so only
    /// what is found here is certain; what is not needs another look.
    pub(crate) fn check_together(&self, name: &str, sources: &[&str]) -> Together {
        let mut text = String::new();
        let mut places = Vec::new();
        for (index, source) in sources.iter().enumerate() {
            text.push_str(&format!("mod program_{index} {{\n"));
            let start = text.len();
            text.push_str(source);
            places.push(start..text.len());
            text.push_str("\n}\n");
        }
        text.push_str("fn main() {}\n");
        let (compiles, errors) = self.compile(name, &text);
        let mut verdicts: Vec<Verdict> = sources.iter().map(|_| Verdict { errors: Vec::new() }).collect();
        for error in errors {
            let spans = || error.primary.iter().chain(&error.labels);
            let of =
                places.iter().position(|place| spans().any(|span| place.start <= span.start && span.end <= place.end));
            let Some(of) = of else { continue };
            let moved = |spans: &[Range<usize>]| {
                let inside = spans.iter().filter(|span| places[of].start <= span.start && span.end <= places[of].end);
                inside.map(|span| span.start - places[of].start..span.end - places[of].start).collect()
            };
            let (primary, labels) = (moved(&error.primary), moved(&error.labels));
            verdicts[of].errors.push(Report { message: error.message, primary, labels });
        }
        Together { compiles, verdicts }
    }

    fn compile(&self, name: &str, source: &str) -> (bool, Vec<Report>) {
        let file = self.folder.join(format!("{name}.rs"));
        fs::write(&file, source).expect("the program is written");
        let output = Command::new("rustc")
            .args(&self.arguments)
            .args(["--crate-name", name, "--out-dir"])
            .args([&self.folder, &file])
            .output()
            .expect("rustc runs");
        let text = String::from_utf8_lossy(&output.stderr);
        let crashed = CRASHES.iter().any(|words| text.contains(words));
        assert!(!crashed, "{name}: {text}");
        let errors: Vec<Report> = text.lines().filter_map(|line| report(line, &file)).collect();
        assert_eq!(output.status.success(), errors.is_empty(), "{name}: {text}");
        (output.status.success(), errors)
    }
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
