// mistakes: 1
use lightning_core::prelude::*;

#[derive(Batch)]
struct Nothing {}

fn main() {}
