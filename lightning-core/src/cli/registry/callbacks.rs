//! The callbacks that a configuration names.

mod args;

use std::{path::Path, time::Duration};

use serde_json::Value;

use super::{
    component::{Arg, Args, Component},
    untyped::{NoModule, Untyped},
};
use crate::{
    Callback, EarlyStopping, ModelCheckpoint,
    callbacks::{
        BackboneFinetuning, DeviceStatsMonitor, EmaWeightAveraging, GradientAccumulationScheduler, HistogramMonitor,
        LearningRateMonitor, ModelSummary, OnExceptionCheckpoint, Pruning, SpikeDetection, StochasticWeightAveraging,
        ThroughputMonitor, Timer, TopK, WeightAveraging,
    },
    metrics::{Direction, MetricDef, MetricKey},
    module::LightningModule,
    optim::Interval,
    params::FieldKey,
    progress::{IntoMaxTime, Limit},
};

const fn component(name: &'static str, doc: &'static str, args: &'static [Arg]) -> Component {
    Component { name, alias: None, doc, args }
}

pub(super) const ALL: &[Component] = &[
    component("BackboneFinetuning", "Trains a frozen field later, at a lower rate.", args::BACKBONE),
    component("DeviceStatsMonitor", "Logs memory and usage of the devices.", &[]),
    component("EarlyStopping", "Ends training when a metric stops improving.", args::EARLY_STOPPING),
    Component {
        alias: Some("EMAWeightAveraging"),
        ..component("EmaWeightAveraging", "Keeps an exponential average of the weights.", args::EMA)
    },
    component("GradientAccumulationScheduler", "Changes the accumulation at epochs.", args::ACCUMULATION),
    component("HistogramMonitor", "Logs histograms of weights and gradients.", args::HISTOGRAMS),
    component("LearningRateMonitor", "Logs the learning rates.", args::RATES),
    component("ModelCheckpoint", "Saves the best checkpoints, or the latest.", args::CHECKPOINT),
    Component {
        alias: Some("RichModelSummary"),
        ..component("ModelSummary", "Prints the summary of the model.", args::SUMMARY)
    },
    component("OnExceptionCheckpoint", "Saves a checkpoint when an error ends the run.", args::ON_EXCEPTION),
    Component {
        alias: Some("ModelPruning"),
        ..component("Pruning", "Sets the least important weights to zero.", args::PRUNING)
    },
    component("SpikeDetection", "Finds jumps of the loss.", args::SPIKES),
    component("StochasticWeightAveraging", "Averages the weights of the last epochs.", args::SWA),
    component("ThroughputMonitor", "Logs batches, samples and operations per second.", args::THROUGHPUT),
    component("Timer", "Ends training after a time.", args::TIMER),
    component("WeightAveraging", "Keeps the mean of the weights.", args::AVERAGING),
];

const PROGRAM: &str = "it holds code: add it in the program, `.trainer(|t| t.callback(…))`";
const BAR: &str = "the progress bar is a setting: `trainer.enable_progress_bar`";

pub(super) const REFUSED: &[(&str, &str)] = &[
    ("LambdaCallback", PROGRAM),
    ("BaseFinetuning", PROGRAM),
    ("LearningRateFinder", "it sets a field of the program: add it there, or run `find-lr` first"),
    ("BatchSizeFinder", "it sets a field of the program: add it there, or run `find-batch-size` first"),
    ("Callback", PROGRAM),
    ("PredictionWriter", "it needs the type of the predictions: add it in the program, `.trainer(|t| t.callback(…))`"),
    ("BasePredictionWriter", "it needs the type of the predictions: add a `PredictionWriter` in the program"),
    ("ProgressBar", BAR),
    ("TQDMProgressBar", BAR),
    ("RichProgressBar", BAR),
    ("Checkpoint", "write `ModelCheckpoint`"),
    ("AsyncCheckpointIO", "checkpoints are always written in the background"),
];

/// A key of a metric that is named at run time, in the direction that the check has filled in.
fn key(args: Args<'_>, metrics: &'static [MetricDef]) -> Option<(MetricKey<NoModule>, Direction)> {
    let name = args.text("monitor")?;
    let direction = if args.text("mode") == Some("max") { Direction::Maximize } else { Direction::Minimize };
    let (base, loader) = name.split_once('/').map_or((name, None), |(base, loader)| (base, Some(loader)));
    let find = |name: &str| metrics.iter().find(|def| def.name == name);
    let view = |end: &str| base.strip_suffix(end).and_then(find);
    let mut key = match (find(base), view("_step"), view("_epoch")) {
        (Some(def), ..) => MetricKey::new(def),
        (None, Some(def), _) => MetricKey::new(def).step(),
        (None, None, Some(def)) => MetricKey::new(def).epoch(),
        _ => return None,
    };
    if let Some(loader) = loader {
        key = match loader.strip_prefix("dataloader_idx_").and_then(|number| number.parse::<usize>().ok()) {
            Some(number) => key.loader(number),
            // The key lives as long as the program, as that of a constant.
            None => key.loader(&*String::leak(loader.to_owned())),
        };
    }
    Some((key, direction))
}

