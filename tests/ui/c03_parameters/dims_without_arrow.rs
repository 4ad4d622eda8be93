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

    #[dims(batch, hidden)]
    fn forward(&self, #[dims(-> batch, 4)] x: Tensor<2>) -> Tensor<2> {
        self.layer.forward(x)
    }
}

fn main() {
    let _ = Net::trainer();
}
