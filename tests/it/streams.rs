//! Loaders that do not know their length: a run that a signal stops at any batch and that is
//! resumed is the run that was never stopped.

use std::{
    fs,
    path::Path,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use burn::{nn::*, optim::AdamWConfig, prelude::*, tensor::activation::relu};
use lightning_core::{
    Error, ErrorKind, FitReport, Rng,
    data::{Batches, Combined, Dataset, EpochOffset, Loader},
    prelude::*,
    trainer::{StopReason, TrainerBuilder},
};
use signal_hook::{consts::SIGTERM, low_level::raise};

use crate::support::Rows;

type Item = ([f32; 8], i32);

/// A module with dropout, running statistics and a list of the batches that it has seen.
#[lightning_module]
#[optimizer(AdamWConfig::new(), lr = 1e-2)]
struct Streamed {
    #[init(LinearConfig::new(8, 6).init(device))]
    fc1: Linear,
    #[init(BatchNormConfig::new(6).init(device))]
    norm: BatchNorm,
    #[init(DropoutConfig::new(0.3).init())]
    dropout: Dropout,
    #[init(LinearConfig::new(6, 3).init(device))]
    fc2: Linear,
    #[state]
    seen: Vec<usize>,
}

#[lightning_module]
impl Streamed {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.fc2.forward(self.dropout.forward(relu(self.norm.forward(self.fc1.forward(x)))))
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
    fn on_train_batch_end(&mut self, cx: &mut HookContext) {
        self.seen.push(cx.batch_idx());
    }
}

/// The items of an epoch.
fn items(count: usize, epoch: u64, mut rng: Rng) -> impl Iterator<Item = Item> + Send + 'static {
    (0..count).filter(move |_| epoch < 1000).map(move |_| {
        let x: [f32; 8] = std::array::from_fn(|_| rng.normal() as f32);
        let class = (0..3).max_by(|a, b| x[*a].total_cmp(&x[*b])).unwrap();
        (x, class as i32)
    })
}

fn rows(items: Vec<Item>) -> Result<Rows> {
    let (device, count) = (Device::default(), items.len());
    let (x, y): (Vec<[f32; 8]>, Vec<i32>) = items.into_iter().unzip();
    Ok(Rows {
        x: Tensor::from_data(TensorData::new(x.concat(), [count, 8]), &device),
        y: Tensor::from_data(TensorData::new(y, [count]), &device),
    })
}

/// Batches of two items.
fn ready(count: usize, epoch: u64, rng: Rng) -> Vec<Rows> {
    let items: Vec<Item> = items(count, epoch, rng).collect();
    items.chunks(2).map(|items| rows(items.to_vec()).unwrap()).collect()
}

fn shifted((mut x, y): Item, rng: &mut Rng) -> Item {
    x[7] += rng.uniform() as f32;
    (x, y)
}

fn iterable(count: usize, workers: usize, drop_last: bool) -> DataLoader<Rows> {
    DataLoader::iterable(move |epoch, rng| items(count, epoch, rng))
        .batch_size(2)
        .num_workers(workers)
        .drop_last(drop_last)
        .map(shifted)
        .collate(rows)
        .build()
        .unwrap()
}

/// A loader of a user, which does not know its length.
struct Own;

impl Loader<Rows> for Own {
    fn len(&self) -> Option<usize> {
        None
    }
    fn batches(&self, from: EpochOffset) -> Result<Batches<Rows>> {
        let all = ready(13, from.epoch, Rng::new(from.seed ^ from.epoch));
        Ok(Box::new(all.into_iter().skip(from.batch as usize).map(Ok)))
    }
}

/// Makes a loader.
type Make = fn() -> DataLoader<Rows>;

