//! Callbacks that log what a run does: learning rates, throughput, the machine.

use burn::{
    nn::*,
    optim::{AdamConfig, SgdConfig},
    prelude::*,
};
use lightning_core::{
    callbacks::{DeviceStat, DeviceStatsMonitor, ThroughputMonitor},
    loggers::{MemoryLogger, Record},
    optim::Interval,
    params,
    prelude::*,
    schedulers::ExponentialDecay,
};

use crate::support::{Net, NetHparams, Rows, batches, quiet};

/// A rate that is halved at every step, and a tenth of it for the bias.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = ExponentialDecay::new(0.8, 0.5), interval = step,
    group(params::rank_below(2), lr = 0.08))]
struct Halving {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Halving {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = cross_entropy(self.layer.forward(batch.x), batch.y);
        train_loss
    }
}

/// Two optimizers, named after their fields.
#[lightning_module]
struct Pair {
    #[init(LinearConfig::new(8, 3).init(device))]
    #[optimizer(AdamConfig::new(), lr = 0.25)]
    left: Linear,
    #[init(LinearConfig::new(8, 3).init(device))]
    #[optimizer(SgdConfig::new(), lr = 0.5)]
    right: Linear,
}

#[lightning_module]
impl Pair {
    #[training_step(optimizer = left)]
    fn left_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.left.forward(batch.x), batch.y)
    }
    #[training_step(optimizer = right)]
    fn right_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.right.forward(batch.x), batch.y)
    }
}

fn loader(sizes: &[usize]) -> DataLoader<Rows> {
    DataLoader::from_batches(batches(sizes, 5)).unwrap()
}

fn names(record: &Record) -> Vec<&str> {
    record.metrics.iter().map(|(name, _)| name.as_str()).collect()
}

/// The values of a name with the step and batch they are logged at.
fn logged(logger: &MemoryLogger, name: &str) -> Vec<(u64, Option<u64>, f64)> {
    let rows = logger.records().into_iter();
    rows.filter_map(|row| Some((row.position.global_step, row.position.batch, row.value(name)?))).collect()
}

fn fit_halving(monitor: LearningRateMonitor, every: u64) -> MemoryLogger {
    let logger = MemoryLogger::new();
    let mut model = Halving::new(HalvingHparams::default());
    let mut trainer = quiet(Halving::trainer())
        .max_epochs(2)
        .log_every_n_steps(every)
        .logger(logger.clone())
        .callback(monitor)
        .build()
        .unwrap();
    trainer.fit(&mut model, loader(&[4; 3])).unwrap();
    logger
}

#[test]
fn lr_monitor_by_step_has_the_rate_of_each_update() {
    let logger = fit_halving(LearningRateMonitor::new().interval(Interval::Step), 1);
    let rates = [0.8, 0.4, 0.2, 0.1, 0.05, 0.025];
    let batches = [0, 1, 2, 0, 1, 2];
    let expected: Vec<_> = (1..).zip(batches).zip(rates).map(|((step, batch), lr)| (step, Some(batch), lr)).collect();
    assert_eq!(logged(&logger, "lr-Sgd/pg1"), expected);
    for ((_, _, whole), (_, _, group)) in logged(&logger, "lr-Sgd/pg1").into_iter().zip(logged(&logger, "lr-Sgd/pg2")) {
        assert!((group - whole / 10.0).abs() < 1e-12);
    }
    // In the record of the step, beside what the step logs.
    assert_eq!(names(&logger.records()[0]), ["train_loss", "lr-Sgd/pg1", "lr-Sgd/pg2"]);
}

#[test]
fn lr_monitor_logs_where_steps_are_logged() {
    let logger = fit_halving(LearningRateMonitor::new().interval(Interval::Step), 2);
    assert_eq!(logged(&logger, "lr-Sgd/pg1"), [(2, Some(1), 0.4), (4, Some(0), 0.1), (6, Some(2), 0.025)]);
}

#[test]
fn lr_monitor_by_epoch_has_the_rate_at_its_start() {
    let logger = fit_halving(LearningRateMonitor::new().interval(Interval::Epoch).log_key_prefix("opt/"), 1);
    assert_eq!(logged(&logger, "opt/lr-Sgd/pg1"), [(0, None, 0.8), (3, None, 0.1)]);
}

#[test]
fn lr_monitor_logs_both_unless_told() {
    let logger = fit_halving(LearningRateMonitor::new(), 1);
    let steps: Vec<_> =
        logged(&logger, "lr-Sgd/pg1").into_iter().map(|(step, batch, _)| (step, batch.is_some())).collect();
    assert_eq!(steps, [(0, false), (1, true), (2, true), (3, true), (3, false), (4, true), (5, true), (6, true)]);
}

#[test]
fn lr_monitor_names_optimizers_by_their_fields() {
    let logger = MemoryLogger::new();
    let mut model = Pair::new(PairHparams::default());
    let mut trainer = quiet(Pair::trainer())
        .max_epochs(1)
        .log_every_n_steps(1)
        .logger(logger.clone())
        .callback(LearningRateMonitor::new().interval(Interval::Epoch))
        .build()
        .unwrap();
    trainer.fit(&mut model, loader(&[4])).unwrap();
    assert_eq!(logger.records()[0].metrics, [("lr-left".to_owned(), 0.25), ("lr-right".to_owned(), 0.5)]);
}

