//! Tabular data with missing values: predicts the species of penguins (classification) and their
//! body mass (regression), with cross-validation.
//!
//! The data set is the Palmer penguins (344 birds, CC0), `penguins.csv` of
//! allisonhorst/palmerpenguins, read from `--data.data_dir`.
#![deny(warnings)]

use std::{cell::RefCell, path::PathBuf, rc::Rc};

use burn::{nn::*, optim::AdamWConfig, prelude::*, tensor::activation::relu};
use lightning_core::{cli::Cli, data::host, prelude::*};
use lightning_examples::data::penguins::{CLASSES, Penguin, Scaler, penguins, stratified_folds};

#[derive(Batch, Clone, Debug)]
pub struct Birds {
    columns: Tensor<2>,      // [batch, 11], as `columns` has them, standardized
    species: Tensor<1, Int>, // [batch]
    weighed: Tensor<2>,      // [batch, 1], 1 where the body mass is known and 0 where not
}

/// Two networks that share nothing but the batch.
#[lightning_module]
#[optimizer(AdamWConfig::new().with_weight_decay(1e-2), lr = lr)]
pub struct PenguinNet {
    #[init(LinearConfig::new(8, hidden).init(device))]
    species1: Linear,
    #[init(DropoutConfig::new(0.1).init())]
    dropout: Dropout,
    #[init(LinearConfig::new(hidden, CLASSES).init(device))]
    species2: Linear,
    #[init(LinearConfig::new(10, hidden).init(device))]
    mass1: Linear,
    #[init(LinearConfig::new(hidden, 1).init(device))]
    mass2: Linear,
    #[hparam(default = 32)]
    hidden: usize,
    #[hparam(default = 5e-3)]
    lr: f64,
}

#[lightning_module]
impl PenguinNet {
    /// The logits of the species, `[batch, 3]`, and the body mass, `[batch, 1]`, each from all other columns.
    fn forward(&self, columns: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let (known, features) = (columns.clone().slice(s![.., 0..8]), columns.slice(s![.., 1..]));
        let species = self.species2.forward(self.dropout.forward(relu(self.species1.forward(known))));
        (species, self.mass2.forward(relu(self.mass1.forward(features))))
    }

    fn training_step(&self, birds: Birds) -> Tensor<1> {
        let (species, mass) = self.forward(birds.columns.clone());
        #[log(minimize)]
        let species_loss = cross_entropy(species, birds.species.clone());
        #[log(minimize)]
        let mass_loss = mass_error(mass, &birds);
        species_loss + mass_loss
    }

    fn test_step(&self, birds: Birds) {
        let (species, mass) = self.forward(birds.columns.clone());
        #[log(maximize)]
        let test_acc = accuracy(&species, &birds.species);
        #[log(minimize)]
        let test_mse = mass_error(mass, &birds);
    }
}

/// The squared error of the body mass, as a mean over the birds that were weighed. In units of the variance
/// of the training part: predicting the mean gives about 1.
fn mass_error(predicted: Tensor<2>, birds: &Birds) -> Tensor<1> {
    let mass = birds.columns.clone().slice(s![.., 0..1]);
    ((predicted - mass).square() * birds.weighed.clone()).sum() / birds.weighed.clone().sum()
}

/// The body mass of a penguin, followed by its other features and its species.
fn columns(penguin: &Penguin) -> [Option<f32>; 11] {
    let [length, depth, flipper, mass, sex, islands @ ..] = penguin.features();
    let species = [0, 1, 2].map(|class| Some(f32::from(u8::from(penguin.species as usize == class))));
    let [biscoe, dream, torgersen] = islands;
    let [adelie, chinstrap, gentoo] = species;
    [mass, length, depth, flipper, sex, biscoe, dream, torgersen, adelie, chinstrap, gentoo]
}

fn batch(scaler: &Scaler<11>, penguins: &[Penguin]) -> Birds {
    let (n, device) = (penguins.len(), host());
    let rows: Vec<f32> = penguins.iter().flat_map(|penguin| scaler.scale(&columns(penguin))).collect();
    let species: Vec<i32> = penguins.iter().map(|penguin| penguin.species as i32).collect();
    let weighed: Vec<f32> = penguins.iter().map(|penguin| f32::from(u8::from(penguin.body_mass_g.is_some()))).collect();
    Birds {
        columns: Tensor::from_data(TensorData::new(rows, [n, 11]), &device),
        species: Tensor::from_data(TensorData::new(species, [n]), &device),
        weighed: Tensor::from_data(TensorData::new(weighed, [n, 1]), &device),
    }
}

