//! `WeightAveraging` and `EmaWeightAveraging`: the rows W1 and W3 of the behaviour cases, and
//! torch's numbers.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use lightning_core::{
    LightningModule,
    callbacks::{
        AveragingCounts, AveragingPoint, EmaWeightAveraging, GradientAccumulationScheduler, OnExceptionCheckpoint,
        StochasticWeightAveraging, WeightAveraging,
    },
    prelude::*,
};

use crate::{
    averaging_support::{Averaged, Normed, NormedHparams, beside, fit, floats, loader, reference},
    support::{Net, NetHparams, SaveAfterBatch, batches, bits, quiet},
};

fn try_average<C>(what: &str, callback: C, expected: &Averaged, counts: impl Fn() -> AveragingCounts)
where
    C: Callback<Normed> + 'static,
{
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.ckpt");
    let (model, report) = fit(Normed::trainer().callback(callback).callback(SaveAfterLastEpoch(path.clone())));
    model.assert_close(what, &expected.average);
    assert_eq!(counts().n_averaged, expected.n_averaged, "{what}");
    assert_eq!((counts().swaps, counts().copies), (10, 1), "{what}");
    let loaded = Normed::load_from_checkpoint(&path).unwrap();
    loaded.assert_close(&format!("{what}, loaded"), &expected.average);
    for (name, ours) in beside(&path) {
        for (ours, theirs) in ours.iter().zip(&expected.training[&name]) {
            assert!(
                (ours - theirs).abs() / theirs.abs().max(0.1) < 2e-5,
                "{what}: training.{name} is {ours}, torch has {theirs}"
            );
        }
    }
    let loss = report.metrics.get(Normed::VAL_LOSS).unwrap();
    // The last validation is before an update after the epoch.
    assert!(what == "mean of epochs" || (loss - expected.loss).abs() < 1e-5, "{what}: {loss}, torch {}", expected.loss);
}

/// Saves after the last of five epochs, before the model is given the average.
struct SaveAfterLastEpoch(PathBuf);

impl<M: LightningModule> Callback<M> for SaveAfterLastEpoch {
    fn on_train_epoch_end(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        if cx.current_epoch() == 4 { cx.save_checkpoint(module, &self.0) } else { Ok(()) }
    }
}

#[test]
fn averages_are_torchs() {
    let expected = reference();
    let ema = EmaWeightAveraging::new().decay(0.9);
    try_average("ema", ema.clone(), &expected.ema, || ema.counts());
    let sparse = EmaWeightAveraging::new().decay(0.8).update_every_n_steps(4).update_starting_at_step(3);
    try_average("ema every 4 from 3", sparse.clone(), &expected.ema_every_4_from_3, || sparse.counts());
    let mean = WeightAveraging::new();
    try_average("mean", mean.clone(), &expected.mean, || mean.counts());
    let own = WeightAveraging::new().avg_fn(|average, weights, n| (average * n as f64 + weights) / (n + 1) as f64);
    try_average("own rule", own.clone(), &expected.mean, || own.counts());
    let epochs =
        WeightAveraging::new().use_buffers(false).should_update(|at| matches!(at, AveragingPoint::Epoch(1 | 3 | 4)));
    try_average("mean of epochs", epochs.clone(), &expected.mean_of_epochs, || epochs.counts());
}

/// The row W1, and the same with other numbers.
#[test]
fn w1_an_update_after_every_optimizer_step() {
    for (samples, batch, accumulate, epochs, steps) in
        [(32, 4, 2, 8, 32), (30, 4, 3, 2, 6), (12, 4, 1, 5, 15), (20, 4, 8, 3, 3)]
    {
        let ema = EmaWeightAveraging::new();
        let trainer = Net::quiet().max_epochs(epochs).accumulate_grad_batches(accumulate).callback(ema.clone());
        let sizes: Vec<usize> = (0..samples).step_by(batch).map(|start| batch.min(samples - start)).collect();
        let data = (
            DataLoader::from_batches(batches(&sizes, 1)).unwrap(),
            DataLoader::from_batches(batches(&[4], 2)).unwrap(),
        );
        let mut model = Net::new(NetHparams::default());
        let report = trainer.build().unwrap().fit(&mut model, data).unwrap();
        assert_eq!(report.global_step, steps);
        let expected = (steps, 2 * epochs as u64, 1);
        let AveragingCounts { n_averaged, swaps, copies, .. } = ema.counts();
        assert_eq!((n_averaged, swaps, copies), expected, "{samples} samples in {batch}s");
    }
}

/// Notes what an average has counted at the end of each epoch.
struct Counted<C>(C, Arc<Mutex<Vec<u64>>>);

impl<M> Callback<M> for Counted<WeightAveraging> {
    fn on_train_epoch_end(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.1.lock().unwrap().push(self.0.counts().n_averaged);
        Ok(())
    }
}

