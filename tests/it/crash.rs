//! A few of the kills of the crash program, which does hundreds by hand: `cargo run -p
//! lightning-tests --bin crash -- 500`. `LIGHTNING_KILLS` sets the number.

use std::process::Command;

#[test]
fn killed_at_random_moments_nothing_is_lost() {
    let kills = std::env::var("LIGHTNING_KILLS").unwrap_or_else(|_| "20".to_owned());
    let output = Command::new(env!("CARGO_BIN_EXE_crash")).arg(kills).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("nothing lost"), "{text}");
}
