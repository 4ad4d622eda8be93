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
        #[log(minimize)]
        let train_loss = self.layer.forward(batch).mean();
        train_loss
    }
    fn validation_step(&self, batch: Tensor<2>) {
        #[log(minimize)]
        let val_loss = self.layer.forward(batch).mean();
    }
}

fn main() -> Result<()> {
    let _ = Net::trainer().logger(CsvLogger::new("logs")).barebones(true).build()?;
    Ok(())
}
