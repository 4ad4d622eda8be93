//! Early stopping and checkpoints against PyTorch Lightning's numbers.

use std::collections::BTreeSet;

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    callbacks::TopK,
    prelude::*,
    trainer::{StopReason, TrainerBuilder},
};

use crate::support::{Rows, batches, quiet};

/// Logs the given values, one an epoch.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.0)]
struct Scripted {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[state]
    values: Vec<f64>,
    #[state]
    epoch: usize,
}

#[lightning_module]
impl Scripted {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.layer.forward(batch.x), batch.y)
    }
    fn validation_step(&self, _batch: Rows) {
        #[log(minimize)]
        let score = self.values[self.epoch];
        #[log(minimize)]
        let other = 0.0;
    }
    fn on_train_epoch_end(&mut self, cx: &mut HookContext) {
        self.epoch = cx.current_epoch() as usize + 1;
    }
}

fn loader() -> DataLoader<Rows> {
    DataLoader::from_batches(batches(&[4; 2], 1)).unwrap()
}

fn fit(values: &[f64], trainer: TrainerBuilder<Scripted>) -> lightning_core::FitReport<Scripted> {
    seed_everything(1);
    let mut model = Scripted::new(ScriptedHparams::default());
    model.values = values.to_vec();
    let mut trainer = trainer.max_epochs(values.len()).build().unwrap();
    trainer.fit(&mut model, (loader(), loader())).unwrap()
}

/// The 0-based index of the last epoch run.
fn last_epoch(values: &[f64], stopping: EarlyStopping<Scripted>) -> u64 {
    fit(values, quiet(Scripted::trainer()).callback(stopping)).current_epoch - 1
}

#[test]
fn es1_patience_three() {
    let stopping = || EarlyStopping::new(Scripted::SCORE).patience(3);
    assert_eq!(last_epoch(&[6.0, 5.0, 5.0, 5.0, 5.0, 5.0], stopping()), 4);
    assert_eq!(last_epoch(&[6.0, 4.0, 4.0, 3.0, 3.0, 3.0], stopping()), 5);
}

#[test]
fn es5_default_patience() {
    assert_eq!(last_epoch(&[8.0, 4.0, 2.0, 3.0, 4.0, 5.0, 8.0, 10.0], EarlyStopping::new(Scripted::SCORE)), 5);
}

#[test]
fn es6_stopping_threshold() {
    let stopping = EarlyStopping::new(Scripted::SCORE).stopping_threshold(2.9);
    assert_eq!(last_epoch(&[9.0, 8.0, 7.0, 6.0, 5.0, 6.0, 4.0, 3.0, 2.0, 1.0], stopping), 8);
}

#[test]
fn es14_reasons() {
    let reason = |values: &[f64], stopping| fit(values, quiet(Scripted::trainer()).callback(stopping)).stop_reason;
    let says = |reason: StopReason, what: &str| {
        assert!(matches!(&reason, StopReason::EarlyStopped(text) if text.contains(what)), "{reason}");
    };
    let stopping = || EarlyStopping::new(Scripted::SCORE);
    says(reason(&[1.0; 5], stopping().patience(2)), "did not improve in 2 checks");
    says(reason(&[5.0, 3.0, 1.0, 0.5], stopping().stopping_threshold(0.6)), "better than the threshold 0.6");
    says(reason(&[1.0, 2.0, 5.0, 10.0], stopping().divergence_threshold(8.0)), "worse than the divergence threshold 8");
    says(reason(&[1.0, f64::NAN], stopping()), "not finite");
    assert_eq!(reason(&[3.0, 2.0, 1.0], stopping()), StopReason::MaxEpochs);
}

#[test]
fn es10_two_callbacks_the_first_to_stop_wins() {
    // `score` falls until epoch 2, and the constant `other` never improves after the first check.
    let values = [8.0, 4.0, 2.0, 3.0, 4.0, 5.0, 8.0, 10.0];
    for first in [true, false] {
        let (a, b) = (EarlyStopping::new(Scripted::SCORE), EarlyStopping::new(Scripted::OTHER));
        let trainer = quiet(Scripted::trainer());
        let trainer = if first { trainer.callback(a).callback(b) } else { trainer.callback(b).callback(a) };
        assert_eq!(fit(&values, trainer).current_epoch - 1, 3);
    }
}

#[test]
fn es8_not_finite() {
    for x in [f64::INFINITY, f64::NAN] {
        assert_eq!(last_epoch(&[4.0, 3.0, x, 2.0, 1.0], EarlyStopping::new(Scripted::SCORE)), 2);
        let report = fit(&[4.0, 3.0, x, 2.0], quiet(Scripted::trainer()).callback(EarlyStopping::new(Scripted::SCORE)));
        assert!(matches!(report.stop_reason, StopReason::EarlyStopped(_)), "{report}");
    }
    let lenient = EarlyStopping::new(Scripted::SCORE).check_finite(false);
    assert_eq!(last_epoch(&[4.0, 3.0, f64::NAN, 2.0, 1.0], lenient), 4);
}

#[test]
fn a_difference_of_min_delta_is_no_improvement() {
    let stopping = || EarlyStopping::new(Scripted::SCORE).patience(1).min_delta(0.5);
    assert_eq!(last_epoch(&[4.0, 3.5, 3.0], stopping()), 1);
    assert_eq!(last_epoch(&[4.0, 3.4, 2.8], stopping()), 2);
}

