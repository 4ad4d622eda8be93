//! `HistogramMonitor`, with weights and gradients that can be computed in the head.

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    callbacks::HistogramMonitor,
    loggers::{Histogram, MemoryLogger},
    params,
    prelude::*,
    readback,
};

use crate::support::quiet;

/// Two weights of 0.5. The loss is linear, so that the gradient is the mean input.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Known {
    #[init(LinearConfig::new(2, 1).with_bias(bias).with_initializer(Initializer::Constant { value: start }).init(device))]
    layer: Linear,
    #[hparam(default = 0.5)]
    start: f64,
    #[hparam(default = false)]
    bias: bool,
}

#[lightning_module]
impl Known {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }
}

/// The same, with manual optimization.
#[lightning_module]
struct ByHand {
    #[init(LinearConfig::new(2, 1).with_bias(false).with_initializer(Initializer::Constant { value: 0.5 }).init(device))]
    #[optimizer(SgdConfig::new(), lr = 0.1)]
    layer: Linear,
}

#[lightning_module]
impl ByHand {
    #[manual_optimization]
    fn training_step(&mut self, batch: Tensor<2>, optimizers: &mut Optimizers<Self>) -> Result<()> {
        let loss = self.layer.forward(batch).mean();
        let gradients = optimizers.backward(self, loss)?;
        optimizers.step(Self::LAYER, self, gradients)
    }
}

/// Two optimizers, each with a step and a gradient of its own.
#[lightning_module]
struct Pair {
    #[init(LinearConfig::new(2, 1).with_bias(false).with_initializer(Initializer::Constant { value: 1.0 }).init(device))]
    #[optimizer(SgdConfig::new(), lr = 0.5)]
    left: Linear,
    #[init(LinearConfig::new(2, 1).with_bias(false).with_initializer(Initializer::Constant { value: 1.0 }).init(device))]
    #[optimizer(SgdConfig::new(), lr = 0.25)]
    right: Linear,
}

#[lightning_module]
impl Pair {
    #[training_step(optimizer = left)]
    fn left_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.left.forward(batch).mean()
    }
    #[training_step(optimizer = right)]
    fn right_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.right.forward(batch).mean().mul_scalar(2.0)
    }
}

fn inputs(rows: &[[f32; 2]]) -> Vec<Tensor<2>> {
    rows.iter().map(|row| Tensor::from_data([*row], &Device::default())).collect()
}

fn fit(monitor: HistogramMonitor, accumulate: u64, rows: &[[f32; 2]], hparams: KnownHparams) -> MemoryLogger {
    let logger = MemoryLogger::new();
    let builder = quiet(Known::trainer()).max_epochs(1).logger(logger.clone()).callback(monitor);
    let mut trainer = builder.accumulate_grad_batches(accumulate).log_every_n_steps(1000).build().unwrap();
    trainer.fit(&mut Known::new(hparams), inputs(rows)).unwrap();
    logger
}

/// The histograms of a name, with their optimizer steps.
fn histograms(logger: &MemoryLogger, name: &str) -> Vec<(u64, Histogram)> {
    let all = logger.histograms().into_iter().filter(|(known, ..)| known == name);
    all.map(|(_, histogram, position)| (position.global_step, histogram)).collect()
}

fn sums(logger: &MemoryLogger, name: &str) -> Vec<(u64, f64, f64)> {
    histograms(logger, name).into_iter().map(|(step, it)| (step, it.sum, it.sum_of_squares)).collect()
}

fn ratios(logger: &MemoryLogger, name: &str) -> Vec<(u64, Option<u64>, f64)> {
    let rows = logger.records().into_iter();
    rows.filter_map(|row| Some((row.position.global_step, row.position.batch, row.value(name)?))).collect()
}

#[track_caller]
fn close(found: &[(u64, f64, f64)], expected: &[(u64, f64, f64)]) {
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, expected) in found.iter().zip(expected) {
        let near = |a: f64, b: f64| (a - b).abs() < 1e-5;
        assert!(found.0 == expected.0 && near(found.1, expected.1) && near(found.2, expected.2), "{found:?}");
    }
}

