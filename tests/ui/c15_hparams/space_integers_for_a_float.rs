// mistakes: 1
use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    prelude::*,
    search::{Study, choice, int, log_uniform, uniform},
};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = lr)]
struct Net {
    #[init(LinearConfig::new(4, hidden).init(device))]
    layer: Linear,
    #[hparam(default = 0.1)]
    lr: f64,
    #[hparam(default = 32)]
    hidden: usize,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        let output = self.layer.forward(batch);
        #[log]
        let norm = output.clone().abs().mean();
        output.square().mean()
    }
    fn validation_step(&self, batch: Tensor<2>) {
        #[log(minimize)]
        let val_loss = self.layer.forward(batch).square().mean();
    }
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = rate)]
struct Other {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[hparam(default = 0.1)]
    rate: f64,
}

#[lightning_module]
impl Other {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).square().mean()
    }
}

fn main() {
    let _ = (uniform(0.0..1.0), log_uniform(0.1..1.0), int(1..=2), choice([1, 2]));
    let _ = Study::new(Net::VAL_LOSS, NetSpace::new());
    let _ = OtherSpace::new();
    let _ = NetSpace::new().lr(int(1..=8));
}