fn kept(values: &[f64], top_k: TopK) -> BTreeSet<u64> {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = ModelCheckpoint::new(Scripted::SCORE).dirpath(folder.path()).save_top_k(top_k);
    fit(values, quiet(Scripted::trainer()).enable_checkpointing(true).callback(checkpoint));
    std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            name.strip_prefix("epoch=").unwrap().split('-').next().unwrap().parse().unwrap()
        })
        .collect()
}

#[test]
fn mc1_top_k() {
    let losses = [10.0, 9.0, 2.8, 5.0, 2.5];
    assert_eq!(kept(&losses, TopK::All), BTreeSet::from([0, 1, 2, 3, 4]));
    assert_eq!(kept(&losses, TopK::Best(1)), BTreeSet::from([4]));
    assert_eq!(kept(&losses, TopK::Best(2)), BTreeSet::from([2, 4]));
    assert_eq!(kept(&losses, TopK::Best(3)), BTreeSet::from([2, 3, 4]));
    assert_eq!(kept(&losses, TopK::Best(4)), BTreeSet::from([1, 2, 3, 4]));
    assert_eq!(kept(&losses, TopK::Best(0)), BTreeSet::new());
}

#[test]
fn ties_and_nans_do_not_replace_what_is_kept() {
    assert_eq!(kept(&[1.0, 1.0, 1.0], TopK::Best(1)), BTreeSet::from([0]));
    assert_eq!(kept(&[1.0, f64::NAN, 2.0], TopK::Best(1)), BTreeSet::from([0]));
    assert_eq!(kept(&[f64::NAN, 2.0, 3.0], TopK::Best(1)), BTreeSet::from([1]));
}

#[test]
fn load_best_loads_the_best_and_not_the_last() {
    let folder = tempfile::tempdir().unwrap();
    seed_everything(1);
    let mut model = Scripted::new(ScriptedHparams::default());
    model.values = vec![3.0, 1.0, 2.0];
    let checkpoint = ModelCheckpoint::new(Scripted::SCORE).dirpath(folder.path()).save_top_k(3);
    let mut trainer =
        quiet(Scripted::trainer()).enable_checkpointing(true).max_epochs(3).callback(checkpoint).build().unwrap();
    let report = trainer.fit(&mut model, (loader(), loader())).unwrap();
    assert_eq!(report.best_score(Scripted::SCORE), Some(1.0));
    assert_eq!(report.best_epoch(Scripted::SCORE), Some(1));
    let best = report.best_checkpoint.unwrap();
    assert_eq!(best.file_name().unwrap(), "epoch=1-step=4.ckpt");
    assert_eq!(model.epoch, 3);
    trainer.load_best(&mut model).unwrap();
    assert_eq!(model.epoch, 2, "state fields come from the checkpoint too");
}

/// Two `ModelCheckpoint`s: `load_best` takes the first, `load_best_by` the one of its key.
#[test]
fn load_best_by_takes_the_checkpoint_of_its_metric() {
    let (scores, others) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    seed_everything(1);
    let mut model = Scripted::new(ScriptedHparams::default());
    model.values = vec![3.0, 1.0, 2.0];
    let epoch = metrics::MetricKey::<Scripted>::named("epoch").maximize();
    let mut trainer = quiet(Scripted::trainer())
        .enable_checkpointing(true)
        .max_epochs(3)
        .callback(ModelCheckpoint::new(Scripted::SCORE).dirpath(scores.path()))
        .callback(ModelCheckpoint::new(epoch).dirpath(others.path()))
        .build()
        .unwrap();
    trainer.fit(&mut model, (loader(), loader())).unwrap();
    let (score, latest) = (scores.path().join("epoch=1-step=4.ckpt"), others.path().join("epoch=2-step=6.ckpt"));
    assert_eq!(trainer.best_checkpoint(), Some(&*score));
    assert_eq!(trainer.best_checkpoint_by(Scripted::SCORE), Some(&*score));
    assert_eq!(trainer.best_checkpoint_by(epoch), Some(&*latest));
    trainer.load_best_by(&mut model, Scripted::SCORE).unwrap();
    assert_eq!(model.epoch, 2);
    trainer.load_best_by(&mut model, epoch).unwrap();
    assert_eq!(model.epoch, 3);
    let error = trainer.load_best_by(&mut model, Scripted::OTHER).unwrap_err().to_string();
    assert!(error.contains("no checkpoint by `other`") && error.contains("`score`"), "{error}");
}

#[test]
fn v5_validation_every_second_epoch() {
    let runs = |epochs: usize| {
        seed_everything(1);
        let mut model = Scripted::new(ScriptedHparams::default());
        model.values = vec![1.0; 9];
        let mut trainer = quiet(Scripted::trainer()).check_val_every_n_epoch(2).max_epochs(epochs).build().unwrap();
        trainer.fit(&mut model, (loader(), loader())).unwrap().validation_runs
    };
    assert_eq!([runs(1), runs(4), runs(5)], [0, 2, 2]);
}

#[test]
fn v1_validation_several_times_an_epoch() {
    for parts in [1, 3, 4] {
        for epochs in 1..=3 {
            seed_everything(1);
            let mut model = Scripted::new(ScriptedHparams::default());
            model.values = vec![1.0; 9];
            let mut trainer = quiet(Scripted::trainer())
                .val_check_interval(1.0 / f64::from(parts))
                .max_epochs(epochs)
                .build()
                .unwrap();
            let data = DataLoader::from_batches(batches(&[1; 64], 1)).unwrap();
            let report = trainer.fit(&mut model, (data, loader())).unwrap();
            assert_eq!(report.validation_runs, epochs as u64 * u64::from(parts as u32));
        }
    }
}
