//! The page of a run, and the page of all runs of a folder.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    Resume,
    loggers::{ImageView, MemoryLogger},
    prelude::*,
    report::compare,
    trainer::TrainerBuilder,
};
use serde_json::{Value, json};

use crate::support::{Net, NetHparams, Rows, batches};

/// A classifier that logs what its hyperparameters say.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = lr)]
struct Noted {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[hparam(default = 0.1)]
    lr: f64,
    /// A text of the user.
    #[hparam(default = String::new())]
    note: String,
    /// The names of more metrics, each logged in every step.
    #[hparam(default = 0)]
    more: usize,
    /// The step at which a hook fails.
    #[hparam(default = u64::MAX)]
    fails_after: u64,
}

#[lightning_module]
impl Noted {
    fn training_step(&self, batch: Rows, cx: &StepContext) -> Tensor<1> {
        let step = cx.batch_step();
        let value = |number: usize| (number as f64 + step as f64).sin();
        for number in 0..self.more {
            log(&format!("metric_{number}"), &value(number));
        }
        if !self.note.is_empty() {
            log(&self.note, &value(0));
            log(&"ü".repeat(400), &value(1));
            log("folder/inner/leaf", &value(2));
        }
        log("odd", &[1.0, f64::NAN, f64::INFINITY][(step % 3) as usize]);
        cx.log_image("pixels", ImageView::new(2, 1, 1, &[step as u8, 255]).unwrap());
        let loss = cross_entropy(self.layer.forward(batch.x), batch.y);
        #[log(minimize)]
        let train_loss = loss;
        train_loss
    }
    fn validation_step(&self, batch: Rows) {
        #[log(minimize)]
        let val_loss = cross_entropy(self.layer.forward(batch.x), batch.y);
    }
    fn on_train_batch_end(&mut self, cx: &mut HookContext) -> Result<()> {
        match cx.batch_step() == self.fails_after {
            true => Err("the hook <failed> & ended".into()),
            false => Ok(()),
        }
    }
}

fn noted(hparams: NotedHparams) -> Noted {
    seed_everything(7);
    Noted::new(hparams)
}

fn data() -> (DataLoader<Rows>, DataLoader<Rows>) {
    let loader = |seed| DataLoader::from_batches(batches(&[8, 8, 8, 8, 8], seed)).unwrap();
    (loader(1), loader(2))
}

fn trainer<M: LightningModule>(builder: TrainerBuilder<M>, folder: &Path) -> TrainerBuilder<M> {
    builder.default_root_dir(folder).enable_progress_bar(false).enable_model_summary(false).log_every_n_steps(1)
}

fn version(folder: &Path) -> PathBuf {
    folder.join("lightning_logs/version_0")
}

/// The text of a page and its data.
fn page(path: &Path) -> (String, Value) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.starts_with("<!doctype html>") && text.ends_with("</html>\n"), "half a page");
    let (_, after) = text.split_once("id=\"data\">").unwrap();
    let data = serde_json::from_str(after.split_once("</script>").unwrap().0).unwrap();
    (text, data)
}

fn data_of(folder: &Path) -> Value {
    page(&version(folder).join("report.html")).1
}

/// The curves of a page: steps and values by name. Values are text, so that NaN equals itself.
fn curves(data: &Value) -> BTreeMap<String, Vec<(i64, String)>> {
    let mut curves = BTreeMap::new();
    for curve in data["curves"].as_array().unwrap() {
        let steps = curve.get("g").unwrap_or(&curve["b"]).as_array().unwrap();
        let mut step = 0;
        let steps = steps.iter().map(|difference| {
            step += difference.as_i64().unwrap();
            step
        });
        let values = curve["v"].as_array().unwrap().iter().map(shown);
        curves.insert(curve["name"].as_str().unwrap().to_owned(), steps.zip(values).collect());
    }
    curves
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| format!("{:.4e}", value.as_f64().unwrap()), str::to_owned)
}

