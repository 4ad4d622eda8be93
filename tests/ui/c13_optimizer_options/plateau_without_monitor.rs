// mistakes: 1
use burn::{nn::*, optim::*, prelude::*};
use lightning_core::{prelude::*, schedulers::ReduceLROnPlateau};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = ReduceLROnPlateau::new(0.1).patience(2), interval = epoch)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
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
