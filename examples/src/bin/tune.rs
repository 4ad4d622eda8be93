//! Searches the hyperparameters of a classifier of handwritten digits.
//!
//! `tune` keeps the trials in memory. `tune --journal study.log --workers 2` shares a file with
//! another process, and continues a search that was ended; `optuna-dashboard study.log` shows it.
//! With `--ray http://127.0.0.1:8265` the trials are jobs of a Ray cluster.
#![deny(warnings)]

use std::path::PathBuf;

use burn::{nn::*, optim::AdamConfig, prelude::*, tensor::activation::relu};
use clap::Parser;
use lightning_core::{
    data::Subset,
    prelude::*,
    search::{Asha, Journal, RayJobs, Study, Tpe, TrialState},
};
use lightning_examples::data::digits::{Digit, digits};

/// Searches hyperparameters.
#[derive(Parser)]
struct Args {
    /// Trials to run.
    #[arg(long, default_value_t = 20)]
    trials: usize,
    /// Epochs of a trial that is not pruned.
    #[arg(long, default_value_t = 16)]
    epochs: usize,
    /// The file of the trials, which processes share.
    #[arg(long)]
    journal: Option<PathBuf>,
    /// Processes that run trials; more than one need `--journal`.
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// The address of a Ray cluster that runs the trials, with `--journal`.
    #[arg(long)]
    ray: Option<String>,
    /// The page about the study.
    #[arg(long, default_value = "study.html")]
    report: PathBuf,
}

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
    let args = Args::parse();
    let mut study = Study::new(Digits::VAL_LOSS, DigitsSpace::new())
        .sampler(Tpe::new().seed(1))
        .pruner(Asha::new().min_resource(2));
    if let Some(journal) = &args.journal {
        study = study.storage(Journal::new(journal)).workers(args.workers);
    }
    if let Some(address) = &args.ray {
        study = study.engine(RayJobs::new(address));
    }
    // What the attributes of a module say can be replaced: `DigitsSpace::new().lr(uniform(0.0..1.0))`.
    study = study.verbose(true);
    study.optimize(args.trials, |trial| {
        seed_everything(trial.seed());
        let mut data = DigitsData::new(DigitsDataHparams::default());
        let mut model = Digits::new(trial.hparams());
        let builder = Digits::trainer().max_epochs(args.epochs).callback(trial.pruning());
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
    study.report(&args.report)?;
    println!("report: {}", args.report.display());
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
