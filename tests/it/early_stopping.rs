//! The rows ES of the behaviour cases that need more than one place to log and to check.

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    FitReport,
    prelude::*,
    trainer::{StopReason, TrainerBuilder},
};

use crate::support::{Rows, batches, quiet};

fn loader(count: usize) -> DataLoader<Rows> {
    DataLoader::from_batches(batches(&vec![4; count], 1)).unwrap()
}

/// Logs the given values at the end of each training epoch, and in validation.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.0)]
struct Scripted {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[state]
    values: Vec<f64>,
}

#[lightning_module]
impl Scripted {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        #[log(minimize, on_epoch)]
        let loss = cross_entropy(self.layer.forward(batch.x), batch.y) * 0.0;
        loss
    }
    fn validation_step(&self, _batch: Rows, cx: &StepContext) {
        #[log(minimize)]
        let val_score = self.values.get(cx.current_epoch() as usize).copied().unwrap_or(0.0);
    }
    fn on_train_epoch_end(&mut self, cx: &mut HookContext) {
        #[log(minimize)]
        let train_score = self.values.get(cx.current_epoch() as usize).copied().unwrap_or(0.0);
    }
}

fn fit(values: &[f64], validates: bool, trainer: TrainerBuilder<Scripted>) -> FitReport<Scripted> {
    seed_everything(1);
    let mut model = Scripted::new(ScriptedHparams::default());
    model.values = values.to_vec();
    let trainer = if validates { trainer } else { trainer.limit_val_batches(0) };
    trainer.build().unwrap().fit(&mut model, (loader(2), loader(2))).unwrap()
}

/// The rows ES1 to ES3 with the metric logged at the end of the training epoch, with and without
/// validation.
#[test]
fn es4_logged_at_the_end_of_the_training_epoch() {
    for validates in [true, false] {
        for (values, patience, expected) in [
            (&[6.0, 5.0, 5.0, 5.0, 5.0, 5.0], 3, 4),
            (&[6.0, 4.0, 4.0, 3.0, 3.0, 3.0], 1, 2),
            (&[6.0, 5.0, 6.0, 5.0, 5.0, 5.0], 3, 4),
        ] {
            let stopping = EarlyStopping::new(Scripted::TRAIN_SCORE).patience(patience);
            let trainer = quiet(Scripted::trainer()).max_epochs(values.len()).callback(stopping);
            let report = fit(values, validates, trainer);
            assert_eq!(report.current_epoch - 1, expected, "{values:?}, validates: {validates}");
        }
    }
}

/// Every second epoch is validated: checks at the ends of epochs 1 and 3, and the second of them
/// stops.
#[test]
fn es12_checks_are_counted_and_not_epochs() {
    let stopping = EarlyStopping::new(Scripted::VAL_SCORE).patience(1);
    let trainer = quiet(Scripted::trainer()).max_epochs(5).check_val_every_n_epoch(2).callback(stopping);
    let report = fit(&[1.0; 5], true, trainer);
    assert_eq!(report.current_epoch, 4);
    assert!(matches!(report.stop_reason, StopReason::EarlyStopped(_)), "{report}");
}

/// A stop that was asked for after the first epoch waits for the fifth.
#[test]
fn es15_the_minimum_of_epochs_wins() {
    let stopping = EarlyStopping::new(Scripted::LOSS.epoch()).patience(0);
    let trainer = quiet(Scripted::trainer()).max_epochs(20).min_epochs(5).callback(stopping);
    let report = fit(&[], false, trainer);
    assert_eq!((report.batch_step, report.current_epoch), (10, 5));
    assert!(matches!(report.stop_reason, StopReason::EarlyStopped(_)), "{report}");
}

/// A run that had been stopped is over when it is resumed, unless the program has more patience by
/// now.
#[test]
fn a_stopped_run_goes_on_with_more_patience() {
    let folder = tempfile::tempdir().unwrap();
    let run = |patience: u32, resume: Resume| {
        let stopping = EarlyStopping::new(Scripted::VAL_SCORE).patience(patience);
        let trainer = quiet(Scripted::trainer()).enable_checkpointing(true).max_epochs(9).callback(stopping);
        let checkpoint = ModelCheckpoint::latest().dirpath(folder.path());
        fit(&[1.0; 9], true, trainer.callback(checkpoint).resume_from(resume))
    };
    assert_eq!(run(2, Resume::Never).current_epoch, 3);
    let report = run(2, Resume::Last);
    assert_eq!(report.current_epoch, 3);
    assert!(matches!(report.stop_reason, StopReason::EarlyStopped(_)), "{report}");
    let report = run(4, Resume::Last);
    assert_eq!(report.current_epoch, 5);
}