/// Gradient (3, 4), rate 0.1: the weights go (0.5, 0.5), (0.2, 0.1), (-0.1, -0.3).
#[test]
fn weights_gradients_and_ratios_are_those_of_the_update() {
    let logger = fit(HistogramMonitor::new().every_n_steps(1).bins(2), 1, &[[3.0, 4.0]; 2], KnownHparams::default());
    close(&sums(&logger, "gradients/layer.weight"), &[(1, 7.0, 25.0), (2, 7.0, 25.0)]);
    close(&sums(&logger, "weights/layer.weight"), &[(1, 0.3, 0.05), (2, -0.4, 0.1)]);
    let (_, first) = &histograms(&logger, "gradients/layer.weight")[0];
    assert_eq!((first.edges.as_slice(), first.counts.as_slice()), ([3.0, 3.5, 4.0].as_slice(), [1, 1].as_slice()));
    // The update has the norm 0.5 both times, the weights before it 0.5 * sqrt(2) and sqrt(0.05).
    let found = ratios(&logger, "update_ratio/layer.weight");
    assert_eq!(found.iter().map(|(step, batch, _)| (*step, *batch)).collect::<Vec<_>>(), [(1, Some(0)), (2, Some(1))]);
    assert!((found[0].2 - 0.5_f64.sqrt()).abs() < 1e-5 && (found[1].2 - 5_f64.sqrt()).abs() < 1e-4, "{found:?}");
}

#[test]
fn an_accumulated_gradient_is_the_mean() {
    let rows = [[3.0, 4.0], [5.0, 0.0], [1.0, 1.0], [3.0, -1.0]];
    let logger = fit(HistogramMonitor::new().every_n_steps(2), 2, &rows, KnownHparams::default());
    // Of the second update: (1, 1) and (3, -1).
    close(&sums(&logger, "gradients/layer.weight"), &[(2, 2.0, 4.0)]);
}

#[test]
fn only_due_steps_and_what_is_asked_for_is_logged() {
    let all = KnownHparams::default().with_bias(true);
    let rows = [[3.0, 4.0]; 7];
    let monitor = HistogramMonitor::new().every_n_steps(3).gradients(false).update_ratio(false);
    let logger = fit(monitor.parameters(params::regex("bias$")), 1, &rows, all.clone());
    let names: Vec<_> = logger.histograms().iter().map(|(name, _, at)| (name.clone(), at.global_step)).collect();
    assert_eq!(names, [("weights/layer.bias".to_owned(), 3), ("weights/layer.bias".to_owned(), 6)]);
    assert!(logger.records().iter().all(|row| row.metrics.iter().all(|(name, _)| !name.starts_with("update"))));

    let logger = fit(HistogramMonitor::new().every_n_steps(7).weights(false).gradients(false), 1, &rows, all);
    assert!(logger.histograms().is_empty());
    assert_eq!(ratios(&logger, "update_ratio/layer.bias").len(), 1);
    assert_eq!(ratios(&logger, "update_ratio/layer.weight").len(), 1);
}

/// NaN is in no bin. Weights of 0 have no ratio.
#[test]
fn nan_is_counted_and_zero_has_no_ratio() {
    let monitor = || HistogramMonitor::new().every_n_steps(1);
    let logger = fit(monitor(), 1, &[[3.0, 4.0]], KnownHparams::default().with_start(f64::NAN));
    let (_, weights) = &histograms(&logger, "weights/layer.weight")[0];
    assert_eq!((weights.non_finite, weights.counts.iter().sum::<u64>()), (2, 0));

    let logger = fit(monitor(), 1, &[[3.0, 4.0]; 2], KnownHparams::default().with_start(0.0));
    let steps: Vec<_> = ratios(&logger, "update_ratio/layer.weight").iter().map(|(step, ..)| *step).collect();
    assert_eq!(steps, [2]);
}