/// Every loader without a length, with the number of its batches in an epoch.
fn loaders() -> Vec<(&'static str, u64, Make)> {
    vec![
        ("iterable", 7, || iterable(13, 0, false)),
        ("iterable with 2 workers", 7, || iterable(13, 2, false)),
        ("iterable with drop_last", 6, || iterable(13, 0, true)),
        ("iterable with drop_last and 2 workers", 6, || iterable(13, 2, true)),
        ("try_iterable", 7, || {
            DataLoader::try_iterable(|epoch, rng| items(13, epoch, rng).map(Ok))
                .batch_size(2)
                .num_workers(1)
                .collate(rows)
                .build()
                .unwrap()
        }),
        ("from_iter", 7, || DataLoader::from_iter(|epoch, rng| ready(13, epoch, rng))),
        ("try_from_iter", 7, || DataLoader::try_from_iter(|epoch, rng| ready(13, epoch, rng).into_iter().map(Ok))),
        ("from_loader", 7, || {
            // The iterator of a filter does not know its length.
            let keep: fn(&Rows) -> bool = |_| true;
            DataLoader::from_loader(from_loader(ready(13, 0, Rng::new(5)).into_iter().filter(keep)))
        }),
        ("an own loader", 7, || DataLoader::from_loader(Own)),
        ("sequential", 7, || Combined::sequential((iterable(6, 2, false), iterable(8, 0, false)))),
    ]
}

/// The settings that decide which batches an epoch has and what follows them.
#[derive(Clone, Copy, Debug, Default)]
struct Case {
    limit: Option<u64>,
    interval: Option<u64>,
    over_the_run: bool,
}

impl Case {
    fn builder(self, folder: &Path) -> TrainerBuilder<Streamed> {
        let mut builder = Streamed::trainer()
            .max_epochs(2)
            .accumulate_grad_batches(3)
            .log_every_n_steps(1)
            .enable_progress_bar(false)
            .enable_model_summary(false)
            .default_root_dir(folder)
            .resume_from(Resume::LastOrStart)
            .callback(ModelCheckpoint::new(Streamed::VAL_LOSS));
        if let Some(limit) = self.limit {
            builder = builder.limit_train_batches(limit);
        }
        if let Some(interval) = self.interval {
            builder = builder.val_check_interval(interval);
        }
        if self.over_the_run {
            builder = builder.check_val_every_n_epoch(None);
        }
        builder
    }
}

/// Where a signal comes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    BatchStart,
    BatchEnd,
    Validation,
}

/// Sends a signal around one batch of the run.
struct StopAt(Moment, u64);

impl StopAt {
    fn at(&self, moment: Moment, cx: &CallbackContext<'_>) -> Result<()> {
        if (self.0, self.1) == (moment, cx.batch_step()) && !cx.is_sanity_checking() {
            raise(SIGTERM)?;
        }
        Ok(())
    }
}

impl<M> Callback<M> for StopAt {
    fn on_train_batch_start(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.at(Moment::BatchStart, cx)
    }
    fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.at(Moment::BatchEnd, cx)
    }
    fn on_validation_start(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.at(Moment::Validation, cx)
    }
}

/// What a finished run leaves.
#[derive(PartialEq)]
struct Left {
    state: Vec<u8>,
    log: String,
    best: Option<Vec<u8>>,
}

fn run(
    builder: TrainerBuilder<Streamed>,
    data: DataLoader<Rows>,
    folder: &Path,
) -> (FitReport<Streamed>, Left, Vec<usize>) {
    seed_everything(11);
    let mut model = Streamed::new(StreamedHparams::default());
    let mut trainer = builder.build().unwrap();
    let val = DataLoader::from_batches(ready(5, 0, Rng::new(9))).unwrap();
    let report = trainer.fit(&mut model, (data, val)).unwrap();
    let path = folder.join("final.ckpt");
    trainer.save_checkpoint(&model, &path).unwrap();
    let log = fs::read_to_string(trainer.log_dir().join("metrics.csv")).unwrap_or_default();
    let best = report.best_checkpoint.as_ref().map(|path| fs::read(path).unwrap());
    let state = fs::read(&path).unwrap();
    fs::remove_file(path).unwrap();
    (report, Left { state, log, best }, model.seen.clone())
}

