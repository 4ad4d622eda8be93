//! Tabular data with missing values: predicts the species of penguins (classification) and their
//! body mass (regression), with cross-validation.
//!
//! The data set is the Palmer penguins (344 birds, CC0), `penguins.csv` of
//! allisonhorst/palmerpenguins, read from `--data-dir`.
#![deny(warnings)]

use std::path::PathBuf;

use burn::{nn::*, optim::AdamWConfig, prelude::*, tensor::activation::relu};
use clap::Parser;
use lightning_core::{data::host, prelude::*, trainer::TrainerBuilder};
use lightning_examples::data::penguins::{CLASSES, Penguin, Scaler, penguins, stratified_folds};

#[derive(Batch, Clone, Debug)]
pub struct SpeciesBatch {
    features: Tensor<2>,     // [batch, 8]
    species: Tensor<1, Int>, // [batch]
}

#[lightning_module]
#[optimizer(AdamWConfig::new().with_weight_decay(1e-2), lr = lr)]
pub struct SpeciesNet {
    #[init(LinearConfig::new(8, hidden).init(device))]
    fc1: Linear,
    #[init(DropoutConfig::new(0.1).init())]
    dropout: Dropout,
    #[init(LinearConfig::new(hidden, CLASSES).init(device))]
    fc2: Linear,
    #[hparam(default = 32)]
    hidden: usize,
    #[hparam(default = 1e-2)]
    lr: f64,
}

#[lightning_module]
impl SpeciesNet {
    fn forward(&self, features: Tensor<2>) -> Tensor<2> {
        self.fc2.forward(self.dropout.forward(relu(self.fc1.forward(features))))
    }

    fn training_step(&self, batch: SpeciesBatch) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = cross_entropy(self.forward(batch.features), batch.species);
        train_loss
    }

    fn test_step(&self, batch: SpeciesBatch) {
        #[log(maximize)]
        let test_acc = accuracy(&self.forward(batch.features), &batch.species);
    }
}

#[derive(Batch, Clone, Debug)]
pub struct MassBatch {
    features: Tensor<2>, // [batch, 10]
    mass: Tensor<2>,     // [batch, 1]
}

#[lightning_module]
#[optimizer(AdamWConfig::new().with_weight_decay(1e-2), lr = lr)]
pub struct MassNet {
    #[init(LinearConfig::new(10, hidden).init(device))]
    fc1: Linear,
    #[init(LinearConfig::new(hidden, 1).init(device))]
    fc2: Linear,
    #[hparam(default = 32)]
    hidden: usize,
    #[hparam(default = 3e-3)]
    lr: f64,
}

#[lightning_module]
impl MassNet {
    fn forward(&self, features: Tensor<2>) -> Tensor<2> {
        self.fc2.forward(relu(self.fc1.forward(features)))
    }

    fn training_step(&self, batch: MassBatch) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = mse_loss(self.forward(batch.features), batch.mass);
        train_loss
    }

    /// In units of the variance of the training part: predicting the mean gives about 1.
    fn test_step(&self, batch: MassBatch) {
        #[log(minimize)]
        let test_mse = mse_loss(self.forward(batch.features), batch.mass);
    }
}

fn species_batch(scaler: &Scaler<8>, penguins: &[Penguin]) -> SpeciesBatch {
    let device = host();
    let features: Vec<f32> = penguins.iter().flat_map(|penguin| scaler.scale(&penguin.features())).collect();
    let species: Vec<i32> = penguins.iter().map(|penguin| penguin.species as i32).collect();
    SpeciesBatch {
        features: Tensor::from_data(TensorData::new(features, [penguins.len(), 8]), &device),
        species: Tensor::from_data(TensorData::new(species, [penguins.len()]), &device),
    }
}

/// The body mass of a penguin, followed by its other features and its species.
fn mass_and_features(penguin: &Penguin) -> [Option<f32>; 11] {
    let [length, depth, flipper, mass, sex, islands @ ..] = penguin.features();
    let species = [0, 1, 2].map(|class| Some(f32::from(u8::from(penguin.species as usize == class))));
    let [biscoe, dream, torgersen] = islands;
    let [adelie, chinstrap, gentoo] = species;
    [mass, length, depth, flipper, sex, biscoe, dream, torgersen, adelie, chinstrap, gentoo]
}

