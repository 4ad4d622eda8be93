//! The pictures, histograms, tables and texts of the page of a run, and the pages in a browser.

use std::{fs, path::Path, process::Command};

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    Resume,
    loggers::Table,
    metrics::{ConfusionMatrix, Roc},
    prelude::*,
    report::compare,
    trainer::{LearningRateFinder, TrainerBuilder},
};
use serde_json::{Value, json};

use crate::{
    foreign,
    support::{Rows, batches},
};

/// A classifier that logs an output of each kind.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = lr)]
struct Shown {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[hparam(default = 0.1)]
    lr: f64,
    /// The epoch at which a hook fails.
    #[hparam(default = u64::MAX)]
    fails_in: u64,
}

#[lightning_module]
impl Shown {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.layer.forward(x)
    }
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = cross_entropy(self.forward(batch.x), batch.y);
        train_loss
    }
    fn validation_step(&self, batch: Rows) {
        let logits = self.layer.forward(batch.x);
        #[log(metric = ConfusionMatrix::new().class_names(["cat", "dog", "a bird"]))]
        let val_confusion = (&logits, &batch.y);
        #[log(maximize, metric = Roc::new().class_names(["cat", "dog", "a bird"]))]
        let val_roc = (&logits, &batch.y);
        #[log(minimize)]
        let val_loss = cross_entropy(logits, batch.y);
    }
    fn on_train_epoch_end(&mut self, cx: &mut HookContext) -> Result<()> {
        let epoch = cx.current_epoch();
        cx.log_histogram("weights/layer", self.layer.weight.val());
        cx.log_histogram(
            "spread",
            (0..1000).map(|at| (f64::from(at) / 999.0).powi(3)).chain([f64::NAN]).collect::<Vec<_>>(),
        );
        let answers = Table::new(["question", "answer", "score"]);
        let answers = answers.row(["3 + 4", "7", "0.9"])?.row(["the colour of the sky", "<b>blue</b>", "0.75"])?;
        cx.log_table("answers", answers);
        cx.log_text(
            "sample/translation",
            format!("epoch {epoch}: </script><b>the quick brown fox</b> jumps over\n{}", "the lazy dog ".repeat(20)),
        );
        match epoch == self.fails_in {
            true => Err("the hook ended".into()),
            false => Ok(()),
        }
    }
}

#[data_module]
struct Pictures {}

#[data_module]
impl Pictures {
    fn train_dataloader(&self) -> Result<DataLoader<Rows>> {
        DataLoader::from_batches(batches(&[8, 8, 8, 8, 8], 1))
    }
    fn val_dataloader(&self) -> Result<DataLoader<Rows>> {
        DataLoader::from_batches(batches(&[8, 8, 8, 8, 8], 2))
    }
}

fn trainer(folder: &Path, resume: Resume) -> TrainerBuilder<Shown> {
    let trainer = Shown::trainer().default_root_dir(folder).max_epochs(6).log_every_n_steps(1).resume_from(resume);
    trainer.enable_progress_bar(false).enable_model_summary(false)
}

/// Trains, and returns the data of the page.
fn fit(folder: &Path, hparams: ShownHparams, resume: Resume) -> Value {
    fit_with(trainer(folder, resume), folder, hparams)
}

/// As [`fit`], with the rate that `LearningRateFinder` suggests.
fn find_and_fit(folder: &Path, epochs: usize, resume: Resume) -> Value {
    let finder = LearningRateFinder::new(|shown: &mut Shown, lr| shown.lr = lr);
    fit_with(trainer(folder, resume).max_epochs(epochs).callback(finder), folder, ShownHparams::default())
}