#[test]
fn manual_optimization_has_gradients_too() {
    let logger = MemoryLogger::new();
    let monitor = HistogramMonitor::new().every_n_steps(1);
    let mut trainer = quiet(ByHand::trainer()).max_epochs(1).logger(logger.clone()).callback(monitor).build().unwrap();
    trainer.fit(&mut ByHand::new(ByHandHparams::default()), inputs(&[[3.0, 4.0]])).unwrap();
    close(&sums(&logger, "gradients/layer.weight"), &[(1, 7.0, 25.0)]);
    close(&sums(&logger, "weights/layer.weight"), &[(1, 0.3, 0.05)]);
}

#[test]
fn every_optimizer_has_its_own_gradients() {
    let logger = MemoryLogger::new();
    let monitor = HistogramMonitor::new().every_n_steps(1);
    let mut trainer = quiet(Pair::trainer()).max_epochs(1).logger(logger.clone()).callback(monitor).build().unwrap();
    trainer.fit(&mut Pair::new(PairHparams::default()), inputs(&[[3.0, 4.0]])).unwrap();
    close(&sums(&logger, "gradients/left.weight"), &[(1, 7.0, 25.0)]);
    close(&sums(&logger, "gradients/right.weight"), &[(1, 14.0, 100.0)]);
    // (1, 1) - 0.5 * (3, 4) and (1, 1) - 0.25 * (6, 8).
    close(&sums(&logger, "weights/left.weight"), &[(1, -1.5, 1.25)]);
    close(&sums(&logger, "weights/right.weight"), &[(1, -1.5, 1.25)]);
}

/// The number of host reads after each batch, before the next one.
#[derive(Default)]
struct CountReads(std::sync::Arc<std::sync::Mutex<Vec<u64>>>);

impl<M> Callback<M> for CountReads {
    fn on_train_batch_start(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.0.lock().unwrap().push(readback::waits());
        Ok(())
    }
}

#[test]
fn a_due_step_reads_once_and_others_never() {
    let reads = CountReads::default();
    let seen = reads.0.clone();
    let mut trainer = quiet(Known::trainer())
        .max_epochs(1)
        .logger(MemoryLogger::new())
        .log_every_n_steps(1000)
        .callback(reads)
        .callback(HistogramMonitor::new().every_n_steps(2))
        .build()
        .unwrap();
    let hparams = KnownHparams::default().with_bias(true);
    trainer.fit(&mut Known::new(hparams), inputs(&[[3.0, 4.0]; 6])).unwrap();
    let seen = seen.lock().unwrap().clone();
    let between: Vec<u64> = seen.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(between, [0, 1, 0, 1, 0]);
}

#[test]
fn wrong_settings_are_reported() {
    for (monitor, text) in [
        (HistogramMonitor::new().every_n_steps(0), "`every_n_steps` must be at least 1, found 0"),
        (HistogramMonitor::new().bins(0), "`bins` must be at least 1, found 0"),
        (
            HistogramMonitor::new().weights(false).gradients(false).update_ratio(false),
            "`HistogramMonitor` must have something to log",
        ),
        (HistogramMonitor::new().parameters(params::regex("[")), "params::regex(\"[\")"),
    ] {
        let builder = quiet(Known::trainer()).max_epochs(1).logger(MemoryLogger::new());
        let error = builder.callback(monitor).build().unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
    let error = quiet(Known::trainer()).callback(HistogramMonitor::new()).build().unwrap_err().to_string();
    assert!(error.contains("HistogramMonitor") && error.contains("no_logger()"), "{error}");

    let monitor = HistogramMonitor::new().parameters(params::below("head"));
    let builder = quiet(Known::trainer()).max_epochs(1).logger(MemoryLogger::new()).callback(monitor);
    let error =
        builder.build().unwrap().fit(&mut Known::new(KnownHparams::default()), inputs(&[[1.0, 1.0]])).unwrap_err();
    assert!(error.to_string().contains("found none in `params::below(\"head\")`"), "{error}");
}
