//! The models and their data.

use std::{
    fs::File,
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use burn::{
    module::{Module, ModuleVisitor, Param},
    nn::*,
    optim::{AdamConfig, SgdConfig},
    prelude::*,
    tensor::activation::gelu,
};
use lightning_core::{Error, Rng, metrics::Accuracy, prelude::*};

use crate::{
    Args,
    layers::{Synced, SyncedHparams, Wide, WideHparams},
    schedule::{Watching, WatchingHparams},
    settings,
};

#[derive(Batch, Clone, Debug)]
pub(crate) struct Rows {
    pub(crate) x: Tensor<2>,
    pub(crate) y: Tensor<1, Int>,
}

fn rows(items: usize) -> Vec<([f32; 8], i32)> {
    let mut rng = Rng::new(3);
    (0..items)
        .map(|_| {
            let x: [f32; 8] = std::array::from_fn(|_| rng.uniform() as f32 - 0.5);
            let sum: f32 = x.iter().sum();
            (x, if sum < -0.5 { 0 } else { i32::from(sum > 0.5) + 1 })
        })
        .collect()
}

fn loader(items: usize, batch_size: usize, shuffle: bool) -> Result<DataLoader<Rows>> {
    DataLoader::builder(rows(items))
        .batch_size(batch_size)
        .shuffle(shuffle)
        .collate(|items: Vec<([f32; 8], i32)>| {
            let device = Device::default();
            let (x, y): (Vec<[f32; 8]>, Vec<i32>) = items.into_iter().unzip();
            let count = x.len();
            Ok(Rows {
                x: Tensor::from_data(TensorData::new(x.concat(), [count, 8]), &device),
                y: Tensor::from_data(TensorData::new(y, [count]), &device),
            })
        })
        .build()
}

pub(crate) fn run(args: &Args) -> Result<()> {
    match args.model.as_str() {
        "mlp" => {
            let mut net = Mlp::new(MlpHparams::default().with_args(Extra::of(args)));
            let mut trainer = settings!(Mlp, args).build()?;
            let report = trainer.fit(&mut net, (loader(args.items, 4, true)?, loader(50, 7, false)?))?;
            print(&net, &report.stop_reason.to_string(), report.global_step);
            let test = trainer.test(&mut net, loader(50, 7, false)?)?;
            println!("test_acc {:?}", test.get(Mlp::TEST_ACC));
            println!("val_loss {:?}", report.get(Mlp::VAL_LOSS).map(|value| (value * 1e9).round()));
        }
        "two" => {
            let mut net = Two::new(TwoHparams::default());
            let report = settings!(Two, args).build()?.fit(&mut net, loader(args.items, 4, true)?)?;
            print(&net, &report.stop_reason.to_string(), report.global_step);
        }
        "manual" => {
            let mut net = ByHand::new(ByHandHparams::default().with_accumulate(args.accumulate as usize));
            let builder = ByHand::trainer().max_epochs(args.epochs).deterministic(true).no_logger();
            let data = loader(args.items, args.batch_size, true)?;
            let report = builder.enable_checkpointing(false).build()?.fit(&mut net, data)?;
            print(&net, &report.stop_reason.to_string(), report.global_step);
        }
        "norm" => {
            let mut net = Normed::new(NormedHparams::default());
            let data = (loader(args.items, 4, true)?, loader(50, 7, false)?);
            let report = settings!(Normed, args).build()?.fit(&mut net, data)?;
            print(&net, &report.stop_reason.to_string(), report.global_step);
        }
        "wide" => {
            let mut net = Wide::new(WideHparams::default());
            let mut trainer = settings!(Wide, args).build()?;
            let report = trainer.fit(&mut net, loader(args.items, 4, true)?)?;
            // With the trainer, which has the states of the optimizer.
            println!("live bytes {}", crate::live_bytes());
            drop(trainer);
            print(&net, &report.stop_reason.to_string(), report.global_step);
        }
        "sync" => {
            let mut net = Synced::new(SyncedHparams::default());
            let data = (loader(args.items, args.batch_size, true)?, loader(50, 7, false)?);
            let report = settings!(Synced, args).build()?.fit(&mut net, data)?;
            print(&net, &report.stop_reason.to_string(), report.global_step);
        }
        "watching" => {
            let mut net = Watching::new(WatchingHparams::default());
            let report = settings!(Watching, args).build()?.fit(&mut net, loader(args.items, 4, true)?)?;
            print(&net, &report.stop_reason.to_string(), report.global_step);
        }
        other => return Err(Error::config(format!("unknown model `{other}`"))),
    }
    Ok(())
}

/// Prints a hash of the weights.
fn print<M: Module>(net: &M, stop: &str, steps: u64) {
    struct Hash(u64, f64);

    impl ModuleVisitor for Hash {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            for value in param.val().into_data().iter::<f32>() {
                self.0 = (self.0 ^ u64::from(value.to_bits())).wrapping_mul(0x0100_0000_01b3);
                self.1 += f64::from(value).abs();
            }
        }
    }

    let mut hash = Hash(0xcbf2_9ce4_8422_2325, 0.0);
    net.visit(&mut hash);
    println!("weights {:016x} sum {:.5} after {steps} steps: {stop}", hash.0, hash.1);
}

