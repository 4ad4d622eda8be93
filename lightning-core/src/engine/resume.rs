//! Finds the checkpoint that a run resumes from, and restores the run from it.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
};

use burn::tensor::Tensor;
use serde_json::Value;

use crate::{
    checkpoint::{
        Checkpoint, Metadata, Resume, ResumedFrom, RunRecord,
        collect::Tensors,
        differences::{compare, compare_one},
        find::{self, Found, SearchFolder, is_same},
        metadata::BufferRecord,
        names, optimizers, writer,
    },
    engine::{checkpoints, driver::Driver, loss_scaling, ranks, run::RunState},
    error::{Error, ErrorKind, Location, Result},
    hooks::Hook,
    optim::Weight,
    os::files,
    params::ParamName,
    progress::{LoopPosition, Phase, RecentLosses, StopReason},
    remote,
    stage::Stage,
    strategy::Rank,
    tensor::handle::{Handle, float_on},
};

/// Adds the gradients of partly filled accumulation buffers to `tensors`, and returns the rest of
/// each buffer.
pub(crate) fn record_buffers(run: &RunState, parameters: &[ParamName], tensors: &mut Tensors) -> Vec<BufferRecord> {
    // The resumed run repeats a batch that failed after its backward pass. Its gradients cannot be
    // subtracted from the buffers again, so that the buffers are stored as empty.
    let repeats_backward = run.has_gradients_of_failed_batch();
    let mut records = Vec::new();
    for (number, buffer) in run.train.accumulators.iter().enumerate() {
        if buffer.micro_batches() == 0 || repeats_backward {
            records.push(BufferRecord::default());
            continue;
        }
        tensors.below(format!("{}{number}.", names::GRADIENT));
        for param in parameters {
            if let Some(gradient) = buffer.get(param.index, param.id) {
                tensors.add(&param.path, Handle::Device(gradient.clone()));
            }
        }
        let weight = match buffer.weight() {
            Weight::Number(weight) => Some(weight),
            Weight::OnDevice(weight) => {
                tensors.below(names::WEIGHT).add(&number.to_string(), Handle::float(weight));
                None
            }
        };
        records.push(BufferRecord { micro_batches: buffer.micro_batches(), weight });
    }
    records
}

/// Restores the gradients of partly filled accumulation buffers.
fn restore_buffers(
    run: &mut RunState,
    record: &RunRecord,
    checkpoint: &Checkpoint,
    parameters: &[ParamName],
) -> Result<()> {
    let RunState { train, progress, .. } = run;
    let (buffers, device) = (&mut train.accumulators, &progress.device);
    let damaged = |what: String| Error::checkpoint(checkpoint.path(), what);
    for (number, (buffer, stored)) in buffers.iter_mut().zip(&record.buffers).enumerate() {
        if stored.micro_batches == 0 {
            continue;
        }
        for param in parameters {
            // A parameter that was frozen, or that the step did not use, has no gradient.
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
                .ok_or_else(|| damaged(format!("the gradient of `{path}` must be a float tensor")))?;
            buffer.put(*index, *id, value);
        }
        let weight = match (stored.weight, checkpoint.container.read(&format!("{}{number}", names::WEIGHT))?) {
            (Some(weight), _) => Weight::Number(weight),
            (None, Some(data)) if data.shape().as_slice() == [1] => Weight::OnDevice(Tensor::from_data(data, device)),
            (None, _) => return Err(damaged(format!("the weight of accumulation buffer {number} is missing"))),
        };
        buffer.set_micro_batches(stored.micro_batches, weight);
    }
    Ok(())
}