fn curve<'a>(data: &'a Value, name: &str) -> &'a Value {
    data["curves"].as_array().unwrap().iter().find(|curve| curve["name"] == name).unwrap()
}

#[test]
fn a_run_has_a_page_with_what_its_loggers_got() {
    let folder = tempfile::tempdir().unwrap();
    let memory = MemoryLogger::new();
    let mut model = noted(NotedHparams::default());
    let csv = CsvLogger::new(folder.path().join("lightning_logs"));
    let best = ModelCheckpoint::new(Noted::VAL_LOSS);
    let builder = trainer(Noted::trainer(), folder.path()).logger(memory.clone()).logger(csv).callback(best);
    builder.profiler("simple").max_epochs(3).build().unwrap().fit(&mut model, data()).unwrap();

    let (text, data) = page(&version(folder.path()).join("report.html"));
    assert!(text.len() < 500_000, "{}", text.len());
    assert!(!text.contains("location.reload"), "the run has ended");
    assert_eq!(data["title"], "Noted · version_0");
    assert_eq!((&data["status"], &data["error"], &data["seed"]), (&json!("success"), &Value::Null, &json!("7")));
    assert_eq!((&data["progress"]["epoch"], &data["progress"]["max_epochs"]), (&json!(3), &json!(3)));
    assert_eq!((&data["hparams"]["lr"], &data["hparams"]["more"]), (&json!(0.1), &json!(0)));
    let mut expected: BTreeMap<String, Vec<(i64, String)>> = BTreeMap::new();
    for record in memory.records() {
        for (name, value) in &record.metrics {
            let value = if value.is_finite() { format!("{value:.4e}") } else { value.to_string() };
            expected.entry(name.clone()).or_default().push((record.position.global_step as i64, value));
        }
    }
    assert_eq!(curves(&data), expected);
    assert_eq!(
        expected["odd"].iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>()[..3],
        ["1.0000e0", "NaN", "inf"]
    );
    assert_eq!((&curve(&data, "val_loss")["best"], &curve(&data, "odd")["best"]), (&json!("minimize"), &Value::Null));
    // A rate of every step, one duration of every epoch, and the actions of the profiler.
    assert_eq!((data["rates"].as_array().unwrap().len(), &data["rates"][0]["count"]), (1, &json!(15)));
    assert_eq!(data["timing"]["epochs"]["count"], 3);
    assert_eq!(data["timing"]["steps"], 15);
    let actions = data["timing"]["actions"].as_array().unwrap();
    assert!(actions.iter().any(|action| action[0] == "training_step" && action[1] == 15), "{actions:?}");
    // The files on the disk, and their best.
    let files = data["checkpoints"]["files"].as_array().unwrap();
    assert_eq!((data["checkpoints"]["monitor"].as_str(), files.len()), (Some("val_loss"), 1));
    let path = version(folder.path()).join("checkpoints").join(files[0]["name"].as_str().unwrap());
    assert_eq!(files[0]["bytes"], fs::metadata(path).unwrap().len());
    assert_eq!(
        (&files[0]["best"], shown(&files[0]["value"])),
        (&json!(true), {
            let least = memory.values("val_loss").into_iter().fold(f64::INFINITY, f64::min);
            format!("{least:.4e}")
        })
    );
    let images = data["images"].as_array().unwrap();
    assert_eq!((images.len(), &images[0]["name"], &images[0]["step"]), (15, &json!("pixels"), &json!(14)));
    assert!(images[0]["url"].as_str().unwrap().starts_with("data:image/png;base64,iVBORw0KGgo"));
    let machine = data["machine"].to_string();
    for row in ["Processor", "threads", "System", "lightning-core", "0.22.1"] {
        assert!(machine.contains(row), "{row}: {machine}");
    }
    assert!(data["warnings"].to_string().contains("`odd`"), "{}", data["warnings"]);
}

/// Reads the page after a batch, and may end the run there.
#[derive(Debug)]
struct Reads {
    after: u64,
    stops: bool,
    seen: std::sync::Arc<std::sync::Mutex<Option<(String, Value)>>>,
}