fn seconds(text: Option<&str>) -> Option<Duration> {
    text?.into_max_time().ok()
}

fn limit(value: &Value) -> Limit {
    match value.as_u64() {
        Some(count) => Limit::from(count),
        None => Limit::from(value.as_f64().unwrap_or_default()),
    }
}

/// The callbacks that do not look at the module.
fn without_module(name: &str, args: Args<'_>, metrics: &'static [MetricDef]) -> Option<Box<dyn Callback<NoModule>>> {
    Some(match name {
        "EarlyStopping" => {
            let (key, direction) = key(args, metrics)?;
            let stopping = match direction {
                Direction::Minimize => EarlyStopping::new(key.minimize()),
                Direction::Maximize => EarlyStopping::new(key.maximize()),
            };
            let patience = args.uint("patience").and_then(|checks| u32::try_from(checks).ok()).unwrap_or(u32::MAX);
            let mut stopping = stopping
                .patience(patience)
                .min_delta(args.float("min_delta")?)
                .strict(args.bool("strict")?)
                .check_finite(args.bool("check_finite")?)
                .verbose(args.bool("verbose")?);
            if let Some(threshold) = args.float("stopping_threshold") {
                stopping = stopping.stopping_threshold(threshold);
            }
            if let Some(threshold) = args.float("divergence_threshold") {
                stopping = stopping.divergence_threshold(threshold);
            }
            Box::new(stopping)
        }
        "ModelCheckpoint" => Box::new(model_checkpoint(args, metrics)?),
        "LearningRateMonitor" => {
            let mut monitor = LearningRateMonitor::new();
            match args.text("logging_interval") {
                Some("step") => monitor = monitor.interval(Interval::Step),
                Some(_) => monitor = monitor.interval(Interval::Epoch),
                None => {}
            }
            if let Some(prefix) = args.text("log_key_prefix") {
                monitor = monitor.log_key_prefix(prefix);
            }
            Box::new(monitor)
        }
        "Timer" => {
            let timer = seconds(args.text("duration")).map_or_else(Timer::default, Timer::new);
            let interval = if args.text("interval") == Some("epoch") { Interval::Epoch } else { Interval::Step };
            Box::new(timer.interval(interval).verbose(args.bool("verbose")?))
        }
        "DeviceStatsMonitor" => Box::new(DeviceStatsMonitor::new()),
        "ThroughputMonitor" => {
            let mut monitor = ThroughputMonitor::new()
                .window_size(args.uint("window_size")? as usize)
                .separator(args.text("separator")?);
            if let Some(items) = args.float("items_per_sample") {
                monitor = monitor.items_per_sample(items);
            }
            if let Some(flops) = args.float("flops_per_sample") {
                monitor = monitor.flops_per_sample(flops);
            }
            Box::new(monitor)
        }
        "SpikeDetection" => {
            let mode = if args.text("mode") == Some("max") { Direction::Maximize } else { Direction::Minimize };
            let mut spikes = SpikeDetection::new()
                .mode(mode)
                .window(args.uint("window")? as usize)
                .warmup(args.uint("warmup")?)
                .atol(args.float("atol"))
                .rtol(args.float("rtol"))
                .finite_only(args.bool("finite_only")?)
                .roll_back(args.uint("roll_back")?);
            if let Some(path) = args.text("exclude_batches_path") {
                spikes = spikes.exclude_batches_path(path);
            }
            Box::new(spikes)
        }
        "GradientAccumulationScheduler" => {
            let entries = args.value("scheduling").as_object()?;
            let pairs = entries.iter().filter_map(|(epoch, batches)| Some((epoch.parse().ok()?, batches.as_u64()?)));
            Box::new(GradientAccumulationScheduler::new(pairs.collect::<Vec<(u64, u64)>>()))
        }
        _ => return None,
    })
}

fn model_checkpoint(args: Args<'_>, metrics: &'static [MetricDef]) -> Option<ModelCheckpoint<NoModule>> {
    let mut saver = match key(args, metrics) {
        Some((key, Direction::Minimize)) => ModelCheckpoint::new(key.minimize()),
        Some((key, Direction::Maximize)) => ModelCheckpoint::new(key.maximize()),
        None => ModelCheckpoint::latest(),
    };
    if let Some(folder) = args.text("dirpath") {
        saver = saver.dirpath(folder);
    }
    if let Some(name) = args.text("filename") {
        saver = saver.filename(name);
    }
    saver = match args.int("save_top_k") {
        Some(count) if count < 0 => saver.save_top_k(TopK::All),
        // The default, which is also that of a checkpoint without a metric.
        Some(1) | None => saver,
        Some(count) => saver.save_top_k(count as usize),
    };
    if let Some(last) = args.bool("save_last") {
        saver = saver.save_last(last);
    }
    if let Some(epochs) = args.uint("every_n_epochs") {
        saver = saver.every_n_epochs(epochs);
    }
    if let Some(steps) = args.uint("every_n_train_steps") {
        saver = saver.every_n_train_steps(steps);
    }
    if let Some(time) = seconds(args.text("train_time_interval")) {
        saver = saver.train_time_interval(time);
    }
    if let Some(at_end) = args.bool("save_on_train_epoch_end") {
        saver = saver.save_on_train_epoch_end(at_end);
    }
    Some(
        saver
            .save_weights_only(args.bool("save_weights_only")?)
            .auto_insert_metric_name(args.bool("auto_insert_metric_name")?)
            .enable_version_counter(args.bool("enable_version_counter")?)
            .save_on_exception(args.bool("save_on_exception")?)
            .verbose(args.bool("verbose")?),
    )
}

