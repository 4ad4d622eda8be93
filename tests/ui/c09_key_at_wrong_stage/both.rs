// mistakes: 2
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
        let test_loss = self.layer.forward(batch).mean();
    }
}

fn build() -> Result<Trainer<Net>> {
    Net::trainer().callback(EarlyStopping::new(Net::TEST_LOSS)).callback(ModelCheckpoint::new(Net::TEST_LOSS)).build()
}

fn main() {}
