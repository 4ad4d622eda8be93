// mistakes: 1
use lightning_core::prelude::*;

#[data_module]
trait Data {}

fn main() {}