/// Finds the checkpoint that a run resumes from, and the loggers' version that it belongs to.
/// `folders` are the checkpoint folders of the callbacks.
///
/// # Errors
/// If there must be a checkpoint and none is found, or it cannot be read.
pub(crate) fn find(run: &mut RunState, resume: Resume, folders: Vec<PathBuf>) -> Result<()> {
    run.resume.differences.clear();
    run.resume.restarted = false;
    if resume == Resume::Never {
        // For the numbers of the versions that the storage has.
        if let Err(error) = remote::pull(&run.settings.output.root, false) {
            run.console.warn(format!("the earlier runs of this folder are not known: {error}"));
        }
        return Ok(());
    }
    let in_fit = |error: Error| error.at(Location { stage: Some(Stage::Fit), ..Location::default() });
    for folder in folders.iter().chain([&run.settings.output.root]) {
        remote::pull(folder, true).map_err(in_fit)?;
    }
    let runs = run.log.loggers.earlier_runs().map_err(in_fit)?;
    let searched = searched_folders(folders, &run.settings.output.root, &runs);
    let named = matches!(resume, Resume::Path(_));
    let checkpoint = match resume {
        Resume::Path(path) => Checkpoint::open(&remote::fetch(&path)?)?,
        _ => match find::last(&searched)? {
            Some(Found { checkpoint, damaged }) => {
                for what in damaged {
                    run.console.warn(format!("skipped a damaged checkpoint: {what}"));
                }
                if resume == Resume::Best { best_of(&checkpoint)? } else { checkpoint }
            }
            None if resume == Resume::LastOrStart => {
                run.resume.restarted = true;
                return Ok(());
            }
            None => return Err(nothing_found(&searched)),
        },
    };
    let path = checkpoint.path().to_path_buf();
    let batch_step = checkpoint.metadata.batch_step;
    let records = checkpoint.metadata.run.as_ref().map_or(0, |record| record.log_records);
    match version_of(&runs, &path) {
        // The loggers drop what the earlier run logged after the checkpoint: the resumed run logs
        // it again, so that each step is in the log once.
        Some(version) => {
            run.log.loggers.resume(version, batch_step, records).map_err(in_fit)?;
            run.log.loggers.count_from(batch_step, records);
        }
        None if runs.is_empty() => run.log.loggers.count_from(batch_step, records),
        None => {
            run.console.warn(format!("no run of this logger wrote {}: the log starts a new version", path.display()))
        }
    }
    // Only in a folder that `Resume::Last` searches can later checkpoints be mistaken for the last.
    if let Some(folder) = path.parent()
        && searched.iter().any(|searched| is_same(&searched.folder, folder))
    {
        abandon_later(run, folder, &path, batch_step);
    }
    run.resume.resumed_from = Some(ResumedFrom { path, named });
    run.resume.checkpoint = Some(Box::new(checkpoint));
    Ok(())
}

/// Returns the folders in which a checkpoint is searched.
fn searched_folders(folders: Vec<PathBuf>, root: &Path, runs: &[(String, PathBuf)]) -> Vec<SearchFolder> {
    let mut searched: Vec<SearchFolder> =
        folders.into_iter().map(|folder| SearchFolder { folder, version: None }).collect();
    searched.push(SearchFolder { folder: root.join("checkpoints"), version: None });
    for (version, (_, folder)) in runs.iter().enumerate() {
        searched.push(SearchFolder { folder: folder.join("checkpoints"), version: Some(version) });
    }
    searched
}

/// Returns the checkpoint that a run would resume from, without a run: `runs` are the earlier ones of
/// its loggers, `folders` those of its callbacks.
///
/// # Errors
/// As [`find`].
#[cfg(feature = "cli")]
pub(crate) fn locate(
    resume: &Resume,
    folders: Vec<PathBuf>,
    root: &Path,
    runs: &[(String, PathBuf)],
) -> Result<Option<Checkpoint>> {
    let searched = searched_folders(folders, root, runs);
    match resume {
        Resume::Never => Ok(None),
        Resume::Path(path) => Checkpoint::open(path).map(Some),
        _ => match find::last(&searched)? {
            Some(Found { checkpoint, .. }) if *resume == Resume::Best => best_of(&checkpoint).map(Some),
            Some(Found { checkpoint, .. }) => Ok(Some(checkpoint)),
            None if *resume == Resume::LastOrStart => Ok(None),
            None => Err(nothing_found(&searched)),
        },
    }
}

