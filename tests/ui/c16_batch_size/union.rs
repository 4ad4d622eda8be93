// mistakes: 1
use lightning_core::prelude::*;

#[derive(Batch)]
union Bits {
    a: u32,
    b: f32,
}

fn main() {}
