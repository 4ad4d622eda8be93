//! The arguments of the callbacks: names, types, defaults and documentation.

use super::super::component::Arg;
use crate::cli::spec::Spec;

const fn monitor(doc: &'static str) -> Arg {
    Arg::maybe("monitor", &Spec::Text, doc)
}

const MODE: Arg =
    Arg::maybe("mode", &Spec::Names(&["min", "max"]), "Only for a metric that is logged without a direction.");

const fn interval(default: &'static str) -> Arg {
    let when = Spec::Optional(&Spec::Names(&["step", "epoch"]));
    Arg::new("interval", when, default, "When: `step` or `epoch`.")
}

const USE_BUFFERS: Arg = Arg::flag("use_buffers", "true", "Averages buffers and running statistics as well.");

pub(super) const EARLY_STOPPING: &[Arg] = &[
    monitor("Metric; default: `val_loss`, or the only one."),
    MODE,
    Arg::count("patience", "3", "Checks without improvement."),
    Arg::float("min_delta", "0.0", "Smallest improvement."),
    Arg::flag("strict", "true", "Whether a missing metric is an error."),
    Arg::flag("check_finite", "true", "Whether NaN ends training."),
    Arg::maybe("stopping_threshold", &Spec::Float, "Ends training at a better value."),
    Arg::maybe("divergence_threshold", &Spec::Float, "Ends training at a worse value."),
    Arg::flag("verbose", "false", "Prints improvements."),
];

pub(super) const CHECKPOINT: &[Arg] = &[
    monitor("Metric; default: none, the latest is kept."),
    MODE,
    Arg::maybe("dirpath", &Spec::Text, "Folder; default: `checkpoints` in the folder of the run."),
    Arg::maybe("filename", &Spec::Text, "Template of the names."),
    Arg::new("save_top_k", Spec::COUNT_OR_ALL, "1", "Checkpoints to keep; -1 keeps all."),
    Arg::maybe("save_last", &Spec::Bool, "Whether `last.ckpt` is kept."),
    Arg::flag("save_weights_only", "false", "Leaves out what a resumed run needs."),
    Arg::flag("auto_insert_metric_name", "true", "Writes the names of metrics in file names."),
    Arg::flag("enable_version_counter", "true", "Adds `-v1` to a name that is taken."),
    Arg::maybe("every_n_epochs", &Spec::COUNT, "Epochs between two checkpoints."),
    Arg::maybe("every_n_train_steps", &Spec::COUNT, "Optimizer steps between two checkpoints."),
    Arg::maybe("train_time_interval", &Spec::Time, "Time between two checkpoints."),
    Arg::maybe("save_on_train_epoch_end", &Spec::Bool, "Saves at the end of the epoch, not of validation."),
    Arg::flag("save_on_exception", "false", "Saves when an error ends the run."),
    Arg::flag("verbose", "false", "Prints each checkpoint."),
];

pub(super) const TIMER: &[Arg] = &[
    Arg::maybe("duration", &Spec::Time, "Time of training; default: no limit."),
    interval("\"step\""),
    Arg::flag("verbose", "true", "Prints when the limit is reached."),
];

pub(super) const RATES: &[Arg] = &[
    Arg::maybe("logging_interval", &Spec::Names(&["step", "epoch"]), "When; default: as the schedule steps."),
    Arg::maybe("log_key_prefix", &Spec::Text, "Start of the names."),
];

pub(super) const THROUGHPUT: &[Arg] = &[
    Arg::count("window_size", "100", "Batches that rates are computed over."),
    Arg::new("separator", Spec::Text, "\"/\"", "Separator in names."),
    Arg::maybe("items_per_sample", &Spec::Float, "Items of a sample, such as tokens."),
    Arg::maybe("flops_per_sample", &Spec::Float, "Operations of a sample."),
];