/// Tells the other processes which checkpoint the first one has found. They open the same file.
///
/// # Errors
/// If a process has failed or was lost, or cannot read the file.
pub(crate) fn share(run: &mut RunState) -> Result<()> {
    let rank = run.strategy.rank();
    if rank.is_alone() {
        return Ok(());
    }
    let found = run.resume.resumed_from.as_ref().map(|from| (from.path.clone(), from.named));
    let mut bytes = ranks::to_bytes(&found)?;
    run.strategy.broadcast(ranks::point(run, "checkpoint to resume from"), &mut bytes, 0)?;
    if rank.is_global_zero() {
        return Ok(());
    }
    let Some((path, named)) = ranks::from_bytes::<Option<(PathBuf, bool)>>(&bytes)? else { return Ok(()) };
    run.resume.restarted = false;
    let checkpoint = Checkpoint::open(&path).map_err(|error| {
        Error::checkpoint(&path, "every rank must be able to read the checkpoint that the run resumes from")
            .caused_by(error)
            .help("keep checkpoints in a folder that all machines share")
    })?;
    run.resume.resumed_from = Some(ResumedFrom { path, named });
    run.resume.checkpoint = Some(Box::new(checkpoint));
    Ok(())
}

fn nothing_found(searched: &[SearchFolder]) -> Error {
    let mut text = "found no checkpoint to resume from in these folders:".to_owned();
    for SearchFolder { folder, .. } in searched {
        text.push_str(&format!("\n  - {}", folder.display()));
    }
    Error::new(ErrorKind::Checkpoint, text)
        .help("use `Resume::LastOrStart` to start a new run if there is no checkpoint, or `Resume::Path` for a file elsewhere")
}

/// Opens the best checkpoint that the last one names.
fn best_of(last: &Checkpoint) -> Result<Checkpoint> {
    let callbacks = last.metadata.run.as_ref().map(|record| &record.callbacks);
    let mut best: Vec<(bool, &str)> = callbacks
        .into_iter()
        .flatten()
        .filter_map(|(key, state)| {
            // A callback without a metric names its latest checkpoint.
            Some((key.starts_with("ModelCheckpoint(latest,"), state.get("best").and_then(Value::as_str)?))
        })
        .collect();
    best.sort_by_key(|(latest, _)| *latest);
    let best = best.first().map(|(_, name)| *name);
    let name = best.and_then(|best| Path::new(best).file_name()).ok_or_else(|| {
        Error::checkpoint(last.path(), "the last checkpoint does not name a best one")
            .help("monitor a metric with `ModelCheckpoint::new(KEY)`, or use `Resume::Last`")
    })?;
    // Beside the last one: the folder may have been moved since the path was stored.
    Checkpoint::open(&last.path().with_file_name(name))
}

/// Returns the version of the run that wrote a checkpoint: the run whose folder contains it, or
/// whose list of checkpoints in other folders names it.
fn version_of<'a>(runs: &'a [(String, PathBuf)], checkpoint: &Path) -> Option<&'a str> {
    let checkpoint = checkpoint.canonicalize().ok()?;
    let is_listed = |folder: &Path| {
        let listed =
            files::open(&folder.join(checkpoints::CHECKPOINT_LIST)).and_then(io::read_to_string).unwrap_or_default();
        listed.lines().any(|line| Path::new(line).canonicalize().is_ok_and(|path| path == checkpoint))
    };
    let wrote =
        |folder: &Path| folder.canonicalize().is_ok_and(|folder| checkpoint.starts_with(folder)) || is_listed(folder);
    runs.iter().rev().find(|(_, folder)| wrote(folder)).map(|(version, _)| version.as_str())
}

