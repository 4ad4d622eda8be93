//! A resumed run is the run that never stopped: the last checkpoints of both are equal, byte for
//! byte.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use burn::{
    grad_clipping::GradientClippingConfig, nn::*, optim::*, prelude::*, tensor::Distribution, tensor::activation::relu,
};
use lightning_core::{
    FitReport, LightningModule, Rng,
    data::{Dataset, FitData},
    loggers::MemoryLogger,
    module::{ConfigureOptimizers, TrainingStep},
    prelude::*,
    trainer::TrainerBuilder,
};

use crate::support::{Rows, quiet};

/// Random points whose class is the largest of the first three inputs.
#[derive(Clone, Debug)]
pub struct Points(Vec<([f32; 8], i32)>);

impl Points {
    pub fn new(count: usize, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let point = |_| {
            let x: [f32; 8] = std::array::from_fn(|_| rng.normal() as f32);
            let class = (0..3).max_by(|a, b| x[*a].total_cmp(&x[*b])).unwrap();
            (x, class as i32)
        };
        Self((0..count).map(point).collect())
    }

    pub fn loader(&self, batch_size: usize, shuffle: bool) -> DataLoader<Rows> {
        DataLoader::builder(self.clone()).batch_size(batch_size).shuffle(shuffle).collate(rows).build().unwrap()
    }
}

impl Dataset for Points {
    type Item = ([f32; 8], i32);

    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, index: usize) -> Result<Self::Item> {
        Ok(self.0[index])
    }
}

pub fn rows(items: Vec<([f32; 8], i32)>) -> Result<Rows> {
    let device = Device::default();
    let count = items.len();
    let (x, y): (Vec<[f32; 8]>, Vec<i32>) = items.into_iter().unzip();
    Ok(Rows {
        x: Tensor::from_data(TensorData::new(x.concat(), [count, 8]), &device),
        y: Tensor::from_data(TensorData::new(y, [count]), &device),
    })
}

/// Where a checkpoint is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Moment {
    BatchStart,
    BatchEnd,
    AfterBackward,
    ValidationBatch,
    ValidationEnd,
    EpochStart,
    EpochEnd,
    TrainEnd,
}

pub const MOMENTS: [Moment; 8] = [
    Moment::BatchStart,
    Moment::BatchEnd,
    Moment::AfterBackward,
    Moment::ValidationBatch,
    Moment::ValidationEnd,
    Moment::EpochStart,
    Moment::EpochEnd,
    Moment::TrainEnd,
];

/// Asks for a checkpoint at some of the moments of a run.
struct SaveAt {
    folder: PathBuf,
    moments: Vec<(Moment, u64)>,
    written: Arc<Mutex<Vec<PathBuf>>>,
}

impl SaveAt {
    fn new(folder: &Path, moments: Vec<(Moment, u64)>) -> (Self, Arc<Mutex<Vec<PathBuf>>>) {
        let written = Arc::default();
        (Self { folder: folder.to_path_buf(), moments, written: Arc::clone(&written) }, written)
    }

    fn at<M: LightningModule>(&mut self, moment: Moment, cx: &mut CallbackContext<'_>, module: &M) -> Result<()> {
        let step = cx.batch_step();
        if cx.is_sanity_checking() || !self.moments.contains(&(moment, step)) {
            return Ok(());
        }
        let path = self.folder.join(format!("{moment:?}-{step}.ckpt"));
        if !self.written.lock().unwrap().contains(&path) {
            self.written.lock().unwrap().push(path.clone());
            cx.save_checkpoint(module, path)?;
        }
        Ok(())
    }
}

macro_rules! save_at {
    ($($hook:ident = $moment:ident),*) => {
        impl<M: LightningModule> Callback<M> for SaveAt {
            $(fn $hook(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
                self.at(Moment::$moment, cx, module)
            })*
        }
    };
}

save_at!(
    on_train_batch_start = BatchStart,
    on_train_batch_end = BatchEnd,
    on_after_backward = AfterBackward,
    on_validation_batch_end = ValidationBatch,
    on_validation_end = ValidationEnd,
    on_train_epoch_start = EpochStart,
    on_train_epoch_end = EpochEnd,
    on_train_end = TrainEnd
);

/// One configuration of a run.
#[derive(Clone, Debug)]
pub struct Case {
    pub items: usize,
    pub batch_size: usize,
    pub shuffle: bool,
    pub epochs: usize,
    pub steps: Option<u64>,
    pub min_epochs: usize,
    pub accumulate: u64,
    pub val_interval: Option<u64>,
    pub val_every: usize,
    pub clip: Option<f64>,
    pub limit_train: Option<u64>,
    pub patience: Option<u32>,
    pub log_every: u64,
}

