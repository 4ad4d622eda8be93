//! From gradients to updates: accumulation, clipping, minimum and maximum length.

use std::time::{Duration, Instant};

use burn::{
    nn::*,
    optim::{LBFGSConfig, SgdConfig},
    prelude::*,
};
use lightning_core::{
    prelude::*,
    settings::{ClipAlgorithm, ReadBack},
    trainer::{StopReason, TrainerBuilder},
};

use crate::support::{Net, NetHparams, Rows, batches, bits, quiet};

/// Weights and biases after one epoch, and the optimizer steps it took.
fn trained(data: Vec<Rows>, trainer: TrainerBuilder<Net>) -> (Vec<f32>, u64) {
    seed_everything(4);
    let mut model = Net::new(NetHparams::default());
    let mut trainer = trainer.limit_val_batches(0).max_epochs(1).build().unwrap();
    let report = trainer.fit(&mut model, DataLoader::from_batches(data).unwrap()).unwrap();
    (model.parameters(), report.global_step)
}

/// The same rows in batches of these sizes.
fn regrouped(data: &[Rows], sizes: &[usize]) -> Vec<Rows> {
    let x = Tensor::cat(data.iter().map(|batch| batch.x.clone()).collect(), 0);
    let y = Tensor::cat(data.iter().map(|batch| batch.y.clone()).collect(), 0);
    let mut start = 0;
    sizes
        .iter()
        .map(|size| {
            let range = start..start + size;
            start += size;
            Rows { x: x.clone().slice(range.clone()), y: y.clone().slice(range) }
        })
        .collect()
}

#[test]
fn a3_windows_are_counted_in_optimizer_steps() {
    for (accumulate, steps) in [(1, 20), (2, 10), (3, 7)] {
        let (_, taken) = trained(batches(&[1; 20], 1), Net::quiet().accumulate_grad_batches(accumulate));
        assert_eq!(taken, steps, "windows of {accumulate}");
    }
}

#[test]
fn a_window_is_one_big_batch_the_short_last_one_too() {
    let small = batches(&[8; 10], 1);
    let (accumulated, steps) = trained(small.clone(), Net::quiet().accumulate_grad_batches(4));
    assert_eq!(steps, 3);
    let (big, steps) = trained(regrouped(&small, &[32, 32, 16]), Net::quiet());
    assert_eq!(steps, 3);
    let difference = accumulated.iter().zip(&big).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(difference < 1e-6, "{difference}");
    // A last window divided by four instead of two would be off by much more.
    let (without_last, _) = trained(regrouped(&small, &[32, 32]), Net::quiet());
    let step = without_last.iter().zip(&big).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(step > 1e-3, "{step}");
}

#[test]
fn a10_the_total_norm_is_clipped() {
    let start = trained(batches(&[16], 1), Net::quiet().gradient_clip_val(1e-30)).0;
    let moved = |trainer: TrainerBuilder<Net>| -> Vec<f64> {
        let (end, _) = trained(batches(&[16], 1), trainer);
        // One SGD step with a rate of 0.1.
        end.iter().zip(&start).map(|(end, start)| f64::from(start - end) / 0.1).collect()
    };
    let norm = |gradient: &[f64]| gradient.iter().map(|value| value * value).sum::<f64>().sqrt();
    let whole = moved(Net::quiet());
    assert!(norm(&whole) > 0.1, "{}", norm(&whole));

    let clipped = moved(Net::quiet().gradient_clip_val(0.05));
    assert!((norm(&clipped) - 0.05).abs() < 1e-5, "{}", norm(&clipped));
    let direction = 0.05 / norm(&whole);
    assert!(clipped.iter().zip(&whole).all(|(clipped, whole)| (clipped - whole * direction).abs() < 1e-5));

    let by_value = moved(Net::quiet().gradient_clip_val(0.01).gradient_clip_algorithm(ClipAlgorithm::Value));
    assert!(by_value.iter().all(|value| value.abs() < 0.0101), "{by_value:?}");
    let high = moved(Net::quiet().gradient_clip_val(1e6));
    assert_eq!(high, whole, "a limit above the norm changes nothing");
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Clipping {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[state(skip)]
    limits: Vec<f64>,
}

#[lightning_module]
impl Clipping {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.layer.forward(batch.x), batch.y)
    }
    fn configure_gradient_clipping(&mut self, batch_idx: usize, cx: &mut HookContext) -> Result<()> {
        match self.limits.get(batch_idx) {
            Some(limit) => cx.clip_gradients(*limit, ClipAlgorithm::Norm),
            None => Ok(()),
        }
    }
}

