//! Several `ModelCheckpoint`s that save at one step, and what a killed process leaves of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    ErrorKind, FitReport, MetricKey,
    callbacks::{OnExceptionCheckpoint, ThroughputMonitor, TopK},
    checkpoint::inspect,
    loggers::{Logger, MemoryLogger, Record, RunStatus},
    prelude::*,
    settings::Limit,
    trainer::TrainerBuilder,
};

use crate::support::{Rows, batches, quiet};

/// A module whose validation loss falls by one with each epoch.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Falling {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[state]
    validations: usize,
}

#[lightning_module]
impl Falling {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.layer.forward(batch.x), batch.y)
    }
    fn validation_step(&self, _batch: Rows) {
        #[log(minimize)]
        let val_loss = 100.0 - self.validations as f64;
        #[log(maximize)]
        let val_gain = self.validations;
    }
    fn on_validation_end(&mut self, cx: &mut HookContext) {
        if !cx.is_sanity_checking() {
            self.validations += 1;
        }
    }
}

fn loader(count: usize) -> DataLoader<Rows> {
    DataLoader::from_batches(batches(&vec![2; count], 1)).unwrap()
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    names(folder).into_iter().map(|name| (name.clone(), fs::read(folder.join(name)).unwrap())).collect()
}

/// A run of some epochs of two batches each, and its best checkpoint.
fn fit(
    epochs: usize,
    callbacks: Vec<ModelCheckpoint<Falling>>,
    settings: impl FnOnce(TrainerBuilder<Falling>) -> TrainerBuilder<Falling>,
) -> Result<FitReport<Falling>> {
    seed_everything(1);
    let mut model = Falling::new(FallingHparams::default());
    let builder = quiet(Falling::trainer()).enable_checkpointing(!callbacks.is_empty()).max_epochs(epochs);
    let builder = callbacks.into_iter().fold(builder, |builder, callback| builder.callback(callback));
    settings(builder).build()?.fit(&mut model, (loader(2), loader(1)))
}

fn best(name: &str, folder: &Path) -> ModelCheckpoint<Falling> {
    ModelCheckpoint::new(Falling::VAL_LOSS).filename(format!("{name}-{{epoch}}")).dirpath(folder)
}

/// The kill falls between the files of one step: the first callback's is there, the other's not.
/// Each of the callbacks in turn is the one whose file is missing.
#[test]
fn a_kill_between_the_files_of_one_step_loses_none() {
    let several = |folder: &Path| {
        vec![
            best("a", folder),
            ModelCheckpoint::new(Falling::VAL_GAIN).filename("b-{epoch}").save_last(true).dirpath(folder),
            best("c", folder).save_top_k(TopK::All),
            best("d", folder).save_top_k(2).save_weights_only(true),
        ]
    };
    let (whole, earlier) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let expected = fit(3, several(whole.path()), |builder| builder).unwrap();
    fit(2, several(earlier.path()), |builder| builder).unwrap();
    let (after, mut before) = (contents(whole.path()), contents(earlier.path()));
    // The files that stay have the settings of the longer run.
    before
        .iter_mut()
        .filter(|(name, _)| name.starts_with('c'))
        .for_each(|(name, bytes)| bytes.clone_from(&after[name]));
    assert_eq!(
        after.keys().cloned().collect::<BTreeSet<_>>(),
        set([
            "a-epoch=2.ckpt",
            "b-epoch=2.ckpt",
            "c-epoch=0.ckpt",
            "c-epoch=1.ckpt",
            "c-epoch=2.ckpt",
            "d-epoch=1.ckpt",
            "d-epoch=2.ckpt",
            "last.ckpt"
        ])
    );
    let longer = tempfile::tempdir().unwrap();
    fit(4, several(longer.path()), |builder| builder).unwrap();
    for written in ["a", "ab", "abc", "b", "c"] {
        let folder = tempfile::tempdir().unwrap();
        // The files of a callback are those after the step if it was reached, or those before it.
        for (name, bytes) in &before {
            let of = if name == "last.ckpt" { "b" } else { &name[..1] };
            if !written.contains(of) {
                fs::write(folder.path().join(name), bytes).unwrap();
            }
        }
        for (name, bytes) in &after {
            let of = if name == "last.ckpt" { "b" } else { &name[..1] };
            if written.contains(of) {
                fs::write(folder.path().join(name), bytes).unwrap();
            }
        }
        let resumed = fit(3, several(folder.path()), |builder| builder.resume_from(Resume::LastOrStart)).unwrap();
        assert_eq!(resumed.warnings, Vec::<String>::new(), "{written}");
        assert_eq!(names(folder.path()), names(whole.path()), "{written}");
        assert!(contents(folder.path()) == after, "{written}");
        let name =
            |report: &FitReport<Falling>| report.best_checkpoint.as_ref().unwrap().file_name().unwrap().to_owned();
        assert_eq!(name(&resumed), name(&expected), "{written}");
        fit(4, several(folder.path()), |builder| builder.resume_from(Resume::LastOrStart)).unwrap();
        assert_eq!(names(folder.path()), names(longer.path()), "{written}");
        for name in ["a-epoch=3.ckpt", "b-epoch=3.ckpt", "c-epoch=3.ckpt", "d-epoch=3.ckpt", "last.ckpt"] {
            let bytes = |of: &Path| fs::read(of.join(name)).unwrap();
            assert!(bytes(folder.path()) == bytes(longer.path()), "{written}: {name}");
        }
    }
}

