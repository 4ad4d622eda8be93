//! Searches the hyperparameters of a classifier of handwritten digits.
//!
//! The trials are in `lightning_logs/study.log`, which processes share: a second `tune` runs trials
//! beside the first, and one that is started after it was ended goes on. `optuna-dashboard` shows the
//! file. Where `RAY_ADDRESS` names a Ray cluster, as `http://127.0.0.1:8265`, the trials are its jobs.
//! A program with a command line has the same as a subcommand: `cli tune --trials 20`.
#![deny(warnings)]

use std::env;

use burn::{nn::*, optim::AdamConfig, prelude::*, tensor::activation::relu};
use lightning_core::{
    data::Subset,
    prelude::*,
    search::{Asha, Journal, RayJobs, Study, Tpe, TrialState},
};
use lightning_examples::data::digits::{Digit, digits};

#[derive(Batch, Clone, Debug)]
pub struct DigitBatch {
    images: Tensor<2>,       // [batch, 64]
    targets: Tensor<1, Int>, // [batch]
}

#[lightning_module]
#[optimizer(AdamConfig::new(), lr = lr)]
pub struct Digits {
    #[init(LinearConfig::new(64, hidden).init(device))]
    fc1: Linear,
    #[init(DropoutConfig::new(rate).init())]
    dropout: Dropout,
    #[init(LinearConfig::new(hidden, 10).init(device))]
    fc2: Linear,
    #[hparam(default = 64, search = choice(16, 32, 64, 128))]
    hidden: usize,
    #[hparam(default = 0.0, search = uniform(0.0..0.5))]
    rate: f64,
    #[hparam(default = 1e-3, search = log(1e-5..1e-1))]
    lr: f64,
}

#[lightning_module]
impl Digits {
    fn forward(&self, images: Tensor<2>) -> Tensor<2> {
        self.fc2.forward(self.dropout.forward(relu(self.fc1.forward(images))))
    }
    fn training_step(&self, batch: DigitBatch) -> Tensor<1> {
        cross_entropy(self.forward(batch.images), batch.targets)
    }
    fn validation_step(&self, batch: DigitBatch) {
        let logits = self.forward(batch.images);
        #[log(maximize)]
        let val_acc = accuracy(&logits, &batch.targets);
        #[log(minimize)]
        let val_loss = cross_entropy(logits, batch.targets);
    }
}

fn main() -> Result<()> {
    let mut study = Study::new(Digits::VAL_LOSS, DigitsSpace::new())
        .sampler(Tpe::new().seed(1))
        .pruner(Asha::new().min_resource(2))
        .storage(Journal::new("lightning_logs/study.log"));
    if let Ok(address) = env::var("RAY_ADDRESS") {
        study = study.engine(RayJobs::new(address));
    }
    // What the attributes of a module say can be replaced: `DigitsSpace::new().lr(uniform(0.0..1.0))`.
    study = study.verbose(true);
    study.optimize_until(20, |trial| {
        seed_everything(trial.seed());
        let mut data = DigitsData::new(DigitsDataHparams::default());
        let mut model = Digits::new(trial.hparams());
        let builder = Digits::trainer().max_epochs(16).callback(trial.pruning());
        let builder = builder.no_logger().enable_checkpointing(false).enable_model_summary(false);
        builder.enable_progress_bar(false).build()?.fit(&mut model, &mut data)
    })?;
    println!("{}", study.best()?);
    // Of a few trials they would be chance.
    let complete = study.trials()?.iter().filter(|trial| trial.state == TrialState::Complete).count();
    if complete >= 10 {
        println!("of the variance among the {complete} complete trials are explained by");
        for (name, share) in study.importances()? {
            println!("{:>5.1} % {name}", 100.0 * share);
        }
    }
    study.report("lightning_logs/study.html")?;
    println!("report: lightning_logs/study.html");
    Ok(())
}

#[data_module]
pub struct DigitsData {
    #[hparam(default = 64)]
    batch_size: usize,
    #[state(skip)]
    parts: Vec<Subset<Vec<Digit>>>,
}

#[data_module]
impl DigitsData {
    fn setup(&mut self, _stage: Stage) -> Result<()> {
        self.parts = random_split(digits()?, [0.8, 0.2], 0)?.into();
        Ok(())
    }
    fn train_dataloader(&self) -> Result<DataLoader<DigitBatch>> {
        DataLoader::builder(self.parts[0].clone()).batch_size(self.batch_size).shuffle(true).build()
    }
    fn val_dataloader(&self) -> Result<DataLoader<DigitBatch>> {
        DataLoader::builder(self.parts[1].clone()).batch_size(self.batch_size).build()
    }
}