/// Warns of the checkpoints in the folder that are later than the one a run resumes from, and
/// points `last.ckpt` to that one, so that a later `Resume::Last` does not find a file of the
/// abandoned part.
pub(super) fn abandon_later(run: &mut RunState, folder: &Path, resumed: &Path, batch_step: u64) {
    let later = find::later_than(folder, batch_step);
    if later.is_empty() {
        return;
    }
    let names: Vec<String> = later.iter().map(|path| path.display().to_string()).collect();
    run.console.warn(format!(
        "the run resumes from {}; later checkpoints are not used: {}",
        resumed.display(),
        names.join(", ")
    ));
    // A read-only folder is not an error: the run cannot write checkpoints there either, so that
    // its checkpoints cannot be confused with the later ones.
    let _ = writer::point(&folder.join("last.ckpt"), resumed);
}

/// Restores the counters, the metrics, the module, the callbacks and the data module, before the
/// loaders are opened.
///
/// # Errors
/// If the checkpoint does not fit the program.
pub(crate) fn restore(run: &mut RunState, driver: &mut dyn Driver) -> Result<()> {
    run.resume.declared_frozen = driver.frozen()?;
    let Some(checkpoint) = run.resume.checkpoint.take() else { return Ok(()) };
    let path = checkpoint.path().to_path_buf();
    let Metadata { run: Some(record), .. } = &checkpoint.metadata else {
        return Err(Error::checkpoint(&path, "the checkpoint contains only weights; a run cannot resume from it")
            .help("load the weights with `trainer.load(&mut model, path)` and start a new run"));
    };
    loss_scaling::check_resumable(run, record).map_err(|error| error.at_path(&path))?;
    compare("setting", &record.settings, &run.settings.record(), &mut run.resume.differences);
    run.progress.counters = record.counters;
    run.progress.position =
        position_in(run.strategy.rank().world_size as u64, record).map_err(|error| error.at_path(&path))?;
    run.progress.counters.epoch = run.progress.position.epoch;
    run.progress.validation.runs_before = record.counters.validation_runs;
    run.progress.last_epoch = checkpoint.metadata.epoch;
    run.progress.left_out.clone_from(&record.left_out);
    run.progress.roll_backs = record.roll_backs;
    // `EarlyStopping` requests its stop again in `on_load_checkpoint`, unless the program has
    // changed its settings. A time limit and a signal ended only the process that wrote the
    // checkpoint.
    run.progress.stop = record.stop.clone().filter(|stop| matches!(stop, StopReason::Requested(_)));
    restore_metrics(run, record);
    driver.restore(run, &checkpoint).map_err(|error| error.at_path(&path))?;
    // Callbacks read the last loss in what follows the batch, such as its validation.
    let loss = checkpoint.container.read(names::LOSS)?.filter(|data| data.shape().as_slice() == [1]);
    let loss = loss.and_then(|data| float_on(&run.progress.device, data)).map(Tensor::from_bridge);
    // The run that wrote the checkpoint has looked at it.
    run.progress.losses = RecentLosses::known(loss.map(|loss| (run.progress.place(), loss)));
    // `restore_training_state` needs it again, once the loaders are open.
    run.resume.checkpoint = Some(checkpoint);
    driver.hook(Hook::OnLoadCheckpoint, run)
}

/// Returns the position of a checkpoint in a run of `world_size` processes, in batches of each.
///
/// # Errors
/// If the batches that were trained on cannot be divided among the processes.
fn position_in(world_size: u64, record: &RunRecord) -> Result<LoopPosition> {
    let LoopPosition { batch: _, epoch, phase } = record.position;
    let read = record.position.next_batch() * record.world_size;
    if record.world_size == world_size || read == 0 {
        return Ok(record.position);
    }
    let is_whole_epoch = record.train_batches.is_some_and(|all| read >= all);
    let rounds = match record.train_batches {
        Some(all) if is_whole_epoch => all.div_ceil(world_size),
        _ => read / world_size,
    };
    if !is_whole_epoch && !read.is_multiple_of(world_size) {
        let fitting: Vec<String> =
            (1..=64).filter(|world| read.is_multiple_of(*world)).map(|world| world.to_string()).collect();
        return Err(Error::config(format!(
            "the checkpoint was taken after {read} batches of an epoch, which {world_size} processes cannot have read"
        ))
        .help(format!("resume with one of these numbers of processes: {}", fitting.join(", "))));
    }
    let batch = match phase {
        Phase::EpochStart | Phase::Batch => rounds,
        Phase::AfterBatch { .. } | Phase::AfterValidation { .. } => rounds.saturating_sub(1),
    };
    Ok(LoopPosition { epoch, batch, phase })
}

