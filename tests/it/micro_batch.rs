//! `micro_batch`: a batch in parts gives the weights of the batch.

use burn::{
    nn::*,
    optim::{AdamWConfig, SgdConfig},
    prelude::*,
};
use lightning_core::{loggers::MemoryLogger, metrics::Accuracy, prelude::*, trainer::TrainerBuilder};

use crate::support::{Net, NetHparams, Rows, batches, bits, quiet};

/// The most rows that a step takes before its memory does not suffice; 0 for any number.
#[lightning_module]
#[optimizer(AdamWConfig::new(), lr = 0.05)]
struct Limited {
    #[init(LinearConfig::new(8, 16).init(device))]
    first: Linear,
    #[init(BatchNormConfig::new(16).init(device))]
    norm: BatchNorm,
    #[init(LinearConfig::new(16, 3).init(device))]
    head: Linear,
    #[hparam(default = 0)]
    rows: usize,
}

#[lightning_module]
impl Limited {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        let rows = batch.x.dims()[0];
        let logits = self.head.forward(self.norm.forward(self.first.forward(batch.x)).tanh());
        #[log(metric = Accuracy::new(), on_step)]
        let train_acc = (&logits, &batch.y);
        #[log(minimize)]
        let train_loss = cross_entropy(logits, batch.y);
        log("rows", &(rows as f64));
        // After everything that a step leaves behind, as an allocation of a device fails.
        assert!(self.rows == 0 || rows <= self.rows, "CUDA error: out of memory ({rows} rows)");
        train_loss
    }
}

impl Limited {
    fn everything(&self) -> Vec<f32> {
        let tensors = [
            self.first.weight.val().reshape([-1]),
            self.head.weight.val().reshape([-1]),
            self.head.bias.as_ref().unwrap().val(),
            self.norm.running_mean.value(),
            self.norm.running_var.value(),
        ];
        Tensor::cat(tensors.to_vec(), 0).into_data().try_to_vec().unwrap()
    }
}

struct Ran {
    weights: Vec<f32>,
    steps: u64,
    log: MemoryLogger,
}

fn train(rows: usize, data: Vec<Rows>, configure: impl Fn(TrainerBuilder<Limited>) -> TrainerBuilder<Limited>) -> Ran {
    seed_everything(3);
    let log = MemoryLogger::new();
    let mut model = Limited::new(LimitedHparams::default().with_rows(rows));
    let builder = configure(quiet(Limited::trainer()).logger(log.clone()).log_every_n_steps(1).max_epochs(2));
    let report = builder.build().unwrap().fit(&mut model, data).unwrap();
    Ran { weights: model.everything(), steps: report.global_step, log }
}

fn joined(parts: &[Rows]) -> Rows {
    Rows {
        x: Tensor::cat(parts.iter().map(|part| part.x.clone()).collect(), 0),
        y: Tensor::cat(parts.iter().map(|part| part.y.clone()).collect(), 0),
    }
}

/// Batches of 16 rows, and the same rows in batches of 8.
fn both() -> (Vec<Rows>, Vec<Rows>) {
    let small = batches(&[8; 8], 5);
    (small.chunks(2).map(joined).collect(), small)
}

#[test]
fn parts_are_accumulated_batches_bit_by_bit() {
    let (large, small) = both();
    let parts = train(0, large.clone(), |trainer| trainer.micro_batch(8));
    let accumulated = train(0, small.clone(), |trainer| trainer.accumulate_grad_batches(2));
    assert_eq!((parts.steps, accumulated.steps), (8, 8));
    assert_eq!(bits(&parts.weights), bits(&accumulated.weights));
    // Batch normalization sees the parts: whole batches differ.
    let whole = train(0, large, |trainer| trainer);
    assert_ne!(bits(&parts.weights), bits(&whole.weights));
    // Together with accumulation, a window is one of batches, not of parts.
    let quarters: Vec<Rows> = small.chunks(4).map(joined).collect();
    let parts = train(0, quarters, |trainer| trainer.micro_batch(8).accumulate_grad_batches(2));
    let accumulated = train(0, small, |trainer| trainer.accumulate_grad_batches(8));
    assert_eq!((parts.steps, accumulated.steps), (2, 2));
    let difference = parts.weights.iter().zip(&accumulated.weights).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(difference < 1e-6, "{difference}");
}

