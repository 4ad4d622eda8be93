//! A training loop whose instructions `scripts/loop_cost.sh` counts: `loop_cost WHICH STEPS`.
//!
//! - `hand`: a loop in plain Burn.
//! - `trainer`: the same with the trainer and one logged metric.
//! - `hooks`: a module with hooks that `fit` does not call.
//! - `callback`: the trainer with a callback that does nothing.
#![forbid(unsafe_code)]

use burn::{
    module::Module,
    nn::*,
    optim::{GradientsParams, SgdConfig},
    prelude::*,
};
use lightning_core::{prelude::*, trainer::TrainerBuilder};

/// Points on a line.
#[derive(Batch, Clone, Debug)]
pub struct Points {
    x: Tensor<2>,
    y: Tensor<2>,
}

/// A module with one layer.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.01)]
pub struct Plain {
    #[init(LinearConfig::new(2, 1).init(device))]
    linear: Linear,
}

#[lightning_module]
impl Plain {
    fn training_step(&self, batch: Points) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = mse_loss(self.linear.forward(batch.x), batch.y);
        train_loss
    }
}

/// The same module with hooks of other stages.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.01)]
pub struct Hooked {
    #[init(LinearConfig::new(2, 1).init(device))]
    linear: Linear,
}

#[lightning_module]
impl Hooked {
    fn training_step(&self, batch: Points) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = mse_loss(self.linear.forward(batch.x), batch.y);
        train_loss
    }
    fn test_step(&self, batch: Points) {
        drop(batch);
    }
    fn predict_step(&self, batch: Points) {
        drop(batch);
    }
    fn on_test_start(&mut self) {}
    fn on_test_end(&mut self) {}
    fn on_test_epoch_start(&mut self) {}
    fn on_test_epoch_end(&mut self) {}
    fn on_test_batch_start(&mut self) {}
    fn on_test_batch_end(&mut self) {}
    fn on_predict_start(&mut self) {}
    fn on_predict_end(&mut self) {}
    fn on_predict_epoch_start(&mut self) {}
    fn on_predict_epoch_end(&mut self) {}
    fn on_predict_batch_start(&mut self) {}
    fn on_predict_batch_end(&mut self) {}
}

struct Nothing;

impl<M> Callback<M> for Nothing {}

fn batches(count: usize) -> Vec<Points> {
    let device = Device::default();
    let x = Tensor::<2>::from_data([[0.0, 1.0], [1.0, 0.0]], &device);
    let y = Tensor::<2>::from_data([[1.0], [1.0]], &device);
    vec![Points { x, y }; count]
}

fn by_hand(steps: usize) {
    let device = Device::default().autodiff();
    let mut model = Plain::new(PlainHparams::default()).fork(&device).train();
    let mut optimizer = SgdConfig::new().init();
    for batch in batches(steps) {
        let loss = model.training_step(Batch::to_device(batch, &device));
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(0.01, model, gradients);
    }
}

fn quiet<M>(builder: TrainerBuilder<M>) -> TrainerBuilder<M> {
    builder.no_logger().enable_checkpointing(false).enable_progress_bar(false).enable_model_summary(false).max_epochs(1)
}

fn main() -> Result<()> {
    seed_everything(1);
    let mut args = std::env::args().skip(1);
    let (which, steps) = (args.next(), args.next().and_then(|steps| steps.parse().ok()));
    let (Some(which), Some(steps)) = (which, steps) else { return Err("usage: loop_cost WHICH STEPS".into()) };
    match which.as_str() {
        "hand" => by_hand(steps),
        "trainer" => {
            quiet(Plain::trainer()).build()?.fit(&mut Plain::new(PlainHparams::default()), batches(steps))?;
        }
        "hooks" => {
            quiet(Hooked::trainer()).build()?.fit(&mut Hooked::new(HookedHparams::default()), batches(steps))?;
        }
        "callback" => {
            let mut trainer = quiet(Plain::trainer()).callback(Nothing).build()?;
            trainer.fit(&mut Plain::new(PlainHparams::default()), batches(steps))?;
        }
        other => return Err(format!("unknown loop `{other}`; available: hand, trainer, hooks, callback").into()),
    }
    Ok(())
}
