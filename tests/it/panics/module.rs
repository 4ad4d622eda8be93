//! The modules, with a metric and a schedule of their own.

use std::panic::panic_any;

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    StateReader, StateWriter,
    loggers::{Audio, Figure, Mesh, Table},
    metrics::{Metric, MetricValue},
    optim::{Interval, OptimizerSetup, Schedule},
    prelude::*,
    schedulers::LrScheduler,
};
use serde_json::Value;

use super::{
    data::Frames,
    fault::{Explosive, FAULT, ModuleHparam, ModuleState, Payload, called, fails, visit},
};

/// The number of updates.
#[derive(Debug)]
pub struct Share(u64, #[expect(dead_code, reason = "its destructor panics")] Payload);

impl Share {
    pub fn new() -> Self {
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
pub struct Rate(pub u64);

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
    pub layer: Linear,
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
pub struct ByHand {
    #[init(LinearConfig::new(8, 3).init(device))]
    pub layer: Linear,
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
