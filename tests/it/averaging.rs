//! `WeightAveraging`, `EmaWeightAveraging`, `StochasticWeightAveraging` and `GradientAccumulationScheduler`: the rows W1, W3 and W4 of the
//! behaviour cases, and torch's numbers.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use burn::{nn::*, optim::SgdConfig, prelude::*, serde::Deserialize, tensor::activation::tanh};
use lightning_core::{
    FitReport, LightningModule,
    callbacks::{
        AveragingCounts, AveragingPoint, EmaWeightAveraging, GradientAccumulationScheduler, OnExceptionCheckpoint,
        StochasticWeightAveraging, WeightAveraging,
    },
    prelude::*,
    schedulers::{Annealing, StepDecay},
    settings::Limit,
    trainer::{StopReason, TrainerBuilder},
};

use crate::support::{Ledger, Net, NetHparams, Rows, SaveAfterBatch, batches, bits, quiet};

pub type Values = HashMap<String, Vec<f32>>;

#[derive(Deserialize)]
#[serde(crate = "burn::serde")]
struct Row {
    x: Vec<f32>,
    y: Vec<i32>,
}

#[derive(Deserialize)]
#[serde(crate = "burn::serde")]
pub struct Averaged {
    n_averaged: u64,
    average: Values,
    training: Values,
    loss: f64,
}

#[derive(Deserialize)]
#[serde(crate = "burn::serde")]
struct Swa {
    n_averaged: u64,
    rates: Vec<f64>,
    #[serde(rename = "final")]
    last: Values,
    step_count: u64,
}

#[derive(Deserialize)]
#[serde(crate = "burn::serde")]
pub struct Reference {
    start: Values,
    batches: Vec<Row>,
    ema: Averaged,
    ema_every_4_from_3: Averaged,
    mean: Averaged,
    mean_of_epochs: Averaged,
    swa_cosine: Swa,
    swa_linear: Swa,
    swa_at_once: Swa,
    pub pruned_globally: HashMap<String, Vec<u8>>,
    pub pruned_each: HashMap<String, Vec<u8>>,
    pub trained_pruned: Values,
}

pub fn reference() -> Reference {
    serde_json::from_str(include_str!("../reference/averaging.json")).unwrap()
}

/// Torch's batches.
pub fn loader() -> DataLoader<Rows> {
    let device = Device::default();
    let rows = reference().batches.into_iter().map(|Row { x, y }| {
        let n = y.len();
        Rows {
            x: Tensor::from_data(TensorData::new(x, [n, 8]), &device),
            y: Tensor::from_data(TensorData::new(y, [n]), &device),
        }
    });
    DataLoader::from_batches(rows.collect()).unwrap()
}

/// A linear layer with torch's `[out, in]` weights of the start.
pub fn linear(name: &str, inputs: usize, outputs: usize, device: &Device) -> Linear {
    let start = reference().start;
    let mut layer = LinearConfig::new(inputs, outputs).init(device);
    let weight = TensorData::new(start[&format!("{name}.weight")].clone(), [outputs, inputs]);
    layer.weight = layer.weight.map(|_| Tensor::<2>::from_data(weight, device).transpose());
    let bias = TensorData::new(start[&format!("{name}.bias")].clone(), [outputs]);
    layer.bias = layer.bias.map(|param| param.map(|_| Tensor::from_data(bias, device)));
    layer
}

pub fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

/// Torch's network.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = lr)]
pub struct Normed {
    #[init(linear("body", 8, 6, device))]
    pub body: Linear,
    #[init(BatchNormConfig::new(6).init(device))]
    pub norm: BatchNorm,
    #[init(linear("head", 6, 3, device))]
    pub head: Linear,
    #[hparam(default = 0.1)]
    lr: f64,
    #[state]
    pub seen: Vec<f64>,
}

#[lightning_module]
impl Normed {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.head.forward(tanh(self.norm.forward(self.body.forward(x))))
    }
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        #[log(minimize, on_step, on_epoch)]
        let train_loss = cross_entropy(self.forward(batch.x), batch.y);
        train_loss
    }
    fn validation_step(&self, batch: Rows) {
        #[log(minimize)]
        let val_loss = cross_entropy(self.forward(batch.x), batch.y);
    }
    fn on_validation_epoch_end(&mut self) {
        self.seen.push(f64::from(floats(self.head.weight.val())[0]));
    }
}

impl Normed {
    /// By torch's names and in torch's order.
    fn values(&self) -> Values {
        let bias = |layer: &Linear| floats(layer.bias.as_ref().unwrap().val());
        let rows = [
            ("body.weight", floats(self.body.weight.val().transpose())),
            ("body.bias", bias(&self.body)),
            ("head.weight", floats(self.head.weight.val().transpose())),
            ("head.bias", bias(&self.head)),
            ("norm.weight", floats(self.norm.gamma.val())),
            ("norm.bias", floats(self.norm.beta.val())),
            ("norm.running_mean", floats(self.norm.running_mean.value_sync())),
            ("norm.running_var", floats(self.norm.running_var.value_sync())),
        ];
        rows.into_iter().map(|(name, values)| (name.to_owned(), values)).collect()
    }

