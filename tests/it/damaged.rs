//! Damaged files, of which the program reads a million by hand: `cargo run -p lightning-tests --bin
//! damaged -- 1000000 > /dev/null`.

use std::process::Command;

#[test]
fn twenty_thousand_damaged_files() {
    let wanted = std::env::var("DAMAGED_FILES").unwrap_or_else(|_| "20000".to_owned());
    let output = Command::new(env!("CARGO_BIN_EXE_damaged")).arg(wanted).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("rejected with an error that names the file"), "{text}");
}
