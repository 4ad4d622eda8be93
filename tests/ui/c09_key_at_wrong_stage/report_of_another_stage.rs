// mistakes: 3
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
        #[log(minimize)]
        let val_loss = self.layer.forward(batch).mean();
    }

    fn test_step(&self, batch: Tensor<2>) {
        #[log]
        let test_loss = self.layer.forward(batch).mean();
    }
}

fn main() -> Result<()> {
    let data = || vec![Tensor::<2>::zeros([2, 4], &Default::default()); 3];
    let (mut net, mut trainer) = (Net::new(NetHparams::default()), Net::trainer().max_epochs(1).build()?);
    let fitted = trainer.fit(&mut net, (data(), data()))?.get(Net::TEST_LOSS);
    let validated = trainer.validate(&mut net, data())?.get(Net::TEST_LOSS);
    let tested = trainer.test(&mut net, data())?.get(Net::VAL_LOSS);
    println!("{fitted:?} {validated:?} {tested:?}");
    Ok(())
}