/// The row W3, and the same with other epochs.
#[test]
fn w3_an_update_after_some_epochs() {
    for (due, epochs, expected) in [
        (vec![3, 5, 7], 8, vec![0, 0, 0, 1, 1, 2, 2, 3]),
        (vec![0, 1], 3, vec![1, 2, 2]),
        (vec![4], 5, vec![0, 0, 0, 0, 1]),
    ] {
        let averaging = WeightAveraging::new()
            .should_update(move |at| matches!(at, AveragingPoint::Epoch(epoch) if due.contains(&epoch)));
        let counted = Arc::default();
        let data = || DataLoader::from_batches(batches(&[4; 4], 1)).unwrap();
        let trainer = Net::quiet().max_epochs(epochs).accumulate_grad_batches(2).callback(averaging.clone());
        let trainer = trainer.callback(Counted(averaging.clone(), Arc::clone(&counted)));
        let mut model = Net::new(NetHparams::default());
        trainer.build().unwrap().fit(&mut model, (data(), data())).unwrap();
        assert_eq!(*counted.lock().unwrap(), expected);
        assert_eq!((averaging.counts().swaps, averaging.counts().copies), (2 * epochs as u64, 1));
    }
}

#[test]
fn hooks_of_validation_see_the_average_and_training_goes_on_with_the_weights() {
    // An average that is zero whatever is averaged.
    let nothing = WeightAveraging::new().avg_fn(|average, _, _| average * 0.0);
    let (model, _) = fit(Normed::trainer().callback(nothing));
    // Two steps and more have been averaged at the first validation.
    assert_eq!(model.seen.iter().filter(|seen| **seen == 0.0).count(), 5, "{:?}", model.seen);
    assert!(floats(model.head.weight.val()).iter().all(|weight| *weight == 0.0));
    // The first update is at the end of the epoch 4: until then nothing stands in.
    let late = WeightAveraging::new().avg_fn(|average, _, _| average * 0.0);
    let late = late.should_update(|at| matches!(at, AveragingPoint::Epoch(3..)));
    let (averaged, _) = fit(Normed::trainer().callback(late));
    let (plain, _) = fit(Normed::trainer());
    assert_eq!(averaged.seen[..4], plain.seen[..4]);
    assert_eq!(plain.seen.len(), 5);
}

#[test]
fn the_training_itself_is_that_without_an_average() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ckpt");
    let save = || SaveAfterBatch { batch: 25, path: path.clone() };
    let (plain, _) = fit(Normed::trainer());
    fit(Normed::trainer().callback(EmaWeightAveraging::new()).callback(save()));
    let bias = beside(&path)["head.bias"].clone();
    assert_eq!(bits(&bias), bits(&plain.values()["head.bias"]));
}

#[test]
fn an_error_leaves_the_weights_in_training() {
    struct Fails;
    impl<M> Callback<M> for Fails {
        fn on_validation_batch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
            if cx.current_epoch() == 1 { Err("enough".into()) } else { Ok(()) }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let zero = || WeightAveraging::new().avg_fn(|average, _, _| average * 0.0);
    let rescue = OnExceptionCheckpoint::new(folder.path());
    let path = rescue.path();
    let builder = quiet(Normed::trainer()).max_epochs(3).num_sanity_val_steps(0);
    let mut trainer = builder.callback(zero()).callback(rescue).callback(Fails).build().unwrap();
    let mut model = Normed::new(NormedHparams::default());
    trainer.fit(&mut model, (loader(), loader())).unwrap_err();
    assert!(floats(model.head.weight.val()).iter().all(|weight| *weight != 0.0));
    assert!(beside(&path)["head.bias"].iter().all(|bias| *bias != 0.0), "the checkpoint too");
    let loaded = Normed::load_from_checkpoint(&path).unwrap();
    assert!(floats(loaded.head.weight.val()).iter().all(|weight| *weight == 0.0), "its model is the average");
}

#[test]
fn an_epoch_to_start_at_is_one() {
    let ema = EmaWeightAveraging::new().update_starting_at_epoch(3);
    fit(Normed::trainer().callback(ema.clone()));
    assert_eq!(ema.counts().n_averaged, 6, "three steps in each of two epochs");
}

/// A start that is a fraction of the epochs, in a run that has none.
#[test]
fn a_fraction_of_no_epochs_is_an_error_of_build() {
    let averaging = || StochasticWeightAveraging::new(0.1).swa_epoch_start(0.75);
    let text = Net::quiet().max_steps(10).callback(averaging()).build().unwrap_err().to_string();
    assert!(text.contains("`swa_epoch_start(0.75)` is a fraction of `max_epochs`, which is not set"), "{text}");
    Net::quiet().max_epochs(4).callback(averaging()).build().unwrap();
    // A run without any limit has 1000 epochs.
    Net::quiet().callback(averaging()).build().unwrap();
}

#[test]
fn settings_that_cannot_work_are_reported_together() {
    let trainer = Net::quiet()
        .callback(EmaWeightAveraging::new().decay(1.5))
        .callback(WeightAveraging::new())
        .callback(StochasticWeightAveraging::new(0.0))
        .callback(GradientAccumulationScheduler::new([(3, 0)]))
        .accumulate_grad_batches(2);
    let text = trainer.build().unwrap_err().to_string();
    for what in [
        "`decay` must be from 0.0 to 1.0, found 1.5",
        "at most one callback may average the weights",
        "`swa_lrs` must be positive, found [0.0]",
        "must be at least 1, found 0 from epoch 3",
        "accumulate_grad_batches(2)",
    ] {
        assert!(text.contains(what), "{what} in {text}");
    }
}
