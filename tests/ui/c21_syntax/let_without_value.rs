// mistakes: 1
use burn::{nn::*, optim::AdamConfig, prelude::*};
use lightning_core::prelude::*;

#[derive(Batch, Clone, Debug)]
pub struct Xy {
    x: Tensor<2>,
    y: Tensor<1, Int>,
}

#[lightning_module]
#[optimizer(AdamConfig::new(), lr = lr)]
pub struct Net {
    #[init(LinearConfig::new(4, hidden).init(device))]
    fc1: Linear,
    #[init(LinearConfig::new(hidden, 3).init(device))]
    fc2: Linear,
    #[hparam(default = 8)]
    hidden: usize,
    #[hparam(default = 1e-3)]
    lr: f64,
    #[state]
    epochs: usize,
}

#[lightning_module]
impl Net {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.fc2.forward(self.fc1.forward(x))
    }
    fn training_step(&self, batch: Xy) -> Tensor<1> {
        let logits = self.forward(batch.x);
        let x =
        #[log(minimize, prog_bar)]
        let train_loss = cross_entropy(logits, batch.y);
        train_loss
    }
    fn validation_step(&self, batch: Xy) {
        let logits = self.forward(batch.x);
        #[log(maximize)]
        let val_acc = accuracy(&logits, &batch.y);
        #[log(minimize)]
        let val_loss = cross_entropy(logits, batch.y);
    }
    fn on_train_epoch_end(&mut self, cx: &mut HookContext) {
        self.epochs += 1;
    }
}

fn main() -> Result<()> {
    let rows: Vec<Xy> = Vec::new();
    let mut net = Net::new(NetHparams::default().with_hidden(16));
    let mut trainer = Net::trainer()
        .max_epochs(2)
        .callback(EarlyStopping::new(Net::VAL_LOSS))
        .callback(ModelCheckpoint::new(Net::VAL_ACC))
        .build()?;
    let report = trainer.fit(&mut net, (DataLoader::from_batches(rows.clone())?, DataLoader::from_batches(rows)?))?;
    println!("{:?} {}", report.get(Net::TRAIN_LOSS), net.forward(Tensor::zeros([1, 4], &Device::default())));
    Ok(())
}
