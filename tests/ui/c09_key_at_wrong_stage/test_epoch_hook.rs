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
    fn test_step(&self, batch: Tensor<2>) {
        #[log(minimize)]
        let loss = self.layer.forward(batch).mean();
    }
    fn on_test_epoch_end(&mut self) {
        #[log(maximize)]
        let test_bleu = 1.0;
    }
}

fn build() -> Result<Trainer<Net>> {
    Net::trainer().callback(ModelCheckpoint::new(Net::TEST_BLEU)).build()
}

fn main() {}
