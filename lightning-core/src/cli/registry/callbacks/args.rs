//! The arguments of the callbacks: names, types, defaults and documentation.

use serde_json::{Value, json};

use super::super::component::Arg;
use crate::cli::shape::Shape;

fn flag(name: &'static str, default: bool, doc: &'static str) -> Arg {
    (name, Shape::Bool, json!(default), doc)
}

fn count(name: &'static str, default: u64, doc: &'static str) -> Arg {
    (name, Shape::unsigned("u64"), json!(default), doc)
}

fn float(name: &'static str, default: f64, doc: &'static str) -> Arg {
    (name, Shape::FLOAT, json!(default), doc)
}

fn maybe(name: &'static str, shape: Shape, doc: &'static str) -> Arg {
    (name, shape.optional(), Value::Null, doc)
}

fn monitored(doc: &'static str) -> [Arg; 2] {
    let mode = maybe("mode", Shape::names(&["min", "max"]), "Only for a metric that is logged without a direction.");
    [maybe("monitor", Shape::Text, doc), mode]
}

pub(super) fn early_stopping() -> Vec<Arg> {
    let mut args = monitored("Metric; default: `val_loss`, or the only one.").to_vec();
    args.extend([
        count("patience", 3, "Checks without improvement."),
        float("min_delta", 0.0, "Smallest improvement."),
        flag("strict", true, "Whether a missing metric is an error."),
        flag("check_finite", true, "Whether NaN ends training."),
        maybe("stopping_threshold", Shape::FLOAT, "Ends training at a better value."),
        maybe("divergence_threshold", Shape::FLOAT, "Ends training at a worse value."),
        flag("verbose", false, "Prints improvements."),
    ]);
    args
}

pub(super) fn checkpoint() -> Vec<Arg> {
    let mut args = monitored("Metric; default: none, the latest is kept.").to_vec();
    let all = Shape::Int { name: "i64", min: -1, max: i64::MAX.into() };
    args.extend([
        maybe("dirpath", Shape::Text, "Folder; default: `checkpoints` in the folder of the run."),
        maybe("filename", Shape::Text, "Template of the names."),
        ("save_top_k", all, json!(1), "Checkpoints to keep; -1 keeps all."),
        maybe("save_last", Shape::Bool, "Whether `last.ckpt` is kept."),
        flag("save_weights_only", false, "Leaves out what a resumed run needs."),
        flag("auto_insert_metric_name", true, "Writes the names of metrics in file names."),
        flag("enable_version_counter", true, "Adds `-v1` to a name that is taken."),
        maybe("every_n_epochs", Shape::unsigned("u64"), "Epochs between two checkpoints."),
        maybe("every_n_train_steps", Shape::unsigned("u64"), "Optimizer steps between two checkpoints."),
        maybe("train_time_interval", Shape::Time, "Time between two checkpoints."),
        maybe("save_on_train_epoch_end", Shape::Bool, "Saves at the end of the epoch, not of validation."),
        flag("save_on_exception", false, "Saves when an error ends the run."),
        flag("verbose", false, "Prints each checkpoint."),
    ]);
    args
}

fn interval(default: Value) -> Arg {
    ("interval", Shape::names(&["step", "epoch"]).optional(), default, "When: `step` or `epoch`.")
}

pub(super) fn timer() -> Vec<Arg> {
    vec![
        maybe("duration", Shape::Time, "Time of training; default: no limit."),
        interval(json!("step")),
        flag("verbose", true, "Prints when the limit is reached."),
    ]
}

/// PyTorch Lightning's keys of `LearningRateMonitor` that have no use here.
pub(super) fn rates() -> Vec<Arg> {
    let interval = maybe("logging_interval", Shape::names(&["step", "epoch"]), "When; default: as the schedule steps.");
    vec![interval, maybe("log_key_prefix", Shape::Text, "Start of the names.")]
}

pub(super) fn throughput() -> Vec<Arg> {
    vec![
        count("window_size", 100, "Batches that rates are computed over."),
        ("separator", Shape::Text, json!("/"), "Separator in names."),
        maybe("items_per_sample", Shape::FLOAT, "Items of a sample, such as tokens."),
        maybe("flops_per_sample", Shape::FLOAT, "Operations of a sample."),
    ]
}

