//! Saves and loads the weights of a module.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{Weights, WeightsReport, matching::Matching, source::SelectedTensors};
use crate::{
    checkpoint::{collect::Tensors, container},
    error::{Error, ErrorKind, Result},
    module::{
        restore::StoredValues,
        traits::{LightningImpl, LightningStruct},
    },
    os::files,
    params::{DynMapper, MapMode, visit},
};

/// The number of problems or names that a message lists.
const SHOWN_PROBLEMS: usize = 8;

/// Writes the parameters, running statistics and buffers of a module.
///
/// # Errors
/// If a tensor cannot be read, or the file cannot be written.
pub(crate) fn save<M: LightningStruct + LightningImpl>(module: &M, path: &Path) -> Result<()> {
    let mut tensors = Tensors::default();
    crate::module::erased::ErasedModule::tensors(module, &mut tensors)?;
    let tensors = tensors.read()?;
    if let Some(folder) = path.parent() {
        files::create_folder(folder)?;
    }
    let bytes = tensors.iter().map(container::Stored::len).sum();
    files::write_atomic_head_last(path, bytes, |writer| container::write(writer, tensors, None))
}

/// Loads weights into a module.
///
/// # Errors
/// If the file cannot be read, a shape does not fit, or no weight was applied. The module is then
/// unchanged.
pub(crate) fn load<M: LightningStruct + LightningImpl>(module: &mut M, weights: &Weights<M>) -> Result<WeightsReport> {
    let path = &*weights.path;
    let stored = SelectedTensors::open(weights)?;
    let mut matching = Matching {
        path,
        layout: weights.layout,
        at: weights.at,
        stored: &stored,
        containers: Vec::new(),
        used: BTreeSet::new(),
        found: BTreeMap::new(),
        missing: Vec::new(),
        problems: Vec::new(),
        failed: None,
    };
    visit(module, &mut matching)?;
    module.visit_buffers(&mut matching);
    let Matching { used, found, missing, problems, failed, .. } = matching;
    if let Some(error) = failed {
        return Err(error);
    }
    if !problems.is_empty() {
        return Err(misfit(path, problems));
    }
    let unused: Vec<String> =
        stored.names.iter().filter(|(name, _)| !used.contains(*name)).map(|(_, stored)| stored.clone()).collect();
    let report = WeightsReport { applied: found.keys().cloned().collect(), skipped: stored.skipped, missing, unused };
    if report.applied.is_empty() {
        return Err(nothing_applied(M::NAME, path, &report));
    }
    // Applied last and to a copy, since replaced running statistics cannot be restored: a module
    // shares them with its clones.
    let mut values = StoredValues::as_declared(found);
    let mut changed = module.clone();
    LightningStruct::map_buffers(&mut changed, &mut values)?;
    *module = changed.map(&mut DynMapper::new(MapMode::Values(&mut values)));
    Ok(report)
}

fn misfit(path: &Path, problems: Vec<String>) -> Error {
    let mut text = "the weights do not fit the model:".to_owned();
    let hidden = problems.len().saturating_sub(SHOWN_PROBLEMS);
    for problem in problems.into_iter().take(SHOWN_PROBLEMS) {
        text.push_str(&format!("\n  - {problem}"));
    }
    if hidden > 0 {
        text.push_str(&format!("\n  - and {hidden} more"));
    }
    Error::checkpoint(path, text)
        .help("skip them with `.skip(\"name.*\")`, or build the model with the shapes of the file")
}

fn nothing_applied(module: &str, path: &Path, report: &WeightsReport) -> Error {
    let some = |names: &[String]| {
        let shown: Vec<String> = names.iter().take(SHOWN_PROBLEMS).map(|name| format!("`{name}`")).collect();
        if shown.is_empty() { "nothing".to_owned() } else { shown.join(", ") }
    };
    let WeightsReport { skipped, missing, unused, .. } = report;
    let left = if unused.is_empty() { some(skipped) } else { some(unused) };
    Error::new(ErrorKind::Checkpoint, format!("the file has no weights of `{module}`"))
        .at_path(path)
        .help(format!(
            "the model needs {}, and the file has {left}; map the names with `.at(FIELD)`, `.below(\"name\")` or `.rename(from, to)`",
            some(missing)
        ))
}
