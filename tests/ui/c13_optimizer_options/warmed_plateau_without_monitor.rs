// mistakes: 1
use burn::{nn::*, optim::*, prelude::*};
use lightning_core::{prelude::*, schedulers::ReduceLROnPlateau};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = ReduceLROnPlateau::new(lr).warmup(5), interval = epoch)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[hparam(default = 0.1)]
    lr: f64,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }

    fn validation_step(&self, batch: Tensor<2>) {
        #[log(minimize)]
        let val_loss = self.layer.forward(batch).mean();
    }
}

fn main() {}