impl<M> Callback<M> for Reads {
    fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if cx.batch_step() == self.after {
            *self.seen.lock().unwrap() = Some(page(&cx.log_dir().join("report.html")));
            if self.stops {
                return Err("stopped".into());
            }
        }
        Ok(())
    }
}

#[test]
fn the_page_of_a_running_run_reads_itself_again() {
    let folder = tempfile::tempdir().unwrap();
    let seen = std::sync::Arc::default();
    let reads = Reads { after: 3, stops: false, seen: std::sync::Arc::clone(&seen) };
    let mut model = noted(NotedHparams::default());
    trainer(Noted::trainer(), folder.path())
        .max_epochs(1)
        .callback(reads)
        .build()
        .unwrap()
        .fit(&mut model, data())
        .unwrap();
    let (text, data) = seen.lock().unwrap().take().unwrap();
    assert_eq!(data["status"], "running");
    assert!(text.contains("location.reload()"));
}

#[test]
fn an_error_is_in_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = noted(NotedHparams::default().with_fails_after(7));
    let mut trainer = trainer(Noted::trainer(), folder.path()).max_epochs(3).build().unwrap();
    let error = trainer.fit(&mut model, data()).unwrap_err().to_string();
    let (text, data) = page(&version(folder.path()).join("report.html"));
    assert_eq!((&data["status"], data["error"].as_str()), (&json!("failed"), Some(error.as_str())));
    assert!(error.contains("the hook <failed> & ended") && !text.contains("location.reload"));
    assert_eq!(curve(&data, "train_loss")["count"], 6, "the records before the error");
    // The same trainer goes on: the page is that of a run that has ended well.
    trainer.validate(&mut noted(NotedHparams::default()), self::data().1).unwrap();
    let data = data_of(folder.path());
    assert_eq!((&data["status"], &data["error"]), (&json!("success"), &Value::Null));
}

#[test]
fn a_resumed_run_continues_the_curves_of_its_page() {
    let undisturbed = tempfile::tempdir().unwrap();
    let run = |folder: &Path, fails_after, resume: Resume| {
        let mut model = noted(NotedHparams::default().with_fails_after(fails_after));
        let saves = ModelCheckpoint::latest().every(callbacks::Steps(2));
        let builder = trainer(Noted::trainer(), folder).max_epochs(3).callback(saves).resume_from(resume);
        let _ = builder.build().unwrap().fit(&mut model, data());
        data_of(folder)
    };
    let expected = run(undisturbed.path(), u64::MAX, Resume::Never);

    let folder = tempfile::tempdir().unwrap();
    let failed = run(folder.path(), 9, Resume::Never);
    assert_eq!(failed["status"], "failed");
    let resumed = run(folder.path(), u64::MAX, Resume::Last);
    assert_eq!(curves(&resumed), curves(&expected));
    assert_eq!((&resumed["status"], &resumed["error"]), (&json!("success"), &Value::Null));
    assert_eq!(resumed["rates"], expected["rates"]);
    assert_eq!(resumed["timing"]["epochs"]["count"], 3);
    let names =
        |data: &Value| data["images"].as_array().unwrap().iter().map(|image| image["step"].clone()).collect::<Vec<_>>();
    assert_eq!(names(&resumed), names(&expected));
    assert!(resumed["seconds"].as_f64() > failed["seconds"].as_f64());

    // Killed: the page is that of the start of the run, or is not there.
    for stale in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let seen = std::sync::Arc::default();
        let reads = Reads { after: 9, stops: true, seen: std::sync::Arc::clone(&seen) };
        let mut model = noted(NotedHparams::default());
        let saves = ModelCheckpoint::latest().every(callbacks::Steps(2));
        let builder = trainer(Noted::trainer(), folder.path()).max_epochs(3).callback(saves).callback(reads);
        builder.build().unwrap().fit(&mut model, data()).unwrap_err();
        let path = version(folder.path()).join("report.html");
        match stale {
            true => fs::write(&path, seen.lock().unwrap().take().unwrap().0).unwrap(),
            false => fs::remove_file(&path).unwrap(),
        }
        let resumed = run(folder.path(), u64::MAX, Resume::Last);
        assert_eq!(curves(&resumed), curves(&expected), "stale: {stale}");
    }
}