impl Case {
    pub fn random(rng: &mut Rng) -> Self {
        let items = 12 + rng.random_range(0..40);
        let batch_size = 2 + rng.random_range(0..6);
        let batches = items.div_ceil(batch_size);
        let epochs = 1 + rng.random_range(0..4);
        let limit_train = rng.random_bool(0.3).then(|| 1 + rng.random_range(0..batches) as u64);
        let used = limit_train.map_or(batches, |limit| limit as usize);
        Self {
            items,
            batch_size,
            shuffle: rng.random_bool(0.8),
            epochs,
            steps: rng.random_bool(0.3).then(|| 1 + rng.random_range(0..epochs * batches) as u64),
            min_epochs: if rng.random_bool(0.3) { 1 + rng.random_range(0..epochs) } else { 0 },
            accumulate: 1 + rng.random_range(0..4) as u64,
            val_interval: rng.random_bool(0.5).then(|| 1 + rng.random_range(0..used) as u64),
            val_every: 1 + usize::from(rng.random_bool(0.3)),
            clip: rng.random_bool(0.3).then_some(0.1),
            limit_train,
            patience: rng.random_bool(0.4).then(|| rng.random_range(0..3) as u32),
            log_every: 1 + rng.random_range(0..4) as u64,
        }
    }

    fn apply<M>(&self, mut builder: TrainerBuilder<M>) -> TrainerBuilder<M> {
        builder = quiet(builder)
            .max_epochs(self.epochs)
            .min_epochs(self.min_epochs.min(self.epochs))
            .accumulate_grad_batches(self.accumulate)
            .check_val_every_n_epoch(self.val_every)
            .log_every_n_steps(self.log_every);
        if let Some(steps) = self.steps {
            builder = builder.max_steps(steps);
        }
        if let Some(interval) = self.val_interval {
            builder = builder.val_check_interval(interval);
        }
        if let Some(clip) = self.clip {
            builder = builder.gradient_clip_val(clip);
        }
        if let Some(limit) = self.limit_train {
            builder = builder.limit_train_batches(limit);
        }
        builder
    }
}

/// A module that the tests resume.
pub trait Program: LightningModule + TrainingStep + ConfigureOptimizers + Sized {
    /// A module that has not been trained.
    fn fresh() -> Self;

    /// What ends a run early.
    fn early_stopping() -> EarlyStopping<Self>;

    /// The trainer with the callbacks that are tried.
    fn with_callbacks(builder: TrainerBuilder<Self>) -> TrainerBuilder<Self> {
        builder
    }
}

/// Makes a module with `val_loss` a [`Program`].
macro_rules! program {
    ($name:ident, $hparams:ident $(, $callback:expr)*) => {
        impl Program for $name {
            fn fresh() -> Self {
                $name::new($hparams::default())
            }

            fn early_stopping() -> EarlyStopping<Self> {
                EarlyStopping::new($name::VAL_LOSS)
            }

            fn with_callbacks(
                builder: lightning_core::trainer::TrainerBuilder<Self>,
            ) -> lightning_core::trainer::TrainerBuilder<Self> {
                builder$(.callback($callback))*
            }
        }
    };
}
pub(crate) use program;

/// How a run ended: its report, the bytes of its last checkpoint, and what it logged.
struct Ended<M> {
    report: FitReport<M>,
    bytes: Vec<u8>,
    records: Vec<String>,
}

/// Runs a case to its end.
fn finish<M: Program>(case: &Case, builder: TrainerBuilder<M>, folder: &Path) -> Ended<M>
where
    (DataLoader<Rows>, DataLoader<Rows>): FitData<M>,
{
    seed_everything(7);
    let mut builder = M::with_callbacks(case.apply(builder));
    if let Some(patience) = case.patience {
        builder = builder.callback(M::early_stopping().patience(patience).strict(false));
    }
    let memory = MemoryLogger::new();
    let mut trainer = builder.logger(memory.clone()).build().unwrap();
    let data = (Points::new(case.items, 3).loader(case.batch_size, case.shuffle), Points::new(9, 4).loader(4, false));
    let mut model = M::fresh();
    let report = trainer.fit(&mut model, data).unwrap();
    let path = folder.join("final.ckpt");
    trainer.save_checkpoint(&model, &path).unwrap();
    let records = memory.records().iter().map(|record| format!("{record:?}")).collect();
    Ended { report, bytes: fs::read(&path).unwrap(), records }
}