#[test]
fn stopped_at_every_batch() {
    let cases = [
        Case::default(),
        Case { limit: Some(5), interval: Some(2), ..Case::default() },
        Case { limit: Some(100), interval: Some(2), ..Case::default() },
        Case { interval: Some(3), over_the_run: true, ..Case::default() },
    ];
    for (name, batches, loader) in loaders() {
        // What the settings decide is decided in the engine, not in the loader.
        let tried = if matches!(name, "iterable with 2 workers" | "from_iter" | "sequential") { 4 } else { 2 };
        for case in cases.into_iter().take(tried) {
            let folder = tempfile::tempdir().unwrap();
            let (report, whole, seen) = run(case.builder(folder.path()), loader(), folder.path());
            let batches = case.limit.map_or(batches, |limit| limit.min(batches));
            let note = format!("{name}, {case:?}");
            assert_eq!(report.stop_reason, StopReason::MaxEpochs, "{note}");
            assert_eq!((report.batch_step, report.global_step), (2 * batches, 2 * batches.div_ceil(3)), "{note}");
            let expected: Vec<usize> = (0..batches as usize).chain(0..batches as usize).collect();
            assert_eq!(seen, expected, "{note}");
            for step in 0..=2 * batches {
                // The other moments differ in the engine, not in the loader.
                let moments = [Moment::BatchEnd, Moment::BatchStart, Moment::Validation];
                let tried = if name == "iterable with 2 workers" { 3 } else { 1 };
                for moment in moments.into_iter().take(tried) {
                    let note = format!("{note}: {moment:?} {step}");
                    let folder = tempfile::tempdir().unwrap();
                    let stopping = case.builder(folder.path()).callback(StopAt(moment, step));
                    let (report, _, _) = run(stopping, loader(), folder.path());
                    if report.stop_reason != StopReason::Interrupted {
                        // No validation follows this batch.
                        assert!(moment != Moment::BatchEnd || step == 0, "{note}");
                        continue;
                    }
                    let (report, found, seen) = run(case.builder(folder.path()), loader(), folder.path());
                    assert!(report.resumed_from.is_some(), "{note}");
                    assert_eq!(report.differences, Vec::<String>::new(), "{note}");
                    assert_eq!(seen, expected, "{note}");
                    assert_eq!(report.stop_reason, StopReason::MaxEpochs, "{note}");
                    assert_eq!(found.log, whole.log, "{note}");
                    assert!(found == whole, "{note}");
                }
            }
        }
    }
}

/// The process may be stopped again at once, before the resumed run has trained a batch.
#[test]
fn stopped_in_every_batch_of_one_run() {
    for (name, batches, loader) in loaders() {
        let case = Case { interval: Some(2), ..Case::default() };
        let whole = tempfile::tempdir().unwrap();
        let (_, expected, _) = run(case.builder(whole.path()), loader(), whole.path());
        let folder = tempfile::tempdir().unwrap();
        for step in 0..2 * batches {
            let moment = if step % 2 == 0 { Moment::BatchStart } else { Moment::BatchEnd };
            let stopping = case.builder(folder.path()).callback(StopAt(moment, step));
            run(stopping, loader(), folder.path());
        }
        let (report, found, _) = run(case.builder(folder.path()), loader(), folder.path());
        assert_eq!(report.stop_reason, StopReason::MaxEpochs, "{name}");
        assert_eq!(found.log, expected.log, "{name}");
        assert!(found == expected, "{name}");
    }
}