/// Creates a callback from its checked description.
pub(in crate::cli) fn callback<M: LightningModule>(component: &Value) -> Option<Box<dyn Callback<M>>> {
    let (name, args) = (component.get("class_path")?.as_str()?, Args(component.get("init_args")?));
    if let Some(callback) = without_module(name, args, M::METRICS) {
        return Some(Box::new(Untyped(callback)));
    }
    Some(match name {
        "BackboneFinetuning" => {
            let field = M::FIELDS.iter().find(|def| Some(def.name) == args.text("backbone"))?.name;
            let mut tuning = BackboneFinetuning::new(FieldKey::<M>::new(field))
                .unfreeze_backbone_at_epoch(args.uint("unfreeze_backbone_at_epoch")?)
                .backbone_initial_ratio_lr(args.float("backbone_initial_ratio_lr")?)
                .should_align(args.bool("should_align")?)
                .train_bn(args.bool("train_bn")?)
                .verbose(args.bool("verbose")?);
            if let Some(lr) = args.float("backbone_initial_lr") {
                tuning = tuning.backbone_initial_lr(lr);
            }
            Box::new(tuning)
        }
        "EmaWeightAveraging" => Box::new(ema_averaging(args)?),
        "WeightAveraging" => Box::new(WeightAveraging::new().use_buffers(args.bool("use_buffers")?)),
        "StochasticWeightAveraging" => Box::new(swa_of(args)?),
        "HistogramMonitor" => Box::new(histogram_monitor(args)?),
        "ModelSummary" => {
            let depth = args.int("max_depth")?;
            Box::new(
                usize::try_from(depth).map_or_else(|_| ModelSummary::new().all(), |d| ModelSummary::new().max_depth(d)),
            )
        }
        "OnExceptionCheckpoint" => {
            Box::new(OnExceptionCheckpoint::new(Path::new(args.text("dirpath")?)).filename(args.text("filename")?))
        }
        "Pruning" => Box::new(pruning_of(args)?),
        _ => return None,
    })
}

fn ema_averaging(args: Args<'_>) -> Option<EmaWeightAveraging> {
    let mut ema = EmaWeightAveraging::new()
        .decay(args.float("decay")?)
        .update_every_n_steps(args.uint("update_every_n_steps")?)
        .use_buffers(args.bool("use_buffers")?);
    if let Some(step) = args.uint("update_starting_at_step") {
        ema = ema.update_starting_at_step(step);
    }
    if let Some(epoch) = args.uint("update_starting_at_epoch") {
        ema = ema.update_starting_at_epoch(epoch);
    }
    Some(ema)
}

fn swa_of(args: Args<'_>) -> Option<StochasticWeightAveraging> {
    use crate::optim::schedulers::Annealing;

    let rates = match args.value("swa_lrs") {
        Value::Array(rates) => rates.iter().filter_map(Value::as_f64).collect(),
        rate => vec![rate.as_f64()?],
    };
    let strategy =
        if args.text("annealing_strategy") == Some("linear") { Annealing::Linear } else { Annealing::Cosine };
    Some(
        StochasticWeightAveraging::new(rates)
            .swa_epoch_start(limit(args.value("swa_epoch_start")))
            .annealing_epochs(args.uint("annealing_epochs")?)
            .annealing_strategy(strategy),
    )
}

fn histogram_monitor(args: Args<'_>) -> Option<HistogramMonitor> {
    let monitor = HistogramMonitor::new()
        .every_n_steps(args.uint("every_n_steps")?)
        .bins(args.uint("bins")? as usize)
        .weights(args.bool("weights")?)
        .gradients(args.bool("gradients")?)
        .update_ratio(args.bool("update_ratio")?);
    Some(monitor)
}

fn pruning_of(args: Args<'_>) -> Option<Pruning> {
    let pruning = match args.text("pruning_fn")? {
        "random_unstructured" => Pruning::random_unstructured(),
        _ => Pruning::l1_unstructured(),
    };
    let amount = args.value("amount");
    let pruning = match amount.as_u64() {
        Some(count) => pruning.amount(count as usize),
        None => pruning.amount(amount.as_f64()?),
    };
    Some(
        pruning
            .use_global_unstructured(args.bool("use_global_unstructured")?)
            .use_lottery_ticket_hypothesis(args.bool("use_lottery_ticket_hypothesis")?)
            .make_pruning_permanent(args.bool("make_pruning_permanent")?)
            .prune_on_train_epoch_end(args.bool("prune_on_train_epoch_end")?)
            .verbose(args.bool("verbose")?),
    )
}
