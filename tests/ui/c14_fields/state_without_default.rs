// mistakes: 1
use burn::nn::*;
use lightning_core::prelude::*;

#[derive(Clone, Debug, lightning_core::__private::serde::Serialize, lightning_core::__private::serde::Deserialize)]
#[serde(crate = "lightning_core::__private::serde")]
struct Best(f64);

#[lightning_module]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[state]
    best: Best,
}

fn main() {}
