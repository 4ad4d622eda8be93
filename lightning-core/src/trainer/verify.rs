//! Runs a finished run again and compares the two.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{FitReport, Trainer};
use crate::{
    checkpoint::{Checkpoint, reader::pointer_target},
    data::FitData,
    engine::checkpoints::CHECKPOINT_LIST,
    error::{Error, ErrorKind, Result},
    module::{ConfigureOptimizers, LightningModule, TrainingStep},
    random,
};

/// The result of [`Trainer::verify`]. Printed, it is a list of the differences.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VerifyReport<M> {
    /// The folder of the second run.
    pub folder: PathBuf,
    /// The number of checkpoints that were compared.
    pub checkpoints: usize,
    /// The number of rows of `metrics.csv` that were compared.
    pub rows: usize,
    /// The number of training batches after which the two runs differ first.
    pub first_step: Option<u64>,
    /// The differences, in the order of their steps; empty if the runs are equal.
    pub differences: Vec<String>,
    /// The report of the second run.
    pub fit: FitReport<M>,
}

impl<M> VerifyReport<M> {
    /// Returns whether the two runs are equal bit by bit.
    pub fn is_exact(&self) -> bool {
        self.differences.is_empty()
    }
}

impl<M> fmt::Display for VerifyReport<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { folder, checkpoints, rows, first_step, differences, .. } = self;
        let folder = folder.display();
        if differences.is_empty() {
            return write!(
                f,
                "equal bit by bit: {checkpoints} checkpoints and {rows} rows of metrics; run again in {folder}"
            );
        }
        write!(f, "the runs differ")?;
        if let Some(step) = first_step {
            write!(f, ", first after {step} training batches")?;
        }
        write!(f, "; run again in {folder}")?;
        differences.iter().try_for_each(|difference| write!(f, "\n  {difference}"))
    }
}

/// A difference, with the number of training batches after which it appears.
type Difference = (Option<u64>, String);

/// The most differences that are listed of one kind.
const SHOWN: usize = 10;

/// What a run left in its folder.
struct Run {
    /// The checkpoints by their names.
    checkpoints: BTreeMap<String, PathBuf>,
    metrics: Option<String>,
}

impl Run {
    /// # Errors
    /// If the folder cannot be read.
    fn of(folder: &Path) -> Result<Self> {
        let mut checkpoints = BTreeMap::new();
        let mut add = |path: PathBuf| {
            let is_checkpoint = path.extension().is_some_and(|extension| extension == "ckpt");
            if is_checkpoint
                && matches!(pointer_target(&path), Ok(None))
                && let Some(name) = path.file_name()
            {
                checkpoints.insert(name.to_string_lossy().into_owned(), path.clone());
            }
        };
        let own = folder.join("checkpoints");
        for entry in fs::read_dir(&own).into_iter().flatten().flatten() {
            add(entry.path());
        }
        let listed = fs::read_to_string(folder.join(CHECKPOINT_LIST)).unwrap_or_default();
        listed.lines().map(PathBuf::from).filter(|path| path.exists()).for_each(&mut add);
        let path = folder.join("metrics.csv");
        let metrics = match path.exists() {
            true => Some(fs::read_to_string(&path).map_err(|error| Error::io("read", &path, error))?),
            false => None,
        };
        Ok(Self { checkpoints, metrics })
    }
}