/// What happens on one rank.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Extra {
    event: String,
    at: usize,
    rank: usize,
    sleep: u64,
    micro_batch: Option<u64>,
    fill: Option<PathBuf>,
}

impl Extra {
    fn of(args: &Args) -> Self {
        let event = args.event.clone().unwrap_or_default();
        let Args { at, rank, sleep, micro_batch, ref fill, .. } = *args;
        Self { event, at, rank, sleep, micro_batch, fill: fill.clone() }
    }

    fn is(&self, event: &str, cx: &StepContext) -> bool {
        if let Some(micro_batch) = self.micro_batch {
            return self.event == event && cx.batch_step() == micro_batch;
        }
        self.event == event && cx.rank() == self.rank && cx.current_epoch() == 1 && cx.batch_idx() == self.at
    }
}

/// The validation batches of this process.
static VALIDATED: AtomicUsize = AtomicUsize::new(0);

/// Sends a signal to this process.
fn send(signal: &str) -> Result<()> {
    let pid = std::process::id().to_string();
    let sent = std::process::Command::new("kill").args([format!("-{signal}"), pid]).status();
    sent.map_err(|error| Error::msg(error.to_string()))?;
    std::thread::sleep(Duration::from_millis(50));
    Ok(())
}

/// Writes a file until the disk is full, which has to be a small one.
fn fill(path: &Path) -> Result<()> {
    let failed = |error| Error::io("write", path, error);
    let mut file = File::create(path).map_err(failed)?;
    for _ in 0..1 << 16 {
        match file.write_all(&[0; 1024]) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
            Err(error) => return Err(failed(error)),
        }
    }
    Err(Error::msg(format!("the disk of {} is not a small one", path.display())))
}

#[lightning_module]
#[optimizer(AdamConfig::new(), lr = 1e-2)]
pub(crate) struct Mlp {
    #[init(LinearConfig::new(8, 16).init(device))]
    fc1: Linear,
    #[init(DropoutConfig::new(0.3).init())]
    dropout: Dropout,
    #[init(LinearConfig::new(16, 3).init(device))]
    fc2: Linear,
    #[hparam(default = Extra::default())]
    args: Extra,
}

#[lightning_module]
impl Mlp {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.fc2.forward(self.dropout.forward(gelu(self.fc1.forward(x))))
    }
    fn training_step(&self, batch: Rows, cx: &StepContext) -> Result<Option<Tensor<1>>> {
        std::thread::sleep(Duration::from_millis(self.args.sleep));
        if self.args.is("none", cx) {
            return Ok(None);
        }
        if self.args.is("error", cx) {
            return Err(Error::data("a broken file"));
        }
        if self.args.is("panic", cx) {
            panic!("a broken invariant");
        }
        if self.args.is("exit", cx) {
            std::process::exit(3);
        }
        for (event, signal) in [("usr1", "USR1"), ("term", "TERM"), ("kill", "KILL"), ("sigstop", "STOP")] {
            if self.args.is(event, cx) {
                send(signal)?;
            }
        }
        if self.args.is("fill", cx) {
            let path = self.args.fill.as_ref().ok_or_else(|| Error::config("the event `fill` needs `--fill`"))?;
            fill(path)?;
        }
        let loss = cross_entropy(self.forward(batch.x), batch.y);
        #[log(minimize)]
        let train_loss = if self.args.is("inf", cx) { loss.mul_scalar(f32::INFINITY) } else { loss };
        Ok(Some(train_loss))
    }
    fn validation_step(&self, batch: Rows, cx: &StepContext) -> Result<()> {
        VALIDATED.fetch_add(1, Ordering::Relaxed);
        if self.args.is("term-in-validation", cx) {
            send("TERM")?;
        }
        let logits = self.forward(batch.x);
        #[log(metric = Accuracy::new())]
        let val_acc = (&logits, &batch.y);
        #[log(minimize)]
        let val_loss = cross_entropy(logits, batch.y);
        Ok(())
    }
    fn test_step(&self, batch: Rows) {
        #[log(metric = Accuracy::new())]
        let test_acc = (&self.forward(batch.x), &batch.y);
    }
    fn on_train_batch_start(&mut self, cx: &mut HookContext) -> std::ops::ControlFlow<()> {
        let here = cx.rank() == self.args.rank && cx.current_epoch() == 1 && cx.batch_idx() == self.args.at;
        if here && self.args.event == "break" {
            return std::ops::ControlFlow::Break(());
        }
        std::ops::ControlFlow::Continue(())
    }
    fn on_train_batch_end(&mut self, cx: &mut HookContext) {
        let here = cx.rank() == self.args.rank && cx.current_epoch() == 1 && cx.batch_idx() == self.args.at;
        if here && self.args.event == "stop" {
            cx.stop("enough");
        }
    }
    fn on_fit_end(&mut self, cx: &mut HookContext) {
        eprintln!("rank {} ends fit after {} validation batches", cx.rank(), VALIDATED.load(Ordering::Relaxed));
    }
}

