//! What the TensorBoard of PyPI reads of a run: `tests/foreign/tensorboard_reads.py` prints it as
//! JSON. Needs a Python with the package `tensorboard` in `TENSORBOARD_PYTHON`; without, the tests
//! say that they are skipped.

use std::{collections::HashMap, path::Path, process::Command};

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    loggers::{Audio, Figure, ImageView, Mesh, Table},
    prelude::*,
    trainer::TrainerBuilder,
};
use serde_json::{Value, json};

use crate::foreign;

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = lr)]
struct Net {
    #[init(LinearConfig::new(4, 8).init(device))]
    first: Linear,
    #[init(LinearConfig::new(8, 1).init(device))]
    second: Linear,
    #[hparam(default = 0.01)]
    lr: f64,
    #[hparam(default = "small".to_owned())]
    name: String,
}

#[lightning_module]
impl Net {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.second.forward(self.first.forward(x))
    }
    fn training_step(&self, batch: Tensor<2>, cx: &StepContext) -> Tensor<1> {
        if cx.global_step() == 0 {
            cx.log_histogram("inputs", batch.clone());
        }
        #[log(minimize)]
        let train_loss = self.forward(batch).powi_scalar(2).mean();
        train_loss
    }
    fn validation_step(&self, batch: Tensor<2>) {
        #[log(minimize)]
        let val_loss = self.forward(batch).powi_scalar(2).mean();
    }
    fn on_validation_end(&mut self, cx: &mut HookContext) {
        if cx.current_epoch() > 0 {
            return;
        }
        cx.log_text("sample", "**bold** text");
        cx.log_image("square", ImageView::new(2, 3, 1, &[0, 50, 100, 150, 200, 250]).unwrap());
        cx.log_figure("curve", Figure::Svg("<svg/>"));
        cx.log_audio("tone", Audio::mono((0..800).map(|at| (at as f32 / 10.0).sin()), 8000));
        let triangle = vec![[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
        cx.log_mesh("triangle", Mesh::new(triangle).faces(vec![[0, 1, 2]]).colors(vec![[255, 0, 0]; 3]));
        cx.log_table("answers", Table::new(["question", "answer"]).row(["3 + 4", "7"]).unwrap());
    }
}

fn data() -> Vec<Tensor<2>> {
    (1..=6).map(|batch| Tensor::full([2, 4], f64::from(batch), &Device::default())).collect()
}

fn trainer(folder: &Path) -> TrainerBuilder<Net> {
    Net::trainer()
        .default_root_dir(folder)
        .log_every_n_steps(1)
        .enable_progress_bar(false)
        .enable_model_summary(false)
        .num_sanity_val_steps(0)
}

/// What TensorBoard reads below `folder`; `None` without it.
fn read(folder: &Path, only_files: bool) -> Option<Value> {
    let mut command = Command::new(foreign::python("TENSORBOARD_PYTHON", "tensorboard")?);
    command.arg(foreign::script("tensorboard_reads.py")).arg(folder);
    if only_files {
        command.arg("files");
    }
    Some(foreign::json_of(&mut command))
}

#[test]
fn tensorboard_reads_every_kind() {
    let folder = tempfile::tempdir().unwrap();
    seed_everything(1);
    let mut model = Net::new(NetHparams::default());
    let report = trainer(folder.path()).max_epochs(2).build().unwrap().fit(&mut model, (data(), data())).unwrap();
    let run = folder.path().join("lightning_logs/version_0");
    assert!(run.join("metrics.csv").exists(), "both default loggers write to one folder");
    let Some(found) = read(&run, false) else { return };
    let read = &found["accumulator"];

    // Against the exact numbers of the CSV logger.
    let rows: Vec<HashMap<String, Option<String>>> = data::csv::rows(run.join("metrics.csv")).unwrap();
    let curve = |name: &str| -> Vec<(u64, f32)> {
        let rows = rows.iter().filter_map(|row| Some((row["global_step"].as_ref()?, row[name].as_ref()?)));
        rows.map(|(step, value)| (step.parse().unwrap(), value.parse::<f64>().unwrap() as f32)).collect()
    };
    for name in ["train_loss", "val_loss"] {
        let scalars: Vec<(u64, f64)> = serde_json::from_value(read["scalars"][name].clone()).unwrap();
        let scalars: Vec<(u64, f32)> = scalars.into_iter().map(|(step, value)| (step, value as f32)).collect();
        assert_eq!(scalars, curve(name), "{name}");
    }
    assert_eq!(read["scalars"]["epoch"].as_array().unwrap().len() as u64, report.global_step);
    assert_eq!(read["scalars"]["batch_step"][11], json!([12, 12.0]));
    assert_eq!(read["images"]["square"], json!([[6, 2, 3, "89504e47"]]));
    assert_eq!(read["audio"]["tone"], json!([[6, 8000.0, 800, "audio/wav"]]));
    assert_eq!(read["histograms"]["inputs"][0][1], json!(8.0));
    let text = json!(["answers/text_summary", "curve/text_summary", "sample/text_summary"]);
    assert_eq!(read["plugins"]["text"], text);
    assert_eq!(read["plugins"]["mesh"], json!(["triangle_COLOR", "triangle_FACE", "triangle_VERTEX"]));
    let graph: Vec<(String, String, Vec<String>)> = serde_json::from_value(read["graph"].clone()).unwrap();
    let node =
        |name: &str| graph.iter().find(|(found, ..)| found == name).unwrap_or_else(|| panic!("{name}: {graph:?}"));
    assert_eq!(node("first/Linear_0").2, ["x", "first/weight", "first/bias"]);
    assert_eq!(node("second/Linear_1").2, ["first/Linear_0", "second/weight", "second/bias"]);
    assert_eq!(node("result/output").2, ["second/Linear_1"]);
    assert_eq!((node("x").1.as_str(), node("first/weight").1.as_str()), ("Input", "Parameter"));

    // By TensorBoard's loader in Python, and by the one in Rust.
    for loader in ["false", "true"] {
        let served = &found["http"][loader];
        assert_eq!(served["runs"], json!(["."]), "{served}");
        assert_eq!(served["points"].as_array().unwrap().len(), 12, "{served}");
        assert_eq!(served["images"], json!(["square"]));
        assert_eq!(served["histograms"], json!(["inputs"]));
        assert_eq!(served["audio"], json!(["tone"]));
        assert_eq!(served["mesh"], json!(["triangle"]));
        assert_eq!(served["text"], text);
        assert_eq!(served["hparams"], json!([{"lr": 0.01, "name": "small"}]));
        assert_eq!(served["hparams_metrics"], json!(["val_loss"]));
        assert_eq!(served["graph"], json!(graph.len()));
    }
}

#[test]
fn the_curves_of_a_resumed_run_have_each_step_once() {
    let folder = tempfile::tempdir().unwrap();
    let whole = tempfile::tempdir().unwrap();
    let fit = |builder: TrainerBuilder<Net>| {
        seed_everything(1);
        let mut model = Net::new(NetHparams::default());
        builder.build().unwrap().fit(&mut model, (data(), data())).unwrap()
    };
    let every = || ModelCheckpoint::latest().every(callbacks::Steps(4));
    fit(trainer(whole.path()).max_epochs(3).callback(every()));
    // Ends behind its checkpoint.
    fit(trainer(folder.path()).max_epochs(3).max_steps(10).callback(every()));
    let report = fit(trainer(folder.path()).max_epochs(3).callback(every()).resume_from(Resume::Last));
    assert!(report.resumed_from.is_some());
    let version = |folder: &Path| folder.join("lightning_logs/version_0");
    let (Some(resumed), Some(whole)) = (read(&version(folder.path()), true), read(&version(whole.path()), true)) else {
        return;
    };
    for name in ["train_loss", "val_loss", "epoch", "batch_step"] {
        assert_eq!(resumed["accumulator"]["scalars"][name], whole["accumulator"]["scalars"][name], "{name}");
    }
}

#[test]
fn a_file_that_was_cut_is_read_up_to_the_last_whole_event() {
    let mut model = Net::new(NetHparams::default());
    let runs = tempfile::tempdir().unwrap();
    trainer(runs.path()).max_epochs(1).build().unwrap().fit(&mut model, (data(), data())).unwrap();
    let run = runs.path().join("lightning_logs/version_0");
    let file = std::fs::read_dir(&run).unwrap().map(|entry| entry.unwrap().path());
    let file = file.into_iter().find(|path| path.to_string_lossy().contains("tfevents")).unwrap();
    let bytes = std::fs::read(&file).unwrap();
    let cut = tempfile::tempdir().unwrap();
    let mut last = 0;
    for share in 1..=4 {
        std::fs::write(cut.path().join(file.file_name().unwrap()), &bytes[..bytes.len() * share / 4 - 5]).unwrap();
        let Some(found) = read(cut.path(), true) else { return };
        let steps = found["accumulator"]["scalars"]["train_loss"].as_array().map_or(0, Vec::len);
        assert!(steps >= last, "{steps} after {last}");
        last = steps;
    }
    assert!(last >= 5, "all but the event that was cut: {last}");
}
