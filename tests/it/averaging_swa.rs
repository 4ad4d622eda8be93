//! `StochasticWeightAveraging`: the row W4 of the behaviour cases, and torch's numbers.

use std::sync::{Arc, Mutex};

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    FitReport,
    callbacks::{AveragingCounts, StochasticWeightAveraging},
    prelude::*,
    schedulers::{Annealing, StepDecay},
    settings::Limit,
    trainer::{StopReason, TrainerBuilder},
};

use crate::{
    averaging_support::{Normed, fit, floats, reference},
    support::{Ledger, Rows, SaveAfterBatch, batches, bits, quiet},
};

/// Notes rates and counts, and the backward passes.
#[derive(Clone)]
struct Watch {
    swa: StochasticWeightAveraging,
    ledger: Ledger,
    rates: Arc<Mutex<Vec<f64>>>,
    backward: Arc<Mutex<u64>>,
}

impl<M> Callback<M> for Watch {
    fn on_train_batch_start(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if cx.batch_idx() == 0 {
            self.rates.lock().unwrap().push(cx.learning_rates()[0].1);
        }
        Ok(())
    }
    fn on_after_backward(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        *self.backward.lock().unwrap() += 1;
        Ok(())
    }
    fn on_train_epoch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        let AveragingCounts { n_averaged, copies, .. } = self.swa.counts();
        self.ledger.add(format!("{}: {n_averaged} {copies} {:.6}", cx.current_epoch(), cx.learning_rates()[0].1));
        Ok(())
    }
}

fn watched(swa: StochasticWeightAveraging) -> (Normed, FitReport<Normed>, Watch) {
    let watch = Watch { swa: swa.clone(), ledger: Ledger::default(), rates: Arc::default(), backward: Arc::default() };
    let (model, report) = fit(Normed::trainer().limit_val_batches(0).callback(swa).callback(watch.clone()));
    (model, report, watch)
}

/// The row W4, with torch's `SWALR` and `update_bn`.
#[test]
fn w4_the_weights_after_the_last_epochs() {
    let expected = reference();
    let swa = || StochasticWeightAveraging::new(0.03).swa_epoch_start(2);
    for (what, swa, expected) in [
        ("cosine", swa().annealing_epochs(3), &expected.swa_cosine),
        ("linear", swa().annealing_epochs(2).annealing_strategy(Annealing::Linear), &expected.swa_linear),
        ("at once", swa().annealing_epochs(0), &expected.swa_at_once),
    ] {
        let (model, report, watch) = watched(swa.clone());
        model.assert_close(what, &expected.last);
        assert_eq!((swa.counts().n_averaged, swa.counts().copies), (4, 1), "{what}");
        assert_eq!(expected.n_averaged, 4);
        assert_eq!(expected.step_count, 3 + 2, "torch has stepped k + 2 times after its epoch k");
        assert_eq!(*watch.backward.lock().unwrap(), 25, "{what}: the pass for the statistics has none");
        assert_eq!((report.batch_step, report.current_epoch, report.stop_reason), (25, 5, StopReason::MaxEpochs));
        for (ours, theirs) in watch.rates.lock().unwrap().iter().zip(&expected.rates) {
            assert!((ours - theirs).abs() < 1e-12, "{what}: {ours}, torch {theirs}");
        }
        // After its epoch k the rate is that of step k + 1.
        let mut rows: Vec<String> = Vec::new();
        for epoch in 0..5_usize {
            // In epoch 0 nothing has begun.
            let next = expected.rates.get(if epoch == 0 { 0 } else { epoch + 1 }).copied().unwrap_or(0.03);
            rows.push(format!("{epoch}: {epoch} 0 {next:.6}"));
        }
        assert_eq!(watch.ledger.take(), rows, "{what}");
    }
}

/// The row W4 with other starts.
#[test]
fn w4_the_start_is_an_epoch_or_a_share() {
    for (start, averaged) in
        [(Limit::from(1), 5), (Limit::from(5), 1), (Limit::from(0.8), 2), (Limit::from(0.0), 5), (Limit::from(1.0), 1)]
    {
        let swa = StochasticWeightAveraging::new([0.05]).swa_epoch_start(start);
        let (_, _, watch) = watched(swa.clone());
        assert_eq!(swa.counts().n_averaged, averaged, "{start:?}");
        assert_eq!(*watch.backward.lock().unwrap(), 25, "{start:?}");
    }
    let late = StochasticWeightAveraging::new(0.05).swa_epoch_start(6);
    let (model, _, _) = watched(late.clone());
    assert_eq!((late.counts().n_averaged, late.counts().copies), (0, 0));
    let (plain, _) = fit(Normed::trainer().limit_val_batches(0));
    assert_eq!(bits(&model.values()["norm.running_var"]), bits(&plain.values()["norm.running_var"]));
}

/// A network whose rate follows a schedule until the averaging begins.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = StepDecay::new(0.1, 1).gamma(0.5), interval = epoch)]
pub struct Scheduled {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Scheduled {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.layer.forward(batch.x), batch.y)
    }
}

#[test]
fn a_schedule_stops_where_the_averaging_begins_and_a_resumed_run_too() {
    let folder = tempfile::tempdir().unwrap();
    let run = |resume: Resume| {
        seed_everything(1);
        let swa = StochasticWeightAveraging::new(0.01).swa_epoch_start(3).annealing_epochs(4);
        let rates: Arc<Mutex<Vec<f64>>> = Arc::default();
        let watch =
            Watch { swa: swa.clone(), ledger: Ledger::default(), rates: Arc::clone(&rates), backward: Arc::default() };
        let builder = quiet(Scheduled::trainer()).max_epochs(6).callback(swa).callback(watch);
        let saves =
            [7, 9, 11, 12].map(|batch| SaveAfterBatch { batch, path: folder.path().join(format!("{batch}.ckpt")) });
        let builder = saves.into_iter().fold(builder, TrainerBuilder::callback);
        let mut model = Scheduled::new(ScheduledHparams::default());
        let data = DataLoader::from_batches(batches(&[4; 3], 1)).unwrap();
        let mut trainer = builder.resume_from(resume).build().unwrap();
        let report = trainer.fit(&mut model, data).unwrap();
        assert!(report.differences.is_empty(), "{:?}", report.differences);
        let rates = rates.lock().unwrap().clone();
        (floats(model.layer.weight.val()), rates)
    };
    let (whole, rates) = run(Resume::Never);
    assert_eq!(rates[..3], [0.1, 0.05, 0.025]);
    assert!(
        (rates[5] - (0.025 + (0.01 - 0.025) * (1.0 - (0.75 * std::f64::consts::PI).cos()) / 2.0)).abs() < 1e-12,
        "{rates:?}"
    );
    for batch in [7, 9, 11, 12] {
        let (resumed, rest) = run(Resume::Path(folder.path().join(format!("{batch}.ckpt"))));
        assert_eq!(bits(&resumed), bits(&whole), "from batch {batch}");
        assert!(rates.ends_with(&rest), "from batch {batch}: {rest:?} of {rates:?}");
    }
}