/// Resumes a run from each checkpoint asked for at the moments, and compares; how many there were.
pub fn try_case<M: Program>(case: &Case, moments: Vec<(Moment, u64)>) -> usize
where
    (DataLoader<Rows>, DataLoader<Rows>): FitData<M>,
{
    let folder = tempfile::tempdir().unwrap();
    let whole = finish::<M>(case, Trainer::<M>::builder(), folder.path());
    let (save_at, written) = SaveAt::new(folder.path(), moments);
    let saving = finish::<M>(case, Trainer::<M>::builder().callback(save_at), folder.path());
    if saving.bytes != whole.bytes {
        panic!("{case:?}: saving changed the run: {}", differences(folder.path(), &whole.bytes, &saving.bytes));
    }
    let written = written.lock().unwrap().clone();
    for path in &written {
        let note = format!("{case:?}, resumed from {}", path.display());
        let Ended { report, bytes, records } =
            finish::<M>(case, Trainer::<M>::builder().resume_from(path.clone()), folder.path());
        assert_eq!(report.resumed_from.as_deref(), Some(path.as_path()), "{note}");
        assert!(report.differences.is_empty(), "{note}: {:?}", report.differences);
        assert_eq!(report.stop_reason, whole.report.stop_reason, "{note}");
        assert_eq!(report.global_step, whole.report.global_step, "{note}");
        assert_eq!(report.batch_step, whole.report.batch_step, "{note}");
        assert_eq!(report.validation_runs, whole.report.validation_runs, "{note}");
        assert_eq!(report.metrics.to_string(), whole.report.metrics.to_string(), "{note}");
        assert!(whole.records.ends_with(&records), "{note}: logged\n{records:#?}\nafter\n{:#?}", whole.records);
        if bytes != whole.bytes {
            panic!("{note}: the last checkpoints differ: {}", differences(folder.path(), &whole.bytes, &bytes));
        }
    }
    written.len()
}

/// What two files have otherwise.
fn differences(folder: &Path, expected: &[u8], found: &[u8]) -> String {
    let (a, b) = (folder.join("expected"), folder.join("found"));
    fs::write(&a, expected).unwrap();
    fs::write(&b, found).unwrap();
    difference(&a, &b)
}

/// What two checkpoints have otherwise.
fn difference(a: &Path, b: &Path) -> String {
    let (a, b) = (lightning_core::checkpoint::inspect(a).unwrap(), lightning_core::checkpoint::inspect(b).unwrap());
    let mut text = String::new();
    let json =
        |inspected: &lightning_core::checkpoint::Inspection| serde_json::to_string_pretty(&inspected.metadata).unwrap();
    for (left, right) in json(&a).lines().zip(json(&b).lines()).filter(|(left, right)| left != right).take(5) {
        text.push_str(&format!("\n{left}\n{right}"));
    }
    let tensors = |path: &Path| {
        let bytes = fs::read(path).unwrap();
        let read = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let all: std::collections::BTreeMap<_, _> =
            read.tensors().into_iter().map(|(name, view)| (name, view.data().to_vec())).collect();
        all
    };
    let (left, right) = (tensors(&a.path), tensors(&b.path));
    let names: std::collections::BTreeSet<_> = left.keys().chain(right.keys()).collect();
    for name in names.into_iter().filter(|name| left.get(*name) != right.get(*name)) {
        text.push_str(&format!("\ntensor {name}"));
    }
    text
}

