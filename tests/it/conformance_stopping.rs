//! Rows ES of PyTorch Lightning's behaviour that need another module or schedule than `monitoring` has.

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{StopReason, prelude::*};

use crate::support::{Rows, batches, quiet};

fn loader(count: usize) -> DataLoader<Rows> {
    DataLoader::from_batches(batches(&vec![1; count], 1)).unwrap()
}

/// Logs the given values at the end of the training epochs.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.0)]
struct AtTheEnd {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[state]
    values: Vec<f64>,
}

#[lightning_module]
impl AtTheEnd {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.layer.forward(batch.x), batch.y)
    }
    fn validation_step(&self, _batch: Rows) {}
    fn on_train_epoch_end(&mut self, cx: &mut HookContext) {
        #[log(minimize)]
        let score = self.values[cx.current_epoch() as usize];
    }
}

/// The 0-based index of the last epoch run.
fn last_epoch(values: &[f64], patience: u32, validates: bool) -> u64 {
    let mut model = AtTheEnd::new(AtTheEndHparams::default());
    model.values = values.to_vec();
    let stopping = EarlyStopping::new(AtTheEnd::SCORE).patience(patience);
    let trainer = quiet(AtTheEnd::trainer()).max_epochs(values.len()).callback(stopping);
    let report = match validates {
        true => trainer.build().unwrap().fit(&mut model, (loader(2), loader(1))),
        false => trainer.limit_val_batches(0).build().unwrap().fit(&mut model, loader(2)),
    };
    report.unwrap().current_epoch - 1
}

#[test]
fn es4_a_metric_of_the_training_epoch() {
    for validates in [true, false] {
        assert_eq!(last_epoch(&[6.0, 5.0, 5.0, 5.0, 5.0, 5.0], 3, validates), 4);
        assert_eq!(last_epoch(&[6.0, 4.0, 4.0, 3.0, 3.0, 3.0], 3, validates), 5);
        assert_eq!(last_epoch(&[3.0, 3.0, 3.0, 1.0], 2, validates), 2);
    }
}

/// Logs a loss that never changes, in training and in validation.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Constant {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Constant {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        #[log(minimize, on_epoch)]
        let loss = cross_entropy(self.layer.forward(batch.x), batch.y) * 0.0;
        loss
    }
    fn validation_step(&self, batch: Rows) {
        drop(batch);
        #[log(minimize)]
        let val_loss = 1.0;
    }
}

#[test]
fn es12_checks_are_validations() {
    let run = |every: usize, patience: u32| {
        let mut model = Constant::new(ConstantHparams::default());
        let stopping = EarlyStopping::new(Constant::VAL_LOSS).patience(patience);
        let trainer = quiet(Constant::trainer()).check_val_every_n_epoch(every).max_epochs(5).callback(stopping);
        trainer.build().unwrap().fit(&mut model, (loader(2), loader(1))).unwrap().current_epoch
    };
    // The first check finds the best value so far, the second no better one.
    assert_eq!(run(2, 1), 4);
    assert_eq!(run(1, 1), 2);
    assert_eq!(run(1, 2), 3);
    assert_eq!(run(3, 1), 5);
}

#[test]
fn es15_the_minimum_is_waited_for() {
    let mut model = Constant::new(ConstantHparams::default());
    let trainer = quiet(Constant::trainer()).min_epochs(5).max_epochs(9).limit_val_batches(0);
    let stopping = EarlyStopping::new(Constant::LOSS).patience(0);
    let report = trainer.callback(stopping).build().unwrap().fit(&mut model, loader(2)).unwrap();
    assert_eq!((report.batch_step, report.current_epoch), (10, 5));
    assert!(matches!(report.stop_reason, StopReason::EarlyStopped(_)), "{}", report.stop_reason);
    let told = report.warnings.iter().filter(|warning| warning.contains("has not been met"));
    assert_eq!(told.count(), 1, "{:?}", report.warnings);
}
