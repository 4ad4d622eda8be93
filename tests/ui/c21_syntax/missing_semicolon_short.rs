// mistakes: 1
use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[state]
    epochs: usize,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = self.layer.forward(batch).mean();
        train_loss
    }
    fn on_train_epoch_end(&mut self) {
        self.epochs += 1
        println!("{}", self.epochs);
    }
}

fn main() -> Result<()> {
    let data = vec![Tensor::<2>::ones([2, 4], &Device::default())];
    let mut model = Net::new(NetHparams::default());
    let stop = EarlyStopping::new(Net::TRAIN_LOSS);
    Net::trainer().max_epochs(1).callback(stop).build()?.fit(&mut model, data)?;
    Ok(())
}