#[lightning_module]
pub(crate) struct Two {
    #[init(LinearConfig::new(8, 3).init(device))]
    #[optimizer(AdamConfig::new(), lr = 1e-2)]
    left: Linear,
    #[init(LinearConfig::new(8, 3).init(device))]
    #[optimizer(SgdConfig::new(), lr = 1e-1)]
    right: Linear,
}

#[lightning_module]
impl Two {
    #[training_step(optimizer = left)]
    fn left_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.left.forward(batch.x.clone()) + self.right.forward(batch.x), batch.y)
    }
    #[training_step(optimizer = right)]
    fn right_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.right.forward(batch.x), batch.y)
    }
}

#[lightning_module]
pub(crate) struct ByHand {
    #[init(LinearConfig::new(8, 3).init(device))]
    #[optimizer(AdamConfig::new(), lr = 1e-2)]
    left: Linear,
    #[init(LinearConfig::new(8, 3).init(device))]
    #[optimizer(SgdConfig::new(), lr = 1e-1)]
    right: Linear,
    /// The batches of a step.
    #[hparam(default = 1)]
    accumulate: usize,
    #[state(skip)]
    batches: Vec<Rows>,
}

impl ByHand {
    /// The mean of the losses of all batches.
    fn loss(&self, layer: &Linear) -> Option<Tensor<1>> {
        let losses = self.batches.iter().map(|batch| cross_entropy(layer.forward(batch.x.clone()), batch.y.clone()));
        losses.reduce(|sum, loss| sum + loss).map(|sum| sum.div_scalar(self.batches.len() as f64))
    }
}

#[lightning_module]
impl ByHand {
    #[manual_optimization]
    fn training_step(&mut self, batch: Rows, optimizers: &mut Optimizers<Self>) -> Result<()> {
        self.batches.push(batch);
        if self.batches.len() < self.accumulate {
            return Ok(());
        }
        if let Some(loss) = self.loss(&self.left) {
            let gradients = optimizers.backward(self, loss)?;
            optimizers.step(Self::LEFT, self, gradients)?;
        }
        if let Some(loss) = self.loss(&self.right) {
            let gradients = optimizers.backward(self, loss)?;
            optimizers.step(Self::RIGHT, self, gradients)?;
        }
        self.batches.clear();
        Ok(())
    }
}

#[lightning_module]
#[optimizer(AdamConfig::new(), lr = 1e-2)]
pub(crate) struct Normed {
    #[init(LinearConfig::new(8, 16).init(device))]
    fc1: Linear,
    #[init(BatchNormConfig::new(16).init(device))]
    norm: BatchNorm,
    #[init(LinearConfig::new(16, 3).init(device))]
    fc2: Linear,
}

#[lightning_module]
impl Normed {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.fc2.forward(gelu(self.norm.forward(self.fc1.forward(x))))
    }
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.forward(batch.x), batch.y)
    }
    fn validation_step(&self, batch: Rows) {
        #[log(minimize)]
        let val_loss = cross_entropy(self.forward(batch.x), batch.y);
    }
}
