//! A run of any length needs as much memory as a short one; the program `memory` looks at longer ones.

use std::process::Command;

use crate::tiny::{growth_of_fits, growth_of_steps};

#[test]
fn steps_do_not_grow() {
    alone("memory::steps_do_not_grow", || {
        let grown = growth_of_steps(6_000, 2_000).unwrap();
        assert!(grown < 1.0, "{grown} MiB");
    });
}

#[test]
fn fits_do_not_grow() {
    alone("memory::fits_do_not_grow", || {
        let grown = growth_of_fits(40, 15).unwrap();
        assert!(grown < 1.0, "{grown} MiB");
    });
}

/// Runs a test in a process of its own: what a process holds is also what the tests beside it hold.
fn alone(test: &str, body: impl FnOnce()) {
    const ALONE: &str = "LIGHTNING_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return body();
    }
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).args([test, "--exact"]).env(ALONE, "1").output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
}
