//! A run of any length needs as much memory as a short one; the program `memory` looks at longer ones.

use crate::tiny::{growth_of_fits, growth_of_steps};

#[test]
fn steps_do_not_grow() {
    let grown = growth_of_steps(6_000, 2_000).unwrap();
    assert!(grown < 1.0, "{grown} MiB");
}

#[test]
fn fits_do_not_grow() {
    let grown = growth_of_fits(40, 15).unwrap();
    assert!(grown < 1.0, "{grown} MiB");
}
