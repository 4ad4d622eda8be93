// mistakes: 1
use burn::{nn::*, optim::*, prelude::*};
use lightning_core::prelude::*;

macro_rules! module {
    ($frequency:expr) => {
        #[lightning_module]
        #[optimizer(SgdConfig::new(), lr = Cosine::new(0.1, 100), interval = step, frequency = $frequency)]
        struct Net {
            #[init(LinearConfig::new(4, 1).init(device))]
            layer: Linear,
        }
    };
}

module!(0);

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }
}

fn main() {}
