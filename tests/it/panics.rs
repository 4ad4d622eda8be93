//! A panic in every kind of call into user code: the table of ARCHITECTURE.md, "Calls into user
//! code". The model comes back in evaluation form, the end hooks and `finalize` run, and the error
//! says where it was.

use std::{
    fs,
    panic::panic_any,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use burn::{nn::*, optim::SgdConfig, prelude::*, tensor::FloatDType};
use lightning_core::{
    Batch, ErrorKind, StateReader, StateWriter,
    callbacks::CallbackInfo,
    data::{Batches, Dataset, EpochOffset, Loader, SampleContext, Sampler},
    loggers::{
        Audio, Figure, Graph, Histogram, ImageView, LogPosition, Logger, MemoryLogger, Mesh, Record, RunStatus, Table,
    },
    metrics::{Metric, MetricValue},
    optim::{Interval, OptimizerSetup, Schedule},
    prelude::*,
    schedulers::LrScheduler,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::{panics_search, support::quiet};

/// The call that panics next. A `static`, because some calls have no receiver.
static FAULT: Mutex<Option<&str>> = Mutex::new(None);

/// Whether this call is the one that fails; once.
fn fails(call: &str) -> bool {
    let mut fault = FAULT.lock().unwrap_or_else(PoisonError::into_inner);
    let now = *fault == Some(call);
    if now {
        *fault = None;
    }
    now
}

fn visit(call: &str) {
    assert!(!fails(call), "the fault");
}

/// What was called of the module, and `on_exception`.
static CALLED: Mutex<Vec<&str>> = Mutex::new(Vec::new());

fn called(hook: &'static str) {
    CALLED.lock().unwrap_or_else(PoisonError::into_inner).push(hook);
    visit(hook);
}

/// A value whose destructor is a call.
#[derive(Debug)]
pub struct Payload(&'static str);

impl Drop for Payload {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            visit(self.0);
        }
    }
}

/// A value to panic with.
struct Explosive;

impl Drop for Explosive {
    fn drop(&mut self) {
        panic!("the destructor of the value of a panic");
    }
}

/// A type whose `Serialize`, `Deserialize` and `Clone` are calls.
macro_rules! serialized {
    ($name:ident, $clone:literal, $save:literal, $load:literal) => {
        #[derive(Debug, Default, PartialEq)]
        pub struct $name(u64);

        impl Clone for $name {
            fn clone(&self) -> Self {
                visit($clone);
                Self(self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                visit($save);
                self.0.serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                visit($load);
                u64::deserialize(deserializer).map(Self)
            }
        }
    };
}

serialized!(
    ModuleState,
    "`Clone` of a field",
    "`Serialize` of a `#[state]` field",
    "`Deserialize` of a `#[state]` field"
);
serialized!(ModuleHparam, "", "`Serialize` of a hyperparameter", "");
serialized!(DataState, "", "`Serialize` of a `#[state]` field of data", "`Deserialize` of a `#[state]` field of data");
serialized!(DataHparam, "", "`Serialize` of a hyperparameter of data", "");

/// A part of a batch.
#[derive(Debug)]
pub struct Part(#[expect(dead_code, reason = "its destructor panics")] Payload);

impl Clone for Part {
    fn clone(&self) -> Self {
        Self(Payload("drop of a batch"))
    }
}

impl Batch for Part {
    const SIZED: bool = false;

    fn batch_size(&self) -> Option<usize> {
        None
    }
    fn to_device(self, _device: &Device) -> Self {
        visit("`Batch::to_device`");
        self
    }
    fn cast(self, _dtype: FloatDType) -> Self {
        self
    }
}

#[derive(Batch, Clone, Debug)]
pub struct Frames {
    #[batch(size)]
    x: Tensor<2>,
    y: Tensor<1, Int>,
    part: Part,
}

fn frames(items: Vec<f32>) -> Result<Frames> {
    visit("`collate`");
    let (device, count) = (Device::default(), items.len());
    let classes: Vec<i32> = items.iter().map(|item| *item as i32 % 3).collect();
    let rows: Vec<f32> = items.iter().flat_map(|item| [item / 16.0; 8]).collect();
    Ok(Frames {
        x: Tensor::from_data(TensorData::new(rows, [count, 8]), &device),
        y: Tensor::from_data(TensorData::new(classes, [count]), &device),
        part: Part(Payload("drop of a batch")),
    })
}

/// The number of updates.
#[derive(Debug)]
struct Share(u64, #[expect(dead_code, reason = "its destructor panics")] Payload);

impl Share {
    fn new() -> Self {
        Self(0, Payload("drop of a metric"))
    }
}

impl Clone for Share {
    fn clone(&self) -> Self {
        Self(self.0, Payload("drop of a metric"))
    }
}

impl Metric for Share {
    type Input = f64;

    fn accumulate(&mut self, _input: &f64) -> Result<()> {
        visit("`Metric::accumulate`");
        self.0 += 1;
        Ok(())
    }
    fn compute(&mut self) -> Result<MetricValue> {
        visit("`Metric::compute`");
        Ok(MetricValue::Scalar(self.0 as f64))
    }
    fn reset(&mut self) {
        visit("`Metric::reset`");
        self.0 = 0;
    }
    fn merge(&mut self, other: &Self) -> Result<()> {
        self.0 += other.0;
        Ok(())
    }
    fn state(&mut self) -> Result<Value> {
        visit("`Metric::state`");
        Ok(self.0.into())
    }
    fn load_state(&mut self, state: &Value, _device: &Device) -> Result<()> {
        visit("`Metric::load_state`");
        self.0 = state.as_u64().unwrap_or_default();
        Ok(())
    }
}

/// A constant rate.
#[derive(Clone, Debug)]
struct Rate(u64);

impl LrScheduler for Rate {
    fn base_lr(&self) -> f64 {
        visit("`LrScheduler::base_lr`");
        0.1
    }
    fn lr(&self) -> f64 {
        visit("`LrScheduler::lr`");
        0.1
    }
    fn step(&mut self, _monitored: Option<f64>) -> Result<()> {
        visit("`LrScheduler::step`");
        self.0 += 1;
        Ok(())
    }
    fn momentum(&self) -> Option<f64> {
        visit("`LrScheduler::momentum`");
        None
    }
    fn state(&self) -> Value {
        visit("`LrScheduler::state`");
        self.0.into()
    }
    fn load_state(&mut self, state: &Value) -> Result<()> {
        visit("`LrScheduler::load_state`");
        self.0 = state.as_u64().unwrap_or_default();
        Ok(())
    }
    fn describe(&self) -> String {
        visit("`LrScheduler::describe`");
        "a constant rate".to_owned()
    }
    fn boxed_clone(&self) -> Box<dyn LrScheduler> {
        Box::new(self.clone())
    }
}

#[lightning_module]
pub struct Net {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[state]
    state: ModuleState,
    #[hparam(default = ModuleHparam::default())]
    label: ModuleHparam,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Frames, cx: &StepContext) -> Result<Loss<Payload>> {
        visit("`training_step`");
        if fails("a value of `panic_any` whose destructor panics") {
            panic_any(Explosive);
        }
        cx.log_text("text", "a text");
        cx.log_image("image", Tensor::<2>::zeros([4, 4], &Device::default()));
        cx.log_histogram("histogram", vec![1.0, 2.0]);
        cx.log_figure("figure", Figure::Svg("<svg/>"));
        cx.log_audio("audio", Audio::mono([0.0], 8000));
        cx.log_mesh("mesh", Mesh::new(vec![[0.0; 3]]));
        cx.log_table("table", Table::new(["a"]));
        cx.log_artifact("artifact", "file");
        // What it warns of is printed, and passed to the loggers.
        log("not_a_number", &f64::NAN);
        #[log(metric = Share::new())]
        let share = 1.0;
        #[log(minimize)]
        let train_loss = cross_entropy(self.layer.forward(batch.x), batch.y);
        Ok(Loss::new(train_loss).output(Payload("drop of an output")))
    }
    fn validation_step(&self, batch: Frames) {
        visit("`validation_step`");
        #[log(metric = Share::new())]
        let val_share = 1.0;
        #[log(minimize)]
        let val_loss = cross_entropy(self.layer.forward(batch.x), batch.y);
    }
    fn test_step(&self, batch: Frames) {
        visit("`test_step`");
        #[log(minimize)]
        let test_loss = cross_entropy(self.layer.forward(batch.x), batch.y);
    }
    fn predict_step(&self, batch: Frames, batch_idx: usize) -> Result<Payload> {
        drop(batch);
        visit("`predict_step`");
        if batch_idx == 1 && FAULT.lock().unwrap().is_some() {
            return Err("the step failed".into());
        }
        Ok(Payload("drop of a prediction"))
    }
    fn configure_optimizers(&self, _cx: &FitContext) -> Result<OptimizerSetup> {
        visit("`configure_optimizers`");
        let schedule: Box<dyn LrScheduler> = Box::new(Rate(0));
        Ok(OptimizerSetup::scheduled("sgd", SgdConfig::new(), Schedule::new(schedule, Interval::Step)?))
    }
    fn on_save_checkpoint(&mut self, state: &mut StateWriter) -> Result<()> {
        visit("`on_save_checkpoint`");
        state.put("own", &1)
    }
    fn on_load_checkpoint(&mut self, _state: &StateReader) -> Result<()> {
        visit("`on_load_checkpoint`");
        Ok(())
    }
    fn prepare_data(&self) {
        visit("`prepare_data`");
    }
    fn setup(&mut self) {
        called("setup");
    }
    fn teardown(&mut self) {
        called("teardown");
    }
    fn on_fit_start(&mut self) {
        called("on_fit_start");
    }
    fn on_fit_end(&mut self) {
        called("on_fit_end");
    }
    fn on_train_start(&mut self) {
        called("on_train_start");
    }
    fn on_train_end(&mut self) {
        called("on_train_end");
    }
    fn on_train_epoch_start(&mut self) {
        called("on_train_epoch_start");
    }
    fn on_train_epoch_end(&mut self) {
        called("on_train_epoch_end");
    }
    fn on_validation_start(&mut self) {
        called("on_validation_start");
    }
    fn on_validation_end(&mut self) {
        called("on_validation_end");
    }
    fn on_train_batch_end(&mut self) {
        visit("a hook of the module");
    }
}

/// The module in manual optimization.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct ByHand {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl ByHand {
    #[manual_optimization]
    fn training_step(&mut self, batch: Frames, optimizers: &mut Optimizers<Self>) -> Result<()> {
        let loss = cross_entropy(self.layer.forward(batch.x), batch.y);
        let gradients = optimizers.backward(self, loss)?;
        visit("`training_step` with `Optimizers`");
        optimizers.step(Self::OPTIMIZER, self, gradients)
    }
    fn setup(&mut self) {
        called("setup");
    }
    fn teardown(&mut self) {
        called("teardown");
    }
    fn on_fit_start(&mut self) {
        called("on_fit_start");
    }
    fn on_fit_end(&mut self) {
        called("on_fit_end");
    }
    fn on_train_end(&mut self) {
        called("on_train_end");
    }
    fn on_train_start(&mut self) {
        called("on_train_start");
    }
}

struct Watcher;

impl<M> Callback<M> for Watcher {
    fn info(&self) -> CallbackInfo {
        visit("`Callback::info`");
        CallbackInfo::new()
    }
    fn check(&self) -> Result<()> {
        visit("`Callback::check`");
        Ok(())
    }
    fn state_key(&self) -> String {
        visit("`Callback::state_key`");
        "Watcher".to_owned()
    }
    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        visit("`Callback::save_state`");
        state.put("state", &1)
    }
    fn load_state(&mut self, _state: &StateReader<'_>) -> Result<()> {
        visit("`Callback::load_state`");
        Ok(())
    }
    fn model_to_save(&self, _module: &M) -> Result<Option<M>> {
        visit("`Callback::model_to_save`");
        Ok(None)
    }
    fn final_weights(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<bool> {
        visit("`Callback::final_weights`");
        Ok(false)
    }
    fn on_train_batch_end(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        visit("a hook of a callback");
        Ok(())
    }
    fn on_exception(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        called("on_exception");
        Ok(())
    }
}

/// A logger of one run in a folder.
struct Talker(PathBuf);

impl Logger for Talker {
    fn start(&mut self) -> Result<()> {
        visit("`Logger::start`");
        Ok(())
    }
    fn resume_at(&mut self, _version: &str, _batch_step: u64, _records: u64) -> Result<()> {
        visit("`Logger::resume_at`");
        Ok(())
    }
    fn earlier_runs(&self) -> Result<Vec<(String, PathBuf)>> {
        visit("`Logger::earlier_runs`");
        Ok(vec![("0".to_owned(), self.0.clone())])
    }
    fn log_hyperparams(&mut self, _hparams: &Value) -> Result<()> {
        visit("`Logger::log_hyperparams`");
        Ok(())
    }
    fn log_metrics(&mut self, _record: &Record) -> Result<()> {
        visit("`Logger::log_metrics`");
        Ok(())
    }
    fn log_text(&mut self, _name: &str, _text: &str, _position: LogPosition) -> Result<()> {
        visit("`Logger::log_text`");
        Ok(())
    }
    fn log_image(&mut self, _name: &str, _image: &ImageView<'_>, _position: LogPosition) -> Result<()> {
        visit("`Logger::log_image`");
        Ok(())
    }
    fn log_histogram(&mut self, _name: &str, _histogram: &Histogram, _position: LogPosition) -> Result<()> {
        visit("`Logger::log_histogram`");
        Ok(())
    }
    fn log_figure(&mut self, _name: &str, _figure: Figure<'_>, _position: LogPosition) -> Result<()> {
        visit("`Logger::log_figure`");
        Ok(())
    }
    fn log_audio(&mut self, _name: &str, _audio: &Audio, _position: LogPosition) -> Result<()> {
        visit("`Logger::log_audio`");
        Ok(())
    }
    fn log_mesh(&mut self, _name: &str, _mesh: &Mesh, _position: LogPosition) -> Result<()> {
        visit("`Logger::log_mesh`");
        Ok(())
    }
    fn log_table(&mut self, _name: &str, _table: &Table, _position: LogPosition) -> Result<()> {
        visit("`Logger::log_table`");
        Ok(())
    }
    fn log_artifact(&mut self, _name: &str, _path: &Path, _position: LogPosition) -> Result<()> {
        visit("`Logger::log_artifact`");
        Ok(())
    }
    fn log_checkpoint(&mut self, _path: &Path) -> Result<()> {
        visit("`Logger::log_checkpoint`");
        Ok(())
    }
    fn log_console(&mut self, _text: &str) -> Result<()> {
        visit("`Logger::log_console`");
        Ok(())
    }
    fn log_graph(&mut self, _graph: &Graph, _position: LogPosition) -> Result<()> {
        visit("`Logger::log_graph`");
        Ok(())
    }
    fn save(&mut self) -> Result<()> {
        visit("`Logger::save`");
        Ok(())
    }
    fn is_required(&self) -> bool {
        true
    }
    fn finalize(&mut self, _status: RunStatus) -> Result<()> {
        visit("`Logger::finalize`");
        Ok(())
    }
    fn name(&self) -> &str {
        "talker"
    }
    fn log_dir(&self) -> Option<&Path> {
        visit("`Logger::log_dir`");
        Some(&self.0)
    }
}

/// Where the batches come from.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Source {
    #[default]
    Items,
    Workers,
    Stream,
    Iterator,
    Own,
}

/// Sixteen items.
struct Items(#[allow(dead_code, reason = "its destructor is a call")] Payload);

impl Dataset for Items {
    type Item = f32;

    fn len(&self) -> usize {
        visit("`Dataset::len`");
        16
    }
    fn get(&self, index: usize) -> Result<f32> {
        visit("`Dataset::get`");
        Ok(index as f32)
    }
}

/// The order of the items.
struct Order;

impl Sampler for Order {
    fn indices(&self, cx: &SampleContext) -> Result<Vec<usize>> {
        visit("`Sampler::indices`");
        Ok((0..cx.items()).collect())
    }
}

/// A loader of four batches.
struct OwnLoader(#[allow(dead_code, reason = "its destructor is a call")] Payload);

impl Loader<Frames> for OwnLoader {
    fn len(&self) -> Option<usize> {
        visit("`Loader::len`");
        Some(4)
    }
    fn batches(&self, from: EpochOffset) -> Result<Batches<Frames>> {
        visit("`Loader::batches`");
        let payload = Payload("drop of the batches of a loader");
        Ok(Box::new((from.batch..4).map(move |_| {
            let _ = &payload;
            visit("`Iterator::next` of a loader");
            frames(vec![0.0, 1.0, 2.0, 3.0])
        })))
    }
    fn batches_in_order(&self, from: EpochOffset, _device: &Device) -> Result<Batches<Frames>> {
        visit("`Loader::batches_in_order`");
        self.batches(from)
    }
}

impl Source {
    fn open(self) -> Result<DataLoader<Frames>> {
        let items = || Items(Payload("drop of a data set"));
        let map = |item: f32, _: &mut lightning_core::Rng| {
            visit("`map`");
            item
        };
        match self {
            Self::Items => DataLoader::builder(items()).batch_size(4).sampler(Order).map(map).collate(frames).build(),
            Self::Workers => DataLoader::builder(items())
                .batch_size(4)
                .num_workers(1)
                .worker_init(|_| {
                    visit("`worker_init`");
                    Ok(())
                })
                .map(move |item: f32, rng: &mut lightning_core::Rng| {
                    visit("`map` in a worker");
                    map(item, rng)
                })
                .collate(frames)
                .build(),
            Self::Stream => DataLoader::iterable(|_, _| {
                visit("the function of `iterable`");
                (0..16).map(|item| {
                    visit("`Iterator::next` of `iterable`");
                    item as f32
                })
            })
            .batch_size(4)
            .collate(frames)
            .build(),
            Self::Iterator => Ok(DataLoader::from_iter(|_, _| {
                visit("the function of `from_iter`");
                (0..4).map(|_| {
                    visit("`Iterator::next` of `from_iter`");
                    frames(vec![0.0, 1.0, 2.0, 3.0]).unwrap()
                })
            })),
            Self::Own => Ok(DataLoader::from_loader(OwnLoader(Payload("drop of a loader")))),
        }
    }
}

#[data_module]
struct Data {
    #[state(skip)]
    source: Source,
    #[state]
    state: DataState,
    #[hparam(default = DataHparam::default())]
    data_label: DataHparam,
}

#[data_module]
impl Data {
    fn prepare_data(&self) {
        visit("`prepare_data` of data");
    }
    fn setup(&mut self) {
        visit("`setup` of data");
    }
    fn teardown(&mut self) {
        visit("`teardown` of data");
    }
    fn train_dataloader(&self) -> Result<DataLoader<Frames>> {
        visit("`train_dataloader`");
        self.source.open()
    }
    fn val_dataloader(&self) -> Result<DataLoader<Frames>> {
        visit("`val_dataloader`");
        DataLoader::from_batches(vec![frames(vec![0.0, 1.0])?, frames(vec![2.0])?])
    }
    fn test_dataloader(&self) -> Result<DataLoader<Frames>> {
        visit("`test_dataloader`");
        self.val_dataloader()
    }
    fn predict_dataloader(&self) -> Result<DataLoader<Frames>> {
        visit("`predict_dataloader`");
        self.val_dataloader()
    }
}

/// In what kind of run a call panics.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Run {
    Fit(Source),
    /// With `overfit_batches`, which reads a loader in its order.
    InOrder,
    /// Resumed after the second batch.
    Resumed,
    Validate,
    Test,
    Predict,
    Manual,
}

/// How far a run is when the call panics.
#[derive(Clone, Copy, Debug, PartialEq)]
enum When {
    /// Before anything was begun: no hook has run, and no logger has started.
    Before,
    /// In between: everything that was begun is closed, as failed.
    Within,
    /// In what closes the run.
    Closing,
}

use Run::{Fit, InOrder, Manual, Predict, Resumed, Test, Validate};
use Source::{Items as FromItems, Iterator as FromIterator, Own, Stream, Workers};
use When::{Before, Closing, Within};

/// The call, a run that has it, how far the run is then, and what the error says of the place.
const CALLS: &[(&str, Run, When, &str)] = &[
    ("`training_step`", Fit(FromItems), Within, "`Net::training_step`"),
    ("`training_step` with `Optimizers`", Manual, Within, "`ByHand::training_step`"),
    ("`validation_step`", Fit(FromItems), Within, "`Net::validation_step`"),
    ("`test_step`", Test, Within, "`Net::test_step`"),
    ("`predict_step`", Predict, Within, "`Net::predict_step`"),
    ("a hook of the module", Fit(FromItems), Within, "`Net::on_train_batch_end`"),
    ("`configure_optimizers`", Fit(FromItems), Within, "`configure_optimizers`"),
    ("`prepare_data`", Fit(FromItems), Within, "`Net::prepare_data`"),
    ("`on_save_checkpoint`", Fit(FromItems), Within, "`Net::on_save_checkpoint`"),
    ("`on_load_checkpoint`", Resumed, Within, "`Net::on_load_checkpoint`"),
    ("`Serialize` of a hyperparameter", Fit(FromItems), Before, "`the hyperparameters of Net`"),
    ("`Serialize` of a `#[state]` field", Fit(FromItems), Within, "`the state of Net`"),
    ("`Deserialize` of a `#[state]` field", Resumed, Within, "`the state of Net`"),
    ("`Clone` of a field", Fit(FromItems), Before, "stage fit"),
    ("`Callback::info`", Fit(FromItems), Before, "`build`"),
    ("`Callback::check`", Fit(FromItems), Before, "panicked: the fault"),
    ("`Callback::state_key`", Fit(FromItems), Within, "`a callback's state_key`"),
    ("`Callback::save_state`", Fit(FromItems), Within, "`save_state of Watcher`"),
    ("`Callback::load_state`", Resumed, Within, "`load_state of Watcher`"),
    ("`Callback::model_to_save`", Fit(FromItems), Within, "`a callback's model_to_save`"),
    ("`Callback::final_weights`", Fit(FromItems), Within, "`a callback's final_weights`"),
    ("a hook of a callback", Fit(FromItems), Within, "`a callback's on_train_batch_end`"),
    ("`Logger::earlier_runs`", Fit(FromItems), Before, "`a logger's earlier_runs`"),
    ("`Logger::resume_at`", Resumed, Before, "`a logger's resume_at`"),
    ("`Logger::start`", Fit(FromItems), Within, "`a logger's start`"),
    ("`Logger::log_hyperparams`", Fit(FromItems), Within, "`a logger's log_hyperparams`"),
    ("`Logger::log_metrics`", Fit(FromItems), Within, "`a logger's log_metrics`"),
    ("`Logger::log_text`", Fit(FromItems), Within, "`a logger's log_text`"),
    ("`Logger::log_image`", Fit(FromItems), Within, "`a logger's log_image`"),
    ("`Logger::log_histogram`", Fit(FromItems), Within, "`a logger's log_histogram`"),
    ("`Logger::log_figure`", Fit(FromItems), Within, "`a logger's log_figure`"),
    ("`Logger::log_audio`", Fit(FromItems), Within, "`a logger's log_audio`"),
    ("`Logger::log_mesh`", Fit(FromItems), Within, "`a logger's log_mesh`"),
    ("`Logger::log_table`", Fit(FromItems), Within, "`a logger's log_table`"),
    ("`Logger::log_artifact`", Fit(FromItems), Within, "`a logger's log_artifact`"),
    ("`Logger::log_checkpoint`", Fit(FromItems), Within, "`a logger's log_checkpoint`"),
    ("`Logger::log_console`", Fit(FromItems), Within, "`a logger's log_console`"),
    ("`Logger::log_graph`", Fit(FromItems), Within, "`a logger's log_graph`"),
    ("`Logger::log_dir`", Fit(FromItems), Within, "`a logger's log_dir`"),
    ("`Logger::save`", Fit(FromItems), Within, "`a logger's save`"),
    ("`Logger::finalize`", Fit(FromItems), Closing, "`a logger's finalize`"),
    ("`prepare_data` of data", Fit(FromItems), Within, "`prepare_data`"),
    ("`setup` of data", Fit(FromItems), Within, "`setup`"),
    ("`teardown` of data", Fit(FromItems), Closing, "`teardown`"),
    ("`train_dataloader`", Fit(FromItems), Within, "`train_dataloader`"),
    ("`val_dataloader`", Validate, Within, "`val_dataloader`"),
    ("`test_dataloader`", Test, Within, "`test_dataloader`"),
    ("`predict_dataloader`", Predict, Within, "`predict_dataloader`"),
    ("`Serialize` of a hyperparameter of data", Fit(FromItems), Before, "`the hyperparameters of Data`"),
    ("`Serialize` of a `#[state]` field of data", Fit(FromItems), Within, "`the state of Data`"),
    ("`Deserialize` of a `#[state]` field of data", Resumed, Within, "`the state of Data`"),
    ("`Dataset::len`", Fit(FromItems), Within, "`train_dataloader`"),
    ("`Dataset::get`", Fit(FromItems), Within, "`train_dataloader`"),
    ("`Sampler::indices`", Fit(FromItems), Within, "`train_dataloader`"),
    ("`map`", Fit(FromItems), Within, "`train_dataloader`"),
    ("`map` in a worker", Fit(Workers), Within, "`train_dataloader`"),
    ("`worker_init`", Fit(Workers), Within, "`train_dataloader`"),
    ("`collate`", Fit(FromItems), Within, "_dataloader`"),
    ("`Batch::to_device`", Fit(FromItems), Within, "`train_dataloader`"),
    ("the function of `iterable`", Fit(Stream), Within, "`train_dataloader`"),
    ("`Iterator::next` of `iterable`", Fit(Stream), Within, "`train_dataloader`"),
    ("the function of `from_iter`", Fit(FromIterator), Within, "`train_dataloader`"),
    ("`Iterator::next` of `from_iter`", Fit(FromIterator), Within, "`train_dataloader`"),
    ("`Loader::len`", Fit(Own), Within, "`train_dataloader`"),
    ("`Loader::batches`", Fit(Own), Within, "`train_dataloader`"),
    ("`Loader::batches_in_order`", InOrder, Within, "`train_dataloader`"),
    ("`Iterator::next` of a loader", Fit(Own), Within, "`train_dataloader`"),
    ("`Metric::accumulate`", Fit(FromItems), Within, "the metric `share`"),
    ("`Metric::compute`", Fit(FromItems), Within, "the metric `share`"),
    ("`Metric::reset`", Fit(FromItems), Within, "the metric `share`"),
    ("`Metric::state`", Fit(FromItems), Within, "the metric `share`"),
    ("`Metric::load_state`", Resumed, Within, "the metric `share`"),
    ("`LrScheduler::base_lr`", Fit(FromItems), Within, "`the schedule of sgd`"),
    ("`LrScheduler::lr`", Fit(FromItems), Within, "`the schedule of sgd`"),
    ("`LrScheduler::step`", Fit(FromItems), Within, "`the schedule of sgd`"),
    ("`LrScheduler::momentum`", Fit(FromItems), Within, "`the schedule of sgd`"),
    ("`LrScheduler::state`", Fit(FromItems), Within, "`the schedule of sgd`"),
    ("`LrScheduler::load_state`", Resumed, Within, "`the schedule of sgd`"),
    ("`LrScheduler::describe`", Fit(FromItems), Within, "`the schedule of sgd`"),
    ("drop of an output", Fit(FromItems), Within, "`drop of the output of the last training step`"),
    ("drop of a batch", Fit(FromItems), Within, "`Net::training_step`"),
    ("drop of a prediction", Predict, Within, "`Net::predict_step`"),
    ("drop of a metric", Fit(FromItems), Within, "stage validate"),
    ("drop of the batches of a loader", Fit(Own), Within, "stage fit"),
    ("drop of a loader", Fit(Own), Closing, "`drop of the loaders`"),
    ("drop of a data set", Fit(FromItems), Closing, "`drop of the loaders`"),
    ("a value of `panic_any` whose destructor panics", Fit(FromItems), Within, "`Net::training_step`"),
];

/// What became of a run.
struct Outcome {
    result: Result<()>,
    is_back: bool,
    called: Vec<&'static str>,
    statuses: Vec<RunStatus>,
}

fn trainer(root: &Path, memory: &MemoryLogger, run: Run) -> Result<Trainer<Net>> {
    let builder = quiet(Net::trainer())
        .enable_checkpointing(true)
        .num_sanity_val_steps(0)
        .log_every_n_steps(1)
        .max_epochs(2)
        .default_root_dir(root)
        .logger(memory.clone())
        .logger(Talker(root.to_path_buf()))
        .callback(Watcher)
        .callback(ModelCheckpoint::latest().every(callbacks::Steps(2)))
        .resume_from(Resume::LastOrStart);
    if run == InOrder { builder.overfit_batches(2).build() } else { builder.build() }
}

fn is_back(layer: &Linear) -> bool {
    let weight = layer.weight.val();
    !weight.is_autodiff() && weight.into_data().iter::<f32>().all(f32::is_finite)
}

fn run(call: &'static str, run: Run) -> Outcome {
    let (root, memory) = (tempfile::tempdir().unwrap(), MemoryLogger::new());
    seed_everything(1);
    if run == Manual {
        arm(call);
        let mut model = ByHand::new(ByHandHparams::default());
        let mut trainer =
            quiet(ByHand::trainer()).max_epochs(1).logger(memory.clone()).callback(Watcher).build().unwrap();
        let result = trainer.fit(&mut model, Source::Items.open().unwrap()).map(|_| ());
        return outcome(result, &model.layer, &memory);
    }
    let mut model = Net::new(NetHparams::default());
    let mut data = Data::new(DataHparams::default());
    if let Fit(source) = run {
        data.source = source;
    }
    if run == InOrder {
        data.source = Own;
    }
    if run == Resumed {
        let mut first = quiet(Net::trainer())
            .enable_checkpointing(true)
            .num_sanity_val_steps(0)
            .max_steps(2)
            .limit_val_batches(0)
            .default_root_dir(root.path())
            .callback(Watcher)
            .callback(ModelCheckpoint::latest().every(callbacks::Steps(2)))
            .build()
            .unwrap();
        first.fit(&mut Net::new(NetHparams::default()), &mut data).unwrap();
    }
    arm(call);
    let result = trainer(root.path(), &memory, run).and_then(|mut trainer| match run {
        Validate => trainer.validate(&mut model, &mut data).map(|_| ()),
        Test => trainer.test(&mut model, &mut data).map(|_| ()),
        Predict => trainer.predict(&mut model, &mut data).map(|_| ()),
        _ => trainer.fit(&mut model, &mut data).map(|_| ()),
    });
    outcome(result, &model.layer, &memory)
}

fn arm(call: &'static str) {
    CALLED.lock().unwrap_or_else(PoisonError::into_inner).clear();
    *FAULT.lock().unwrap_or_else(PoisonError::into_inner) = Some(call);
}

fn outcome(result: Result<()>, layer: &Linear, memory: &MemoryLogger) -> Outcome {
    let left = FAULT.lock().unwrap_or_else(PoisonError::into_inner).take();
    assert_eq!(left, None, "the call is made: {result:?}");
    let called = std::mem::take(&mut *CALLED.lock().unwrap_or_else(PoisonError::into_inner));
    Outcome { result, is_back: is_back(layer), called, statuses: memory.statuses() }
}

/// The hooks that close what others begin.
const PAIRS: &[(&str, &str)] = &[
    ("setup", "teardown"),
    ("on_fit_start", "on_fit_end"),
    ("on_train_start", "on_train_end"),
    ("on_train_epoch_start", "on_train_epoch_end"),
    ("on_validation_start", "on_validation_end"),
];

#[test]
fn a_panic_in_each_call_in_turn() {
    let mut wrong = Vec::new();
    for (call, kind, when, place) in CALLS {
        let Outcome { result, is_back, called, statuses } = run(call, *kind);
        let Err(error) = result else {
            wrong.push(format!("{call}: no error"));
            continue;
        };
        let text = error.to_string();
        // The step that fails while its predictions are dropped is the first error.
        let (expected, what) = match *call {
            "drop of a prediction" => (ErrorKind::Other, "the step failed"),
            "a value of `panic_any` whose destructor panics" => (ErrorKind::Panic, "a panic without a message"),
            // One of the problems that `build` lists.
            "`Callback::check`" => (ErrorKind::Config, "the fault"),
            _ => (ErrorKind::Panic, "the fault"),
        };
        let mut check = |is_right: bool, what: String| {
            if !is_right {
                wrong.push(format!("{call}: {what}"));
            }
        };
        check(error.kind() == expected && text.contains(what), format!("{:?}: {text}", error.kind()));
        check(text.contains(place), format!("the place must be {place}, found {text}"));
        check(is_back, "the model is not back".to_owned());
        let count = |hook: &str| called.iter().filter(|entry| **entry == hook).count();
        for (start, end) in PAIRS {
            check(count(start) <= count(end), format!("{start} without {end}: {called:?}"));
        }
        let exceptions = usize::from(*when == Within);
        check(count("on_exception") == exceptions, format!("on_exception runs {exceptions} times: {called:?}"));
        let closed: &[RunStatus] = match when {
            Before => &[],
            Within => &[RunStatus::Failed],
            // The loggers are told of what failed before them.
            Closing if call.contains("finalize") => &[RunStatus::Success],
            Closing => &[RunStatus::Failed],
        };
        check(statuses == closed, format!("the loggers are closed with {closed:?}, found {statuses:?}"));
        let torn_down = usize::from(*when != Before);
        check(count("teardown") == torn_down, format!("teardown runs {torn_down} times: {called:?}"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The rows of the table in ARCHITECTURE.md: the call, the file that catches its panic, the place.
fn rows(text: &str) -> Vec<(String, String, String)> {
    let (_, table) = text.split_once("<!-- user code -->").unwrap();
    let (table, _) = table.split_once("<!-- /user code -->").unwrap();
    let lines = table.lines().filter(|line| line.starts_with('|')).skip(2);
    lines
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            (cells[0].to_owned(), cells[1].trim_matches('`').to_owned(), cells[2].to_owned())
        })
        .collect()
}

#[test]
fn the_list_in_the_document_is_the_table_of_this_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let rows = rows(&fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap());
    let documented: Vec<(&str, &str)> = rows.iter().map(|(call, _, place)| (call.as_str(), place.as_str())).collect();
    let of_runs = CALLS.iter().map(|(call, _, _, place)| (*call, *place));
    let tested: Vec<(&str, &str)> = of_runs.chain(panics_search::CALLS.iter().copied()).collect();
    assert_eq!(documented, tested);
    for (call, file, _) in &rows {
        let text = fs::read_to_string(root.join("lightning-core/src").join(file)).unwrap();
        let catches = ["catch_panic(", "catch_in(", "guarded(", "drop_caught(", "call(", "catch_unwind("];
        assert!(catches.iter().any(|catch| text.contains(catch)), "{call}: `{file}` catches no panic");
    }
}