#[test]
fn monitors_want_a_logger() {
    fn refusal(callback: impl Callback<Net> + 'static) -> String {
        Net::quiet().max_epochs(1).callback(callback).build().unwrap_err().to_string()
    }
    for (text, name) in [
        (refusal(LearningRateMonitor::new()), "LearningRateMonitor"),
        (refusal(ThroughputMonitor::new()), "ThroughputMonitor"),
        (refusal(DeviceStatsMonitor::new()), "DeviceStatsMonitor"),
    ] {
        assert!(text.contains(name) && text.contains("no_logger()"), "{text}");
    }
}

#[test]
fn monitors_let_a_fast_dev_run_pass() {
    let mut trainer = Net::quiet()
        .fast_dev_run(1)
        .callback(LearningRateMonitor::new())
        .callback(ThroughputMonitor::new())
        .callback(DeviceStatsMonitor::new())
        .build()
        .unwrap();
    trainer.fit(&mut Net::new(NetHparams::default()), (loader(&[4]), loader(&[4]))).unwrap();
}

fn fit_net(callback: impl Callback<Net> + 'static, train: &[usize], val: &[usize]) -> MemoryLogger {
    let logger = MemoryLogger::new();
    let mut trainer = Net::quiet()
        .max_epochs(2)
        .log_every_n_steps(2)
        .accumulate_grad_batches(2)
        .logger(logger.clone())
        .callback(callback)
        .build()
        .unwrap();
    trainer.fit(&mut Net::new(NetHparams::default()), (loader(train), loader(val))).unwrap();
    logger
}

/// Two epochs of 4 batches of 3, 5, 3, 5 samples, two batches a step: every second step is logged,
/// so after 4 and 8 batches.
#[test]
fn throughput_counts_batches_and_samples_and_waits_for_its_window() {
    let monitor = ThroughputMonitor::new().window_size(5).items_per_sample(10.0);
    let logger = fit_net(monitor, &[3, 5, 3, 5], &[2, 6, 4]);
    let values = |name: &str| logged(&logger, name).into_iter().map(|(_, _, value)| value).collect::<Vec<_>>();
    assert_eq!(logged(&logger, "train/batches"), [(2, Some(3), 4.0), (4, Some(3), 8.0)]);
    assert_eq!(values("train/samples"), [16.0, 32.0]);
    assert_eq!(values("train/lengths"), [160.0, 320.0]);
    // Of 5 batches, the window's last four count: batches 5 to 8 with 16 samples.
    let (rate, samples) = (values("train/device/batches_per_sec"), values("train/device/samples_per_sec"));
    assert_eq!((rate.len(), samples.len()), (1, 1));
    assert!((samples[0] / rate[0] - 16.0 / 4.0).abs() < 1e-9);
    assert!((values("train/device/items_per_sec")[0] / samples[0] - 10.0).abs() < 1e-9);
    assert!(values("train/time").is_sorted());
    // A row for each validation run, of all its batches; none for the sanity check.
    assert_eq!(logged(&logger, "validate/batches"), [(2, None, 3.0), (4, None, 3.0)]);
    assert_eq!(values("validate/samples"), [12.0, 12.0]);
}

#[test]
fn throughput_of_other_stages_is_a_row_at_the_end() {
    let logger = MemoryLogger::new();
    let monitor = ThroughputMonitor::new().window_size(2).separator(".");
    let mut trainer = Net::quiet().logger(logger.clone()).callback(monitor).build().unwrap();
    let mut net = Net::new(NetHparams::default());
    trainer.test(&mut net, loader(&[2, 3])).unwrap();
    trainer.predict(&mut net, loader(&[4, 4, 4])).unwrap();
    assert_eq!(logger.values("test.samples"), [5.0]);
    assert_eq!(logger.values("predict.samples"), [12.0]);
    assert_eq!(logger.values("predict.device.samples_per_sec").len(), 1);
}

#[test]
fn a_window_of_one_batch_is_refused() {
    let error = Net::quiet().max_epochs(1).callback(ThroughputMonitor::new().window_size(1)).build().unwrap_err();
    assert!(error.to_string().contains("`window_size` must be at least 2, found 1"), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn device_stats_are_in_the_records_of_steps() {
    let logger = fit_net(DeviceStatsMonitor::new(), &[4; 4], &[4]);
    let steps: Vec<_> = logger.records().into_iter().filter(|row| row.position.batch.is_some()).collect();
    assert_eq!(steps.len(), 2);
    for row in &steps {
        let value = |key: &str| row.value(&format!("DeviceStatsMonitor.on_train_batch_end/{key}")).unwrap();
        assert!(value("process_rss_mib") > 1.0);
        assert!((0.0..=100.0).contains(&value("cpu_vm_percent")));
        assert!((0.0..=100.0).contains(&value("cpu_swap_percent")));
        assert!((0.0..=100.0).contains(&value("cpu_percent")));
        assert!(value("process_cpu_percent") >= 0.0);
    }

    let logger = fit_net(DeviceStatsMonitor::new().filter_keys([DeviceStat::ProcessRssMib]), &[4; 4], &[4]);
    let kept: Vec<_> =
        logger.records()[0].metrics.iter().filter(|(name, _)| name.contains("DeviceStats")).cloned().collect();
    assert_eq!(kept.len(), 1);
}
