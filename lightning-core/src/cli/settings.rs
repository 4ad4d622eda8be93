//! The trainer's settings by name: types, documentation, and how they are read and set.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{
    check::time_text,
    kind::Kind,
    shape::{Entry, Table},
    spec::Spec,
};
use crate::{
    error::Result,
    optim::ClipAlgorithm,
    precision::Precision,
    progress::{IntoMaxTime, Limit},
    settings::{Accelerator, Anomaly, Devices, MicroBatch, Settings, ValCheckInterval},
    trainer::Profiler,
};

/// A setting.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) name: &'static str,
    pub(super) group: &'static str,
    pub(super) spec: Spec,
    doc: &'static str,
    get: fn(&Settings) -> Value,
    set: fn(&mut Settings, &Value) -> Result<()>,
}

fn limit(value: &Value) -> Limit {
    match value.as_u64() {
        Some(batches) => Limit::from(batches),
        None => Limit::from(value.as_f64().unwrap_or(1.0)),
    }
}

fn limit_value(limit: Limit) -> Value {
    match limit {
        Limit::Batches(batches) => json!(i64::try_from(batches).unwrap_or(i64::MAX)),
        Limit::Fraction(share) => json!(share),
    }
}

fn size(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|value| usize::try_from(value).ok())
}

/// A table of settings, each a row: name, shape, documentation, how it is read, how it is set.
macro_rules! settings {
    ($($group:literal { $($name:ident: $spec:expr, $doc:literal, |$from:ident| $get:expr, |$to:ident, $value:ident| $set:expr;)* })*) => {
        /// All settings, in the order of the help.
        pub(super) const ALL: &[Setting] = &[$($(Setting {
            name: stringify!($name),
            group: $group,
            spec: $spec,
            doc: $doc,
            get: |$from| $get,
            set: |$to, $value| { $set; Ok(()) },
        },)*)*];
    };
}

const INTERVAL: Spec =
    Spec::Either(&[Spec::COUNT, Spec::Float, Spec::Tagged(&[("steps", Spec::COUNT), ("time", Spec::Time)])]);

