//! The training program that is killed, in many configurations.

use std::path::Path;

use lightning_core::{
    ErrorKind,
    callbacks::{
        BackboneFinetuning, EmaWeightAveraging, GradientAccumulationScheduler, PredictionWriter,
        StochasticWeightAveraging, TopK, WriteInterval,
    },
    data::Combined,
    loggers::CsvLogger,
    prelude::*,
    trainer::{StopReason, TrainerBuilder},
};

use crate::{
    net::{Net, NetHparams, Points, Rows, SCHEDULES, noisy, rows, stream},
    signal::SignalAt,
};

/// The exit code of a program that a signal has ended.
pub(crate) const INTERRUPTED: i32 = 3;

const PLAIN: [&str; 14] = [
    "plain",
    "wide",
    "stream",
    "stream-limit",
    "batches",
    "combined",
    "several",
    "all",
    "loggers",
    "predict",
    "finetuning",
    "average",
    "swa",
    "accumulation",
];

/// The names of all configurations.
pub(crate) fn names() -> Vec<String> {
    let schedules = SCHEDULES.iter().map(|name| format!("schedule-{name}"));
    PLAIN.iter().map(|name| (*name).to_owned()).chain(schedules).collect()
}

/// The beginnings of the names of the checkpoints of each callback that keeps its best.
pub(crate) fn prefixes(name: &str) -> &'static [&'static str] {
    match name {
        "several" => &["loss-", "acc-", "train-", "latest-", "every-"],
        "all" => &["every-"],
        _ => &["best-", "latest-"],
    }
}

/// The training data of a configuration. Streams do not know their length.
fn data(name: &str) -> Result<DataLoader<Rows>> {
    Ok(match name {
        "stream" | "several" => {
            DataLoader::iterable(stream(300)).batch_size(16).num_workers(2).map(noisy).collate(rows).build()?
        }
        "stream-limit" => DataLoader::iterable(stream(300)).batch_size(16).collate(rows).build()?,
        "batches" => DataLoader::try_from_iter(|epoch, rng| {
            let points: Vec<_> = stream(300)(epoch, rng).collect();
            let batches: Vec<_> = points.chunks(16).map(|points| rows(points.to_vec())).collect();
            batches
        }),
        "combined" => {
            let streamed = DataLoader::iterable(stream(100)).batch_size(16).num_workers(1).collate(rows).build()?;
            Combined::sequential((Points::new(200, 1).loader(16, true, 1)?, streamed))
        }
        "plain" => Points::new(300, 1).loader(16, true, 2)?,
        _ => Points::new(300, 1).loader(16, true, 0)?,
    })
}

/// The callbacks and settings of a configuration.
fn builder(name: &str, folder: &Path) -> TrainerBuilder<Net> {
    let best = || ModelCheckpoint::new(Net::VAL_LOSS).save_top_k(2).save_last(true).filename("best-{epoch}-{step}");
    let latest = || ModelCheckpoint::latest().every(callbacks::Steps(4)).filename("latest-{epoch}-{step}");
    let builder = Net::trainer()
        .max_epochs(6)
        .accumulate_grad_batches(3)
        .val_check_interval(7)
        .log_every_n_steps(1)
        .default_root_dir(folder)
        .enable_progress_bar(false)
        .enable_model_summary(false)
        .callback(EarlyStopping::new(Net::VAL_LOSS).patience(100))
        .resume_from(Resume::LastOrStart);
    match name {
        // All of them are due after the same steps.
        "several" => builder
            .callback(ModelCheckpoint::new(Net::VAL_LOSS).filename("loss-{epoch}-{step}"))
            .callback(ModelCheckpoint::new(Net::VAL_ACC).save_top_k(2).filename("acc-{epoch}-{step}"))
            .callback(
                ModelCheckpoint::new(Net::TRAIN_LOSS.step())
                    .every(callbacks::Steps(3))
                    .filename("train-{epoch}-{step}"),
            )
            .callback(
                ModelCheckpoint::latest().every(callbacks::Steps(3)).save_last(true).filename("latest-{epoch}-{step}"),
            )
            .callback(
                ModelCheckpoint::latest()
                    .every(callbacks::Epochs(2))
                    .save_top_k(TopK::All)
                    .filename("every-{epoch}-{step}"),
            ),
        "all" => builder
            .callback(
                ModelCheckpoint::latest()
                    .every(callbacks::Steps(2))
                    .save_top_k(TopK::All)
                    .filename("every-{epoch}-{step}"),
            )
            .callback(
                ModelCheckpoint::latest().every(callbacks::Steps(4)).save_weights_only(true).filename("weights-{step}"),
            ),
        "stream-limit" => builder.limit_train_batches(11).val_check_interval(4).callback(best()).callback(latest()),
        "batches" => builder.check_val_every_n_epoch(None).callback(best()).callback(latest()),
        "loggers" => builder
            .logger(CsvLogger::new(folder.join("first")).flush_every_n_steps(1))
            .logger(CsvLogger::new(folder.join("second")).name("experiment"))
            .callback(LearningRateMonitor::new())
            .callback(best())
            .callback(latest()),
        "predict" => builder
            .callback(best())
            .callback(latest())
            .callback(PredictionWriter::<Vec<f32>>::json_lines(folder.join("predictions.jsonl")).per_sample())
            .callback(
                PredictionWriter::<Vec<f32>>::csv(folder.join("predictions.csv")).write_interval(WriteInterval::Epoch),
            ),
        "finetuning" => builder
            .callback(BackboneFinetuning::new(Net::FC1).unfreeze_backbone_at_epoch(2).lambda_func(|_| 1.5))
            .callback(best())
            .callback(latest()),
        "average" => builder.callback(EmaWeightAveraging::new()).callback(best()).callback(latest()),
        "swa" => builder
            .callback(StochasticWeightAveraging::new(1e-3).swa_epoch_start(3))
            .callback(best())
            .callback(latest()),
        "accumulation" => builder
            .accumulate_grad_batches(1)
            .callback(GradientAccumulationScheduler::new([(0, 2), (2, 5)]))
            .callback(best())
            .callback(latest()),
        _ => builder.callback(best()).callback(latest()),
    }
}

/// Trains, and predicts in one configuration. Returns whether a signal ended it.
///
/// # Errors
/// Those of the run.
pub(crate) fn train(name: &str, folder: &Path, signal: &str) -> Result<bool> {
    seed_everything(42);
    let schedule = name.strip_prefix("schedule-").unwrap_or_default();
    let width = if name == "wide" { 512 } else { 24 };
    let mut model = Net::new(NetHparams::default().with_width(width).with_schedule(schedule.to_owned()));
    let mut builder = builder(name, folder);
    if let Some(signal) = SignalAt::parse(signal) {
        builder = builder.callback(signal);
    }
    let mut trainer = builder.build()?;
    let report = trainer.fit(&mut model, (data(name)?, Points::new(60, 2).loader(16, false, 0)?))?;
    if report.stop_reason == StopReason::Interrupted {
        return Ok(true);
    }
    if name == "predict" {
        match trainer.predict(&mut model, Points::new(200, 3).loader(16, false, 1)?) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(true),
            predicted => drop(predicted?),
        }
    }
    model.save_weights(folder.join("final.safetensors"))?;
    Ok(false)
}