#[test]
fn a_batch_that_does_not_fit_gives_the_weights_of_one_that_does() {
    let (large, small) = both();
    let found = train(8, large.clone(), |trainer| trainer.micro_batch("auto"));
    let fits = train(0, small, |trainer| trainer.accumulate_grad_batches(2));
    assert_eq!(bits(&found.weights), bits(&fits.weights));
    // Twice halved, from the first batch on.
    let found = train(4, large.clone(), |trainer| trainer.micro_batch("auto"));
    let chosen = train(4, large.clone(), |trainer| trainer.micro_batch(4));
    assert_eq!(bits(&found.weights), bits(&chosen.weights));
    // One that fits is not divided.
    let found = train(16, large.clone(), |trainer| trainer.micro_batch("auto"));
    let whole = train(0, large, |trainer| trainer);
    assert_eq!(bits(&found.weights), bits(&whole.weights));
}

#[test]
fn what_a_step_logs_is_that_of_the_batch() {
    let (large, small) = both();
    let found = train(8, large, |trainer| trainer.micro_batch("auto"));
    let accumulated = train(0, small, |trainer| trainer.accumulate_grad_batches(2));
    let near = |name: &str, tolerance: f64| {
        let (found, expected) = (found.log.values(name), accumulated.log.values(name));
        assert_eq!(found.len(), expected.len(), "{name}");
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < tolerance, "{name}: {found}, expected {expected}");
        }
    };
    // The epoch: every row counts once, also that of the failed pass not.
    near("train_acc_epoch", 1e-12);
    // A step: the mean of both parts, which the other run logs one by one.
    assert_eq!(found.log.values("rows").len(), 8);
    assert!(found.log.values("rows").iter().all(|rows| *rows == 8.0));
    let steps = found.log.values("train_acc_step");
    assert_eq!(steps.len(), 8);
    assert!(steps.iter().all(|share| (share * 16.0).fract().abs() < 1e-9), "{steps:?}");
}

/// Without batch normalization, parts of any sizes are the batch.
#[test]
fn uneven_parts_count_by_their_samples() {
    let data = batches(&[20, 20, 7], 9);
    let trained = |configure: fn(TrainerBuilder<Net>) -> TrainerBuilder<Net>| {
        seed_everything(4);
        let mut model = Net::new(NetHparams::default());
        let trainer = configure(Net::quiet()).limit_val_batches(0).max_epochs(2).build();
        let report = trainer.unwrap().fit(&mut model, DataLoader::from_batches(data.clone()).unwrap()).unwrap();
        (model.weight(), report.global_step)
    };
    let (whole, steps) = trained(|trainer| trainer);
    let (parts, of_parts) = trained(|trainer| trainer.micro_batch(8));
    assert_eq!((steps, of_parts), (6, 6));
    let difference = parts.iter().zip(&whole).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(difference < 1e-6, "{difference}");
    // Parts of 7, 7 and 6 rows that counted alike would be off by more.
    let (alike, _) = trained(|trainer| trainer.micro_batch(19));
    let difference = alike.iter().zip(&whole).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(difference < 1e-6, "{difference}");
}

