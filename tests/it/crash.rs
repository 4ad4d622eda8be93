//! A few of the kills of the crash program, which does two hundred by hand: `cargo run -p
//! lightning-tests --bin crash -- 200`.

use std::process::Command;

#[test]
fn killed_at_random_moments_nothing_is_lost() {
    let output = Command::new(env!("CARGO_BIN_EXE_crash")).arg("6").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("nothing lost"), "{text}");
}
