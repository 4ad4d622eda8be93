//! Where a run is, and how a resumed run gets there.

use std::{
    fs,
    path::{Path, PathBuf},
};

use burn::tensor::Tensor;
use serde_json::Value;

use crate::{
    checkpoint::{
        Checkpoint, Metadata, Resume, ResumedFrom, RunRecord,
        collect::Tensors,
        differences::compare,
        find::{self, Found, SearchFolder},
        metadata::WindowRecord,
        names, optimizers, writer,
    },
    engine::{checkpoints, driver::Driver, loss_scaling, run::RunState},
    error::{Error, ErrorKind, Result},
    hooks::Hook,
    optim::Weight,
    params::ParamName,
    progress::{LoopPosition, Phase, StopReason},
    tensor::handle::{Handle, float_on},
};

/// Adds the gradients of the accumulation windows that are not full to `tensors`, and gives the rest.
pub(crate) fn windows(run: &RunState, parameters: &[ParamName], tensors: &mut Tensors) -> Vec<WindowRecord> {
    // A batch that failed after its backward pass will be repeated: its windows begin anew.
    let spoilt = run.are_accumulators_spoilt();
    let mut records = Vec::new();
    for (number, window) in run.train.accumulators.iter().enumerate() {
        if window.micro_batches() == 0 || spoilt {
            records.push(WindowRecord::default());
            continue;
        }
        tensors.below(format!("{}{number}.", names::GRADIENT));
        for param in parameters {
            if let Some(gradient) = window.get(param.index, param.id) {
                tensors.add(&param.path, Handle::Device(gradient.clone()));
            }
        }
        let weight = match window.weight() {
            Weight::Number(weight) => Some(weight),
            Weight::OnDevice(weight) => {
                tensors.below(names::WEIGHT).add(&number.to_string(), Handle::float(weight));
                None
            }
        };
        records.push(WindowRecord { passes: window.micro_batches(), weight });
    }
    records
}

/// Gives the stored gradients back to the windows.
fn restore_windows(
    run: &mut RunState,
    record: &RunRecord,
    checkpoint: &Checkpoint,
    parameters: &[ParamName],
) -> Result<()> {
    let RunState { train, progress, .. } = run;
    let (windows, device) = (&mut train.accumulators, &progress.device);
    let damaged = |what: String| Error::checkpoint(checkpoint.path(), what);
    for (number, (window, stored)) in windows.iter_mut().zip(&record.windows).enumerate() {
        if stored.passes == 0 {
            continue;
        }
        for param in parameters {
            let Some(data) = checkpoint.container.read(&format!("{}{number}.{}", names::GRADIENT, param.path))? else {
                continue;
            };
            let (ParamName { path, dims, index, id }, shape) = (param, data.shape().as_slice().to_vec());
            if shape != *dims {
                return Err(damaged(format!(
                    "the gradient of `{path}` has shape {shape:?} in the file and {dims:?} in the model"
                )));
            }
            let value = float_on(device, data)
                .ok_or_else(|| damaged(format!("the gradient of `{path}` is no float tensor")))?;
            window.put(*index, *id, value);
        }
        let weight = match (stored.weight, checkpoint.container.read(&format!("{}{number}", names::WEIGHT))?) {
            (Some(weight), _) => Weight::Number(weight),
            (None, Some(data)) if data.shape().as_slice() == [1] => Weight::OnDevice(Tensor::from_data(data, device)),
            (None, _) => return Err(damaged(format!("the weight of accumulation window {number} is not there"))),
        };
        window.set_micro_batches(stored.passes, weight);
    }
    Ok(())
}

