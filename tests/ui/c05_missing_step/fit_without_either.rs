// mistakes: 2
use burn::{nn::*, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn test_step(&self, batch: Tensor<2>) {
        #[log(minimize)]
        let test_loss = self.layer.forward(batch).mean();
    }
}

fn fit(trainer: &mut Trainer<Net>, net: &mut Net, data: DataLoader<Tensor<2>>) -> Result<()> {
    trainer.fit(net, data)?;
    Ok(())
}

fn main() {}