#[test]
fn a10_the_module_clips() {
    let moved = |limits: &[f64], trainer: TrainerBuilder<Clipping>| {
        seed_everything(4);
        let mut model = Clipping::new(ClippingHparams::default());
        model.limits = limits.to_vec();
        let weights = |model: &Clipping| -> Vec<f64> { model.layer.weight.val().into_data().iter().collect() };
        let start = weights(&model);
        let mut trainer = quiet(trainer).max_epochs(1).build().unwrap();
        let result = trainer.fit(&mut model, DataLoader::from_batches(batches(&[16], 1)).unwrap());
        // One SGD step with a rate of 0.1.
        result.map(|_| {
            weights(&model).iter().zip(&start).map(|(end, start)| ((start - end) / 0.1).powi(2)).sum::<f64>().sqrt()
        })
    };
    let norm = moved(&[], Clipping::trainer()).unwrap();
    assert!(norm > 0.1, "{norm}");
    let clipped = moved(&[0.05], Clipping::trainer()).unwrap();
    assert!(clipped < 0.0501 && clipped > 0.04, "{clipped}");
    // What the module writes stands for what the trainer was set to.
    assert_eq!(moved(&[], Clipping::trainer().gradient_clip_val(0.05)).unwrap(), norm);
    assert_eq!(moved(&[0.05], Clipping::trainer().gradient_clip_val(0.01)).unwrap(), clipped);
    let error = moved(&[-1.0], Clipping::trainer()).unwrap_err();
    assert!(error.to_string().contains("`clip_gradients` must be positive, found -1.0"), "{error}");
    assert_eq!(error.location().batch, Some(0));
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct ClipsTooEarly {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl ClipsTooEarly {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.layer.forward(batch.x), batch.y)
    }
    fn on_before_optimizer_step(&mut self, cx: &mut HookContext) -> Result<()> {
        cx.clip_gradients(0.05, ClipAlgorithm::Norm)
    }
}

#[lightning_module]
#[optimizer(LBFGSConfig::new(), lr = 0.1)]
struct ClipsASearch {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl ClipsASearch {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.layer.forward(batch.x), batch.y)
    }
    fn configure_gradient_clipping(&mut self, cx: &mut HookContext) -> Result<()> {
        cx.clip_gradients(0.05, ClipAlgorithm::Norm)
    }
}

#[test]
fn clipping_that_would_come_to_nothing_is_an_error() {
    let loader = || DataLoader::from_batches(batches(&[16], 1)).unwrap();
    let mut trainer = quiet(ClipsTooEarly::trainer()).max_epochs(1).build().unwrap();
    let error = trainer.fit(&mut ClipsTooEarly::new(ClipsTooEarlyHparams::default()), loader()).unwrap_err();
    let told = error.to_string();
    assert!(told.contains("found in `on_before_optimizer_step`") && told.contains("configure_"), "{told}");
    assert_eq!(error.location().batch, Some(0));

    let mut trainer = quiet(ClipsASearch::trainer()).max_epochs(1).build().unwrap();
    let error = trainer.fit(&mut ClipsASearch::new(ClipsASearchHparams::default()), loader()).unwrap_err().to_string();
    assert!(error.contains("L-BFGS, which never calls `configure_gradient_clipping`"), "{error}");
}

#[test]
fn clipping_on_the_device_gives_the_same_weights() {
    let data = || batches(&[16; 6], 1);
    let (host, _) = trained(data(), Net::quiet().gradient_clip_val(0.05).accumulate_grad_batches(2));
    let deferred = Net::quiet().gradient_clip_val(0.05).accumulate_grad_batches(2).read_back(ReadBack::Deferred);
    let (device, _) = trained(data(), deferred);
    let difference = host.iter().zip(&device).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(difference < 1e-7, "{difference}");
    assert_ne!(bits(&host), bits(&trained(data(), Net::quiet().accumulate_grad_batches(2)).0));
}

struct StopAtOnce;

impl<M> Callback<M> for StopAtOnce {
    fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        cx.stop("enough");
        Ok(())
    }
}

#[test]
fn a_stop_waits_for_the_minimum() {
    let run = |trainer: TrainerBuilder<Net>| {
        let mut model = Net::new(NetHparams::default());
        let mut trainer = trainer.limit_val_batches(0).max_epochs(9).callback(StopAtOnce).build().unwrap();
        let report = trainer.fit(&mut model, DataLoader::from_batches(batches(&[4; 10], 1)).unwrap()).unwrap();
        (report.batch_step, report.current_epoch, report.stop_reason)
    };
    let enough = || StopReason::Requested("enough".to_owned());
    assert_eq!(run(Net::quiet()), (1, 1, enough()));
    assert_eq!(run(Net::quiet().min_steps(13)), (13, 2, enough()));
    assert_eq!(run(Net::quiet().min_epochs(2)), (20, 2, enough()));
}

#[test]
fn max_time_ends_the_run() {
    let mut model = Net::new(NetHparams::default());
    let mut trainer = Net::quiet().limit_val_batches(0).max_time(Duration::from_millis(50)).build().unwrap();
    let start = Instant::now();
    let report = trainer.fit(&mut model, DataLoader::from_batches(batches(&[4; 10], 1)).unwrap()).unwrap();
    assert_eq!(report.stop_reason, StopReason::TimeLimit);
    assert!(start.elapsed() >= Duration::from_millis(50));
    let error = Net::quiet().max_time("1:30").accumulate_grad_batches(0).gradient_clip_val(-1.0).build().unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("3 settings") && text.contains("DD:HH:MM:SS"), "{text}");
}