/// Finds the checkpoint that a run resumes from, and the version of the loggers that it belongs to. `folders` are those that
/// callbacks were given.
///
/// # Errors
/// When there is none and there should be one, or it cannot be read.
pub(crate) fn find(run: &mut RunState, resume: Resume, folders: Vec<PathBuf>) -> Result<()> {
    run.resume.differences.clear();
    if resume == Resume::Never {
        return Ok(());
    }
    let runs = run.log.loggers.earlier_runs()?;
    let mut places: Vec<SearchFolder> =
        folders.into_iter().map(|folder| SearchFolder { folder, version: None }).collect();
    places.push(SearchFolder { folder: run.settings.output.root.join("checkpoints"), version: None });
    for (version, (_, folder)) in runs.iter().enumerate() {
        places.push(SearchFolder { folder: folder.join("checkpoints"), version: Some(version) });
    }
    let named = matches!(resume, Resume::Path(_));
    let checkpoint = match resume {
        Resume::Path(path) => Checkpoint::open(&path)?,
        _ => match find::last(&places)? {
            Some(Found { checkpoint, damaged }) => {
                for what in damaged {
                    run.console.warn(format!("a checkpoint was passed over: {what}"));
                }
                if resume == Resume::Best { best_beside(&checkpoint)? } else { checkpoint }
            }
            None if resume == Resume::LastOrStart => return Ok(()),
            None => return Err(nothing_found(&places)),
        },
    };
    let path = checkpoint.path().to_path_buf();
    let batch_step = checkpoint.metadata.batch_step;
    let records = checkpoint.metadata.run.as_ref().map_or(0, |record| record.log_records);
    match version_of(&runs, &path) {
        Some(version) => {
            run.log.loggers.resume(version, batch_step, records)?;
            run.log.loggers.count_from(batch_step, records);
        }
        None if runs.is_empty() => run.log.loggers.count_from(batch_step, records),
        None => run.console.warn(format!("{} belongs to no run of this logger: the log begins anew", path.display())),
    }
    if let Some(folder) = path.parent()
        && places.iter().any(|place| same(&place.folder, folder))
    {
        leave_behind(run, folder, &path, batch_step);
    }
    run.resume.resumed_from = Some(ResumedFrom { path, named });
    run.resume.checkpoint = Some(Box::new(checkpoint));
    Ok(())
}

fn nothing_found(places: &[SearchFolder]) -> Error {
    let mut text = "there is no checkpoint to resume from; these folders were searched:".to_owned();
    for SearchFolder { folder, .. } in places {
        text.push_str(&format!("\n  - {}", folder.display()));
    }
    Error::new(ErrorKind::Checkpoint, text)
        .help("`Resume::LastOrStart` begins anew when there is none; `Resume::Path` names a file in another place")
}

/// The best checkpoint, as the last one knows it.
fn best_beside(last: &Checkpoint) -> Result<Checkpoint> {
    let callbacks = last.metadata.run.as_ref().map(|record| &record.callbacks);
    let best = callbacks.into_iter().flatten().find_map(|(_, state)| state.get("best").and_then(Value::as_str));
    let name = best.and_then(|best| Path::new(best).file_name()).ok_or_else(|| {
        Error::checkpoint(last.path(), "the last checkpoint knows no best one")
            .help("monitor a metric with `ModelCheckpoint::new(KEY)`, or use `Resume::Last`")
    })?;
    Checkpoint::open(&last.path().with_file_name(name))
}

fn same(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

/// The version of the run that wrote a checkpoint: the one whose folder it lies in, or whose list names it.
fn version_of<'a>(runs: &'a [(String, PathBuf)], checkpoint: &Path) -> Option<&'a str> {
    let checkpoint = checkpoint.canonicalize().ok()?;
    let is_listed = |folder: &Path| {
        let listed = fs::read_to_string(folder.join(checkpoints::ELSEWHERE)).unwrap_or_default();
        listed.lines().any(|line| Path::new(line).canonicalize().is_ok_and(|path| path == checkpoint))
    };
    let wrote =
        |folder: &Path| folder.canonicalize().is_ok_and(|folder| checkpoint.starts_with(folder)) || is_listed(folder);
    runs.iter().rev().find(|(_, folder)| wrote(folder)).map(|(version, _)| version.as_str())
}

/// Says which checkpoints of the folder a run that goes back leaves behind, and points to the one it goes on from, so that
/// they are not taken for the last.
fn leave_behind(run: &mut RunState, folder: &Path, resumed: &Path, batch_step: u64) {
    let later = find::later_than(folder, batch_step);
    if later.is_empty() {
        return;
    }
    let names: Vec<String> = later.iter().map(|path| path.display().to_string()).collect();
    run.console.warn(format!("the run goes on from an earlier checkpoint and leaves behind {}", names.join(", ")));
    // The folder may be read-only: then no later run can be confused by what this one would write there.
    let _ = writer::point(&folder.join("last.ckpt"), resumed);
}