/// A batch with everything that can be divided, and what cannot.
#[derive(Batch, Clone, Debug)]
struct Mixed {
    x: Tensor<2>,
    /// One for each row.
    names: Vec<String>,
    /// One for the batch.
    table: Tensor<2>,
    #[batch(host)]
    weights: Vec<f64>,
    #[batch(host)]
    note: String,
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Reader {
    #[init(LinearConfig::new(2, 1).init(device))]
    layer: Linear,
    #[state(skip)]
    seen: Seen,
}

/// What the steps have seen.
type Seen = std::sync::Arc<std::sync::Mutex<Vec<(Vec<f32>, Vec<String>, usize, Vec<f64>, String)>>>;

#[lightning_module]
impl Reader {
    fn training_step(&self, batch: Mixed) -> Tensor<1> {
        let column = batch.x.clone().inner().slice([0..batch.x.dims()[0], 0..1]);
        let rows = column.into_data().try_to_vec().unwrap();
        let row = (rows, batch.names, batch.table.dims()[0], batch.weights, batch.note);
        self.seen.lock().unwrap().push(row);
        self.layer.forward(batch.x).mean()
    }
}

#[test]
fn the_parts_of_a_batch_are_divided_alike() {
    let device = Device::default();
    let batch = || Mixed {
        x: Tensor::<2>::from_data([[0.0, 9.0], [1.0, 9.0], [2.0, 9.0], [3.0, 9.0], [4.0, 9.0]], &device),
        names: ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec(),
        table: Tensor::ones([3, 2], &device),
        weights: vec![0.0, 0.5, 1.0, 1.5, 2.0],
        note: "whole".to_owned(),
    };
    let mut model = Reader::new(ReaderHparams::default());
    let seen = Seen::clone(&model.seen);
    let mut trainer = quiet(Reader::trainer()).micro_batch(2).max_epochs(1).build().unwrap();
    trainer.fit(&mut model, vec![batch()]).unwrap();
    let expected = [
        (vec![0.0, 1.0], vec!["a", "b"], vec![0.0, 0.5]),
        (vec![2.0, 3.0], vec!["c", "d"], vec![1.0, 1.5]),
        (vec![4.0], vec!["e"], vec![2.0]),
    ];
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 3);
    for ((rows, names, table, weights, note), (x, n, w)) in seen.iter().zip(expected) {
        assert_eq!((rows, weights), (&x, &w));
        assert_eq!(names, &n);
        assert_eq!((*table, note.as_str()), (3, "whole"));
    }
}

#[test]
fn a_run_is_resumed_in_the_same_parts() {
    let folder = tempfile::tempdir().unwrap();
    let (large, _) = both();
    let whole = train(8, large.clone(), |trainer| trainer.micro_batch("auto"));
    let trainer = |builder: TrainerBuilder<Limited>| {
        quiet(builder)
            .enable_checkpointing(true)
            .default_root_dir(folder.path())
            .callback(ModelCheckpoint::latest().every_n_train_steps(1).dirpath(folder.path()).save_last(true))
            .micro_batch("auto")
            .max_epochs(2)
    };
    seed_everything(3);
    let mut model = Limited::new(LimitedHparams::default().with_rows(8));
    trainer(Limited::trainer()).max_steps(3).build().unwrap().fit(&mut model, large.clone()).unwrap();
    let mut model = Limited::new(LimitedHparams::default().with_rows(8));
    let resumed = trainer(Limited::trainer()).resume_from(folder.path().join("last.ckpt")).build();
    resumed.unwrap().fit(&mut model, large).unwrap();
    assert_eq!(bits(&model.everything()), bits(&whole.weights));
}

#[test]
fn what_cannot_be() {
    let build = |micro: &str| Limited::trainer().micro_batch(micro).build().unwrap_err().to_string();
    assert!(build("often").contains("`micro_batch` must be `auto` or a number of samples above 0, found `often`"));
    assert!(build("0").contains("found `0`"));
    let error = Limited::trainer()
        .micro_batch("auto")
        .on_anomaly(lightning_core::settings::Anomaly::Save)
        .build()
        .unwrap_err()
        .to_string();
    assert!(error.contains("cannot be combined with `on_anomaly(Anomaly::Save)`"), "{error}");
    // Not even one row: the hyperparameter allows at most half of one.
    seed_everything(3);
    let mut model = Limited::new(LimitedHparams::default().with_rows(1));
    let mut trainer = quiet(Limited::trainer()).micro_batch(2).max_epochs(1).build().unwrap();
    let error = trainer.fit(&mut model, both().0).unwrap_err().to_string();
    assert!(error.contains("out of memory (2 rows)"), "{error}");
}
