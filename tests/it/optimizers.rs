//! Groups, schedules, several optimizers, optimization by hand: against torch's numbers and hand-written loops.

use std::collections::HashMap;

use burn::{
    module::Module,
    nn::*,
    optim::{AdamConfig, AdamWConfig, GradientsParams, LBFGSConfig, SgdConfig, momentum::MomentumConfig},
    prelude::*,
    serde::Deserialize,
    tensor::{DType, activation::tanh},
};
use lightning_core::{
    ErrorKind,
    functional::cross_entropy,
    optim::{Interval, ParameterGroup, Schedule},
    prelude::*,
    schedulers::ReduceLROnPlateau,
    trainer::StopReason,
};

use crate::support::{Rows, batches, bits, quiet};

#[derive(Deserialize)]
#[serde(crate = "burn::serde")]
struct Row {
    x: Vec<f64>,
    y: Vec<i32>,
}

type Parameters = HashMap<String, Vec<f64>>;

#[derive(Deserialize)]
#[serde(crate = "burn::serde")]
struct Reference {
    start: Parameters,
    batches: Vec<Row>,
    adamw_groups: Parameters,
    adamw_groups_of_short_memory: Parameters,
    weighted_accumulation: Parameters,
    clipped_accumulation: Parameters,
    two_optimizers: Parameters,
    cosine_by_step: Parameters,
}

impl Reference {
    fn rates(&self) -> &[f64] {
        &self.cosine_by_step["rates"]
    }
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../reference/optimization.json")).unwrap()
}

/// Torch's batches.
fn loader(double: bool) -> DataLoader<Rows> {
    let device = Device::default();
    let rows = reference().batches.into_iter().map(|Row { x, y }| {
        let n = y.len();
        Rows {
            x: Tensor::from_data(TensorData::new(x, [n, 8]), (&device, dtype(double))),
            y: Tensor::from_data(TensorData::new(y, [n]), &device),
        }
    });
    DataLoader::from_batches(rows.collect()).unwrap()
}

fn dtype(double: bool) -> DType {
    if double { DType::F64 } else { DType::F32 }
}

/// A linear layer with torch's `[out, in]` weights.
fn linear(name: &str, inputs: usize, outputs: usize, double: bool, device: &Device) -> Linear {
    let start = reference().start;
    let options = || (device, dtype(double));
    let mut layer = LinearConfig::new(inputs, outputs).init(device);
    let weight = TensorData::new(start[&format!("{name}.weight")].clone(), [outputs, inputs]);
    layer.weight = layer.weight.map(|_| Tensor::<2>::from_data(weight, options()).transpose());
    let bias = TensorData::new(start[&format!("{name}.bias")].clone(), [outputs]);
    layer.bias = layer.bias.map(|bias_param| bias_param.map(|_| Tensor::from_data(bias, options())));
    layer
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

fn doubles<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().convert::<f64>().try_to_vec().unwrap()
}

fn values(layer: &Linear) -> Vec<f32> {
    let mut all = floats(layer.weight.val());
    all.extend(floats(layer.bias.as_ref().unwrap().val()));
    all
}

/// Torch's numbers are those of float64. In float32, up to 48 steps of rounding show: torch's own float32 is up to 9e-7 off here.
fn assert_close(what: &str, double: bool, body: &Linear, head: &Linear, expected: &Parameters) {
    // Burn's Adam takes its bias corrections, 1 - βᵗ, in float32 whatever the parameters are, and so does the fused one.
    let is_adam = matches!(what, "groups" | "pair" | "clipping");
    let bound = if double && !is_adam { 1e-6 } else { 1e-5 };
    for (name, layer) in [("body", body), ("head", head)] {
        let weight = layer.weight.val().transpose();
        let bias = layer.bias.as_ref().unwrap().val();
        assert_eq!((weight.dtype(), bias.dtype()), (dtype(double), dtype(double)));
        for (part, ours) in [("weight", doubles(weight)), ("bias", doubles(bias))] {
            let theirs = &expected[&format!("{name}.{part}")];
            assert_eq!(ours.len(), theirs.len());
            for (ours, theirs) in ours.iter().zip(theirs) {
                let error = (ours - theirs).abs() / theirs.abs().max(0.1);
                assert!(error < bound, "{what}: {name}.{part} is {ours}, torch has {theirs}");
            }
        }
    }
}

