// mistakes: 1
use lightning_core::prelude::*;

#[lightning_module]
fn net() {}

fn main() {}