settings! {
    "length" {
        max_epochs: Spec::MAYBE_COUNT, "Ends the run after this many epochs.",
            |s| json!(s.length.max_epochs), |s, v| s.length.max_epochs = size(v);
        max_steps: Spec::MAYBE_COUNT, "Ends the run after this many optimizer steps.",
            |s| json!(s.length.max_steps), |s, v| s.length.max_steps = v.as_u64();
        max_time: Spec::Optional(&Spec::Time), "Ends the run after a time, \"DD:HH:MM:SS\".",
            |s| json!(s.length.max_time.map(time_text)),
            |s, v| s.length.max_time = v.as_str().map(IntoMaxTime::into_max_time).transpose()?;
        min_epochs: Spec::COUNT, "Trains for at least this many epochs.",
            |s| json!(s.length.min_epochs), |s, v| s.length.min_epochs = size(v).unwrap_or_default();
        min_steps: Spec::COUNT, "Trains for at least this many optimizer steps.",
            |s| json!(s.length.min_steps), |s, v| s.length.min_steps = v.as_u64().unwrap_or_default();
        fast_dev_run: Spec::MAYBE_COUNT, "Runs this many batches of everything, and writes nothing.",
            |s| json!(s.run.fast_dev_run), |s, v| s.run.fast_dev_run = v.as_u64();
        overfit_batches: Spec::Optional(&Spec::LIMIT), "Trains on the same few batches, a number or a fraction.",
            |s| s.limits.overfit.map_or(Value::Null, limit_value),
            |s, v| s.limits.overfit = Some(v).filter(|v| !v.is_null()).map(limit);
    }
    "data and validation" {
        limit_train_batches: Spec::LIMIT, "Training batches of an epoch: a number or a fraction.",
            |s| limit_value(s.limits.train), |s, v| s.limits.train = limit(v);
        limit_val_batches: Spec::LIMIT, "Batches of each validation; 0 turns it off.",
            |s| limit_value(s.limits.val), |s, v| s.limits.val = limit(v);
        limit_test_batches: Spec::LIMIT, "Batches of `test`.",
            |s| limit_value(s.limits.test), |s, v| s.limits.test = limit(v);
        limit_predict_batches: Spec::LIMIT, "Batches of `predict`.",
            |s| limit_value(s.limits.predict), |s, v| s.limits.predict = limit(v);
        val_check_interval: INTERVAL, "When validation runs: batches, a fraction of an epoch, `{steps: n}` or `{time: …}`.",
            |s| interval_value(s.validation.interval), |s, v| s.validation.interval = interval_of(v)?;
        check_val_every_n_epoch: Spec::MAYBE_COUNT, "Validates in every n-th epoch; null counts over the run.",
            |s| json!(s.validation.every_n_epochs), |s, v| s.validation.every_n_epochs = size(v);
        num_sanity_val_steps: Spec::COUNT, "Validation batches before training.",
            |s| json!(s.validation.sanity_steps), |s, v| s.validation.sanity_steps = v.as_u64().unwrap_or_default();
        reload_dataloaders_every_n_epochs: Spec::MAYBE_COUNT, "Asks for the loaders again after so many epochs.",
            |s| json!(s.limits.reload_every_n_epochs), |s, v| s.limits.reload_every_n_epochs = size(v);
    }
    "optimization" {
        accumulate_grad_batches: Spec::COUNT, "Batches of an optimizer step.",
            |s| json!(s.optimization.accumulate), |s, v| s.optimization.accumulate = v.as_u64().unwrap_or(1);
        micro_batch: Spec::Optional(&Spec::Either(&[Spec::Names(&["auto"]), Spec::COUNT])), "Samples of a backward pass, or `auto`.",
            |s| micro_batch_value(s.optimization.micro_batch.as_ref()),
            |s, v| s.optimization.micro_batch = micro_batch_of(v);
        gradient_clip_val: Spec::Optional(&Spec::Float), "Limit of the gradients.",
            |s| json!(s.optimization.clip), |s, v| s.optimization.clip = v.as_f64();
        gradient_clip_algorithm: Spec::Names(&["norm", "value"]), "What is limited: `norm` or each `value`.",
            |s| json!(if s.optimization.clip_by == ClipAlgorithm::Value { "value" } else { "norm" }),
            |s, v| s.optimization.clip_by = if v == "value" { ClipAlgorithm::Value } else { ClipAlgorithm::Norm };
        precision: Spec::Optional(&Spec::Text), "Float types: 32-true, 16-mixed, bf16-mixed, …",
            |s| json!(s.numerics.precision.map(|precision| precision.to_string())),
            |s, v| s.numerics.precision = v.as_str().map(str::parse::<Precision>).transpose()?;
        gradient_checkpointing: Spec::Bool, "Computes cheap activations again to save memory.",
            |s| json!(s.numerics.gradient_checkpointing), |s, v| s.numerics.gradient_checkpointing = v == true;
        fused_optimizers: Spec::Bool, "One pass over memory for each update on the CPU.",
            |s| json!(s.optimization.fused), |s, v| s.optimization.fused = v == true;
        detect_anomaly: Spec::Bool, "Ends at the first value that is not finite; slow.",
            |s| json!(s.optimization.detect_anomaly), |s, v| s.optimization.detect_anomaly = v == true;
    }
    "guards" {
        audit: Spec::Bool, "Warns after the first step of what a correct program does not do.",
            |s| json!(s.guards.audit), |s, v| s.guards.audit = v == true;
        on_anomaly: Spec::Names(&["ignore", "save"]), "Whether a step that goes wrong is saved.",
            |s| json!(if s.guards.on_anomaly == Anomaly::Save { "save" } else { "ignore" }),
            |s, v| s.guards.on_anomaly = if v == "save" { Anomaly::Save } else { Anomaly::Ignore };
    }
    "devices" {
        accelerator: Spec::Names(&["auto", "cpu", "cuda", "gpu", "wgpu", "vulkan", "metal", "mps", "rocm"]), "Where to compute.",
            |s| json!(s.accelerator.name()),
            |s, v| s.accelerator = v.as_str().unwrap_or("auto").parse::<Accelerator>()?;
        devices: Spec::Optional(&Spec::Either(&[Spec::COUNT, Spec::List(&Spec::COUNT)])), "How many devices, or their indices.",
            |s| devices_value(s.strategy.devices.as_ref()), |s, v| s.strategy.devices = devices_of(v);
        num_nodes: Spec::COUNT, "Number of machines.",
            |s| json!(s.strategy.num_nodes), |s, v| s.strategy.num_nodes = size(v).unwrap_or(1);
        strategy: Spec::Names(&["auto", "ddp", "single_device"]), "How devices train together.",
            |s| json!(s.strategy.strategy), |s, v| v.as_str().unwrap_or("auto").clone_into(&mut s.strategy.strategy);
        use_distributed_sampler: Spec::Bool, "Divides the batches among the processes.",
            |s| json!(s.strategy.ddp.divides), |s, v| s.strategy.ddp.divides = v == true;
    }
    "output" {
        log_every_n_steps: Spec::COUNT, "Optimizer steps between two records.",
            |s| json!(s.output.log_every_n_steps), |s, v| s.output.log_every_n_steps = v.as_u64().unwrap_or(50);
        report: Spec::Bool, "Writes `report.html`, the page of the run.",
            |s| json!(s.output.report), |s, v| s.output.report = v == true;
        enable_checkpointing: Spec::Bool, "Keeps the latest checkpoint.",
            |s| json!(s.output.checkpointing), |s, v| s.output.checkpointing = v == true;
        enable_progress_bar: Spec::Bool, "Shows a progress bar.",
            |s| json!(s.output.progress_bar), |s, v| s.output.progress_bar = v == true;
        renderer: Spec::Names(&["auto", "tui"]), "What shows the progress: `auto`, or `tui` for the terminal interface.",
            |s| json!(s.output.renderer), |s, v| v.as_str().unwrap_or("auto").clone_into(&mut s.output.renderer);
        enable_model_summary: Spec::Bool, "Prints a summary of the model.",
            |s| json!(s.output.model_summary), |s, v| s.output.model_summary = v == true;
        summary_depth: Spec::COUNT, "Levels of modules in the summary; 0: only the totals.",
            |s| json!(s.output.summary_depth), |s, v| s.output.summary_depth = size(v).unwrap_or(usize::MAX);
        default_root_dir: Spec::Text, "Folder of logs and checkpoints.",
            |s| json!(s.output.root.display().to_string()),
            |s, v| s.output.root = PathBuf::from(v.as_str().unwrap_or("."));
        profiler: Spec::Optional(&Spec::Text), "`simple`, `advanced`, or the path of a trace, `trace.json`.",
            |s| profiler_value(s.run.profiler.as_ref()), |s, v| s.run.profiler = profiler_of(v)?;
        deterministic: Spec::Bool, "Refuses what makes two runs of one seed differ.",
            |s| json!(s.run.deterministic), |s, v| s.run.deterministic = v == true;
    }
}