macro_rules! network {
    ($(#[$attr:meta])* $name:ident { $($step:tt)* }) => {
        #[lightning_module]
        $(#[$attr])*
        struct $name {
            #[init(linear("body", 8, 6, double, device))]
            body: Linear,
            #[init(linear("head", 6, 3, double, device))]
            head: Linear,
            /// Everything in float64.
            #[hparam(default = false)]
            double: bool,
        }

        #[lightning_module]
        impl $name {
            fn forward(&self, x: Tensor<2>) -> Tensor<2> {
                self.head.forward(tanh(self.body.forward(x)))
            }

            $($step)*
        }
    };
}

network! {
    #[optimizer(
        AdamWConfig::new().with_weight_decay(0.1).with_epsilon(1e-8),
        lr = 0.01,
        group(params::rank_below(2), weight_decay = 0.0),
        group(body, lr = 0.001),
    )]
    Grouped {
        fn training_step(&self, batch: Rows) -> Tensor<1> {
            cross_entropy(self.forward(batch.x), batch.y)
        }

        fn on_train_epoch_start(&mut self, cx: &mut HookContext) {
            if cx.current_epoch() == 3 {
                self.unfreeze(Self::BODY);
            }
        }
    }
}

#[test]
fn groups_and_unfreezing_give_torchs_numbers() {
    for double in [false, true] {
        let mut model = Grouped::new(GroupedHparams::default().with_double(double));
        model = model.freeze(Grouped::BODY);
        let body = doubles(model.body.weight.val());
        let mut trainer = quiet(Grouped::trainer()).max_epochs(3).build().unwrap();
        trainer.fit(&mut model, loader(double)).unwrap();
        assert_eq!(doubles(model.body.weight.val()), body, "frozen until epoch 3");
        let mut model = Grouped::new(GroupedHparams::default().with_double(double));
        model = model.freeze(Grouped::BODY);
        let mut trainer = quiet(Grouped::trainer()).max_epochs(6).build().unwrap();
        trainer.fit(&mut model, loader(double)).unwrap();
        assert_close("groups", double, &model.body, &model.head, &reference().adamw_groups);
    }
}

network! {
    #[optimizer(
        AdamWConfig::new().with_weight_decay(0.1).with_epsilon(1e-8).with_beta_1(0.875).with_beta_2(0.9375),
        lr = 0.01,
        group(params::rank_below(2), weight_decay = 0.0),
        group(body, lr = 0.001),
    )]
    GroupedOfShortMemory {
        fn training_step(&self, batch: Rows) -> Tensor<1> {
            cross_entropy(self.forward(batch.x), batch.y)
        }

        fn on_train_epoch_start(&mut self, cx: &mut HookContext) {
            if cx.current_epoch() == 3 {
                self.unfreeze(Self::BODY);
            }
        }
    }
}

/// With the betas of use, 1 - βᵗ is a small difference, and Burn takes it in float32; with these it is not.
#[test]
fn groups_of_short_memory_give_torchs_numbers() {
    let mut model = GroupedOfShortMemory::new(GroupedOfShortMemoryHparams::default().with_double(true));
    model = model.freeze(GroupedOfShortMemory::BODY);
    let mut trainer = quiet(GroupedOfShortMemory::trainer()).max_epochs(6).build().unwrap();
    trainer.fit(&mut model, loader(true)).unwrap();
    let expected = &reference().adamw_groups_of_short_memory;
    assert_close("short memory", true, &model.body, &model.head, expected);
}

network! {
    #[optimizer(SgdConfig::new().with_momentum(Some(MomentumConfig::torch_defaults())), lr = 0.1)]
    Weighted {
        fn training_step(&self, batch: Rows) -> Loss {
            let n = batch.y.dims()[0];
            let mean = cross_entropy(self.forward(batch.x), batch.y);
            let loss = Loss::weighted(mean * n as f64, n);
            #[log(minimize)]
            let train_loss = &loss;
            let _ = train_loss;
            loss
        }
    }
}

#[test]
fn weighted_windows_give_torchs_numbers() {
    for double in [false, true] {
        let mut model = Weighted::new(WeightedHparams::default().with_double(double));
        let mut trainer = quiet(Weighted::trainer()).max_epochs(4).accumulate_grad_batches(3).build().unwrap();
        let report = trainer.fit(&mut model, loader(double)).unwrap();
        assert_eq!(report.global_step, 12, "three windows an epoch, the last of two batches");
        assert_close("weights", double, &model.body, &model.head, &reference().weighted_accumulation);
    }
}

