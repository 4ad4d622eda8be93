// mistakes: 1
use burn::{nn::*, optim::*, prelude::*};
use lightning_core::prelude::*;

macro_rules! module {
    ($name:expr, $step:expr) => {
        #[lightning_module]
        #[optimizer(SgdConfig::new(), lr = 0.1)]
        struct Net {
            #[init(LinearConfig::new(4, 1).init(device))]
            layer: Linear,
        }

        #[lightning_module]
        impl Net {
            fn validation_step(&self, batch: Tensor<2>) {
                #[log(name = $name, on_step = $step)]
                let val_loss = batch.mean();
            }
            fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
                self.layer.forward(batch).mean()
            }
        }
    };
}

module!("val/loss", 3);

fn main() {}
