//! What goes wrong with a log: a full disk, two runs in one folder, images of no and of many
//! pixels, names of any kind, more names than a log should have. Training goes on.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    FitReport,
    loggers::{ImageView, Table},
    prelude::*,
    trainer::TrainerBuilder,
};

/// Runs the program `faults` with a limit on the size of files, in units of 512 bytes, which stands
/// for a full disk. Returns whether it ended well, and what it printed to both outputs.
fn limited(mode: &str, folder: &Path, blocks: u32) -> (bool, [String; 2]) {
    let faults = env!("CARGO_BIN_EXE_faults");
    let commands = format!("ulimit -f {blocks}; exec '{faults}' {mode} '{}'", folder.display());
    let output = Command::new("sh").arg("-c").arg(commands).output().unwrap();
    (output.status.success(), [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// The number of records of an event file, which ends with the last of them: a length of 8 bytes,
/// its sum of 4, the record, and its sum.
fn whole_events(path: &Path) -> usize {
    let bytes = fs::read(path).unwrap();
    let (mut at, mut count) = (0, 0);
    while at < bytes.len() {
        let length = u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
        at += length + 16;
        count += 1;
    }
    assert_eq!(at, bytes.len(), "the file ends within an event");
    count
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

fn names_end_with<'a>(files: &'a [PathBuf], part: &str) -> Vec<&'a PathBuf> {
    files.iter().filter(|path| path.to_string_lossy().contains(part)).collect()
}

#[test]
fn a_full_disk_is_one_warning_and_training_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    // 24 KiB.
    let (ended_well, [text, console]) = limited("log", folder.path(), 48);
    assert!(ended_well && text.contains("trained 2000 steps"), "{text}{console}");
    let warnings: Vec<&str> = text.lines().filter(|line| line.starts_with("warning: ")).collect();
    for (what, file) in [
        ("the logger `CsvLogger` failed", "metrics.csv"),
        ("the logger `TensorBoardLogger` failed", "events.out"),
        ("the report could not be written", "report.html"),
    ] {
        let told: Vec<_> = warnings.iter().filter(|warning| warning.contains(what)).collect();
        let [told] = told.as_slice() else { panic!("{what}: {text}") };
        assert!(told.contains(file) && told.contains("File too large"), "{told}");
    }
    let files = files(folder.path());
    let csv = names_end_with(&files, "metrics.csv")[0];
    let rows: Vec<std::collections::HashMap<String, Option<String>>> = data::csv::rows(csv).unwrap();
    let steps: Vec<u64> = rows.iter().map(|row| row["batch_step"].as_ref().unwrap().parse().unwrap()).collect();
    assert!(steps.len() > 200 && steps.iter().copied().eq(1..=steps.len() as u64), "{steps:?}");
    assert!(whole_events(names_end_with(&files, "events.out")[0]) > 100);
    assert!(names_end_with(&files, "report.html").is_empty(), "no half of a page: {files:?}");
}

#[test]
fn a_full_disk_ends_the_run_of_a_required_logger() {
    let folder = tempfile::tempdir().unwrap();
    let (ended_well, [text, error]) = limited("log-required", folder.path(), 48);
    assert!(!ended_well && !text.contains("trained"), "{text}");
    assert!(error.contains("Error: cannot write") && error.contains("metrics.csv"), "{error}");
    assert!(error.contains("File too large") && error.contains("stage fit, epoch"), "{error}");
}

/// Logs what its hyperparameters say.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Odd {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[hparam(default = String::new())]
    name: String,
    #[hparam(default = false)]
    images: bool,
    /// The number of new names in each step.
    #[hparam(default = 0)]
    names: u64,
}

#[lightning_module]
impl Odd {
    fn training_step(&self, batch: Tensor<2>, cx: &StepContext) -> Tensor<1> {
        if self.images {
            cx.log_image("none", ImageView::new(0, 0, 1, &[]).unwrap());
            cx.log_image("no width", ImageView::new(0, 7, 3, &[]).unwrap());
            cx.log_image("wide", ImageView::new(10_000, 3, 3, &[9; 90_000]).unwrap());
            cx.log_image("large", ImageView::new(2_500, 4_000, 1, &vec![200; 10_000_000]).unwrap());
        }
        if !self.name.is_empty() {
            log(&self.name, &1.0);
            cx.log_text(&self.name, "a text");
            cx.log_histogram(&self.name, vec![0.0, 1.0]);
            cx.log_table(&self.name, Table::new(["a"]).row(["b"]).unwrap());
            cx.log_image(&self.name, ImageView::new(1, 1, 1, &[7]).unwrap());
        }
        for number in 0..self.names {
            log(&format!("sample_{}", cx.batch_step() * self.names + number), &0.5);
        }
        #[log(minimize)]
        let train_loss = self.layer.forward(batch).powi_scalar(2).mean();
        train_loss
    }
}

fn trainer(folder: &Path) -> TrainerBuilder<Odd> {
    // Every element of the batches is 1, which the audit warns of.
    let trainer = Odd::trainer().audit(false).default_root_dir(folder).max_epochs(1).log_every_n_steps(1);
    trainer.enable_progress_bar(false).enable_model_summary(false).enable_checkpointing(false)
}

fn data(count: usize) -> Vec<Tensor<2>> {
    vec![Tensor::ones([2, 4], &Device::default()); count]
}

