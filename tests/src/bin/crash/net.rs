//! The network that is trained, and its data.

use burn::{
    lr_scheduler::exponential::ExponentialLrSchedulerConfig, nn::*, optim::AdamWConfig, prelude::*,
    tensor::activation::relu,
};
use lightning_core::{
    Rng,
    data::Dataset,
    optim::{Interval, Schedule},
    prelude::*,
    schedulers::*,
};

#[derive(Batch, Clone, Debug)]
pub(crate) struct Rows {
    pub(crate) x: Tensor<2>,
    pub(crate) y: Tensor<1, Int>,
}

pub(crate) type Point = ([f32; 8], i32);

#[lightning_module]
pub(crate) struct Net {
    #[init(LinearConfig::new(8, width).init(device))]
    fc1: Linear,
    #[init(BatchNormConfig::new(width).init(device))]
    norm: BatchNorm,
    #[init(LinearConfig::new(width, width).init(device))]
    fc2: Linear,
    #[init(DropoutConfig::new(0.2).init())]
    dropout: Dropout,
    #[init(LinearConfig::new(width, 3).init(device))]
    fc3: Linear,
    #[state]
    batches: u64,
    #[hparam(default = 24)]
    width: usize,
    /// The schedule of the learning rate, one of `SCHEDULES`.
    #[hparam(default = String::new())]
    schedule: String,
}

#[lightning_module]
impl Net {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = relu(self.norm.forward(self.fc1.forward(x)));
        self.fc3.forward(self.dropout.forward(relu(self.fc2.forward(x))))
    }
    fn configure_optimizers(&self) -> Result<OptimizerSetup> {
        let config = AdamWConfig::new();
        Ok(match schedule(&self.schedule)? {
            Some(schedule) => OptimizerSetup::scheduled("adamw", config, schedule),
            None => OptimizerSetup::new("adamw", config, LR),
        })
    }
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        #[log(minimize, on_step, on_epoch)]
        let train_loss = cross_entropy(self.forward(batch.x), batch.y);
        train_loss
    }
    fn validation_step(&self, batch: Rows) {
        let logits = self.forward(batch.x);
        #[log(maximize)]
        let val_acc = accuracy(&logits, &batch.y);
        #[log(minimize)]
        let val_loss = cross_entropy(logits, batch.y);
    }
    fn predict_step(&self, batch: Rows) -> Result<Vec<f32>> {
        Ok(self.forward(batch.x).max_dim(1).into_data().try_to_vec()?)
    }
    fn on_train_batch_end(&mut self) {
        self.batches += 1;
    }
}

const LR: f64 = 3e-3;

/// Every kind of schedule.
pub(crate) const SCHEDULES: [&str; 19] = [
    "constant",
    "linear",
    "cosine",
    "restarts",
    "exponential",
    "step",
    "multistep",
    "polynomial",
    "noam",
    "one-cycle",
    "cyclic",
    "plateau",
    "lambda",
    "sequential",
    "chained",
    "warmup",
    "burn",
    "by-epoch",
    "every-second",
];