#[cfg(feature = "tune-allocator")]
const ALLOCATOR: Setting = Setting {
    name: "tune_allocator",
    group: "output",
    spec: Spec::Bool,
    doc: "Configures the allocator of the C library for training.",
    get: |s| json!(s.run.tune_allocator),
    set: |s, v| {
        s.run.tune_allocator = v == true;
        Ok(())
    },
};

fn interval_value(interval: ValCheckInterval) -> Value {
    match interval {
        ValCheckInterval::Share(share) => limit_value(share),
        ValCheckInterval::Steps(steps) => json!({"steps": steps}),
        ValCheckInterval::Time(time) => json!({"time": time_text(time)}),
    }
}

fn interval_of(value: &Value) -> Result<ValCheckInterval> {
    if let Some(steps) = value.get("steps").and_then(Value::as_u64) {
        return Ok(ValCheckInterval::Steps(steps));
    }
    match value.get("time").and_then(Value::as_str) {
        Some(time) => Ok(ValCheckInterval::Time(time.into_max_time()?)),
        None => Ok(limit(value).into()),
    }
}

fn micro_batch_value(micro_batch: Option<&MicroBatch>) -> Value {
    let text = micro_batch.map(ToString::to_string);
    text.map_or(Value::Null, |text| text.parse::<u64>().map_or_else(|_| json!(text), |samples| json!(samples)))
}

