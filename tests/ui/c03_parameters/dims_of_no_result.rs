// mistakes: 2
use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(LinearConfig::new(4, hidden).init(device))]
    layer: Linear,
    #[hparam(default = 8)]
    hidden: usize,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }

    #[dims(-> batch, hidden)]
    fn validation_step(&self, batch: Tensor<2>) {
        self.layer.forward(batch);
    }

    fn test_step(#[dims(batch, 2)] &self, batch: Tensor<2>) {
        self.layer.forward(batch);
    }
}

fn main() {
    let _ = Net::trainer();
}
