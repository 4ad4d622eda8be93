// mistakes: 1
use burn::{nn::*, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
struct Net {
    #[precision(f32)]
    #[init(gru::GruConfig::new(4, 4, true).init(device))]
    gru: gru::Gru,
}

impl Net {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.gru.forward(x)
    }
}

fn main() {}
