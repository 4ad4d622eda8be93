// mistakes: 1
use lightning_core::prelude::*;

struct Block;

#[lightning_module]
struct Net {
    #[init(Block)]
    block: Block,
}

fn main() {}