pub(super) const SPIKES: &[Arg] = &[
    Arg::new("mode", Spec::Names(&["min", "max"]), "\"min\"", "Whether smaller or larger losses are better."),
    Arg::count("window", "10", "Batches of the mean."),
    Arg::count("warmup", "1", "Batches that are not judged."),
    Arg::maybe("atol", &Spec::Float, "Difference that is a spike."),
    Arg::new("rtol", Spec::Optional(&Spec::Float), "2.0", "Ratio that is a spike."),
    Arg::maybe("exclude_batches_path", &Spec::Text, "File of the batches."),
    Arg::flag("finite_only", "true", "Whether NaN is a spike."),
    Arg::count("roll_back", "0", "Largest number of roll-backs."),
];

pub(super) const ACCUMULATION: &[Arg] = &[Arg::new(
    "scheduling",
    Spec::Map(&Spec::COUNT),
    "{}",
    "Batches of an optimizer step by the epoch from which they apply.",
)];

pub(super) const AVERAGING: &[Arg] = &[USE_BUFFERS];

pub(super) const EMA: &[Arg] = &[
    Arg::float("decay", "0.999", "Share of the average that a step keeps."),
    Arg::count("update_every_n_steps", "1", "Steps between two updates."),
    Arg::maybe("update_starting_at_step", &Spec::COUNT, "First step."),
    Arg::maybe("update_starting_at_epoch", &Spec::COUNT, "First epoch."),
    USE_BUFFERS,
];

pub(super) const SWA: &[Arg] = &[
    Arg::new(
        "swa_lrs",
        Spec::Either(&[Spec::Float, Spec::List(&Spec::Float)]),
        "0.05",
        "Learning rate, or one for each optimizer.",
    ),
    Arg::new("swa_epoch_start", Spec::LIMIT, "0.8", "First epoch, or a fraction of `max_epochs`."),
    Arg::count("annealing_epochs", "10", "Epochs until the rate is reached."),
    Arg::new("annealing_strategy", Spec::Names(&["cos", "linear"]), "\"cos\"", "Curve of the rate."),
];

pub(super) const HISTOGRAMS: &[Arg] = &[
    Arg::count("every_n_steps", "100", "Steps between two records."),
    Arg::count("bins", "64", "Bins of a histogram."),
    Arg::flag("weights", "true", "Logs weights."),
    Arg::flag("gradients", "true", "Logs gradients."),
    Arg::flag("update_ratio", "true", "Logs the size of updates."),
];

pub(super) const SUMMARY: &[Arg] =
    &[Arg::new("max_depth", Spec::COUNT_OR_ALL, "1", "Levels of nested modules; -1 shows all.")];

pub(super) const ON_EXCEPTION: &[Arg] = &[
    Arg::new("dirpath", Spec::Text, "\"checkpoints\"", "Folder."),
    Arg::new("filename", Spec::Text, "\"on_exception\"", "Name without `.ckpt`."),
];

pub(super) const PRUNING: &[Arg] = &[
    Arg::new(
        "pruning_fn",
        Spec::Names(&["l1_unstructured", "random_unstructured"]),
        "\"l1_unstructured\"",
        "What is pruned.",
    ),
    Arg::new("amount", Spec::LIMIT, "0.5", "Number of weights, or a fraction of them."),
    Arg::flag("use_global_unstructured", "true", "Compares the weights of all layers."),
    Arg::flag("use_lottery_ticket_hypothesis", "true", "Resets the others to their first values."),
    Arg::flag("make_pruning_permanent", "true", "Keeps them at zero in the file."),
    Arg::flag("prune_on_train_epoch_end", "true", "Prunes after training, not after validation."),
    Arg::flag("verbose", "false", "Prints what was pruned."),
];

pub(super) const BACKBONE: &[Arg] = &[
    Arg::new("backbone", Spec::Text, "\"backbone\"", "The field."),
    Arg::count("unfreeze_backbone_at_epoch", "10", "The epoch."),
    Arg::float("backbone_initial_ratio_lr", "0.1", "Its first rate, as a share of the others'."),
    Arg::maybe("backbone_initial_lr", &Spec::Float, "Its first rate."),
    Arg::flag("should_align", "true", "Gives it the rate of the others in the end."),
    Arg::flag("train_bn", "true", "Trains its normalization layers from the start."),
    Arg::flag("verbose", "false", "Prints its rates."),
];