fn mass_batch(scaler: &Scaler<11>, penguins: &[Penguin]) -> MassBatch {
    let device = host();
    let rows: Vec<[f32; 11]> = penguins.iter().map(|penguin| scaler.scale(&mass_and_features(penguin))).collect();
    let masses: Vec<f32> = rows.iter().map(|[mass, ..]| *mass).collect();
    let features: Vec<f32> = rows.iter().flat_map(|[_, features @ ..]| *features).collect();
    MassBatch {
        features: Tensor::from_data(TensorData::new(features, [penguins.len(), 10]), &device),
        mass: Tensor::from_data(TensorData::new(masses, [penguins.len(), 1]), &device),
    }
}

/// Trains and tests two small networks on the Palmer penguins with cross-validation.
#[derive(Parser)]
struct Args {
    /// Folder of `penguins.csv` (github.com/allisonhorst/palmerpenguins, inst/extdata).
    #[arg(long, default_value = "../shared/data/tabular")]
    data_dir: PathBuf,
    /// Epochs of each training run.
    #[arg(long, default_value_t = 40)]
    epochs: usize,
    /// Number of folds.
    #[arg(long, default_value_t = 5)]
    folds: usize,
    /// Seed of everything random.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Try everything on a few batches.
    #[arg(long)]
    fast_dev_run: bool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    seed_everything(args.seed);
    let birds = penguins(&args.data_dir.join("penguins.csv"))?;
    println!("species of {} penguins:", birds.len());
    classify(&args, &birds)?;

    // Rows without a target can be used neither for training nor for testing.
    let birds: Vec<Penguin> = birds.into_iter().filter(|bird| bird.body_mass_g.is_some()).collect();
    println!("body mass of {} penguins:", birds.len());
    regress(&args, &birds)
}

fn classify(args: &Args, birds: &[Penguin]) -> Result<()> {
    let mut accuracies = Vec::new();
    for (fold, (train, test)) in folds(args, birds).into_iter().enumerate() {
        let features: Vec<_> = train.iter().map(Penguin::features).collect();
        let scaler = Scaler::of(&features);
        let test = vec![species_batch(&scaler, &test)];
        let train = DataLoader::builder(train)
            .batch_size(32)
            .shuffle(true)
            .collate(move |birds: Vec<Penguin>| Ok(species_batch(&scaler, &birds)))
            .build()?;

        let mut model = SpeciesNet::new(SpeciesNetHparams::default());
        let mut trainer = quiet(SpeciesNet::trainer(), args).build()?;
        trainer.fit(&mut model, train)?;
        let accuracy = trainer.test(&mut model, test)?.get(SpeciesNet::TEST_ACC).unwrap_or(f64::NAN);
        println!("  fold {fold}: accuracy {accuracy:.4}");
        accuracies.push(accuracy);
    }
    println!("  mean accuracy {:.4}", mean(&accuracies));
    Ok(())
}

fn regress(args: &Args, birds: &[Penguin]) -> Result<()> {
    let mut errors = Vec::new();
    for (fold, (train, test)) in folds(args, birds).into_iter().enumerate() {
        let features: Vec<_> = train.iter().map(mass_and_features).collect();
        let scaler = Scaler::of(&features);
        let deviation = scaler.std(0);
        let test = vec![mass_batch(&scaler, &test)];
        let train = DataLoader::builder(train)
            .batch_size(32)
            .shuffle(true)
            .collate(move |birds: Vec<Penguin>| Ok(mass_batch(&scaler, &birds)))
            .build()?;

        let mut model = MassNet::new(MassNetHparams::default());
        let mut trainer = quiet(MassNet::trainer(), args).build()?;
        trainer.fit(&mut model, train)?;
        let mse = trainer.test(&mut model, test)?.get(MassNet::TEST_MSE).unwrap_or(f64::NAN);
        let error = mse.sqrt() * f64::from(deviation);
        println!("  fold {fold}: root mean squared error {error:.0} g, of the mean {deviation:.0} g");
        errors.push(error);
    }
    println!("  mean root mean squared error {:.0} g", mean(&errors));
    Ok(())
}

fn folds(args: &Args, birds: &[Penguin]) -> Vec<(Vec<Penguin>, Vec<Penguin>)> {
    stratified_folds(birds, |bird| bird.species as usize, args.folds, args.seed)
}

fn quiet<M>(trainer: TrainerBuilder<M>, args: &Args) -> TrainerBuilder<M> {
    let trainer = if args.fast_dev_run { trainer.fast_dev_run(2) } else { trainer.max_epochs(args.epochs) };
    trainer.no_logger().enable_checkpointing(false).enable_progress_bar(false).enable_model_summary(false)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