fn micro_batch_of(value: &Value) -> Option<MicroBatch> {
    size(value).map(MicroBatch::from).or_else(|| value.as_str().map(MicroBatch::from))
}

fn devices_value(devices: Option<&Devices>) -> Value {
    match devices {
        None => Value::Null,
        Some(Devices::Count(count)) => json!(i64::try_from(*count).unwrap_or(i64::MAX)),
        Some(Devices::Indices(indices)) => json!(indices),
    }
}

fn devices_of(value: &Value) -> Option<Devices> {
    match value {
        Value::Array(indices) => Some(Devices::from(indices.iter().filter_map(size).collect::<Vec<_>>())),
        _ => value.as_u64().map(Devices::from),
    }
}

fn profiler_value(profiler: Option<&Profiler>) -> Value {
    match profiler {
        None => Value::Null,
        Some(Profiler::Simple) => json!("simple"),
        Some(Profiler::Advanced) => json!("advanced"),
        Some(Profiler::Chrome(path)) => json!(path.display().to_string()),
    }
}

fn profiler_of(value: &Value) -> Result<Option<Profiler>> {
    match value.as_str() {
        None => Ok(None),
        Some(path) if path.ends_with(".json") => Ok(Some(Profiler::chrome(path))),
        Some(name) => name.parse().map(Some),
    }
}

/// The settings of features.
#[cfg(feature = "tune-allocator")]
pub(super) const OF_FEATURES: &[Setting] = &[ALLOCATOR];
#[cfg(not(feature = "tune-allocator"))]
pub(super) const OF_FEATURES: &[Setting] = &[];

/// The key of `trainer` that lists loggers.
pub(super) const LOGGER: Spec = Spec::Optional(&Spec::Components(Kind::Logger));
/// The key of `trainer` that lists callbacks.
pub(super) const CALLBACKS: Spec = Spec::Components(Kind::Callback);

/// All settings, those of features included.
pub(super) fn all() -> impl Iterator<Item = &'static Setting> {
    ALL.iter().chain(OF_FEATURES)
}

/// The table of the settings, with the values of a builder as defaults.
pub(super) fn table(settings: &Settings) -> Table {
    let entry =
        |setting: &Setting| Entry::new(setting.name, setting.spec.shape(), setting.doc, (setting.get)(settings));
    Table { entries: all().map(entry).collect() }
}

/// Sets everything that has another value. Returns the errors of names that are not known, such as
/// that of a precision.
pub(super) fn apply(settings: &mut Settings, values: &Value) -> Vec<(&'static str, crate::Error)> {
    let mut failed = Vec::new();
    for setting in all() {
        // What the program has set may be finer than its text, such as a time in milliseconds.
        if let Some(value) = values.get(setting.name).filter(|value| **value != (setting.get)(settings))
            && let Err(error) = (setting.set)(settings, value)
        {
            failed.push((setting.name, error));
        }
    }
    failed
}

/// The heading of a setting in the help.
pub(super) fn group_of(name: &str) -> &'static str {
    all().find(|setting| setting.name == name).map_or("output", |setting| setting.group)
}
