// mistakes: 1
use burn::nn::*;
use lightning_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Size(usize);

#[lightning_module]
pub struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[hparam(default = Size(3))]
    size: Size,
}

fn main() {}
