// mistakes: 1
use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

type Rows = Tensor<2>;

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

    fn forward(&self, #[dims(batch)] x: Rows) -> Tensor<2> {
        self.layer.forward(x)
    }
}

fn main() {
    let _ = Net::trainer();
}