network! {
    #[optimizer(AdamConfig::torch_defaults(), lr = 0.01)]
    Clipped {
        fn training_step(&self, batch: Rows) -> Tensor<1> {
            cross_entropy(self.forward(batch.x), batch.y)
        }
    }
}

#[test]
fn clipped_windows_give_torchs_numbers() {
    for double in [false, true] {
        let mut model = Clipped::new(ClippedHparams::default().with_double(double));
        let builder = quiet(Clipped::trainer()).max_epochs(4).accumulate_grad_batches(3).gradient_clip_val(0.05);
        builder.build().unwrap().fit(&mut model, loader(double)).unwrap();
        assert_close("clipping", double, &model.body, &model.head, &reference().clipped_accumulation);
    }
}

#[lightning_module]
struct Pair {
    #[optimizer(SgdConfig::new(), lr = 0.1)]
    #[init(linear("body", 8, 6, double, device))]
    body: Linear,
    #[optimizer(AdamConfig::torch_defaults(), lr = lr)]
    #[init(linear("head", 6, 3, double, device))]
    head: Linear,
    #[hparam(default = 0.01)]
    lr: f64,
    /// Everything in float64.
    #[hparam(default = false)]
    double: bool,
}

#[lightning_module]
impl Pair {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.head.forward(tanh(self.body.forward(batch.x))), batch.y)
    }
}

#[test]
fn one_loss_trains_two_optimizers() {
    for double in [false, true] {
        let mut model = Pair::new(PairHparams::default().with_double(double));
        let mut trainer = quiet(Pair::trainer()).max_epochs(4).build().unwrap();
        let report = trainer.fit(&mut model, loader(double)).unwrap();
        assert_eq!(report.global_step, 32, "two optimizers are one window");
        assert_close("pair", double, &model.body, &model.head, &reference().two_optimizers);
    }
}

#[lightning_module]
#[optimizer(
    SgdConfig::new(),
    lr = Cosine::new(lr, cx.estimated_optimizer_steps()?),
    interval = step,
    group(head, lr = lr / 2.0),
)]
struct Annealed {
    #[init(linear("body", 8, 6, double, device))]
    body: Linear,
    #[init(linear("head", 6, 3, double, device))]
    head: Linear,
    #[hparam(default = 0.2)]
    lr: f64,
    /// Everything in float64.
    #[hparam(default = false)]
    double: bool,
}

#[lightning_module]
impl Annealed {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.head.forward(tanh(self.body.forward(batch.x))), batch.y)
    }

    fn on_train_batch_start(&mut self, cx: &mut HookContext) {
        let expected = reference().rates()[cx.global_step() as usize];
        let rates = cx.learning_rates();
        assert_eq!(rates[0].0, "optimizer/pg1");
        assert!((rates[0].1 - expected).abs() < 1e-12, "{rates:?} at step {}: torch has {expected}", cx.global_step());
        assert!((rates[1].1 - expected / 2.0).abs() < 1e-12, "a group keeps its ratio");
    }
}

#[test]
fn a_schedule_by_steps_gives_torchs_numbers() {
    for double in [false, true] {
        let mut model = Annealed::new(AnnealedHparams::default().with_double(double));
        let mut trainer = quiet(Annealed::trainer()).max_epochs(4).build().unwrap();
        trainer.fit(&mut model, loader(double)).unwrap();
        assert_close("cosine", double, &model.body, &model.head, &reference().cosine_by_step);
    }
}

/// Two networks that see each other: what a generator and a critic are.
#[lightning_module]
struct Rivals {
    #[optimizer(AdamConfig::new(), lr = lr)]
    #[init(LinearConfig::new(8, 1).init(device))]
    critic: Linear,
    #[optimizer(SgdConfig::new(), lr = lr)]
    #[init(LinearConfig::new(8, 8).init(device))]
    generator: Linear,
    #[hparam(default = 0.01)]
    lr: f64,
}

impl Rivals {
    fn critic_loss(&self, x: Tensor<2>) -> Tensor<1> {
        let fake = self.generator.forward(x.clone()).detach();
        self.critic.forward(fake).mean() - self.critic.forward(x).powi_scalar(2).mean()
    }

    fn generator_loss(&self, x: Tensor<2>) -> Tensor<1> {
        self.critic.forward(self.generator.forward(x)).mean().neg()
    }

    fn bits(&self) -> Vec<u32> {
        [values(&self.critic), values(&self.generator)].iter().flat_map(|values| bits(values)).collect()
    }
}

