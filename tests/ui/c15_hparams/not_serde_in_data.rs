// mistakes: 1
use lightning_core::prelude::*;

#[derive(Clone, Debug, PartialEq)]
struct Size(usize);

#[data_module]
struct Data {
    #[hparam(default = Size(3))]
    size: Size,
}

fn main() {}
