// mistakes: 1
use burn::nn::*;
use lightning_core::prelude::*;

#[lightning_module]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

struct Row(Vec<f32>);

#[lightning_module]
impl Net {
    fn validation_step(&self, batch: Row) {
        drop(batch);
    }
}

fn main() {}
