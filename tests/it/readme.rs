//! The README says what the programs do.

use std::path::Path;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

#[test]
fn the_readme_holds_the_digits_program_in_full() {
    let program = read("examples/src/bin/digits.rs");
    let program = program.split_once("#![deny(warnings)]\n\n").unwrap().1;
    let readme = read("README.md");
    assert!(readme.contains(&format!("```rust\n{program}```")), "README.md and digits.rs differ");
}

#[test]
fn the_digits_program_is_short() {
    let program = read("examples/src/bin/digits.rs");
    let (program, _data) = program.split_once("// The data:").unwrap();
    let lines = program.lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines <= 60, "{lines} lines without the data module");
}

#[test]
fn the_readme_is_one_page() {
    let lines = read("README.md").lines().count();
    assert!(lines <= 150, "{lines} lines");
}