/// Brings the module, the callbacks and the counters to where the checkpoint was taken, before the loaders are opened.
///
/// # Errors
/// When the checkpoint does not fit the program.
pub(crate) fn restore(run: &mut RunState, driver: &mut dyn Driver) -> Result<()> {
    run.resume.declared_frozen = driver.frozen()?;
    let Some(checkpoint) = run.resume.checkpoint.take() else { return Ok(()) };
    let path = checkpoint.path().to_path_buf();
    let Metadata { run: Some(record), .. } = &checkpoint.metadata else {
        return Err(Error::checkpoint(&path, "the checkpoint has weights only: no run can be resumed from it")
            .help("`trainer.load(&mut model, path)` gives the model its weights"));
    };
    loss_scaling::check_resumable(run, record).map_err(|error| error.at_path(&path))?;
    compare("setting", &record.settings, &run.settings.record(), &mut run.resume.differences);
    run.progress.counters = record.counters;
    run.progress.position = record.position;
    run.progress.counters.epoch = run.progress.position.epoch;
    run.progress.last_epoch = checkpoint.metadata.epoch;
    // Early stopping asks again by itself; a limit of time was that of another process.
    run.progress.stop = record.stop.clone().filter(|stop| matches!(stop, StopReason::Requested(_)));
    run.log.metrics.restore(&record.metrics);
    driver.restore(run, &checkpoint).map_err(|error| error.at_path(&path))?;
    let loss = checkpoint.container.read(names::LOSS)?.filter(|data| data.shape().as_slice() == [1]);
    run.progress.loss = loss.and_then(|data| float_on(&run.progress.device, data)).map(Tensor::from_bridge);
    run.resume.checkpoint = Some(checkpoint);
    driver.hook(Hook::OnLoadCheckpoint, run)
}

/// Brings the optimizers, the accumulation windows and the place in the data to where the checkpoint was taken.
/// `train_batches` are the batches of an epoch, before limits.
///
/// # Errors
/// When the checkpoint cannot be read.
pub(crate) fn restore_training_state(
    run: &mut RunState,
    driver: &mut dyn Driver,
    train_batches: Option<u64>,
) -> Result<()> {
    run.resume.train_batches = train_batches;
    let Some(checkpoint) = run.resume.checkpoint.take() else { return Ok(()) };
    let path = checkpoint.path().to_path_buf();
    let Metadata { run: Some(record), .. } = &checkpoint.metadata else { return Ok(()) };
    let parameters = driver.parameters()?;
    let mut notes = Vec::new();
    let device = run.progress.device.clone();
    for optimizer in &mut run.train.optimizers {
        let Some(stored) = record.optimizers.iter().find(|stored| stored.name == optimizer.name()) else {
            notes.push(format!("the optimizer `{}` is not in the checkpoint: it starts anew", optimizer.name()));
            continue;
        };
        if stored.numbers != optimizer.describe() {
            notes.push(format!(
                "the optimizer `{}` was {}, and is {}",
                stored.name,
                one_line(&stored.numbers),
                one_line(optimizer.describe())
            ));
        }
        optimizers::restore(optimizer, stored, &parameters, &checkpoint.container, &device, &mut notes)
            .map_err(|error| error.at_path(&path))?;
    }
    for stored in &record.optimizers {
        if !run.train.optimizers.iter().any(|optimizer| optimizer.name() == stored.name) {
            notes.push(format!("the checkpoint's optimizer `{}` is not in the program", stored.name));
        }
    }
    restore_windows(run, record, &checkpoint, &parameters)?;
    loss_scaling::restore_scalers(run, &record.scaler, &mut notes);
    if let (Some(before), Some(now)) = (record.train_batches, train_batches)
        && before != now
    {
        notes.push(format!("an epoch had {before} batches, and has {now}"));
        let position = &mut run.progress.position;
        // Another size of batch: as much of the epoch is over as was, and no item of a shuffled epoch comes twice.
        let over = (u128::from(position.next_batch()) * u128::from(now)).div_ceil(u128::from(before.max(1)));
        let over = u64::try_from(over).unwrap_or(u64::MAX).min(now);
        if position.phase != Phase::EpochStart {
            *position = match over.checked_sub(1).filter(|_| over == now) {
                // Nothing is left of the epoch but its end.
                Some(batch) if position.phase == Phase::Batch => {
                    LoopPosition { batch, phase: Phase::AfterBatch { stepped: false }, ..*position }
                }
                Some(batch) => LoopPosition { batch, ..*position },
                None => LoopPosition { batch: over, phase: Phase::Batch, ..*position },
            };
        }
    }
    run.resume.differences.extend(notes);
    let position = run.progress.position;
    run.console.print(&format!("resumed from {}: goes on with {position}", path.display()));
    for difference in &run.resume.differences.clone() {
        run.console.print(&format!("  {difference}"));
    }
    Ok(())
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