fn fit_with(builder: TrainerBuilder<Shown>, folder: &Path, hparams: ShownHparams) -> Value {
    seed_everything(7);
    let mut model = Shown::new(hparams);
    let _ = builder.build().unwrap().fit(&mut model, &mut Pictures::new(PicturesHparams::default()));
    let text = fs::read_to_string(folder.join("lightning_logs/version_0/report.html")).unwrap();
    let (_, after) = text.split_once("id=\"data\">").unwrap();
    serde_json::from_str(after.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn the_page_has_the_last_output_of_each_name() {
    let folder = tempfile::tempdir().unwrap();
    let data = fit(folder.path(), ShownHparams::default(), Resume::Never);
    let names = |kind: &str| -> Vec<(String, u64)> {
        let of = |output: &Value| (output["name"].as_str().unwrap().to_owned(), output["step"].as_u64().unwrap());
        data[kind].as_array().unwrap().iter().map(of).collect()
    };
    let expected = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), 30)).collect::<Vec<_>>();
    assert_eq!(names("histograms"), expected(&["spread", "weights/layer"]));
    assert_eq!(names("tables"), expected(&["answers", "val_roc"]));
    assert_eq!(names("texts"), expected(&["sample/translation", "val_confusion"]));
    let spread = &data["histograms"][0]["value"];
    assert_eq!((&spread["count"], &spread["non_finite"], &spread["high"]), (&json!(1000), &json!(1), &json!(1.0)));
    let bars: Vec<f64> = spread["bars"].as_array().unwrap().iter().map(|bar| bar.as_f64().unwrap()).collect();
    assert!((bars.iter().sum::<f64>() - 1000.0).abs() < 0.1, "{bars:?}");
    // The cube root of 1/64 is 1/4: a quarter of the values are in the first of 64 bins.
    assert!(bars[0] > 250.0 && bars[39] < 20.0, "{bars:?}");
    assert_eq!(data["tables"][0]["value"]["rows"][1], json!(["the colour of the sky", "<b>blue</b>", "0.75"]));
    assert!(data["texts"][0]["value"].as_str().unwrap().starts_with("epoch 5: </script>"));
    assert!(data["texts"][1]["value"].as_str().unwrap().contains("a bird"));
    assert_eq!((&data["texts_left_out"], &data["images_left_out"]), (&json!(false), &json!(0)));
}

#[test]
fn a_resumed_run_has_the_outputs_of_the_whole() {
    let (whole, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let expected = fit(whole.path(), ShownHparams::default(), Resume::Never);
    let failed = fit(parts.path(), ShownHparams::default().with_fails_in(3), Resume::Never);
    // What a hook logs before it fails is not shown.
    assert_eq!((&failed["status"], failed["texts"][0]["epoch"].as_u64()), (&json!("failed"), Some(2)));
    let resumed = fit(parts.path(), ShownHparams::default(), Resume::Last);
    for kind in ["histograms", "tables", "texts", "images"] {
        assert_eq!(resumed[kind], expected[kind], "{kind}");
    }
}

/// The curve is that of `find_lr`; a resumed run, which tries none, has it too.
#[test]
fn the_page_has_the_learning_rates_that_were_tried() {
    let folder = tempfile::tempdir().unwrap();
    let without = fit(folder.path(), ShownHparams::default(), Resume::Never);
    assert_eq!(without["rate_test"], Value::Null);
    seed_everything(7);
    let (model, other) = (Shown::new(ShownHparams::default()), tempfile::tempdir().unwrap());
    let mut trainer = trainer(other.path(), Resume::Never).build().unwrap();
    let by_hand = trainer.find_lr(&model, &mut Pictures::new(PicturesHparams::default())).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let data = find_and_fit(folder.path(), 3, Resume::Never);
    let test = &data["rate_test"];
    let numbers = |name: &str| -> Vec<f64> { serde_json::from_value(test[name].clone()).unwrap() };
    let found: Vec<(f64, f64)> = numbers("rates").into_iter().zip(numbers("losses")).collect();
    assert_eq!(found, by_hand.curve());
    assert!(found.len() > 50 && found[0].0 == 1e-8, "{found:?}");
    assert_eq!((test["suggestion"].as_f64(), &test["is_log"]), (by_hand.suggestion(), &json!(true)));
    assert_eq!((&data["hparams"]["lr"], &data["progress"]["epoch"]), (&test["suggestion"], &json!(3)));
    let resumed = find_and_fit(folder.path(), 6, Resume::Last);
    assert_eq!((&resumed["rate_test"], &resumed["progress"]["epoch"]), (test, &json!(6)));
}

#[test]
fn a_browser_shows_the_pages() {
    let folder = tempfile::tempdir().unwrap();
    find_and_fit(folder.path(), 6, Resume::Never);
    for lr in [0.1, 0.01] {
        fit(folder.path(), ShownHparams::default().with_lr(lr), Resume::Never);
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser/report.py");
    let mut python = Command::new(foreign::any_python());
    python.arg(script).arg(folder.path().join("lightning_logs/version_0/report.html"));
    python.arg(compare(folder.path().join("lightning_logs")).unwrap()).args(std::env::var_os("SCREENSHOTS"));
    match python.output() {
        Ok(output) => {
            eprint!("{}", String::from_utf8_lossy(&output.stdout));
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        Err(error) => eprintln!("SKIPPED: the pages are not opened: no Python ({error})"),
    }
}
