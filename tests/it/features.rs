//! Every build of the workspace shares that of `cargo test --workspace`.

use std::{collections::BTreeSet, path::Path, process::Command};

/// Every package that is built, with its features.
fn packages(selection: &[&str], edges: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", edges, "--prefix", "none", "--format", "{p} {f}"])
        .args(selection)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).filter(|line| !line.is_empty()).collect()
}

/// Another feature of one package builds everything above it again: five minutes for Burn.
#[test]
fn every_build_has_the_features_of_the_tests() {
    let tests = packages(&["--workspace"], "normal,build,dev");
    for (name, selection, edges) in [
        ("cargo test -p lightning-tests", ["--package", "lightning-tests"].as_slice(), "normal,build,dev"),
        ("cargo build", &["--workspace"], "normal,build"),
    ] {
        let built = packages(selection, edges);
        let differing: Vec<_> = built.difference(&tests).collect();
        assert!(differing.is_empty(), "built again for `{name}`: {differing:#?}");
    }
}
