// mistakes: 1
use lightning_core::prelude::*;

#[derive(Batch)]
struct Texts {
    #[batch(host)]
    lines: Vec<String>,
}

fn main() {}