#[lightning_module]
impl Rivals {
    #[training_step(optimizer = critic, repeat = 2)]
    fn critic_step(&self, batch: Rows) -> Tensor<1> {
        #[log(minimize)]
        let critic_loss = self.critic_loss(batch.x);
        assert!(!self.generator.weight.is_require_grad(), "the other optimizer's fields are out of sight");
        assert!(self.critic.weight.is_require_grad());
        critic_loss
    }

    #[training_step(optimizer = generator, every = 3)]
    fn generator_step(&self, batch: Rows) -> Tensor<1> {
        #[log(minimize)]
        let generator_loss = self.generator_loss(batch.x);
        assert!(!self.critic.weight.is_require_grad());
        generator_loss
    }

    fn on_train_end(&mut self, cx: &mut HookContext) -> Result<()> {
        assert!(self.critic.weight.is_require_grad() && self.generator.weight.is_require_grad());
        assert_eq!(cx.optimizer_steps(Self::CRITIC)?, 40);
        assert_eq!(cx.optimizer_steps(Self::GENERATOR)?, 6);
        Ok(())
    }
}

/// The same by hand, with Burn alone.
fn rivals_by_hand(model: &Rivals, data: &[Rows], epochs: usize) -> Vec<u32> {
    let device = Device::default().autodiff();
    let mut model = model.clone().valid().train().fork(&device);
    let (mut critic, mut generator) = (AdamConfig::new().init(), SgdConfig::new().init());
    let mut batch_step = 0;
    for _ in 0..epochs {
        for batch in data {
            for _ in 0..2 {
                let x = Batch::to_device(batch.x.clone(), &device);
                let mut gradients = model.critic_loss(x).backward();
                let gradients = GradientsParams::from_module(&mut gradients, &model.critic);
                model.critic = critic.step(0.01, model.critic, gradients);
            }
            batch_step += 1;
            if batch_step % 3 == 0 {
                let x = Batch::to_device(batch.x.clone(), &device);
                let mut gradients = model.generator_loss(x).backward();
                let gradients = GradientsParams::from_module(&mut gradients, &model.generator);
                model.generator = generator.step(0.01, model.generator, gradients);
            }
        }
    }
    model.valid().bits()
}

#[test]
fn steps_of_several_optimizers_are_the_loop_written_by_hand() {
    seed_everything(3);
    let data = batches(&[6; 10], 4);
    let mut model = Rivals::new(RivalsHparams::default());
    let expected = rivals_by_hand(&model, &data, 2);
    let mut trainer = quiet(Rivals::trainer()).max_epochs(2).build().unwrap();
    let report = trainer.fit(&mut model, DataLoader::from_batches(data).unwrap()).unwrap();
    assert_eq!((report.global_step, report.batch_step), (20, 20), "a window for each batch, whatever steps in it");
    assert_eq!(model.bits(), expected);
}

#[lightning_module]
struct ByHand {
    #[optimizer(AdamConfig::new(), lr = 0.01)]
    #[init(LinearConfig::new(8, 1).init(device))]
    critic: Linear,
    #[optimizer(SgdConfig::new(), lr = 0.01)]
    #[init(LinearConfig::new(8, 8).init(device))]
    generator: Linear,
    #[state]
    batches: u64,
}

#[lightning_module]
impl ByHand {
    fn critic_loss(&self, x: Tensor<2>) -> Tensor<1> {
        let fake = self.generator.forward(x.clone()).detach();
        self.critic.forward(fake).mean() - self.critic.forward(x).powi_scalar(2).mean()
    }

    #[manual_optimization]
    fn training_step(&mut self, batch: Rows, optimizers: &mut Optimizers<Self>) -> Result<()> {
        for _ in 0..2 {
            #[log(minimize, reduce = mean)]
            let critic_loss = self.critic_loss(batch.x.clone());
            let gradients = optimizers.backward(self, critic_loss)?;
            optimizers.step(Self::CRITIC, self, gradients)?;
        }
        self.batches += 1;
        if self.batches.is_multiple_of(3) {
            optimizers.toggled(Self::GENERATOR, self, |optimizers, module| {
                assert!(!module.critic.weight.is_require_grad());
                let fake = module.generator.forward(batch.x);
                let loss = module.critic.forward(fake).mean().neg();
                let gradients = optimizers.backward(module, loss)?;
                optimizers.step(Self::GENERATOR, module, gradients)
            })?;
        }
        Ok(())
    }
}