/// The kill falls between a file and the removal of what it replaces, or its pointer.
#[test]
fn what_is_replaced_goes_after_a_kill() {
    let pair = |folder: &Path| vec![best("a", folder), best("b", folder).save_last(true)];
    let (whole, earlier) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fit(3, pair(whole.path()), |builder| builder).unwrap();
    fit(2, pair(earlier.path()), |builder| builder).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in contents(whole.path()).into_iter().chain(contents(earlier.path())) {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    fit(3, pair(folder.path()), |builder| builder.resume_from(Resume::LastOrStart)).unwrap();
    assert_eq!(contents(folder.path()), contents(whole.path()));
}

/// A run that is resumed from a file elsewhere may be another run: nothing is written in its place,
/// and nothing is removed.
#[test]
fn a_file_goes_only_if_what_replaces_it_is_there() {
    let pair = |folder: &Path| vec![best("a", folder), best("b", folder)];
    let folder = tempfile::tempdir().unwrap();
    fit(2, pair(folder.path()), |builder| builder).unwrap();
    let old = fs::read(folder.path().join("b-epoch=1.ckpt")).unwrap();
    fit(3, pair(folder.path()), |builder| builder.resume_from(Resume::LastOrStart)).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let named = elsewhere.path().join("named.ckpt");
    fs::rename(folder.path().join("a-epoch=2.ckpt"), &named).unwrap();
    fs::remove_file(folder.path().join("b-epoch=2.ckpt")).unwrap();
    fs::write(folder.path().join("b-epoch=1.ckpt"), &old).unwrap();
    fit(3, pair(folder.path()), |builder| builder.resume_from(named)).unwrap();
    assert_eq!(names(folder.path()), set(["b-epoch=1.ckpt"]));
    assert_eq!(fs::read(folder.path().join("b-epoch=1.ckpt")).unwrap(), old);
}

/// The best checkpoint is that of the first callback that monitors a metric, however many others
/// save, and after which of them.
#[test]
fn the_best_is_that_of_a_metric() {
    let folder = tempfile::tempdir().unwrap();
    let callbacks = |folder: &Path| {
        let latest = ModelCheckpoint::latest().every(callbacks::Steps(1)).filename("latest-{step}").dirpath(folder);
        // Its loss is lowest in the last epoch, its own metric in the first.
        let first = ModelCheckpoint::new(MetricKey::<Falling>::named("epoch").minimize())
            .filename("first-{epoch}")
            .dirpath(folder);
        vec![latest, first, best("falling", folder)]
    };
    let report = fit(3, callbacks(folder.path()), |builder| builder).unwrap();
    assert_eq!(report.best_checkpoint, Some(folder.path().join("first-epoch=0.ckpt")));
    let resumed = fit(3, callbacks(folder.path()), |builder| builder.resume_from(Resume::Last)).unwrap();
    assert_eq!(resumed.best_checkpoint, Some(folder.path().join("first-epoch=0.ckpt")));

    let folder = tempfile::tempdir().unwrap();
    let two = |folder: &Path| {
        vec![
            ModelCheckpoint::new(MetricKey::<Falling>::named("epoch").minimize()).filename("z-{epoch}").dirpath(folder),
            ModelCheckpoint::latest().every(callbacks::Steps(1)).filename("latest-{step}").dirpath(folder),
        ]
    };
    fit(3, two(folder.path()), |builder| builder).unwrap();
    let resumed = fit(1, two(folder.path()), |builder| builder.resume_from(Resume::Best)).unwrap();
    assert_eq!(resumed.resumed_from, Some(folder.path().join("z-epoch=0.ckpt")));
}

/// However many checkpoints are kept, each has the same size, and the best of all is known.
#[test]
fn all_of_them_are_of_constant_size() {
    let folder = tempfile::tempdir().unwrap();
    let all = || vec![best("all", folder.path()).save_top_k(TopK::All)];
    let size = |epoch: usize| fs::metadata(folder.path().join(format!("all-epoch={epoch}.ckpt"))).unwrap().len();
    fit(30, all(), |builder| builder).unwrap();
    // The epoch in names and counters has one digit more.
    assert!(size(29) < size(3) + 64, "{} and {} bytes", size(3), size(29));
    let report = fit(40, all(), |builder| builder.resume_from(Resume::Last)).unwrap();
    assert_eq!(names(folder.path()).len(), 40);
    assert_eq!(report.best_checkpoint, Some(folder.path().join("all-epoch=39.ckpt")));
    let rising = tempfile::tempdir().unwrap();
    let all = || {
        let key = MetricKey::<Falling>::named("epoch").minimize();
        vec![ModelCheckpoint::new(key).filename("{epoch}").save_top_k(TopK::All).dirpath(rising.path())]
    };
    fit(3, all(), |builder| builder).unwrap();
    let report = fit(4, all(), |builder| builder.resume_from(Resume::Last)).unwrap();
    assert_eq!(report.best_checkpoint, Some(rising.path().join("epoch=0.ckpt")));
}

/// A logger that cannot write.
struct Broken(PathBuf, bool);

impl Logger for Broken {
    fn log_metrics(&mut self, _record: &Record) -> Result<()> {
        Ok(())
    }
    fn save(&mut self) -> Result<()> {
        Err(lightning_core::Error::msg("no space left for the log"))
    }
    fn name(&self) -> &str {
        "broken"
    }
    fn log_dir(&self) -> Option<&Path> {
        Some(&self.0)
    }
    fn is_required(&self) -> bool {
        self.1
    }
}

/// Neither the file of a run nor one written by hand depends on the logs.
#[test]
fn a_log_that_cannot_be_written_leaves_the_checkpoints() {
    let (folder, logs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // A folder in place of the list of checkpoints elsewhere: it cannot be written either.
    fs::create_dir(logs.path().join("checkpoints.txt")).unwrap();
    for steps in [true, false] {
        let latest = ModelCheckpoint::latest().dirpath(folder.path());
        let latest = if steps { latest.every(callbacks::Steps(1)) } else { latest };
        let error = fit(1, vec![latest], |builder| builder.logger(Broken(logs.path().to_path_buf(), true)))
            .unwrap_err()
            .to_string();
        assert!(error.contains("no space left for the log") && error.contains("`a logger's save`"), "{error}");
        let name = if steps { "epoch=0-step=1.ckpt" } else { "epoch=0-step=2.ckpt" };
        assert_eq!(inspect(folder.path().join(name)).unwrap().metadata.epoch, 0, "{name}");
        // A resumed run goes on from there.
        let report =
            fit(2, vec![ModelCheckpoint::latest().dirpath(folder.path())], |builder| builder.resume_from(Resume::Last));
        assert_eq!(report.unwrap().global_step, 4);
        fs::read_dir(folder.path()).unwrap().for_each(|entry| fs::remove_file(entry.unwrap().path()).unwrap());
    }
    let mut trainer = quiet(Falling::trainer()).logger(Broken(logs.path().to_path_buf(), true)).build().unwrap();
    let path = folder.path().join("by-hand.ckpt");
    trainer.save_checkpoint(&Falling::new(FallingHparams::default()), &path).unwrap();
    inspect(&path).unwrap();
}

/// A folder that cannot be written to leaves the checkpoints in other folders alone.
#[test]
fn a_file_that_cannot_be_written_leaves_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let (file, good) = (folder.path().join("file"), folder.path().join("good"));
    fs::write(&file, "no folder").unwrap();
    let pair = |bad: ModelCheckpoint<Falling>| vec![bad, best("good", &good)];
    let error = fit(1, pair(best("bad", &file.join("below"))), |builder| builder).unwrap_err();
    assert!(error.kind() == ErrorKind::Io && error.to_string().contains("below"), "{error}");
    assert_eq!(names(&good), set(["good-epoch=0.ckpt"]));
    // The folder is there, and something stands at the place of the file.
    let taken = folder.path().join("taken");
    fs::create_dir_all(taken.join("bad-epoch=0.ckpt")).unwrap();
    fs::remove_file(good.join("good-epoch=0.ckpt")).unwrap();
    let memory = MemoryLogger::new();
    let bad = best("bad", &taken).enable_version_counter(false);
    let error = fit(1, pair(bad), |builder| builder.logger(memory.clone())).unwrap_err();
    assert!(error.to_string().contains("bad-epoch=0.ckpt"), "{error}");
    assert_eq!(names(&good), set(["good-epoch=0.ckpt"]));
    // The last write fails when everything else is over.
    assert_eq!(memory.statuses(), [RunStatus::Failed]);
}

#[test]
fn a_name_is_no_path() {
    let long = "x".repeat(300);
    for name in ["sub/{epoch}", "../{epoch}", "..", ".", "/tmp/{epoch}", "a\\b", "a\0b", long.as_str()] {
        let build = |builder: TrainerBuilder<Falling>| builder.build().unwrap_err().to_string();
        let wrong = if name == long { "must have at most 240 bytes, found 300" } else { "a name without folders" };
        let text = build(
            quiet(Falling::trainer()).enable_checkpointing(true).callback(ModelCheckpoint::latest().filename(name)),
        );
        assert!(text.contains("`ModelCheckpoint`: `filename` must") && text.contains(wrong), "{text}");
        let plain = name.replace("{epoch}", "0");
        let text = build(quiet(Falling::trainer()).callback(OnExceptionCheckpoint::new("rescue").filename(plain)));
        assert!(text.contains("`OnExceptionCheckpoint`: `filename` must") && text.contains(wrong), "{text}");
    }
    // A metric's name may have a `/` where it is not shown.
    let shown = ModelCheckpoint::<Falling>::latest().filename("loss={val/loss:.2f}").auto_insert_metric_name(false);
    quiet(Falling::trainer()).enable_checkpointing(true).callback(shown).build().unwrap();
}

#[test]
fn numbers_that_mean_nothing_are_refused() {
    let early = || EarlyStopping::new(Falling::VAL_LOSS);
    let throughput = ThroughputMonitor::new;
    let quiet = || quiet(Falling::trainer());
    for (builder, what) in [
        (quiet().callback(early().min_delta(f64::NAN)), "`min_delta` must be finite, found NaN"),
        (quiet().callback(early().min_delta(f64::INFINITY)), "`min_delta` must be finite, found inf"),
        (quiet().callback(early().stopping_threshold(f64::NAN)), "`stopping_threshold` must be a number, found NaN"),
        (
            quiet().callback(early().divergence_threshold(f64::NAN)),
            "`divergence_threshold` must be a number, found NaN",
        ),
        (quiet().callback(throughput().items_per_sample(f64::NAN)), "`items_per_sample` must be positive and finite"),
        (quiet().callback(throughput().flops_per_sample(-1.0)), "`flops_per_sample` must be positive and finite"),
        (quiet().callback(throughput().flops(1.0, 0.0)), "`flops(…, available)` must be positive and finite"),
    ] {
        let error = builder.build().unwrap_err();
        assert!(error.kind() == ErrorKind::Config && error.to_string().contains(what), "{error}");
    }
}

/// A number of batches that no loader has is all of them.
#[test]
fn a_limit_beyond_all_numbers_is_no_limit() {
    for limit in [Limit::Batches(i128::MAX), Limit::Batches(i128::from(u64::MAX) + 1), Limit::from(u64::MAX)] {
        let report = fit(1, Vec::new(), |builder| builder.limit_train_batches(limit).limit_val_batches(limit)).unwrap();
        assert_eq!((report.batch_step, report.validation_runs), (2, 1), "{limit}");
        // Counted over the run, so large an interval never ends.
        let report = fit(1, Vec::new(), |builder| builder.val_check_interval(limit).check_val_every_n_epoch(None));
        assert_eq!(report.unwrap().validation_runs, 0, "{limit}");
    }
}

/// The files of weights that a killed process has written are written again, and not beside.
#[test]
fn weights_of_a_killed_process_leave_no_doubles() {
    let callbacks = |folder: &Path, resumable: bool| {
        let weights = ModelCheckpoint::latest()
            .every(callbacks::Steps(1))
            .save_top_k(TopK::All)
            .save_weights_only(true)
            .filename("weights-{step}")
            .dirpath(folder);
        let full = ModelCheckpoint::latest().every(callbacks::Steps(2)).filename("full-{step}").dirpath(folder);
        if resumable { vec![weights, full] } else { vec![weights] }
    };
    let whole = tempfile::tempdir().unwrap();
    fit(3, callbacks(whole.path(), true), |builder| builder).unwrap();
    let killed = tempfile::tempdir().unwrap();
    fit(3, callbacks(killed.path(), true), |builder| builder.max_steps(5)).unwrap();
    assert!(killed.path().join("weights-step=5.ckpt").exists());
    fit(3, callbacks(killed.path(), true), |builder| builder.resume_from(Resume::LastOrStart)).unwrap();
    assert_eq!(contents(killed.path()), contents(whole.path()));

    // Without a checkpoint to resume from, the run starts again.
    let folder = tempfile::tempdir().unwrap();
    fit(2, callbacks(folder.path(), false), |builder| builder.max_steps(3)).unwrap();
    fit(2, callbacks(folder.path(), false), |builder| builder.resume_from(Resume::LastOrStart)).unwrap();
    let expected = set(["weights-step=1.ckpt", "weights-step=2.ckpt", "weights-step=3.ckpt", "weights-step=4.ckpt"]);
    assert_eq!(names(folder.path()), expected);
    // Another run leaves these alone.
    fit(2, callbacks(folder.path(), false), |builder| builder.max_steps(1)).unwrap();
    assert!(folder.path().join("weights-step=1-v1.ckpt").exists());
}
