//! A resumed run is the run that never stopped: the last checkpoints of both are equal, byte for byte.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use burn::{
    grad_clipping::GradientClippingConfig, nn::*, optim::*, prelude::*, tensor::Distribution, tensor::activation::relu,
};
use lightning_core::{
    ErrorKind, FitReport, Rng, StopReason, TrainerBuilder, data::Dataset, loggers::MemoryLogger, prelude::*,
};

use crate::support::{Ledger, Net, NetHparams, Rows, batches, quiet};

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

fn rows(items: Vec<([f32; 8], i32)>) -> Result<Rows> {
    let device = Device::default();
    let count = items.len();
    let (x, y): (Vec<[f32; 8]>, Vec<i32>) = items.into_iter().unzip();
    Ok(Rows {
        x: Tensor::from_data(TensorData::new(x.concat(), [count, 8]), &device),
        y: Tensor::from_data(TensorData::new(y, [count]), &device),
    })
}

/// A module in which everything moves: running statistics, dropout, random numbers in every hook, state, a buffer.
macro_rules! noisy {
    ($name:ident, $hparams:ident, $config:expr) => {
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
    };
}

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

/// Where a checkpoint is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    BatchStart,
    BatchEnd,
    AfterBackward,
    ValidationBatch,
    ValidationEnd,
    EpochStart,
    EpochEnd,
    TrainEnd,
}