#[test]
fn a_roll_back_leaves_no_double_steps() {
    let folder = tempfile::tempdir().unwrap();
    crate::guards_roll_back::rolled_back(folder.path());
    let curves = curves(&data_of(folder.path()));
    let steps: Vec<i64> = curves["train_loss"].iter().map(|(step, _)| *step).collect();
    assert!(steps.windows(2).all(|pair| pair[0] < pair[1]), "{steps:?}");
    let text = fs::read_to_string(version(folder.path()).join("metrics.csv")).unwrap();
    let rows = text.lines().filter(|line| line.contains(",fit,") && !line.ends_with(','));
    assert_eq!(rows.count(), steps.len());
}

#[test]
fn names_cannot_break_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let evil = "</script><script>alert(1)</script><!--<b>&\"'`${x}\u{2028}日本";
    let mut model = noted(NotedHparams::default().with_note(evil.to_owned()));
    trainer(Noted::trainer(), folder.path()).max_epochs(1).build().unwrap().fit(&mut model, data()).unwrap();
    let (text, data) = page(&version(folder.path()).join("report.html"));
    let names: Vec<_> =
        data["curves"].as_array().unwrap().iter().map(|curve| curve["name"].as_str().unwrap()).collect();
    assert!(names.contains(&evil) && names.contains(&"folder/inner/leaf"), "{names:?}");
    assert!(names.contains(&"ü".repeat(400).as_str()));
    assert_eq!(data["hparams"]["note"], evil);
    assert!(!text.contains("<script>alert"));
    assert_eq!(text.matches("</script>").count(), 2, "the data's and the page's own");
}

#[test]
fn ten_thousand_metrics_make_a_page_of_bounded_size() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = noted(NotedHparams::default().with_more(10_000));
    trainer(Noted::trainer(), folder.path()).max_epochs(1).build().unwrap().fit(&mut model, data()).unwrap();
    let (text, data) = page(&version(folder.path()).join("report.html"));
    assert!(text.len() < 500_000, "{}", text.len());
    assert_eq!(data["curves"].as_array().unwrap().len(), 100);
    // The others, `odd` and the two losses among them.
    assert_eq!(data["curves_left_out"], 10_003 - 100);
}

#[test]
fn a_page_is_whole_at_any_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = Net::new(NetHparams::default());
    let mut trainer = trainer(Net::trainer(), folder.path()).build().unwrap();
    let loader = || DataLoader::from_batches(batches(&[8], 2)).unwrap();
    trainer.validate(&mut model, loader()).unwrap();
    let path = version(folder.path()).join("report.html");
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = BTreeMap::<String, u32>::new();
            while !ended.load(Ordering::Relaxed) {
                *seen.entry(page(&path).1["status"].to_string()).or_default() += 1;
            }
            seen
        });
        // Each writes the page at its start and at its end.
        for _ in 0..60 {
            trainer.validate(&mut model, loader()).unwrap();
        }
        ended.store(true, Ordering::Relaxed);
        assert!(!reader.join().unwrap().is_empty());
    });
}

#[test]
fn a_page_that_cannot_be_written_is_one_warning() {
    let folder = tempfile::tempdir().unwrap();
    let csv = CsvLogger::new(folder.path()).version("run");
    fs::create_dir_all(folder.path().join("run/report.html/inner")).unwrap();
    let mut model = noted(NotedHparams::default());
    let builder = trainer(Noted::trainer(), folder.path()).logger(csv).max_epochs(2);
    let report = builder.build().unwrap().fit(&mut model, data()).unwrap();
    let told: Vec<_> =
        report.warnings.iter().filter(|warning| warning.contains("the report could not be written")).collect();
    assert_eq!(told.len(), 1, "{:?}", report.warnings);
    assert!(told[0].contains("report.html"), "{told:?}");
    assert_eq!(report.global_step, 10);
}