/// Makes the schedule of a name; `None` for a fixed learning rate.
fn schedule(name: &str) -> Result<Option<Schedule>> {
    let by_step = |scheduler: Result<Box<dyn LrScheduler>>| Schedule::new(scheduler?, Interval::Step);
    // Those of the six epochs.
    let steps = 42;
    Ok(Some(match name {
        "" => return Ok(None),
        "constant" => by_step(ConstantRate::new(LR).factor_for(0.5, 9).into_scheduler())?,
        "linear" => by_step(LinearDecay::new(LR, steps).into_scheduler())?,
        "cosine" => by_step(Cosine::new(LR, steps).into_scheduler())?,
        "restarts" => by_step(CosineWarmRestarts::new(LR, 5).t_mult(2).into_scheduler())?,
        "exponential" => by_step(ExponentialDecay::new(LR, 0.95).into_scheduler())?,
        "step" => by_step(StepDecay::new(LR, 7).into_scheduler())?,
        "multistep" => by_step(MultiStepDecay::new(LR, [3, 11, 20]).into_scheduler())?,
        "polynomial" => by_step(PolynomialDecay::new(LR, steps).power(2.0).into_scheduler())?,
        "noam" => by_step(Noam::new(64, 8).factor(0.1).into_scheduler())?,
        "one-cycle" => by_step(OneCycle::new(LR, steps).into_scheduler())?,
        "cyclic" => by_step(Cyclic::new(LR / 10.0, LR, 5).triangular2().into_scheduler())?,
        "lambda" => by_step(LambdaRate::new(LR, |step| 1.0 / (1.0 + step as f64)).into_scheduler())?,
        "sequential" => by_step(
            SequentialSchedule::new(ConstantRate::new(LR)).then(10, ExponentialDecay::new(LR, 0.9)).into_scheduler(),
        )?,
        "chained" => {
            by_step(ChainedSchedule::new(ExponentialDecay::new(LR, 0.98)).and(StepDecay::new(LR, 9)).into_scheduler())?
        }
        "warmup" => by_step(Cosine::new(LR, steps).warmup(6).into_scheduler())?,
        "burn" => by_step(ExponentialLrSchedulerConfig::new(LR, 0.97).into_scheduler())?,
        "by-epoch" => Schedule::new(ExponentialDecay::new(LR, 0.5), Interval::Epoch)?,
        "every-second" => Schedule::new(StepDecay::new(LR, 3), Interval::Step)?.frequency(2),
        "plateau" => {
            let plateau = ReduceLROnPlateau::new(LR).factor(0.5).patience(0);
            Schedule::new(plateau, Interval::Epoch)?.monitor(Net::VAL_LOSS)
        }
        other => return Err(format!("no schedule is called `{other}`").into()),
    }))
}

/// Random points whose class is the largest of the first three inputs.
#[derive(Clone, Debug)]
pub(crate) struct Points(Vec<Point>);

fn point(rng: &mut Rng) -> Point {
    let x: [f32; 8] = std::array::from_fn(|_| rng.normal() as f32);
    let largest = (0..3).max_by(|a: &usize, b| x[*a].total_cmp(&x[*b])).unwrap_or(0);
    (x, largest as i32)
}

impl Points {
    pub(crate) fn new(count: usize, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        Self((0..count).map(|_| point(&mut rng)).collect())
    }

    pub(crate) fn loader(self, batch_size: usize, shuffle: bool, workers: usize) -> Result<DataLoader<Rows>> {
        let loader = DataLoader::builder(self).batch_size(batch_size).shuffle(shuffle).num_workers(workers);
        loader.map(noisy).collate(rows).build()
    }
}

impl Dataset for Points {
    type Item = Point;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, index: usize) -> Result<Point> {
        self.0.as_slice().get(index).copied().ok_or_else(|| "no such point".into())
    }
}

/// Points of an epoch, whose number is not known in advance.
pub(crate) fn stream(
    count: usize,
) -> impl Fn(u64, Rng) -> Box<dyn Iterator<Item = Point> + Send> + Send + Sync + 'static {
    move |_epoch, mut rng| Box::new((0..count).map(move |_| point(&mut rng)))
}

pub(crate) fn noisy((mut x, y): Point, rng: &mut Rng) -> Point {
    if let Some(last) = x.last_mut() {
        *last += rng.uniform() as f32;
    }
    (x, y)
}

pub(crate) fn rows(items: Vec<Point>) -> Result<Rows> {
    let (device, count) = (Device::default(), items.len());
    let (x, y): (Vec<[f32; 8]>, Vec<i32>) = items.into_iter().unzip();
    Ok(Rows {
        x: Tensor::from_data(TensorData::new(x.concat(), [count, 8]), &device),
        y: Tensor::from_data(TensorData::new(y, [count]), &device),
    })
}