/// A run resumed before a batch has the gradients of the batches before it.
#[test]
fn a_loader_that_fails_in_an_accumulation() {
    let whole = tempfile::tempdir().unwrap();
    let fail_at = Arc::new(AtomicUsize::new(usize::MAX));
    let data = || {
        let fail_at = Arc::clone(&fail_at);
        DataLoader::try_from_iter(move |epoch, rng| {
            let fail_at = Arc::clone(&fail_at);
            ready(13, epoch, rng).into_iter().enumerate().map(move |(place, batch)| {
                if epoch == 0 && place == fail_at.load(Ordering::Relaxed) {
                    return Err(Error::msg("the disk is gone"));
                }
                Ok(batch)
            })
        })
    };
    let (_, expected, _) = run(Case::default().builder(whole.path()), data(), whole.path());
    for at in 1..7 {
        let folder = tempfile::tempdir().unwrap();
        fail_at.store(at, Ordering::Relaxed);
        seed_everything(11);
        let mut model = Streamed::new(StreamedHparams::default());
        let saving = ModelCheckpoint::latest().every(callbacks::CheckpointInterval::Never).save_on_exception(true);
        let mut trainer = Case::default().builder(folder.path()).callback(saving).build().unwrap();
        let val = DataLoader::from_batches(ready(5, 0, Rng::new(9))).unwrap();
        let error = trainer.fit(&mut model, (data(), val)).unwrap_err();
        assert_eq!(error.location().batch, Some(at as u64), "{error}");
        drop(trainer);
        fail_at.store(usize::MAX, Ordering::Relaxed);
        let saving = ModelCheckpoint::latest().every(callbacks::CheckpointInterval::Never).save_on_exception(true);
        let builder = Case::default().builder(folder.path()).callback(saving);
        let (report, found, _) = run(builder, data(), folder.path());
        assert!(report.resumed_from.is_some(), "batch {at}");
        assert_eq!(found.log, expected.log, "batch {at}");
    }
}

/// The iterator runs on the thread of the training loop, also when it is read ahead.
#[test]
fn a_panic_while_reading_ahead_is_the_error_of_its_batch() {
    let data = DataLoader::from_iter(|epoch, rng| {
        ready(13, epoch, rng).into_iter().enumerate().map(|(place, batch)| {
            assert!(place != 3, "out of cheese");
            batch
        })
    });
    let folder = tempfile::tempdir().unwrap();
    seed_everything(11);
    let mut model = Streamed::new(StreamedHparams::default());
    let mut trainer = Case::default().builder(folder.path()).build().unwrap();
    let val = DataLoader::from_batches(ready(5, 0, Rng::new(9))).unwrap();
    let error = trainer.fit(&mut model, (data, val)).unwrap_err();
    assert_eq!((error.kind(), error.location().batch), (ErrorKind::Panic, Some(3)), "{error}");
    assert_eq!(model.seen, [0, 1, 2]);
}

/// A gate at which a thread waits.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
    fn wait(&self) {
        let _open = self.0.1.wait_while(self.0.0.lock().unwrap(), |open| !*open).unwrap();
    }
}

/// Sends a signal in item 7, and does not return.
#[derive(Clone, Default)]
struct Hanging {
    armed: Arc<AtomicBool>,
    gate: Gate,
    /// How long the loop waits before the signal comes.
    delay: Duration,
}

impl Hanging {
    fn reach(&self, item: usize) {
        if item == 7 && self.armed.swap(false, Ordering::SeqCst) {
            std::thread::sleep(self.delay);
            raise(SIGTERM).unwrap();
            self.gate.wait();
        }
    }
}

impl Dataset for Hanging {
    type Item = Item;

    fn len(&self) -> usize {
        13
    }

    fn get(&self, index: usize) -> Result<Item> {
        self.reach(index);
        Ok(items(13, 0, Rng::new(3)).nth(index).unwrap())
    }
}