#[test]
fn a_run_without_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let builder = || trainer(Noted::trainer(), folder.path()).max_epochs(1);
    let barebones = Trainer::<Noted>::barebones().default_root_dir(folder.path()).max_epochs(1);
    let trainers = [
        builder().report(false).build(),
        builder().no_logger().build(),
        builder().fast_dev_run(1).build(),
        builder().logger(MemoryLogger::new()).build(),
        barebones.build(),
    ];
    for trainer in trainers {
        trainer.unwrap().fit(&mut noted(NotedHparams::default()), data()).unwrap();
    }
    let mut folders = vec![folder.path().to_path_buf()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() { folders.push(entry.path()) } else { files.push(entry.file_name()) }
        }
    }
    assert!(
        files.iter().any(|file| file == "metrics.csv") && files.iter().all(|file| file != "report.html"),
        "{files:?}"
    );
}

#[test]
fn one_page_compares_the_runs_of_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    for (lr, fails_after) in [(0.1, u64::MAX), (0.01, u64::MAX), (0.1, 4)] {
        let mut model = noted(NotedHparams::default().with_lr(lr).with_fails_after(fails_after));
        let builder = trainer(Noted::trainer(), folder.path()).max_epochs(2);
        let _ = builder.build().unwrap().fit(&mut model, data());
    }
    let logs = folder.path().join("lightning_logs");
    for (name, file, text) in [
        ("version_3", "metrics.csv", "epoch,stage,batch,batch_step,global_step,a\n0,fit,0,1,1,x\n0,fit,0,2,2,1\n"),
        ("version_10", "hparams.json", "{\"lr\": "),
        ("named/version_0", "metrics.csv", "epoch,stage,batch,batch_step,global_step,a\n0,fit,0,1,1,2\n0,fit,1,2,"),
    ] {
        fs::create_dir_all(logs.join(name)).unwrap();
        fs::write(logs.join(name).join(file), text).unwrap();
    }
    fs::create_dir(logs.join("empty")).unwrap();

    let path = compare(&logs).unwrap();
    assert_eq!(path, logs.join("compare.html"));
    let (text, data) = page(&path);
    assert!(!text.contains("location.reload") && data["title"] == "lightning_logs");
    let runs = data["runs"].as_array().unwrap();
    let told: Vec<_> =
        runs.iter().map(|run| (run["name"].as_str().unwrap(), run["status"].as_str().unwrap())).collect();
    assert_eq!(
        told,
        [
            ("named/version_0", "unknown"),
            ("version_0", "success"),
            ("version_1", "success"),
            ("version_2", "failed"),
            ("version_3", "damaged"),
            ("version_10", "damaged"),
        ]
    );
    assert!(
        runs[4]["fault"].as_str().unwrap().contains("line 2: `a` must be a number, found `x`"),
        "{}",
        runs[4]["fault"]
    );
    assert!(runs[5]["fault"].as_str().unwrap().contains("hparams.json"), "{}", runs[5]["fault"]);
    assert_eq!((&runs[1]["hparams"]["lr"], &runs[2]["hparams"]["lr"]), (&json!(0.1), &json!(0.01)));
    assert_eq!(curves(&runs[2]), curves(&page(&logs.join("version_1/report.html")).1));
    assert_eq!(curve(&runs[1], "val_loss")["best"], "minimize");
    assert_eq!(curves(&runs[0])["a"], [(1, "2.0000e0".to_owned())]);

    let error = compare(logs.join("empty")).unwrap_err().to_string();
    assert!(error.contains("must have folders of runs, found none"), "{error}");
    assert!(compare(logs.join("missing")).unwrap_err().to_string().contains("missing"));
}
