//! The audit of the first step.

use std::fs;

use burn::{nn::*, optim::*, prelude::*};
use lightning_core::{FitReport, prelude::*, trainer::TrainerBuilder};

use crate::support::{Net, NetHparams, Rows, batches, quiet};

/// Its fields are used or not, as their names say.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.001)]
struct Partly {
    #[init(LinearConfig::new(8, 3).init(device))]
    used: Linear,
    #[init(LinearConfig::new(8, 3).init(device))]
    unused: Linear,
    #[frozen]
    #[init(LinearConfig::new(8, 3).init(device))]
    teacher: Linear,
    #[init(BatchNormConfig::new(8).init(device))]
    norm: BatchNorm,
    /// The factor of the inputs.
    #[hparam(default = 1.0)]
    factor: f32,
}

#[lightning_module]
impl Partly {
    fn training_step(&self, batch: Rows, cx: &StepContext) -> Option<Tensor<1>> {
        if cx.batch_step() == 0 {
            return None;
        }
        let logits = self.used.forward(self.norm.forward(batch.x)) * self.factor;
        Some(cross_entropy(logits, batch.y))
    }
}

fn audited<M>(report: &FitReport<M>, _: &M) -> Vec<String> {
    report.warnings.iter().filter(|warning| warning.contains("`.audit(false)`")).cloned().collect()
}

fn partly(factor: f32, builder: TrainerBuilder<Partly>) -> Vec<String> {
    audits(factor, quiet(builder))
}

fn audits<K>(factor: f32, builder: TrainerBuilder<Partly, K>) -> Vec<String> {
    seed_everything(1);
    let mut model = Partly::new(PartlyHparams::default().with_factor(factor));
    let report = builder.max_epochs(2).build().unwrap().fit(&mut model, batches(&[8; 3], 1)).unwrap();
    audited(&report, &model)
}

#[test]
fn parameters_without_a_gradient_are_named() {
    let told = partly(1.0, Partly::trainer());
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("the first step gave no gradient to") && told[0].contains("`unused.weight`"), "{told:?}");
    assert!(
        told[0].contains("`unused.bias`") && !told[0].contains("teacher") && !told[0].contains("`used."),
        "{told:?}"
    );
    assert!(partly(1.0, Partly::trainer().audit(false)).is_empty());
    assert!(audits(1.0, Trainer::barebones()).is_empty());
}

#[test]
fn a_loss_far_above_chance_is_told() {
    // Logits of about a hundred: a wrong guess costs as much.
    let told = partly(200.0, Partly::trainer());
    let loss = told.iter().find(|warning| warning.contains("cross_entropy")).unwrap();
    assert!(loss.contains("a guess among 3 classes has ln(3) = 1.10"), "{loss}");
}

/// Its loss does not matter.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Summing {
    #[init(LinearConfig::new(2, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Summing {
    fn training_step(&self, batch: (Tensor<2>, Tensor<1>, Tensor<1>)) -> Tensor<1> {
        self.layer.forward(batch.0).mean() + batch.1.mean() * 0.0 + batch.2.mean() * 0.0
    }
}

fn summing(x: Tensor<2>, y: usize, z: usize) -> Vec<String> {
    let device = Device::default();
    let mut model = Summing::new(SummingHparams::default());
    let batch = (x, Tensor::ones([y], &device), Tensor::ones([z], &device));
    let report = quiet(Summing::trainer()).max_epochs(1).build().unwrap().fit(&mut model, vec![batch]).unwrap();
    audited(&report, &model)
}

#[test]
fn batches_of_different_sizes_and_constant_inputs_are_told() {
    let device = Device::default();
    let x = || Tensor::from_data([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], &device);
    assert!(summing(x(), 3, 3).is_empty());
    // A number for the whole batch.
    assert!(summing(x(), 3, 1).is_empty());
    let told = summing(x(), 3, 2);
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("`batch.0` 3, `batch.1` 3, `batch.2` 2"), "{told:?}");
    let told = summing(Tensor::zeros([3, 2], &device), 3, 3);
    assert!(told.len() == 1 && told[0].contains("every element of `batch.0` in the first batch is 0"), "{told:?}");
}

#[test]
fn a_correct_program_and_a_resumed_one_are_told_nothing() {
    let folder = tempfile::tempdir().unwrap();
    seed_everything(1);
    let mut model = Net::new(NetHparams::default());
    let saving = ModelCheckpoint::latest().dirpath(folder.path());
    let builder = Net::quiet().enable_checkpointing(true).callback(saving).limit_val_batches(0);
    let mut trainer = builder.max_epochs(1).build().unwrap();
    let report = trainer.fit(&mut model, batches(&[8; 3], 1)).unwrap();
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);

    // Constant inputs, in a run that was resumed in its middle.
    let constant: Vec<Rows> = batches(&[8; 3], 1).into_iter().map(|it| Rows { x: it.x * 0.0, y: it.y }).collect();
    let checkpoint = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let mut trainer = Net::quiet().max_epochs(2).limit_val_batches(0).resume_from(checkpoint).build().unwrap();
    let report = trainer.fit(&mut model, constant).unwrap();
    assert!(report.resumed_from.is_some() && report.warnings.is_empty(), "{:?}", report.warnings);
}