    pub fn assert_close(&self, what: &str, expected: &Values) {
        let ours = self.values();
        assert!(expected.keys().all(|name| ours.contains_key(name)) && expected.len() > 3, "{:?}", expected.keys());
        for (name, theirs) in expected {
            for (ours, theirs) in ours[name].iter().zip(theirs) {
                let error = (ours - theirs).abs() / theirs.abs().max(0.1);
                assert!(error < 2e-5, "{what}: {name} is {ours}, torch has {theirs}");
            }
        }
    }
}

/// Five epochs of windows of two batches, validated on the same batches.
pub fn fit(trainer: TrainerBuilder<Normed>) -> (Normed, FitReport<Normed>) {
    seed_everything(1);
    let mut model = Normed::new(NormedHparams::default());
    let builder = quiet(trainer).max_epochs(5).accumulate_grad_batches(2);
    let report = builder.build().unwrap().fit(&mut model, (loader(), loader())).unwrap();
    (model, report)
}

/// The weights in training, as a checkpoint has them beside the average.
fn beside(path: &Path) -> Values {
    let bytes = fs::read(path).unwrap();
    let read = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let floats = |name: &str| -> Vec<f32> {
        let view = read.tensor(name).unwrap();
        view.data().chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
    };
    let names = ["body.bias", "head.bias", "norm.running_mean", "norm.running_var"];
    let mut values: Values = names.map(|name| (name.to_owned(), floats(&format!("training.{name}")))).into();
    for (name, torch) in [("gamma", "weight"), ("beta", "bias")] {
        values.insert(format!("norm.{torch}"), floats(&format!("training.norm.{name}")));
    }
    values
}

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
        "two callbacks average",
        "`swa_lrs` must be positive, found [0.0]",
        "must be at least 1, found 0 from epoch 3",
        "accumulate_grad_batches(2)",
    ] {
        assert!(text.contains(what), "{what} in {text}");
    }
}

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

#[test]
fn windows_follow_their_schedule() {
    let steps = |schedule: &[(u64, u64)], epochs: usize| {
        let accumulation = GradientAccumulationScheduler::new(schedule.iter().copied());
        let trainer = Net::quiet().max_epochs(epochs).limit_val_batches(0).callback(accumulation);
        let mut model = Net::new(NetHparams::default());
        let data = DataLoader::from_batches(batches(&[4; 10], 1)).unwrap();
        trainer.build().unwrap().fit(&mut model, data).unwrap().global_step
    };
    assert_eq!(steps(&[(0, 2)], 2), 10);
    assert_eq!(steps(&[(1, 3)], 3), 10 + 4 + 4);
    assert_eq!(steps(&[(2, 10), (1, 4)], 4), 10 + 3 + 1 + 1);
}

#[test]
fn a_schedule_of_one_entry_is_the_setting() {
    let train = |trainer: TrainerBuilder<Net>| {
        seed_everything(3);
        let mut model = Net::new(NetHparams::default());
        let data = DataLoader::from_batches(batches(&[4; 10], 1)).unwrap();
        trainer.max_epochs(2).limit_val_batches(0).build().unwrap().fit(&mut model, data).unwrap();
        bits(&model.parameters())
    };
    let scheduled = train(Net::quiet().callback(GradientAccumulationScheduler::new([(0, 4)])));
    assert_eq!(scheduled, train(Net::quiet().accumulate_grad_batches(4)));
    assert_ne!(scheduled, train(Net::quiet()));
}

#[test]
fn windows_of_a_module_that_optimizes_by_itself_are_refused() {
    #[lightning_module]
    #[optimizer(SgdConfig::new(), lr = 0.1)]
    struct ByHand {
        #[init(LinearConfig::new(8, 3).init(device))]
        layer: Linear,
    }
    #[lightning_module]
    impl ByHand {
        #[manual_optimization]
        fn training_step(&mut self, batch: Rows, optimizers: &mut Optimizers<Self>) -> Result<()> {
            let loss = cross_entropy(self.layer.forward(batch.x), batch.y);
            let gradients = optimizers.backward(self, loss)?;
            optimizers.step(Self::OPTIMIZER, self, gradients)
        }
    }
    let trainer = quiet(ByHand::trainer()).callback(GradientAccumulationScheduler::new([(2, 2)]));
    let text = trainer.build().unwrap_err().to_string();
    assert!(text.contains("GradientAccumulationScheduler") && text.contains("optimizes by itself"), "{text}");
}

/// A module whose schedule asks how long the run will be.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = Cosine::new(0.1, cx.estimated_optimizer_steps()?), interval = step)]
struct Planned {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Planned {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.layer.forward(batch.x), batch.y)
    }
}

#[test]
fn the_estimate_of_steps_knows_the_schedule_of_windows() {
    struct Last(Arc<Mutex<f64>>);
    impl<M> Callback<M> for Last {
        fn on_train_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
            *self.0.lock().unwrap() = cx.learning_rates()[0].1;
            Ok(())
        }
    }
    let last = Arc::new(Mutex::new(1.0));
    let accumulation = GradientAccumulationScheduler::new([(1, 4)]);
    let trainer = quiet(Planned::trainer()).max_epochs(3).callback(accumulation).callback(Last(Arc::clone(&last)));
    let mut model = Planned::new(PlannedHparams::default());
    let data = DataLoader::from_batches(batches(&[4; 10], 1)).unwrap();
    let report = trainer.build().unwrap().fit(&mut model, data).unwrap();
    assert_eq!(report.global_step, 10 + 3 + 3);
    assert!(*last.lock().unwrap() < 1e-12, "the cosine ends with the run");
}