const MOMENTS: [Moment; 8] = [
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

    fn at<M: lightning_core::LightningModule>(
        &mut self,
        moment: Moment,
        cx: &mut CallbackContext<'_>,
        module: &M,
    ) -> Result<()> {
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
        impl<M: lightning_core::LightningModule> Callback<M> for SaveAt {
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
struct Case {
    items: usize,
    batch_size: usize,
    shuffle: bool,
    epochs: usize,
    steps: Option<u64>,
    min_epochs: usize,
    accumulate: u64,
    val_interval: Option<u64>,
    val_every: usize,
    clip: Option<f64>,
    limit_train: Option<u64>,
    patience: Option<u32>,
    log_every: u64,
}

impl Case {
    fn random(rng: &mut Rng) -> Self {
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

/// Runs a case to its end, and gives the bytes of its last checkpoint.
macro_rules! finish {
    ($model:ident, $hparams:ident, $case:expr, $builder:expr, $folder:expr) => {{
        let case: &Case = $case;
        let mut builder = case.apply($builder);
        if let Some(patience) = case.patience {
            builder = builder.callback(EarlyStopping::new($model::VAL_LOSS).patience(patience).strict(false));
        }
        let memory = MemoryLogger::new();
        let mut trainer = builder.logger(memory.clone()).build().unwrap();
        let data =
            || (Points::new(case.items, 3).loader(case.batch_size, case.shuffle), Points::new(9, 4).loader(4, false));
        let mut model = $model::new($hparams::default());
        let report: FitReport = trainer.fit(&mut model, data()).unwrap();
        let path = $folder.join("final.ckpt");
        trainer.save_checkpoint(&model, &path).unwrap();
        let records: Vec<String> = memory.records().iter().map(|record| format!("{record:?}")).collect();
        (report, fs::read(&path).unwrap(), records)
    }};
}

macro_rules! try_case {
    ($model:ident, $hparams:ident, $case:expr, $moments:expr) => {{
        let case: &Case = $case;
        let folder = tempfile::tempdir().unwrap();
        seed_everything(7);
        let (undisturbed, expected, records) = finish!($model, $hparams, case, $model::trainer(), folder.path());
        let (save_at, written) = SaveAt::new(folder.path(), $moments);
        seed_everything(7);
        let (_, saving, _) = finish!($model, $hparams, case, $model::trainer().callback(save_at), folder.path());
        assert!(saving == expected, "{case:?}: saving changed the run");
        let written = written.lock().unwrap().clone();
        for path in &written {
            let note = format!("{case:?}, resumed from {}", path.display());
            // Another seed would give other weights, and only the checkpoint's can be right.
            seed_everything(7);
            let _ = $model::new($hparams::default());
            let (report, bytes, rest) =
                finish!($model, $hparams, case, $model::trainer().resume_from(path.clone()), folder.path());
            assert_eq!(report.resumed_from.as_deref(), Some(path.as_path()), "{note}");
            assert!(report.differences.is_empty(), "{note}: {:?}", report.differences);
            assert_eq!(report.stop_reason, undisturbed.stop_reason, "{note}");
            assert_eq!(report.global_step, undisturbed.global_step, "{note}");
            assert_eq!(report.batch_step, undisturbed.batch_step, "{note}");
            assert_eq!(report.validation_runs, undisturbed.validation_runs, "{note}");
            assert_eq!(report.metrics.to_string(), undisturbed.metrics.to_string(), "{note}");
            assert!(records.ends_with(&rest), "{note}: logged\n{rest:#?}\nafter\n{records:#?}");
            if bytes != expected {
                let (a, b) = (folder.path().join("expected"), folder.path().join("found"));
                fs::write(&a, &expected).unwrap();
                fs::write(&b, &bytes).unwrap();
                panic!("{note}: the last checkpoints differ: {}", difference(&a, &b));
            }
        }
        written.len()
    }};
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

/// How many configurations are tried; a hundred times as many by hand.
fn tries() -> u64 {
    std::env::var("RESUME_TRIES").ok().and_then(|tries| tries.parse().ok()).unwrap_or(24)
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
            0 => try_case!(WithAdamW, WithAdamWHparams, &case, moments),
            1 => try_case!(WithSgd, WithSgdHparams, &case, moments),
            2 => try_case!(WithRmsProp, WithRmsPropHparams, &case, moments),
            3 => try_case!(WithAdaGrad, WithAdaGradHparams, &case, moments),
            4 => try_case!(WithLion, WithLionHparams, &case, moments),
            5 => try_case!(WithLamb, WithLambHparams, &case, moments),
            6 => try_case!(WithAdan, WithAdanHparams, &case, moments),
            _ => try_case!(WithAdafactor, WithAdafactorHparams, &case, moments),
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
    let tried = try_case!(WithAdamW, WithAdamWHparams, &case, moments);
    // 12 batches with three moments in each, 6 validations with two, 2 epochs with two, and the end.
    assert_eq!(tried, 12 * 3 + 6 * 2 + 2 * 2 + 1);
}

fn loader(count: usize) -> DataLoader<Rows> {
    DataLoader::from_batches(batches(&vec![8; count], 1)).unwrap()
}

/// Writes down which batches a step has seen.
#[derive(Clone, Default)]
struct Seen(Ledger);

impl<M> Callback<M> for Seen {
    fn on_train_batch_start(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.0.add(cx.batch_idx().to_string());
        Ok(())
    }
}

/// R2
#[test]
fn r2_a_resumed_run_sees_the_batches_that_follow() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ckpt");
    let seen = Seen::default();
    seed_everything(1);
    let mut model = Net::new(NetHparams::default());
    let mut trainer = Net::quiet().max_steps(2).limit_val_batches(0).callback(seen.clone()).build().unwrap();
    trainer.fit(&mut model, loader(10)).unwrap();
    trainer.save_checkpoint(&model, &path).unwrap();
    assert_eq!(seen.0.take(), ["0", "1"]);
    let mut model = Net::new(NetHparams::default());
    let mut trainer =
        Net::quiet().max_steps(4).limit_val_batches(0).callback(seen.clone()).resume_from(path).build().unwrap();
    let report = trainer.fit(&mut model, loader(10)).unwrap();
    assert_eq!(seen.0.take(), ["2", "3"]);
    assert_eq!((report.stop_reason, report.global_step), (StopReason::MaxSteps, 4));
    assert_eq!(report.differences, ["the setting `max_steps` was 2, and is 4"]);
}

/// R1: with rows that differ, so that a batch repeated or left out would be seen.
#[test]
fn r1_every_two_steps_resumed_from_the_first() {
    for interval in [None, Some(2)] {
        let folder = tempfile::tempdir().unwrap();
        let run = |name: &str, resume: Resume| {
            seed_everything(1);
            let mut model = Net::new(NetHparams::default());
            let saved = folder.path().join(name);
            let mut builder =
                quiet(Net::trainer()).enable_checkpointing(true).max_epochs(4).resume_from(resume).callback(
                    ModelCheckpoint::latest()
                        .every_n_train_steps(2)
                        .save_top_k(lightning_core::callbacks::TopK::All)
                        .dirpath(&saved),
                );
            if let Some(interval) = interval {
                builder = builder.val_check_interval(interval);
            }
            let report = builder.build().unwrap().fit(&mut model, (loader(4), loader(2))).unwrap();
            (report, saved)
        };
        let (whole, first) = run("first", Resume::Never);
        let (resumed, second) = run("second", Resume::Path(first.join("epoch=0-step=2.ckpt")));
        assert_eq!((whole.current_epoch, whole.global_step), (4, 16));
        assert_eq!((resumed.current_epoch, resumed.global_step), (4, 16));
        assert_eq!(whole.metrics, resumed.metrics);
        for step in [4, 6, 8, 10, 12, 14, 16] {
            let name = format!("epoch={}-step={step}.ckpt", (step - 1) / 4);
            let weights = |folder: &Path| Net::load_from_checkpoint(folder.join(&name)).unwrap().parameters();
            assert_eq!(crate::support::bits(&weights(&first)), crate::support::bits(&weights(&second)), "{name}");
        }
    }
}

/// Writes down every hook of a callback that a resumed run could get wrong.
#[derive(Clone, Default)]
struct Hooks(Ledger);

macro_rules! hooks {
    ($($hook:ident),* $(,)?) => {
        impl<M> Callback<M> for Hooks {
            $(fn $hook(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
                self.0.add(stringify!($hook));
                Ok(())
            })*
        }
    };
}

hooks!(
    setup,
    teardown,
    on_load_checkpoint,
    on_save_checkpoint,
    on_fit_start,
    on_fit_end,
    on_sanity_check_start,
    on_train_start,
    on_train_end,
    on_train_epoch_start,
    on_train_epoch_end,
    on_train_batch_start,
    on_train_batch_end,
    on_validation_start,
    on_validation_end,
);

/// R4
#[test]
fn r4_the_hooks_of_a_resumed_run() {
    let folder = tempfile::tempdir().unwrap();
    let run = |epochs: usize, resume: Resume| {
        seed_everything(1);
        let hooks = Hooks::default();
        let mut model = Net::new(NetHparams::default());
        let mut trainer = quiet(Net::trainer())
            .enable_checkpointing(true)
            .max_epochs(epochs)
            .limit_val_batches(0)
            .resume_from(resume)
            .callback(hooks.clone())
            .callback(ModelCheckpoint::latest().dirpath(folder.path()))
            .build()
            .unwrap();
        (trainer.fit(&mut model, loader(2)).unwrap(), hooks.0.take())
    };
    run(1, Resume::Never);
    let (report, hooks) = run(2, Resume::Path(folder.path().join("epoch=0-step=2.ckpt")));
    assert_eq!(
        hooks,
        [
            "setup",
            "on_load_checkpoint",
            "on_fit_start",
            "on_train_start",
            "on_train_epoch_start",
            "on_train_batch_start",
            "on_train_batch_end",
            "on_train_batch_start",
            "on_train_batch_end",
            "on_train_epoch_end",
            "on_save_checkpoint",
            "on_train_end",
            "on_fit_end",
            "teardown",
        ]
    );
    let saved = lightning_core::checkpoint::inspect(folder.path().join("epoch=1-step=4.ckpt")).unwrap();
    assert_eq!((saved.metadata.epoch, saved.metadata.global_step), (1, 4));
    assert_eq!(report.current_epoch, 2);
}

/// R5
#[test]
fn r5_one_more_epoch_is_one_more_validation() {
    let folder = tempfile::tempdir().unwrap();
    let run = |epochs: usize, resume: Resume| {
        let hooks = Hooks::default();
        let mut model = Net::new(NetHparams::default());
        let mut trainer = Net::trainer()
            .default_root_dir(folder.path())
            .enable_progress_bar(false)
            .enable_model_summary(false)
            .max_epochs(epochs)
            .limit_val_batches(1)
            .resume_from(resume)
            .callback(hooks.clone())
            .build()
            .unwrap();
        trainer.fit(&mut model, (loader(2), loader(2))).unwrap();
        hooks.0.take().iter().filter(|hook| *hook == "on_validation_start").count()
    };
    seed_everything(1);
    // The sanity check is one of the two.
    assert_eq!(run(1, Resume::Never), 2);
    assert_eq!(run(2, Resume::Last), 1);
}

#[test]
fn last_without_a_checkpoint_lists_where_it_looked_and_last_or_start_begins() {
    let folder = tempfile::tempdir().unwrap();
    let trainer = |resume| {
        Net::trainer()
            .default_root_dir(folder.path())
            .enable_progress_bar(false)
            .enable_model_summary(false)
            .max_epochs(1)
            .limit_val_batches(0)
            .callback(ModelCheckpoint::<Net>::latest().dirpath(folder.path().join("own")))
            .resume_from(resume)
            .build()
            .unwrap()
    };
    let mut model = Net::new(NetHparams::default());
    let error = trainer(Resume::Last).fit(&mut model, loader(2)).unwrap_err();
    let text = error.to_string();
    assert_eq!(error.kind(), ErrorKind::Checkpoint);
    for searched in ["own", "checkpoints"] {
        assert!(text.contains(&*folder.path().join(searched).to_string_lossy()), "{text}");
    }
    let report = trainer(Resume::LastOrStart).fit(&mut model, loader(2)).unwrap();
    assert_eq!((report.resumed_from, report.global_step), (None, 2));
    let report = trainer(Resume::LastOrStart).fit(&mut model, loader(2)).unwrap();
    assert_eq!((report.resumed_from, report.global_step), (Some(folder.path().join("own/epoch=0-step=2.ckpt")), 2));
}

fn logged<M>(builder: TrainerBuilder<M>, root: &Path) -> TrainerBuilder<M> {
    builder.default_root_dir(root).enable_progress_bar(false).enable_model_summary(false).log_every_n_steps(1)
}

/// The run goes on in its version, and its log has each row once.
#[test]
fn the_log_goes_on_where_the_checkpoint_was_taken() {
    let whole = tempfile::tempdir().unwrap();
    let parts = tempfile::tempdir().unwrap();
    let run = |root: &Path, epochs: usize, resume: Resume, elsewhere: Option<&Path>| {
        seed_everything(3);
        let mut checkpoint = ModelCheckpoint::new(Net::VAL_LOSS).every_n_train_steps(3).save_top_k(2);
        if let Some(folder) = elsewhere {
            checkpoint = checkpoint.dirpath(folder);
        }
        let mut model = Net::new(NetHparams::default());
        let builder = logged(Net::trainer(), root).max_epochs(epochs).val_check_interval(2).callback(checkpoint);
        let mut trainer = builder.resume_from(resume).build().unwrap();
        trainer.fit(&mut model, (loader(5), loader(2))).unwrap()
    };
    let metrics = |root: &Path| fs::read_to_string(root.join("lightning_logs/version_0/metrics.csv")).unwrap();
    run(whole.path(), 3, Resume::Never, None);
    // The first part ends before the second's checkpoint was due: rows after it are cut, and come again.
    run(parts.path(), 2, Resume::Never, None);
    let report = run(parts.path(), 3, Resume::Last, None);
    assert!(report.resumed_from.unwrap().starts_with(parts.path().join("lightning_logs/version_0/checkpoints")));
    assert_eq!(metrics(parts.path()), metrics(whole.path()));
    assert!(!parts.path().join("lightning_logs/version_1").exists());

    // With the checkpoints in a folder of their own, the run's folder knows which they are.
    let split = tempfile::tempdir().unwrap();
    let own = split.path().join("own");
    run(split.path(), 2, Resume::Never, Some(&own));
    run(split.path(), 3, Resume::Last, Some(&own));
    assert_eq!(metrics(split.path()), metrics(whole.path()));
    assert!(!split.path().join("lightning_logs/version_1").exists());
}

#[test]
fn best_is_the_best_of_the_last_run() {
    let folder = tempfile::tempdir().unwrap();
    let trainer = |epochs: usize, resume: Resume| {
        let checkpoint = ModelCheckpoint::new(Net::VAL_LOSS).save_last(true);
        logged(Net::trainer(), folder.path())
            .max_epochs(epochs)
            .callback(checkpoint)
            .resume_from(resume)
            .build()
            .unwrap()
    };
    seed_everything(1);
    let mut model = Net::new(NetHparams::default().with_lr(3.0));
    let mut first = trainer(6, Resume::Never);
    let report = first.fit(&mut model, (loader(3), loader(2))).unwrap();
    let best = report.best_checkpoint.unwrap();
    let mut model = Net::new(NetHparams::default().with_lr(3.0));
    let report = trainer(6, Resume::Best).fit(&mut model, (loader(3), loader(2))).unwrap();
    assert_eq!(report.resumed_from, Some(best));
}

/// A run that goes back to an earlier checkpoint leaves later ones behind: they are not its last.
#[test]
fn a_branch_does_not_take_the_trunk_for_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let trainer = |epochs: usize, resume: Resume| {
        let checkpoint = ModelCheckpoint::<Net>::latest().save_top_k(lightning_core::callbacks::TopK::All);
        logged(Net::trainer(), folder.path())
            .max_epochs(epochs)
            .limit_val_batches(0)
            .callback(checkpoint)
            .resume_from(resume)
            .build()
            .unwrap()
    };
    seed_everything(1);
    let mut model = Net::new(NetHparams::default());
    let saved = folder.path().join("lightning_logs/version_0/checkpoints");
    trainer(5, Resume::Never).fit(&mut model, loader(2)).unwrap();
    let report = trainer(2, Resume::Path(saved.join("epoch=0-step=2.ckpt"))).fit(&mut model, loader(2)).unwrap();
    assert!(report.warnings.iter().any(|warning| warning.contains("epoch=4-step=10.ckpt")), "{:?}", report.warnings);
    let report = trainer(3, Resume::Last).fit(&mut model, loader(2)).unwrap();
    assert_eq!(report.resumed_from, Some(saved.join("epoch=1-step=4-v1.ckpt")));
    assert_eq!(report.global_step, 6);
}