/// A cluster kills the process a while after its SIGTERM, and an item may take longer.
#[test]
fn a_signal_does_not_wait_for_an_item_that_hangs() {
    type Make = fn(Hanging) -> DataLoader<Rows>;
    let indexed: Make = |data| DataLoader::builder(data).batch_size(2).num_workers(2).collate(rows).build().unwrap();
    let persistent: Make = |data| {
        let loader = DataLoader::builder(data).batch_size(2).num_workers(1).persistent_workers(true).collate(rows);
        loader.timeout(Duration::from_secs(60)).build().unwrap()
    };
    let stream: Make = |data| {
        DataLoader::iterable(move |epoch, rng| {
            let data = data.clone();
            items(13, epoch, rng).enumerate().map(move |(place, item)| {
                data.reach(place);
                item
            })
        })
        .batch_size(2)
        .num_workers(2)
        .collate(rows)
        .build()
        .unwrap()
    };
    let sequence: Make = |data| {
        let loader = DataLoader::builder(data).batch_size(2).num_workers(2).collate(rows).build().unwrap();
        Combined::sequential((loader, iterable(2, 0, false)))
    };
    let loaders = [("indexed", indexed), ("persistent", persistent), ("stream", stream), ("sequence", sequence)];
    for (name, make) in loaders {
        for delay in [Duration::ZERO, Duration::from_millis(300)] {
            let case = Case { interval: Some(2), ..Case::default() };
            let whole = tempfile::tempdir().unwrap();
            let (_, expected, _) = run(case.builder(whole.path()), make(Hanging::default()), whole.path());
            let folder = tempfile::tempdir().unwrap();
            let hanging = Hanging { armed: Arc::new(AtomicBool::new(true)), delay, ..Hanging::default() };
            let begun = Instant::now();
            let (report, _, _) = run(case.builder(folder.path()), make(hanging.clone()), folder.path());
            assert!(begun.elapsed() < Duration::from_secs(5), "{name}: {:?}", begun.elapsed());
            assert_eq!(report.stop_reason, StopReason::Interrupted, "{name}");
            // Item 7 is in batch 3.
            assert!(report.batch_step <= 3, "{name}: {}", report.batch_step);
            hanging.gate.open();
            let (report, found, _) = run(case.builder(folder.path()), make(hanging.clone()), folder.path());
            let from = report.resumed_from.unwrap();
            assert!(from.display().to_string().contains("interrupted-epoch=0-step="), "{}", from.display());
            assert_eq!(found.log, expected.log, "{name}");
            assert!(found == expected, "{name}, {delay:?}");
        }
    }
}

/// The same for the loader of a validation and of an evaluation.
#[test]
fn a_signal_does_not_wait_for_an_item_of_an_evaluation() {
    let hanging =
        Hanging { armed: Arc::new(AtomicBool::new(false)), delay: Duration::from_millis(300), ..Hanging::default() };
    let val = || DataLoader::builder(hanging.clone()).batch_size(2).num_workers(1).collate(rows).build().unwrap();
    let fit = |folder: &Path| {
        seed_everything(11);
        let mut model = Streamed::new(StreamedHparams::default());
        let mut trainer = Case::default().builder(folder).num_sanity_val_steps(0).build().unwrap();
        let report = trainer.fit(&mut model, (iterable(13, 0, false), val())).unwrap();
        let path = folder.join("final.ckpt");
        trainer.save_checkpoint(&model, &path).unwrap();
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(path).unwrap();
        (report, bytes)
    };
    let whole = tempfile::tempdir().unwrap();
    let (_, expected) = fit(whole.path());
    let folder = tempfile::tempdir().unwrap();
    hanging.armed.store(true, Ordering::SeqCst);
    let begun = Instant::now();
    let (report, _) = fit(folder.path());
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!((report.stop_reason, report.batch_step), (StopReason::Interrupted, 7));
    let (report, found) = fit(folder.path());
    assert!(report.resumed_from.is_some());
    assert!(found == expected);

    let mut model = Streamed::new(StreamedHparams::default());
    let mut trainer = crate::support::quiet(Streamed::trainer()).build().unwrap();
    hanging.armed.store(true, Ordering::SeqCst);
    let error = trainer.validate(&mut model, val()).unwrap_err();
    assert_eq!((error.kind(), error.location().batch), (ErrorKind::Interrupted, Some(3)), "{error}");
    hanging.gate.open();
}
