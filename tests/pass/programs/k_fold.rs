//! A sweep: hyperparameters by folds, loaders without a data module, a trainer that any module
//! could have.
#![deny(warnings)]

use burn::{nn::*, optim::AdamConfig, prelude::*, tensor::activation::relu};
use lightning_core::{
    data::{Subset, k_fold},
    prelude::*,
};

type Penguin = ([f32; 4], i64);

#[derive(Batch, Clone, Debug)]
pub struct PenguinBatch {
    features: Tensor<2>,
    species: Tensor<1, Int>,
}

#[lightning_module]
#[optimizer(AdamConfig::new(), lr = lr)]
pub struct Mlp {
    #[init(LinearConfig::new(4, hidden).init(device))]
    fc1: Linear,
    #[init(LinearConfig::new(hidden, 3).init(device))]
    fc2: Linear,
    #[hparam(default = 8)]
    hidden: usize,
    #[hparam(default = 1e-3)]
    lr: f64,
}

#[lightning_module]
impl Mlp {
    fn forward(&self, features: Tensor<2>) -> Tensor<2> {
        self.fc2.forward(relu(self.fc1.forward(features)))
    }
    fn training_step(&self, batch: PenguinBatch) -> Tensor<1> {
        cross_entropy(self.forward(batch.features), batch.species)
    }
    fn validation_step(&self, batch: PenguinBatch) {
        #[log(maximize)]
        let val_acc = accuracy(&self.forward(batch.features), &batch.species);
    }
}

fn loader(penguins: Subset<Vec<Penguin>>, shuffle: bool) -> Result<DataLoader<PenguinBatch>> {
    DataLoader::builder(penguins).batch_size(4).shuffle(shuffle).collate(collate).build()
}

fn collate(items: Vec<Penguin>) -> Result<PenguinBatch> {
    let (device, rows) = (Device::default(), items.len());
    let (features, species): (Vec<[f32; 4]>, Vec<i64>) = items.into_iter().unzip();
    Ok(PenguinBatch {
        features: Tensor::from_data(TensorData::new(features.concat(), [rows, 4]), &device),
        species: Tensor::from_data(TensorData::new(species, [rows]), &device),
    })
}

#[test]
fn runs() -> Result<()> {
    let logs = tempfile::tempdir().unwrap();
    let penguins: Vec<Penguin> = (0..12_u8).map(|n| ([f32::from(n) / 12.0; 4], i64::from(n % 3))).collect();
    for (lr, hidden) in [(1e-2, 4), (1e-3, 8)] {
        let mut scores = Vec::new();
        for (fold, (train, val)) in k_fold(&penguins, 3, 42).enumerate() {
            seed_everything(fold as u64);
            let mut model = Mlp::new(MlpHparams::default().with_lr(lr).with_hidden(hidden));
            let mut trainer = Trainer::builder()
                .max_epochs(2)
                .enable_progress_bar(false)
                .enable_model_summary(false)
                .logger(CsvLogger::new(logs.path()).name(format!("lr{lr}-h{hidden}")).version(format!("fold{fold}")))
                .callback(ModelCheckpoint::new(Mlp::VAL_ACC))
                .build()?;
            let report = trainer.fit(&mut model, (loader(train, true)?, loader(val, false)?))?;
            scores.push(report.best_score(Mlp::VAL_ACC));
        }
        assert!(scores.len() == 3 && scores.iter().all(Option::is_some));
    }
    Ok(())
}