impl<M: LightningModule> Trainer<M> {
    /// Runs a finished run again from its start and compares the two bit by bit: the checkpoints
    /// and `metrics.csv` in its `folder`, such as `lightning_logs/version_3`. The report says after
    /// which step they differ first.
    ///
    /// The program must be the one of the run: the same seed, set before the model is built, the
    /// same settings, callbacks, hyperparameters and data. The trainer must be new and writes to a
    /// folder of its own, which stays. What depends on the clock, the values of
    /// `ThroughputMonitor` and `DeviceStatsMonitor`, and the git commit are not compared. The
    /// module is trained afterwards.
    ///
    /// ```no_run
    /// # use burn::{nn::*, optim::SgdConfig, prelude::*};
    /// # use lightning_core::prelude::*;
    /// # #[lightning_module]
    /// # #[optimizer(SgdConfig::new(), lr = 0.1)]
    /// # struct Net {
    /// #     #[init(LinearConfig::new(4, 1).init(device))]
    /// #     layer: Linear,
    /// # }
    /// # #[lightning_module]
    /// # impl Net {
    /// #     fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
    /// #         self.layer.forward(batch).mean()
    /// #     }
    /// # }
    /// # let train: Vec<Tensor<2>> = Vec::new();
    /// seed_everything(42);
    /// let mut model = Net::new(NetHparams::default());
    /// let mut trainer = Net::trainer().max_epochs(3).build()?;
    /// let report = trainer.verify("lightning_logs/version_0", &mut model, train)?;
    /// assert!(report.is_exact(), "{report}");
    /// # Ok::<(), lightning_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the folder has nothing to compare, the seed or the module is another, the second run
    /// would write to the folders of the first, and as [`fit`](Self::fit).
    pub fn verify<D: FitData<M>>(
        &mut self,
        folder: impl AsRef<Path>,
        module: &mut M,
        data: D,
    ) -> Result<VerifyReport<M>>
    where
        M: TrainingStep + ConfigureOptimizers,
    {
        let folder = folder.as_ref();
        let before = Run::of(folder)?;
        if before.checkpoints.is_empty() && before.metrics.is_none() {
            return Err(Error::new(
                ErrorKind::Checkpoint,
                "`verify` compares the checkpoints and `metrics.csv` of a run, found neither",
            )
            .help("pass the folder of a run, such as `lightning_logs/version_0`")
            .at_path(folder));
        }
        self.check_verifiable(&before)?;
        let fit = self.fit(module, data)?;
        let again = self.log_dir();
        let after = Run::of(&again)?;
        let mut differences: Vec<Difference> = Vec::new();
        for (name, path) in &before.checkpoints {
            match after.checkpoints.get(name) {
                Some(other) => compare_checkpoints(name, path, other, &mut differences)?,
                None => {
                    let step = Checkpoint::look(path).ok().map(|checkpoint| checkpoint.metadata.batch_step);
                    differences.push((step, format!("{name}: the second run did not write it")));
                }
            }
        }
        for (name, path) in after.checkpoints.iter().filter(|(name, _)| !before.checkpoints.contains_key(*name)) {
            let step = Checkpoint::look(path).ok().map(|checkpoint| checkpoint.metadata.batch_step);
            differences.push((step, format!("{name}: only the second run wrote it")));
        }
        let rows = match (&before.metrics, &after.metrics) {
            (Some(before), Some(after)) => compare_metrics(before, after, &mut differences),
            (Some(_), None) => {
                differences.push((None, "metrics.csv: the second run did not write it".to_owned()));
                0
            }
            (None, _) => 0,
        };
        // A difference without a step stands last.
        differences.sort_by_key(|(step, _)| step.unwrap_or(u64::MAX));
        Ok(VerifyReport {
            folder: again,
            checkpoints: before.checkpoints.len(),
            rows,
            first_step: differences.iter().find_map(|(step, _)| *step),
            differences: differences.into_iter().map(|(_, text)| text).collect(),
            fit,
        })
    }

    /// Checks what would make a comparison useless, before the run.
    fn check_verifiable(&self, before: &Run) -> Result<()> {
        if self.run.progress.counters.batch_step > 0 {
            return Err(Error::config(format!(
                "`verify` needs a trainer that has not trained, found one after {} training batches",
                self.run.progress.counters.batch_step
            ))
            .help("build another trainer and another model"));
        }
        if self.run.resume.requested != crate::checkpoint::Resume::Never {
            return Err(
                Error::config("`verify` runs from the start, and `resume_from` is set").help("remove `resume_from`")
            );
        }
        if self.run.settings.run.fast_dev_run.is_some() {
            return Err(Error::config("`verify` compares checkpoints, and a `fast_dev_run` writes none")
                .help("remove `fast_dev_run`"));
        }
        for path in before.checkpoints.values() {
            let own = path.parent().and_then(|parent| parent.canonicalize().ok());
            let mut written = self.run.callbacks.checkpoint_folders.iter();
            if let Some(folder) = written.find(|folder| own.is_some() && folder.canonicalize().ok() == own) {
                return Err(Error::config(format!(
                    "`verify` must not write to the folder of the first run, and a callback writes checkpoints to `{}`",
                    folder.display()
                ))
                .help("give the callback another folder"));
            }
        }
        let Some(path) = before.checkpoints.values().next() else { return Ok(()) };
        let checkpoint = Checkpoint::look(path)?;
        checkpoint.check_module(M::NAME)?;
        let (stored, now) = (checkpoint.metadata.seed, random::global_seed());
        if stored != now {
            return Err(Error::config(format!("the seed of the run was {stored}, and that of the program is {now}"))
                .help(format!("write `seed_everything({stored})` before the model is built")));
        }
        Ok(())
    }
}

