// mistakes: 3
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
        #[log(minimize)]
        let train_loss = self.layer.forward(batch).mean();
        train_loss
    }
    fn on_train_epoch_end(&mut self, cx: &mut HookContext) -> Result<()> {
        let _ = cx.metrics()?.get(Self::TRAIN_LOSS);
        let _ = cx.metrics()?.get(Other::TRAIN_LOSS);
        Ok(())
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
        #[log(minimize)]
        let train_loss = self.layer.forward(batch).mean();
        train_loss
    }
}

fn main() -> Result<()> {
    let mut model = Net::new(NetHparams::default());
    let batches = vec![Tensor::<2>::ones([4, 4], &Device::default())];
    let report = Net::trainer().build()?.fit(&mut model, batches)?;
    let _ = report.metrics.get(Net::TRAIN_LOSS);
    let _ = report.metrics.get(Other::TRAIN_LOSS);
    let _ = report.best_score(Other::TRAIN_LOSS);
    Ok(())
}