pub(super) fn spikes() -> Vec<Arg> {
    vec![
        ("mode", Shape::names(&["min", "max"]), json!("min"), "Whether smaller or larger losses are better."),
        count("window", 10, "Batches of the mean."),
        count("warmup", 1, "Batches that are not judged."),
        maybe("atol", Shape::FLOAT, "Difference that is a spike."),
        ("rtol", Shape::FLOAT.optional(), json!(2.0), "Ratio that is a spike."),
        maybe("exclude_batches_path", Shape::Text, "File of the batches."),
        flag("finite_only", true, "Whether NaN is a spike."),
        count("roll_back", 0, "Largest number of roll-backs."),
    ]
}

pub(super) fn accumulation() -> Vec<Arg> {
    let doc = "Batches of an optimizer step by the epoch from which they apply.";
    vec![("scheduling", Shape::Map(Box::new(Shape::unsigned("u64"))), json!({}), doc)]
}

pub(super) fn averaging() -> Vec<Arg> {
    vec![flag("use_buffers", true, "Averages buffers and running statistics as well.")]
}

pub(super) fn ema() -> Vec<Arg> {
    vec![
        float("decay", 0.999, "Share of the average that a step keeps."),
        count("update_every_n_steps", 1, "Steps between two updates."),
        maybe("update_starting_at_step", Shape::unsigned("u64"), "First step."),
        maybe("update_starting_at_epoch", Shape::unsigned("u64"), "First epoch."),
        flag("use_buffers", true, "Averages buffers and running statistics as well."),
    ]
}

pub(super) fn swa() -> Vec<Arg> {
    let rates = Shape::Either(vec![Shape::FLOAT, Shape::List(Box::new(Shape::FLOAT))]);
    let start = Shape::Either(vec![Shape::unsigned("u64"), Shape::FLOAT]);
    vec![
        ("swa_lrs", rates, json!(0.05), "Learning rate, or one for each optimizer."),
        ("swa_epoch_start", start, json!(0.8), "First epoch, or a fraction of `max_epochs`."),
        count("annealing_epochs", 10, "Epochs until the rate is reached."),
        ("annealing_strategy", Shape::names(&["cos", "linear"]), json!("cos"), "Curve of the rate."),
    ]
}

pub(super) fn histograms() -> Vec<Arg> {
    vec![
        count("every_n_steps", 100, "Steps between two records."),
        count("bins", 64, "Bins of a histogram."),
        flag("weights", true, "Logs weights."),
        flag("gradients", true, "Logs gradients."),
        flag("update_ratio", true, "Logs the size of updates."),
    ]
}

pub(super) fn summary() -> Vec<Arg> {
    let depth = Shape::Int { name: "i64", min: -1, max: i64::MAX.into() };
    vec![("max_depth", depth, json!(1), "Levels of nested modules; -1 shows all.")]
}

pub(super) fn on_exception() -> Vec<Arg> {
    vec![
        ("dirpath", Shape::Text, json!("checkpoints"), "Folder."),
        ("filename", Shape::Text, json!("on_exception"), "Name without `.ckpt`."),
    ]
}

pub(super) fn pruning() -> Vec<Arg> {
    let amount = Shape::Either(vec![Shape::unsigned("usize"), Shape::FLOAT]);
    vec![
        (
            "pruning_fn",
            Shape::names(&["l1_unstructured", "random_unstructured"]),
            json!("l1_unstructured"),
            "What is pruned.",
        ),
        ("amount", amount, json!(0.5), "Number of weights, or a fraction of them."),
        flag("use_global_unstructured", true, "Compares the weights of all layers."),
        flag("use_lottery_ticket_hypothesis", true, "Resets the others to their first values."),
        flag("make_pruning_permanent", true, "Keeps them at zero in the file."),
        flag("prune_on_train_epoch_end", true, "Prunes after training, not after validation."),
        flag("verbose", false, "Prints what was pruned."),
    ]
}

pub(super) fn backbone() -> Vec<Arg> {
    vec![
        ("backbone", Shape::Text, json!("backbone"), "The field."),
        count("unfreeze_backbone_at_epoch", 10, "The epoch."),
        float("backbone_initial_ratio_lr", 0.1, "Its first rate, as a share of the others'."),
        maybe("backbone_initial_lr", Shape::FLOAT, "Its first rate."),
        flag("should_align", true, "Gives it the rate of the others in the end."),
        flag("train_bn", true, "Trains its normalization layers from the start."),
        flag("verbose", false, "Prints its rates."),
    ]
}