fn fit(folder: &Path, hparams: OddHparams, steps: usize) -> FitReport<Odd> {
    trainer(folder).build().unwrap().fit(&mut Odd::new(hparams), data(steps)).unwrap()
}

#[test]
fn images_of_no_and_of_many_pixels() {
    let folder = tempfile::tempdir().unwrap();
    let report = fit(folder.path(), OddHparams::default().with_images(true), 2);
    assert_eq!(report.global_step, 2);
    let told = |size: &str, logger: &str| {
        report.warnings.iter().filter(|text| text.contains(size) && text.contains(logger)).count()
    };
    for logger in ["`CsvLogger`", "`TensorBoardLogger`"] {
        assert_eq!((told("0 x 0 pixels", logger), told("0 x 7 pixels", logger)), (1, 1), "{:?}", report.warnings);
    }
    let images = names_end_with(&files(folder.path()), ".png").len();
    assert_eq!(images, 4, "two images in each of two steps");
    let page = fs::read_to_string(folder.path().join("lightning_logs/version_0/report.html")).unwrap();
    assert!(page.len() < 500_000 && page.contains("\"large\"") && page.contains("\"wide\""));
}

#[test]
fn a_long_name_with_slashes_is_written_by_every_logger() {
    let name = "größe/日本語/a b/".repeat(30).chars().take(400).collect::<String>();
    assert_eq!(name.chars().count(), 400);
    let folder = tempfile::tempdir().unwrap();
    let report = fit(folder.path(), OddHparams::default().with_name(name.clone()), 3);
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    assert_eq!(report.metrics[name.as_str()], 1.0);
    let run = folder.path().join("lightning_logs/version_0");
    assert!(fs::read_to_string(run.join("metrics.csv")).unwrap().lines().next().unwrap().contains(&name));
    let files = files(&run);
    for kind in ["texts", "histograms", "tables", "images"] {
        assert_eq!(names_end_with(&files, &format!("version_0/{kind}/")).len(), 3, "{files:#?}");
    }
    let events = fs::read(names_end_with(&files, "events.out")[0]).unwrap();
    assert!(events.windows(name.len()).any(|bytes| bytes == name.as_bytes()));
}

/// A million in the same way are bounded by the same limits; see the unit tests of the metrics and
/// of `metrics.csv`.
#[test]
fn new_names_in_every_step_are_bounded_and_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let report = fit(folder.path(), OddHparams::default().with_names(500), 12);
    assert_eq!(report.global_step, 12);
    let told: Vec<_> = report.warnings.iter().filter(|text| text.contains("at most 4096 columns")).collect();
    assert_eq!(told.len(), 1, "{:?}", report.warnings);
    let run = folder.path().join("lightning_logs/version_0");
    let text = fs::read_to_string(run.join("metrics.csv")).unwrap();
    let columns: Vec<usize> = text.lines().map(|line| line.split(',').count()).collect();
    // The position, the loss and 500 names of the first row, and what may be added to it.
    assert_eq!(columns, [5 + 501 + 4096; 13]);
    assert!(fs::metadata(run.join("report.html")).unwrap().len() < 500_000);
}

/// Starts another run in the middle of one.
struct Second {
    folder: PathBuf,
    version: Option<&'static str>,
    error: std::sync::Arc<std::sync::Mutex<Option<String>>>,
}

impl<M> Callback<M> for Second {
    fn on_train_epoch_end(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        let csv = CsvLogger::new(&self.folder);
        let csv = self.version.into_iter().fold(csv, CsvLogger::version);
        let (folder, error) = (self.folder.clone(), self.error.clone());
        // On a thread of its own, as a run within a run is an error.
        let other = std::thread::spawn(move || {
            let mut trainer = trainer(&folder).logger(csv).build().unwrap();
            let ended = trainer.fit(&mut Odd::new(OddHparams::default()), data(3));
            *error.lock().unwrap() = ended.err().map(|error| error.to_string());
        });
        other.join().map_err(|_| "the second run panicked".into())
    }
}

#[test]
fn two_runs_at_once_have_two_folders_or_the_second_ends() {
    for version in [None, Some("mine")] {
        let folder = tempfile::tempdir().unwrap();
        let error = std::sync::Arc::default();
        let second = Second { folder: folder.path().to_path_buf(), version, error: std::sync::Arc::clone(&error) };
        let csv = version.into_iter().fold(CsvLogger::new(folder.path()), CsvLogger::version);
        let mut trainer = trainer(folder.path()).logger(csv).callback(second).build().unwrap();
        let report = trainer.fit(&mut Odd::new(OddHparams::default()), data(3)).unwrap();
        assert_eq!((report.global_step, report.warnings.len()), (3, 0), "{:?}", report.warnings);
        let error = error.lock().unwrap().take();
        let rows = |version: &str| {
            fs::read_to_string(folder.path().join(version).join("metrics.csv")).unwrap().lines().count()
        };
        match version {
            None => {
                assert_eq!(error, None);
                assert_eq!((rows("version_0"), rows("version_1")), (4, 4));
            }
            Some(version) => {
                let expected = "must be written by one run at a time, found another logger of this process";
                assert!(error.as_ref().is_some_and(|text| text.contains(expected)), "{error:?}");
                assert_eq!(rows(version), 4);
            }
        }
    }
}