#[test]
fn optimization_by_hand_is_the_same() {
    seed_everything(3);
    let data = batches(&[6; 10], 4);
    let mut model = Rivals::new(RivalsHparams::default());
    let mut by_hand = ByHand::new(ByHandHparams::default());
    by_hand.critic = model.critic.clone();
    by_hand.generator = model.generator.clone();
    quiet(Rivals::trainer())
        .max_epochs(2)
        .build()
        .unwrap()
        .fit(&mut model, DataLoader::from_batches(data.clone()).unwrap())
        .unwrap();
    let mut trainer = quiet(ByHand::trainer()).max_epochs(2).build().unwrap();
    let report = trainer.fit(&mut by_hand, DataLoader::from_batches(data).unwrap()).unwrap();
    assert_eq!(report.global_step, 20);
    assert_eq!(by_hand.batches, 20);
    let ours: Vec<u32> =
        [values(&by_hand.critic), values(&by_hand.generator)].iter().flat_map(|values| bits(values)).collect();
    assert_eq!(ours, model.bits());
}

#[test]
fn settings_that_a_module_by_hand_ignores_are_errors() {
    let error = quiet(ByHand::trainer()).accumulate_grad_batches(2).gradient_clip_val(1.0).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let text = error.to_string();
    assert!(text.contains("accumulate_grad_batches") && text.contains("gradient_clip_val"), "{text}");
}

#[lightning_module]
struct Configured {
    #[init(linear("body", 8, 6, double, device))]
    body: Linear,
    #[init(linear("head", 6, 3, double, device))]
    head: Linear,
    #[hparam(default = 0.2)]
    lr: f64,
    /// Everything in float64.
    #[hparam(default = false)]
    double: bool,
}

#[lightning_module]
impl Configured {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.head.forward(tanh(self.body.forward(batch.x))), batch.y)
    }

    fn configure_optimizers(&self, cx: &FitContext) -> Result<OptimizerSetup> {
        let schedule = Schedule::new(Cosine::new(self.lr, cx.estimated_optimizer_steps()?), Interval::Step)?;
        Ok(OptimizerSetup::scheduled("sgd", SgdConfig::new(), schedule)
            .group(ParameterGroup::new(Self::HEAD).lr(self.lr / 2.0)))
    }
}

#[test]
fn optimizers_made_by_the_module_are_the_same() {
    for double in [false, true] {
        let mut model = Configured::new(ConfiguredHparams::default().with_double(double));
        let mut trainer = quiet(Configured::trainer()).max_epochs(4).build().unwrap();
        trainer.fit(&mut model, loader(double)).unwrap();
        assert_close("configured", double, &model.body, &model.head, &reference().cosine_by_step);
    }
}

network! {
    #[optimizer(LBFGSConfig::new().with_max_iter(5), lr = 1.0)]
    Searched {
        fn training_step(&self, batch: Rows) -> Tensor<1> {
            #[log(minimize)]
            let train_loss = cross_entropy(self.forward(batch.x), batch.y);
            train_loss
        }
    }
}

#[test]
fn lbfgs_searches_with_a_closure() {
    let mut model = Searched::new(SearchedHparams::default());
    let device = Device::default().autodiff();
    let data = batches(&[40], 3);
    let batch = data[0].clone();
    // Burn's own, on the same module.
    let by_hand = model.clone().valid().train().fork(&device);
    let mut lbfgs = LBFGSConfig::new().with_max_iter(5).init();
    let (x, y) = (Batch::to_device(batch.x, &device), batch.y);
    let (by_hand, loss) = lbfgs.step(1.0, by_hand, |module: Searched| {
        let loss = cross_entropy(module.forward(x.clone()), y.clone());
        let value = loss.clone().into_scalar::<f64>();
        (value, GradientsParams::from_grads(loss.backward(), &module))
    });
    let mut trainer = quiet(Searched::trainer()).max_steps(1).build().unwrap();
    let report = trainer.fit(&mut model, DataLoader::from_batches(data).unwrap()).unwrap();
    assert_eq!(report.stop_reason, StopReason::MaxSteps);
    let by_hand = by_hand.valid();
    for (ours, theirs) in [(&model.body, &by_hand.body), (&model.head, &by_hand.head)] {
        for (ours, theirs) in values(ours).iter().zip(values(theirs)) {
            assert!((ours - theirs).abs() < 1e-5, "{ours} {theirs}");
        }
    }
    assert!(loss < 1.0, "one search takes the loss from 1.2 to {loss}");
}

