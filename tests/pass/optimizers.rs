//! Every form of declaring and using optimizers.
use burn::{module::ParamGroup, nn::*, optim::*, prelude::*};
use lightning_core::{
    optim::{Interval, ParameterGroup, Schedule},
    prelude::*,
    schedulers::ReduceLROnPlateau,
};

#[lightning_module]
#[optimizer(
    AdamWConfig::torch_defaults().with_weight_decay(0.1),
    lr = Cosine::new(lr, cx.estimated_optimizer_steps()?).warmup(1),
    interval = step,
    frequency = 1,
    group(params::rank_below(2), weight_decay = 0.0),
    group(params::regex("^body.*weight$"), lr = lr * 0.5, beta_2 = 0.98),
    group(ParamGroup::from_predicate("head"), lr = lr * 0.1),
    group(head, weight_decay = 0.0, lr = lr),
)]
struct Grouped {
    #[init(LinearConfig::new(4, 4).init(device))]
    body: Linear,
    #[init(LinearConfig::new(4, 1).init(device))]
    head: Linear,
    #[hparam(default = 1e-2)]
    lr: f64,
}

#[lightning_module]
impl Grouped {
    fn training_step(&self, batch: Tensor<2>) -> Loss {
        let n = batch.dims()[0];
        let sum = self.head.forward(self.body.forward(batch)).powi_scalar(2).sum();
        #[log(minimize)]
        let train_loss = sum.clone() / n as f64;
        let _ = train_loss;
        Loss::weighted(sum, n)
    }

    fn on_train_batch_end(&mut self, cx: &mut HookContext) -> Result<()> {
        let _ = cx.optimizer_steps(Self::OPTIMIZER)?;
        Ok(())
    }
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1, fields(body, head))]
#[optimizer(AdamConfig::new(), lr = 0.1, fields(tail), name = last)]
struct Split<const D: usize> {
    #[init(LinearConfig::new(4, D).init(device))]
    body: Linear,
    #[init(LinearConfig::new(D, 1).init(device))]
    head: Linear,
    #[init(LinearConfig::new(1, 1).init(device))]
    tail: Linear,
}

#[lightning_module]
impl<const D: usize> Split<D> {
    #[training_step(optimizer = body_head)]
    fn first(&self, batch: Tensor<2>, batch_idx: usize) -> Option<Tensor<1>> {
        (batch_idx < 100).then(|| self.head.forward(self.body.forward(batch)).mean())
    }

    #[training_step(optimizer = last, every = 2, repeat = 2)]
    fn second(&self, batch: Tensor<2>) -> Result<Tensor<1>> {
        Ok(self.tail.forward(self.head.forward(self.body.forward(batch))).mean())
    }
}

#[lightning_module]
struct Made {
    #[init(LinearConfig::new(4, 4).init(device))]
    body: Linear,
    #[init(LinearConfig::new(4, 1).init(device))]
    head: Linear,
}

#[lightning_module]
impl Made {
    #[training_step(optimizer = body)]
    fn body_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.head.forward(self.body.forward(batch)).mean()
    }

    #[training_step(optimizer = head)]
    fn head_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.head.forward(self.body.forward(batch)).mean().neg()
    }

    fn validation_step(&self, batch: Tensor<2>) {
        #[log(minimize)]
        let val_loss = self.head.forward(self.body.forward(batch)).mean();
    }

    fn configure_optimizers(&self, cx: &FitContext) -> Result<Vec<OptimizerSetup>> {
        let steps = cx.estimated_optimizer_steps()?;
        let plateau = Schedule::new(ReduceLROnPlateau::new(0.1), Interval::Epoch)?.monitor(Self::VAL_LOSS);
        Ok(vec![
            OptimizerSetup::scheduled(
                "body",
                SgdConfig::new(),
                Schedule::new(Cosine::new(0.1, steps), Interval::Step)?,
            )
            .field(Self::BODY)
            .group(ParameterGroup::new(params::rank_below(2)).lr(0.05)),
            OptimizerSetup::scheduled("head", AdamConfig::new(), plateau).field(Self::HEAD),
        ])
    }
}

#[lightning_module]
struct ByHand {
    #[optimizer(SgdConfig::new(), lr = Cosine::new(0.1, 100), interval = step)]
    #[init(LinearConfig::new(4, 1).init(device))]
    critic: Linear,
    #[optimizer(SgdConfig::new(), lr = 0.1)]
    #[init(LinearConfig::new(4, 4).init(device))]
    generator: Linear,
}

#[lightning_module]
impl ByHand {
    #[manual_optimization]
    fn training_step(&mut self, batch: Tensor<2>, batch_idx: usize, optimizers: &mut Optimizers<Self>) -> Result<()> {
        #[log(minimize)]
        let critic_loss = self.critic.forward(self.generator.forward(batch.clone()).detach()).powi_scalar(2).mean();
        let gradients = optimizers.backward(self, critic_loss)?;
        optimizers.step(Self::CRITIC, self, gradients.clip_norm(1.0))?;
        optimizers.scheduler(Self::CRITIC)?.step()?;
        if batch_idx % 2 == 1 {
            optimizers.toggled(Self::GENERATOR, self, |optimizers, module| {
                let loss = module.critic.forward(module.generator.forward(batch)).mean();
                let gradients = optimizers.backward(module, loss)?;
                optimizers.step(Self::GENERATOR, module, gradients.clip_value(0.1))
            })?;
            let lr = optimizers.lr(Self::GENERATOR)?;
            optimizers.set_lr(Self::GENERATOR, lr * 0.5)?;
        }
        Ok(())
    }
}

fn batches() -> DataLoader<Tensor<2>> {
    let device = Device::default();
    let batch = |_| Tensor::random([3, 4], burn::tensor::Distribution::Default, &device);
    DataLoader::from_batches((0..2).map(batch).collect()).unwrap()
}

#[test]
fn run() {
    let mut grouped = Grouped::new(GroupedHparams::default());
    crate::quick(Grouped::trainer()).build().unwrap().fit(&mut grouped, batches()).unwrap();
    let mut split = Split::<3>::new(SplitHparams::default());
    let report = crate::quick(Split::<3>::trainer()).build().unwrap().fit(&mut split, batches()).unwrap();
    assert!(report.global_step > 0);
    let mut made = Made::new(MadeHparams::default());
    crate::quick(Made::trainer()).build().unwrap().fit(&mut made, (batches(), batches())).unwrap();
    let mut by_hand = ByHand::new(ByHandHparams::default());
    crate::quick(ByHand::trainer()).build().unwrap().fit(&mut by_hand, batches()).unwrap();
}