/// A module in which everything moves: running statistics, dropout, random numbers in every hook,
/// state, a buffer.
macro_rules! noisy {
    ($name:ident, $hparams:ident, $config:expr $(, $callback:expr)*) => {
        #[lightning_module]
        #[optimizer($config, lr = lr)]
        pub struct $name {
            #[init(LinearConfig::new(8, 12).init(device))]
            fc1: Linear,
            #[init(BatchNormConfig::new(12).init(device))]
            norm: BatchNorm,
            #[init(DropoutConfig::new(0.3).init())]
            dropout: Dropout,
            #[init(LinearConfig::new(12, 3).with_layout(LinearLayout::Col).init(device))]
            fc2: Linear,
            #[buffer(Tensor::zeros([3], device))]
            seen: Tensor<1>,
            #[hparam(default = 1e-2)]
            lr: f64,
            #[state]
            calls: Vec<u64>,
            #[state]
            noise: f32,
        }

        #[lightning_module]
        impl $name {
            pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
                self.fc2.forward(self.dropout.forward(relu(self.norm.forward(self.fc1.forward(x)))))
            }
            pub fn training_step(&self, batch: Rows, cx: &StepContext) -> Option<Tensor<1>> {
                if cx.rng().uniform() < 0.1 {
                    return None;
                }
                #[log(minimize, on_step, on_epoch)]
                let train_loss = cross_entropy(self.forward(batch.x), batch.y);
                Some(train_loss)
            }
            pub fn validation_step(&self, batch: Rows) {
                let noise = Tensor::<2>::random(batch.x.dims(), Distribution::Normal(0.0, 0.1), &batch.x.device());
                let logits = self.forward(batch.x + noise);
                #[log(maximize)]
                let val_acc = accuracy(&logits, &batch.y);
                #[log(minimize)]
                let val_loss = cross_entropy(logits, batch.y);
            }
            fn on_train_epoch_start(&mut self) {
                self.call(0);
            }
            fn on_train_batch_start(&mut self) {
                self.call(1);
            }
            fn on_train_batch_end(&mut self) {
                self.call(2);
                self.seen = self.seen.clone() + 1.0;
            }
            fn on_validation_start(&mut self) {
                self.call(3);
            }
            fn on_validation_epoch_end(&mut self) {
                self.call(4);
                log("val_noise", &self.noise);
            }
            fn on_validation_end(&mut self) {
                self.call(5);
            }
            fn on_train_epoch_end(&mut self) {
                self.call(6);
                log("train_noise", &self.noise);
            }
        }

        impl $name {
            /// Counts the call and draws from the device's generator.
            fn call(&mut self, hook: usize) {
                self.calls.resize(7, 0);
                self.calls[hook] += 1;
                let draw = Tensor::<1>::random([1], Distribution::Uniform(0.0, 1.0), &Device::default());
                self.noise = 0.5 * self.noise + draw.into_data().iter::<f32>().next().unwrap();
            }
        }

        program!($name, $hparams $(, $callback)*);
    };
}
pub(crate) use noisy;

noisy!(WithAdamW, WithAdamWHparams, AdamWConfig::new().with_weight_decay(0.05));
noisy!(
    WithSgd,
    WithSgdHparams,
    SgdConfig::new()
        .with_momentum(Some(momentum::MomentumConfig::new().with_nesterov(true)))
        .with_gradient_clipping(Some(GradientClippingConfig::Norm(0.5)))
);
noisy!(WithRmsProp, WithRmsPropHparams, RmsPropConfig::new().with_centered(true));
noisy!(WithAdaGrad, WithAdaGradHparams, AdaGradConfig::new());
noisy!(WithLion, WithLionHparams, LionConfig::new());
noisy!(WithLamb, WithLambHparams, LambConfig::new());
noisy!(WithAdan, WithAdanHparams, AdanConfig::new());
noisy!(WithAdafactor, WithAdafactorHparams, AdafactorConfig::new());

/// How many configurations are tried; a hundred times as many by hand.
fn tries() -> u64 {
    std::env::var("RESUME_TRIES").ok().and_then(|tries| tries.parse().ok()).unwrap_or(300)
}

#[test]
fn any_run_resumed_anywhere_is_the_run_that_never_stopped() {
    let mut resumed = 0;
    for seed in 0..tries() {
        let mut rng = Rng::new(1000 + seed);
        let case = Case::random(&mut rng);
        let last = (case.epochs * case.items.div_ceil(case.batch_size)) as u64;
        let moments: Vec<_> =
            (0..12).map(|_| (MOMENTS[rng.random_range(0..8)], rng.random_range(0..last as usize + 1) as u64)).collect();
        resumed += match seed % 8 {
            0 => try_case::<WithAdamW>(&case, moments),
            1 => try_case::<WithSgd>(&case, moments),
            2 => try_case::<WithRmsProp>(&case, moments),
            3 => try_case::<WithAdaGrad>(&case, moments),
            4 => try_case::<WithLion>(&case, moments),
            5 => try_case::<WithLamb>(&case, moments),
            6 => try_case::<WithAdan>(&case, moments),
            _ => try_case::<WithAdafactor>(&case, moments),
        };
    }
    assert!(resumed > tries() as usize, "{resumed} checkpoints were tried");
}

#[test]
fn every_moment_of_one_run() {
    let case = Case {
        items: 22,
        batch_size: 4,
        shuffle: true,
        epochs: 2,
        steps: None,
        min_epochs: 0,
        accumulate: 2,
        val_interval: Some(2),
        val_every: 1,
        clip: None,
        limit_train: None,
        patience: None,
        log_every: 1,
    };
    let moments = (0..13).flat_map(|step| MOMENTS.map(|moment| (moment, step))).collect();
    let tried = try_case::<WithAdamW>(&case, moments);
    // 12 batches with three moments in each, 6 validations with two, 2 epochs with two, and the
    // end.
    assert_eq!(tried, 12 * 3 + 6 * 2 + 2 * 2 + 1);
}
