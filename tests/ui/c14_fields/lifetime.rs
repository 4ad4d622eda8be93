// mistakes: 1
use burn::{nn::*, optim::AdamConfig, prelude::*};
use lightning_core::prelude::*;
#[lightning_module]
#[optimizer(AdamConfig::new(), lr = 1e-3)]
pub struct Net<'a> {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[state(skip)]
    name: &'a str,
}
#[lightning_module]
impl<'a> Net<'a> {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = self.layer.forward(batch).mean();
        train_loss
    }
}
fn main() -> Result<()> {
    let mut net = Net::new(NetHparams::default());
    Net::trainer().callback(EarlyStopping::new(Net::TRAIN_LOSS)).build()?.fit(&mut net, vec![Tensor::<2>::zeros([1, 4], &Device::default())])?;
    Ok(())
}
