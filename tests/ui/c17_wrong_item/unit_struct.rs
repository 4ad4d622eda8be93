// mistakes: 1
use lightning_core::prelude::*;

#[lightning_module]
struct Net;

fn main() {}