/// The parts of the cross-validation.
const FOLDS: usize = 5;

/// One part of the penguins for the test, and the others for training.
#[data_module]
pub struct Penguins {
    /// Folder of `penguins.csv` (github.com/allisonhorst/palmerpenguins, inst/extdata).
    #[hparam]
    data_dir: PathBuf,
    /// The part that is tested, from 0 to 4.
    #[hparam]
    fold: usize,
    #[hparam]
    batch_size: usize,
    #[hparam]
    seed: u64,
    #[state(skip)]
    parts: Option<(Vec<Penguin>, Vec<Penguin>, Scaler<11>)>,
}

#[data_module]
impl Penguins {
    fn setup(&mut self, _stage: Stage) -> Result<()> {
        let birds = penguins(&self.data_dir.join("penguins.csv"))?;
        let folds = stratified_folds(&birds, |bird| bird.species as usize, FOLDS, self.seed);
        let (train, test) = folds.into_iter().nth(self.fold).ok_or("`fold` must be below 5")?;
        let scaler = Scaler::of(&train.iter().map(columns).collect::<Vec<_>>());
        self.parts = Some((train, test, scaler));
        Ok(())
    }

    fn train_dataloader(&self) -> Result<DataLoader<Birds>> {
        let (train, _, scaler) = self.parts.clone().ok_or("`setup` has not run")?;
        DataLoader::builder(train)
            .batch_size(self.batch_size)
            .shuffle(true)
            .collate(move |birds: Vec<Penguin>| Ok(batch(&scaler, &birds)))
            .build()
    }

    fn test_dataloader(&self) -> Result<Vec<Birds>> {
        let (_, test, scaler) = self.parts.as_ref().ok_or("`setup` has not run")?;
        Ok(vec![batch(scaler, test)])
    }
}

/// What a network has shown on the part that it has not seen.
struct Score {
    fold: usize,
    accuracy: f64,
    /// The root mean squared error of the body mass, in grams.
    error: f64,
}

fn test(trainer: &mut Trainer<PenguinNet>, model: &mut PenguinNet, data: &mut Penguins) -> Result<Score> {
    let report = trainer.test(model, &mut *data)?;
    let deviation = data.parts.as_ref().map_or(f32::NAN, |(_, _, scaler)| scaler.std(0));
    Ok(Score {
        fold: data.fold,
        accuracy: report.get(PenguinNet::TEST_ACC).unwrap_or(f64::NAN),
        error: report.get(PenguinNet::TEST_MSE).unwrap_or(f64::NAN).sqrt() * f64::from(deviation),
    })
}

fn program(fold: usize, scores: Rc<RefCell<Vec<Score>>>) -> Cli<PenguinNet, Penguins> {
    Cli::<PenguinNet, Penguins>::new()
        .about("Predicts species and body mass of the Palmer penguins, with cross-validation.")
        .fit_by_default()
        .seed(42)
        .data(PenguinsHparams::new("../shared/data/tabular".into(), fold, 32, 42))
        .trainer(|trainer| {
            let trainer = trainer.max_epochs(40).no_logger().enable_checkpointing(false);
            trainer.enable_progress_bar(false).enable_model_summary(false)
        })
        .after_fit(move |trainer, model, data| {
            scores.borrow_mut().push(test(trainer, model, data)?);
            Ok(())
        })
}

fn main() -> Result<()> {
    let scores = Rc::new(RefCell::new(Vec::new()));
    for fold in 0..FOLDS {
        program(fold, scores.clone()).run()?;
        // Another subcommand, or one part that `--data.fold` has chosen.
        if scores.borrow().last().is_none_or(|score: &Score| score.fold != fold) {
            break;
        }
    }
    let scores = scores.borrow();
    for Score { fold, accuracy, error } in scores.iter() {
        println!("part {fold}: accuracy {accuracy:.4}, body mass within {error:.0} g");
    }
    let mean = |of: fn(&Score) -> f64| scores.iter().map(of).sum::<f64>() / scores.len() as f64;
    if scores.len() > 1 {
        println!(
            "mean: accuracy {:.4}, body mass within {:.0} g",
            mean(|score| score.accuracy),
            mean(|score| score.error)
        );
    }
    Ok(())
}
