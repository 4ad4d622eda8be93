//! `cargo test -p lightning-tests` shares the build of `cargo test --workspace`.

use std::{collections::BTreeSet, path::Path, process::Command};

/// Every package that is built, with its features.
fn packages(selection: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal,build,dev", "--prefix", "none", "--format", "{p} {f}"])
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
fn one_package_has_the_features_of_the_workspace() {
    let workspace = packages(&["--workspace"]);
    let alone = packages(&["--package", "lightning-tests"]);
    let differing: Vec<_> = alone.difference(&workspace).collect();
    assert!(differing.is_empty(), "built again for `-p lightning-tests`: {differing:#?}");
}
