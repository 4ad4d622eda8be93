// mistakes: 1
use burn::nn::*;
use lightning_core::prelude::*;

#[lightning_module]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

trait Model {
    fn on_fit_start(&mut self);
}

#[lightning_module]
impl Model for Net {
    fn on_fit_start(&mut self) {}
}

fn main() {}