/// Restores the metrics of this process.
fn restore_metrics(run: &mut RunState, record: &RunRecord) {
    let Rank { global, world_size, .. } = run.strategy.rank();
    let own = match (global.checked_sub(1), record.world_size == world_size as u64) {
        (None, true) => Some(record.metrics.clone()),
        (Some(other), true) => record.metrics_of_others.get(other).cloned(),
        // Another number of processes: the first one continues the values of all.
        (None, false) => {
            let mut all = record.metrics.clone();
            let lost = record.metrics_of_others.iter().flat_map(|other| all.absorb(other)).collect::<BTreeSet<_>>();
            if !lost.is_empty() {
                let names = lost.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                run.console.warn(format!(
                    "the checkpoint is of {} processes and the run has {world_size}: the values of {names} in the epoch in \
                     progress are those of one process until then",
                    record.world_size
                ));
            }
            Some(all)
        }
        (Some(_), false) => None,
    };
    run.log.metrics.restore(&own.unwrap_or_else(|| record.metrics.without_values()));
}

/// Restores the optimizers, the accumulation buffers, the loss scalers and the position in the
/// data. `train_batches` is the number of batches in an epoch, before limits.
///
/// # Errors
/// If the checkpoint cannot be read.
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
            notes.push(format!(
                "the optimizer `{}` is not in the checkpoint: it starts from its initial state",
                optimizer.name()
            ));
            continue;
        };
        let [before, now] = [stored.numbers.as_str(), optimizer.describe()].map(one_line);
        compare_one(&format!("the optimizer `{}`", stored.name), Some(&before), Some(&now), &mut notes);
        optimizers::restore(optimizer, stored, &parameters, &checkpoint.container, &device, &mut notes)
            .map_err(|error| error.at_path(&path).at(run.progress.location(None, false)))?;
    }
    for stored in &record.optimizers {
        if !run.train.optimizers.iter().any(|optimizer| optimizer.name() == stored.name) {
            notes.push(format!("the checkpoint's optimizer `{}` is not in the program", stored.name));
        }
    }
    restore_buffers(run, record, &checkpoint, &parameters)?;
    run.progress.micro_batches_before = run.train.micro_batches();
    // After the buffers: a restored scale also applies to the gradients in them.
    loss_scaling::restore_scalers(run, &record.scaler, &mut notes);
    if let (Some(before), Some(now)) = (record.train_batches, train_batches)
        && before != now
    {
        notes.push(format!("an epoch had {before} batches when the checkpoint was written and has {now} now"));
        let position = &mut run.progress.position;
        // With another batch size the same share of the epoch is done. Rounded up, so that an item
        // of a shuffled epoch is not seen twice; in 128 bits, because the product may exceed 64.
        let done = (u128::from(position.next_batch()) * u128::from(now)).div_ceil(u128::from(before.max(1)));
        let done = u64::try_from(done).unwrap_or(u64::MAX).min(now);
        if position.phase != Phase::EpochStart {
            *position = match done.checked_sub(1).filter(|_| done == now) {
                // Every batch is done; what follows the last one is left.
                Some(batch) if position.phase == Phase::Batch => {
                    LoopPosition { batch, phase: Phase::AfterBatch { stepped: false }, ..*position }
                }
                Some(batch) => LoopPosition { batch, ..*position },
                None => LoopPosition { batch: done, phase: Phase::Batch, ..*position },
            };
        }
    }
    run.resume.differences.extend(notes);
    let position = run.progress.position;
    run.console.print(&format!("resumed from {}; continues {position}", path.display()));
    for difference in &run.resume.differences.clone() {
        run.console.print(&format!("  {difference}"));
    }
    Ok(())
}

/// Joins the lines of an optimizer's description.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
