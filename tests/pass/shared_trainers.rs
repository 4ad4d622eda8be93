//! Settings and schedules that functions share between modules: what is refused for one module must
//! stay possible in code that does not know the module.
#![deny(warnings)]

use burn::{nn::*, optim::*, prelude::*};
use lightning_core::{
    data::Testing,
    module::LightningModule,
    prelude::*,
    schedulers::{IntoScheduler, LrScheduler, ReduceLROnPlateau},
    trainer::{EvalReport, TrainerBuilder},
};

use super::{quick, rows};

/// For every module; one that optimizes by itself is refused by `build`.
fn accumulated<M: LightningModule>(builder: TrainerBuilder<M>, batches: u64) -> TrainerBuilder<M> {
    builder.accumulate_grad_batches(batches).gradient_clip_val(1.0)
}

/// A schedule whose type the caller does not see.
fn decay(lr: f64) -> impl IntoScheduler {
    Cosine::new(lr, 100).warmup(3)
}

fn boxed(lr: f64) -> Result<Box<dyn LrScheduler>> {
    decay(lr).into_scheduler()
}

#[lightning_module]
struct Scheduled {
    #[optimizer(SgdConfig::new(), lr = decay(lr), interval = step, frequency = 2)]
    #[init(LinearConfig::new(4, 4).init(device))]
    first: Linear,
    #[optimizer(SgdConfig::new(), lr = boxed(lr)?, interval = step)]
    #[init(LinearConfig::new(4, 4).init(device))]
    second: Linear,
    #[optimizer(SgdConfig::new(), lr = ReduceLROnPlateau::new(lr).warmup(1), interval = epoch, monitor = train_loss)]
    #[init(LinearConfig::new(4, 4).init(device))]
    third: Linear,
    #[optimizer(
        SgdConfig::new(),
        lr = Cosine::new(lr, (cx.estimated_optimizer_steps()? / cx.batches_per_epoch().unwrap_or(1)).max(1)),
        interval = epoch
    )]
    #[init(LinearConfig::new(4, 4).init(device))]
    fourth: Linear,
    #[hparam(default = 0.1)]
    lr: f64,
}

#[lightning_module]
impl Scheduled {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        let hidden = self.second.forward(self.first.forward(batch));
        #[log(minimize)]
        let train_loss = self.fourth.forward(self.third.forward(hidden)).mean();
        train_loss
    }

    fn test_step(&self, batch: Tensor<2>) {
        #[log(minimize, name = "test/loss")]
        let test_loss = self.first.forward(batch).mean();
    }
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = Cosine::new(0.1, 10), interval = step)]
struct ByHand {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl ByHand {
    #[manual_optimization]
    fn training_step(&mut self, batch: Tensor<2>, optimizers: &mut Optimizers<Self>) -> Result<()> {
        let loss = self.layer.forward(batch).mean();
        let gradients = optimizers.backward(self, loss)?;
        optimizers.step(Self::OPTIMIZER, self, gradients)?;
        optimizers.scheduler(Self::OPTIMIZER)?.step()
    }
}

fn test_loss(report: &EvalReport<Scheduled, Testing>) -> Option<f64> {
    report.get(Scheduled::TEST_LOSS)
}

#[test]
fn a_function_for_all_modules_sets_what_one_of_them_refuses() {
    let mut trainer = accumulated(quick(Scheduled::trainer()), 2).build().unwrap();
    let mut model = Scheduled::new(ScheduledHparams::default());
    let report = trainer.fit(&mut model, rows()).unwrap();
    assert_eq!(report.global_step, 1);
    assert!(report.get(Scheduled::TRAIN_LOSS).is_some());
    assert!(test_loss(&trainer.test(&mut model, rows()).unwrap()).is_some());

    let refused = accumulated(quick(ByHand::trainer()), 2).build().unwrap_err().to_string();
    assert!(refused.contains("not available with manual optimization"), "{refused}");
    let mut trainer = quick(ByHand::trainer()).build().unwrap();
    trainer.fit(&mut ByHand::new(ByHandHparams::default()), rows()).unwrap();
}
