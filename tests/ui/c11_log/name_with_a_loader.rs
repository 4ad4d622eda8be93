// mistakes: 1
use burn::{nn::*, optim::*, prelude::*};
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
        #[log(minimize, name = "val/loss/dataloader_idx_0")]
        let val_loss = self.layer.forward(batch).mean();
    }
}

fn main() -> Result<()> {
    Net::trainer().callback(EarlyStopping::new(Net::VAL_LOSS)).build().map(drop)
}