/// Compares two files, and if their bytes differ, their contents.
fn compare_checkpoints(name: &str, before: &Path, after: &Path, differences: &mut Vec<Difference>) -> Result<()> {
    let read = |path: &Path| fs::read(path).map_err(|error| Error::io("read the checkpoint", path, error));
    if read(before)? == read(after)? {
        return Ok(());
    }
    let (before, after) = (Checkpoint::open(before)?, Checkpoint::open(after)?);
    let step = Some(before.metadata.batch_step);
    let mut found = Vec::new();
    for (tensor, info) in before.container.tensors() {
        match after.container.info(&tensor) {
            None => found.push(format!("`{tensor}` is missing")),
            Some(other) if other.shape != info.shape || other.dtype != info.dtype => {
                found.push(format!("`{tensor}` has another shape or type"));
            }
            Some(_) => {
                let (left, right) = (before.container.read(&tensor)?, after.container.read(&tensor)?);
                let bytes =
                    |data: &Option<burn::tensor::TensorData>| data.as_ref().map(|data| data.as_bytes().to_vec());
                if bytes(&left) != bytes(&right) {
                    found.push(format!("`{tensor}` differs"));
                }
            }
        }
    }
    for (tensor, _) in after.container.tensors() {
        if before.container.info(&tensor).is_none() {
            found.push(format!("`{tensor}` is new"));
        }
    }
    let [left, right] = [&before, &after].map(|checkpoint| {
        serde_json::from_str::<Value>(checkpoint.container.text().unwrap_or("null")).unwrap_or_default()
    });
    compare_values("", &left, &right, &mut found);
    let more = found.len().saturating_sub(SHOWN);
    found.truncate(SHOWN);
    differences.extend(found.into_iter().map(|what| (step, format!("{name}: {what}"))));
    if more > 0 {
        differences.push((step, format!("{name}: and {more} more")));
    }
    Ok(())
}

/// The values of `DeviceStatsMonitor`.
const OF_MACHINE: [&str; 5] =
    ["process_rss_mib", "process_cpu_percent", "cpu_percent", "cpu_vm_percent", "cpu_swap_percent"];

/// Whether a name is that of something that depends on the clock or on the machine.
fn is_incomparable(name: &str) -> bool {
    name == "git_commit" || name.split('/').any(|part| part == "device") || OF_MACHINE.contains(&name)
}

/// Lists the places in which two JSON values differ.
fn compare_values(place: &str, left: &Value, right: &Value, found: &mut Vec<String>) {
    let below = |key: &str| if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") };
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            let keys = left.keys().chain(right.keys().filter(|key| !left.contains_key(*key)));
            for key in keys.filter(|key| !is_incomparable(key)) {
                let of = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or_default();
                compare_values(&below(key), &of(left), &of(right), found);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                compare_values(&below(&index.to_string()), left, right, found);
            }
        }
        _ if left == right => {}
        _ => found.push(format!("`{place}` is {left} in the first run and {right} in the second")),
    }
}

/// Compares the rows of two `metrics.csv`, and returns the number of rows.
fn compare_metrics(before: &str, after: &str, differences: &mut Vec<Difference>) -> usize {
    let [left, right] = [before, after].map(|text| text.lines().map(|line| line.split(',').collect()).collect());
    let (left, right): (Vec<Vec<&str>>, Vec<Vec<&str>>) = (left, right);
    let header = left.first().cloned().unwrap_or_default();
    if right.first() != left.first() {
        differences.push((None, "metrics.csv: the columns differ".to_owned()));
        return left.len().saturating_sub(1);
    }
    let step_of = |row: &[&str]| {
        let column = header.iter().position(|name| *name == "batch_step")?;
        row.get(column)?.parse().ok()
    };
    let mut shown = 0;
    for (left, right) in left.iter().zip(&right).skip(1) {
        let compared = header.iter().enumerate().filter(|(_, name)| !is_incomparable(name));
        for (column, name) in compared.filter(|(column, _)| left.get(*column) != right.get(*column)) {
            shown += 1;
            if shown <= SHOWN {
                let of = |row: &[&str]| row.get(column).copied().unwrap_or_default().to_owned();
                let text =
                    format!("metrics.csv: `{name}` is {} in the first run and {} in the second", of(left), of(right));
                differences.push((step_of(left), text));
            }
        }
    }
    if left.len() != right.len() {
        let longer = if left.len() > right.len() { &left } else { &right };
        let step = longer.get(left.len().min(right.len())).and_then(|row| step_of(row));
        let (left, right) = (left.len().saturating_sub(1), right.len().saturating_sub(1));
        differences.push((step, format!("metrics.csv: {left} rows in the first run and {right} in the second")));
    }
    left.len().saturating_sub(1)
}
