// mistakes: 1
use lightning_core::prelude::*;

#[lightning_module]
enum Net {
    Small,
}

fn main() {}
