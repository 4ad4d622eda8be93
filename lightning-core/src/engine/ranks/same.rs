//! What has to be the same in all processes: the program, the data and the folder of the run.

use std::path::PathBuf;

use serde_json::Value;

use super::point;
use crate::{
    engine::{driver::LoaderInfo, run::RunState},
    error::{Error, Result},
};

/// Gives every process the seed of the first one, and checks that they run the same program.
///
/// # Errors
/// If a process has failed or was lost, or they differ.
pub(crate) fn check_program(run: &mut RunState) -> Result<()> {
    if run.strategy.rank().is_alone() {
        return Ok(());
    }
    let mut seed = run.progress.seed.to_le_bytes().to_vec();
    run.strategy.broadcast(point(run, "seed"), &mut seed, 0)?;
    if let Some(bytes) = seed.first_chunk::<8>() {
        run.progress.seed = u64::from_le_bytes(*bytes);
    }
    let mut lines = vec![
        format!("lightning-core {}", env!("CARGO_PKG_VERSION")),
        format!("the module `{}`", (run.info.type_name)()),
        format!("the stage {}", run.progress.stage),
    ];
    let settings = run.settings.record();
    lines.extend(settings.iter().map(|(name, value)| format!("`{name}` {value}")));
    if let Value::Object(hparams) = &run.hparams {
        lines.extend(hparams.iter().map(|(name, value)| format!("the hyperparameter `{name}` {value}")));
    }
    check_same(run, "program", &lines.join("\n"))
}

/// Checks that all processes have loaders of the same lengths.
///
/// # Errors
/// As [`check_same`].
pub(crate) fn check_lengths(run: &mut RunState, what: &'static str, loaders: &[LoaderInfo]) -> Result<()> {
    if run.strategy.rank().is_alone() {
        return Ok(());
    }
    let lines = loaders.iter().enumerate().map(|(index, loader)| match loader.all {
        Some(batches) => format!("{batches} batches in loader {index}"),
        None => format!("an unknown number of batches in loader {index}"),
    });
    check_same(run, what, &lines.collect::<Vec<_>>().join("\n"))
}

/// Checks that all processes have the same text: one line for each part that may differ.
///
/// # Errors
/// Names the first process that differs and the first line in which it does.
pub(crate) fn check_same(run: &mut RunState, what: &'static str, own: &str) -> Result<()> {
    let all = run.strategy.gather(point(run, what), own.as_bytes().to_vec())?;
    let texts: Vec<_> = all.iter().map(|bytes| String::from_utf8_lossy(bytes)).collect();
    let Some((first, others)) = texts.split_first() else { return Ok(()) };
    for (rank, other) in (1..).zip(others) {
        if other == first {
            continue;
        }
        let lines = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
        let (ours, theirs) = (lines(first), lines(other));
        let most = ours.len().max(theirs.len());
        let differs = (0..most).find(|line| ours.get(*line) != theirs.get(*line)).unwrap_or_default();
        let shown = |lines: &[String]| lines.get(differs).cloned().unwrap_or_else(|| "nothing".to_owned());
        return Err(Error::config(format!(
            "all ranks must have the same {what}: rank 0 has {}, rank {rank} has {}",
            shown(&ours),
            shown(&theirs)
        ))
        .help("start the same program with the same arguments and data on all ranks"));
    }
    Ok(())
}

/// Tells every process the folder of the run, which the first one has created.
///
/// # Errors
/// If a process has failed or was lost.
pub(crate) fn share_log_dir(run: &mut RunState) -> Result<()> {
    if run.strategy.rank().is_alone() {
        return Ok(());
    }
    let mut folder = run.log_dir().to_string_lossy().into_owned().into_bytes();
    run.strategy.broadcast(point(run, "the folder of the run"), &mut folder, 0)?;
    if !run.strategy.rank().is_global_zero() {
        run.log.loggers.set_folder(PathBuf::from(String::from_utf8_lossy(&folder).into_owned()));
    }
    Ok(())
}