network! {
    #[optimizer(SgdConfig::new(), lr = 0.1)]
    Broken {
        fn training_step(&self, batch: Rows) -> Tensor<1> {
            let logits = self.forward(batch.x);
            // The root of zero has no finite derivative; the loss itself is finite.
            let zero = (logits.clone() - logits.clone()).sqrt().sum();
            cross_entropy(logits, batch.y) + zero
        }
    }
}

#[test]
fn an_anomaly_is_named() {
    let mut model = Broken::new(BrokenHparams::default());
    let mut trainer = quiet(Broken::trainer()).max_epochs(1).detect_anomaly(true).build().unwrap();
    let error = trainer.fit(&mut model, loader(false)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Anomaly);
    assert!(error.to_string().contains("`body.weight`"), "{error}");
    assert_eq!(error.location().batch, Some(0));
}

#[test]
fn wrong_optimizers_are_errors_before_the_first_batch() {
    network! {
        #[optimizer(SgdConfig::new(), lr = 0.1, group(params::regex("nothing.*"), lr = 0.2))]
        Nothing {
            fn training_step(&self, batch: Rows) -> Tensor<1> {
                cross_entropy(self.forward(batch.x), batch.y)
            }
        }
    }
    let mut model = Nothing::new(NothingHparams::default());
    let error = quiet(Nothing::trainer()).max_epochs(1).build().unwrap().fit(&mut model, loader(false)).unwrap_err();
    assert!(error.to_string().contains("matches no parameter"), "{error}");
    assert!(error.to_string().contains("`body.weight`, `body.bias`, `head.weight`, `head.bias`"), "{error}");

    network! {
        #[optimizer(SgdConfig::new(), lr = 0.1, group(params::regex("(unclosed"), lr = 0.2))]
        Unclosed {
            fn training_step(&self, batch: Rows) -> Tensor<1> {
                cross_entropy(self.forward(batch.x), batch.y)
            }
        }
    }
    let mut model = Unclosed::new(UnclosedHparams::default());
    let error = quiet(Unclosed::trainer()).max_epochs(1).build().unwrap().fit(&mut model, loader(false)).unwrap_err();
    assert!(error.to_string().contains("(unclosed"), "{error}");

    network! {
        #[optimizer(SgdConfig::new(), lr = -0.1)]
        Negative {
            fn training_step(&self, batch: Rows) -> Tensor<1> {
                cross_entropy(self.forward(batch.x), batch.y)
            }
        }
    }
    let mut model = Negative::new(NegativeHparams::default());
    let error = quiet(Negative::trainer()).max_epochs(1).build().unwrap().fit(&mut model, loader(false)).unwrap_err();
    assert!(error.to_string().contains("-0.1"), "{error}");
}

network! {
    #[optimizer(
        SgdConfig::new(),
        lr = ReduceLROnPlateau::new(0.5).factor(0.5).patience(0),
        interval = epoch,
        monitor = val_loss,
    )]
    Watched {
        fn training_step(&self, batch: Rows) -> Tensor<1> {
            cross_entropy(self.forward(batch.x), batch.y)
        }

        fn validation_step(&self, _batch: Rows, cx: &StepContext) {
            #[log(minimize)]
            let val_loss = [4.0, 3.0, 3.5, 3.6, 2.0][cx.current_epoch() as usize];
        }

        fn on_train_epoch_start(&mut self, cx: &mut HookContext) {
            // patience 0: a worse epoch halves the rate for the next one.
            let expected = [0.5, 0.5, 0.5, 0.25, 0.125][cx.current_epoch() as usize];
            assert_eq!(cx.learning_rates(), [("optimizer".to_owned(), expected)]);
        }
    }
}

#[test]
fn a_plateau_halves_the_rate() {
    let mut model = Watched::new(WatchedHparams::default());
    let mut trainer = quiet(Watched::trainer()).max_epochs(5).num_sanity_val_steps(0).build().unwrap();
    trainer.fit(&mut model, (loader(false), loader(false))).unwrap();
    // Without validation it could never step: refused before the first batch.
    let mut model = Watched::new(WatchedHparams::default());
    let mut trainer = quiet(Watched::trainer()).max_epochs(5).limit_val_batches(0).build().unwrap();
    let error = trainer.fit(&mut model, loader(false)).unwrap_err();
    assert!(error.to_string().contains("`val_loss`"), "{error}");
}
