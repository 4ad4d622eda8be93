// mistakes: 1
use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
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

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Other {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Other {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }
    fn validation_step(&self, batch: Tensor<2>) {
        #[log(minimize)]
        let val_loss = self.layer.forward(batch).mean();
    }
}

fn score(trainer: &mut Trainer<Net>, net: &mut Net, data: Vec<Tensor<2>>) -> Result<Option<f64>> {
    Ok(trainer.validate(net, data)?.get(Other::VAL_LOSS))
}

fn main() {}
