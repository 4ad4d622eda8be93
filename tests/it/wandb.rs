//! What the client of Weights & Biases reads of a run, and what it sends to a server that stands in
//! for the real one: `tests/foreign/wandb_server.py`. Needs a Python with the package `wandb` in
//! `WANDB_PYTHON`; without, the tests say that they are skipped.

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    callbacks::DeviceStatsMonitor,
    loggers::{Audio, Figure, ImageView, Logger as _, Mesh, Table, WandbLogger},
    prelude::*,
    trainer::TrainerBuilder,
};
use serde_json::{Value, json};
use signal_hook::{consts::SIGTERM, low_level::raise};

use crate::foreign::{self, python, script};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = lr)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[hparam(default = 0.01)]
    lr: f64,
    /// What happens at the fifth step.
    #[hparam(default = "nothing".to_owned())]
    fault: String,
    #[hparam(default = 0.0)]
    pause: f64,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>, cx: &StepContext) -> Result<Tensor<1>> {
        if self.pause > 0.0 {
            std::thread::sleep(Duration::from_secs_f64(self.pause));
        }
        match (cx.global_step(), self.fault.as_str()) {
            (4, "error") => return Err(lightning_core::Error::msg("as asked for")),
            (4, "panic") => panic!("as asked for"),
            (4, "signal") => raise(SIGTERM)?,
            _ => {}
        }
        let nothing = f64::NAN;
        #[log(minimize)]
        let train_loss = self.layer.forward(batch).powi_scalar(2).mean();
        log("nan", &nothing);
        Ok(train_loss)
    }
    fn validation_step(&self, batch: Tensor<2>) {
        #[log(minimize)]
        let val_loss = self.layer.forward(batch).powi_scalar(2).mean();
    }
    fn on_validation_end(&mut self, cx: &mut HookContext) {
        if cx.current_epoch() > 0 {
            return;
        }
        cx.log_text("sample", "some text");
        cx.log_image("val/square", ImageView::new(2, 3, 1, &[0, 50, 100, 150, 200, 250]).unwrap());
        cx.log_figure("curve", Figure::Svg("<svg/>"));
        cx.log_audio("tone", Audio::mono((0..800).map(|at| (at as f32 / 10.0).sin()), 8000));
        cx.log_mesh("triangle", Mesh::new(vec![[0.0; 3], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]).faces(vec![[0, 1, 2]]));
        cx.log_table("answers", Table::new(["question", "answer"]).row(["3 + 4", "7"]).unwrap());
        cx.log_histogram("weights", vec![0.0, 1.0, 1.0, 4.0]);
        cx.log_artifact("notes", Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign/README.md"));
    }
}

fn data() -> Vec<Tensor<2>> {
    (1..=6).map(|batch| Tensor::full([2, 4], f64::from(batch) / 10.0, &Device::default())).collect()
}

fn trainer(folder: &Path) -> TrainerBuilder<Net> {
    Net::trainer()
        .default_root_dir(folder)
        .log_every_n_steps(1)
        .enable_progress_bar(false)
        .enable_model_summary(false)
        .num_sanity_val_steps(0)
        .logger(CsvLogger::new(folder.join("logs")))
}

fn logger() -> WandbLogger {
    WandbLogger::new("digits").name("first").group("small").job_type("train").notes("a note").tags(["a", "b"])
}

/// The client that stands beside the interpreter.
fn client(python: &Path) -> PathBuf {
    python.with_file_name("wandb")
}

/// The folder of the only run of W&B in a folder of a run.
fn run_folder(version: &Path) -> PathBuf {
    let runs = std::fs::read_dir(version.join("wandb")).unwrap().map(|entry| entry.unwrap());
    let runs: Vec<_> = runs.filter(|run| run.file_name().to_string_lossy().starts_with("offline-run-")).collect();
    let [run] = runs.as_slice() else { panic!("{runs:?}") };
    run.path()
}

/// What the client sends of a run.
fn synced(python: &Path, run: &Path) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(python);
    command.arg(script("wandb_server.py")).arg(folder.path()).arg(client(python)).args(["sync", "--yes"]).arg(run);
    let sent = foreign::json_of(&mut command);
    assert_eq!(sent["status"], 0, "{}", sent["printed"]);
    sent
}

/// The rows of the history in what was sent. NaN, which JSON does not have, is read as null.
fn history(sent: &Value) -> Vec<Value> {
    let streams = sent["streams"].as_object().unwrap();
    let rows =
        streams.values().flat_map(|stream| stream["wandb-history.jsonl"].as_array().cloned().unwrap_or_default());
    rows.map(|row| serde_json::from_str(&row.as_str().unwrap().replace(":NaN", ":null")).unwrap()).collect()
}

/// The steps and values of a metric in the history, and in `metrics.csv`.
fn curves(sent: &Value, version: &Path, name: &str) -> [Vec<(u64, f64)>; 2] {
    let rows: Vec<HashMap<String, Option<String>>> = data::csv::rows(version.join("metrics.csv")).unwrap();
    let exact = rows.iter().filter_map(|row| Some((row["global_step"].as_ref()?, row[name].as_ref()?)));
    let exact = exact.map(|(step, value)| (step.parse().unwrap(), value.parse().unwrap())).collect();
    let rows = history(sent);
    let found = rows.iter().filter_map(|row| Some((row["trainer/global_step"].as_u64()?, row[name].as_f64()?)));
    [found.collect(), exact]
}

#[test]
fn the_client_sends_every_kind() {
    let Some(python) = python("WANDB_PYTHON", "wandb") else { return };
    let folder = tempfile::tempdir().unwrap();
    seed_everything(1);
    let mut model = Net::new(NetHparams::default());
    let builder = trainer(folder.path()).enable_progress_bar(true);
    let builder = builder.logger(logger().log_model(true)).callback(DeviceStatsMonitor::new());
    let mut trainer = builder.max_epochs(2).build().unwrap();
    trainer.fit(&mut model, (data(), data())).unwrap();
    let version = folder.path().join("logs/version_0");
    let run = run_folder(&version);

    // By the viewer of the client, without a server.
    let file = std::fs::read_dir(&run).unwrap().map(|entry| entry.unwrap().path());
    let file = file.into_iter().find(|path| path.extension().is_some_and(|end| end == "wandb")).unwrap();
    let mut command = Command::new(client(&python));
    command.args(["leet", "inspect", "--summary", "--json"]).arg(&file).current_dir(folder.path());
    let viewed = command.output().unwrap();
    let text = String::from_utf8_lossy(&viewed.stdout).into_owned();
    assert!(viewed.status.success() && text.contains("val_loss"), "{text}{}", String::from_utf8_lossy(&viewed.stderr));

    let sent = synced(&python, &run);
    for name in ["train_loss", "val_loss"] {
        let [found, exact] = curves(&sent, &version, name);
        assert_eq!(found, exact, "{name}");
        assert_eq!(found.len(), if name == "val_loss" { 2 } else { 12 });
    }
    let rows = history(&sent);
    let steps: Vec<_> = rows.iter().map(|row| row["_step"].as_u64().unwrap()).collect();
    assert_eq!(steps, (0..rows.len() as u64).collect::<Vec<_>>());
    assert!(rows.iter().all(|row| row["epoch"].is_u64() && row["batch_step"].is_u64() && row["_runtime"].is_number()));
    assert_eq!(rows.iter().filter(|row| row.get("nan") == Some(&Value::Null)).count(), 12);
    let row = |name: &str| rows.iter().find_map(|row| row.get(name)).unwrap_or_else(|| panic!("{name}")).clone();
    assert_eq!(row("weights")["values"].as_array().unwrap().iter().filter_map(Value::as_u64).sum::<u64>(), 4);
    let kinds = [
        ("sample", "table-file"),
        ("val/square", "image-file"),
        ("curve", "html-file"),
        ("tone", "audio-file"),
        ("triangle", "object3D-file"),
        ("answers", "table-file"),
    ];
    for (name, kind) in kinds {
        let value = row(name);
        assert_eq!(value["_type"], kind, "{value}");
        assert_eq!(sent["files"][value["path"].as_str().unwrap()]["size"], value["size"], "{value}");
    }
    let answers = &sent["files"][row("answers")["path"].as_str().unwrap()]["text"];
    let answers: Value = serde_json::from_str(answers.as_str().unwrap()).unwrap();
    assert_eq!(answers, json!({"columns": ["question", "answer"], "data": [["3 + 4", "7"]]}));

    let about = sent["runs"].as_object().unwrap().values().next().unwrap();
    for (key, value) in [
        ("project", json!("digits")),
        ("displayName", json!("first")),
        ("groupName", json!("small")),
        ("jobType", json!("train")),
        ("notes", json!("a note")),
        ("tags", json!(["a", "b"])),
    ] {
        assert_eq!(about[key], value, "{about}");
    }
    let config: Value = serde_json::from_str(about["config"].as_str().unwrap()).unwrap();
    assert_eq!((&config["lr"]["value"], &config["fault"]["value"]), (&json!(0.01), &json!("nothing")));
    let summary = sent["streams"].as_object().unwrap().values().next().unwrap()["wandb-summary.json"].clone();
    let summary: Value = serde_json::from_str(&summary[0].as_str().unwrap().replace(":NaN", ":null")).unwrap();
    let [losses, _] = curves(&sent, &version, "val_loss");
    assert_eq!(summary["val_loss"].as_f64(), Some(losses[1].1));
    let events = sent["streams"].as_object().unwrap().values().next().unwrap()["wandb-events.jsonl"].clone();
    assert!(events.to_string().contains("system.proc.memory.rssMB"), "{events}");
    let printed = sent["files"]["output.log"]["text"].as_str().unwrap();
    assert!(printed.contains("epoch 1/1  6/6 batches") && printed.contains("`nan` is NaN"), "{printed}");

    let artifacts = sent["artifacts"].as_array().unwrap();
    let notes = artifacts.iter().find(|artifact| artifact["artifactCollectionName"] == "notes").unwrap();
    let size = std::fs::metadata(Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign/README.md")).unwrap().len();
    assert_eq!(notes["uploaded"]["README.md"]["size"], size, "{notes}");
    let model = artifacts.iter().find(|artifact| artifact["artifactTypeName"] == "model").unwrap();
    let best = trainer.best_checkpoint().unwrap();
    let name = best.file_name().unwrap().to_str().unwrap();
    assert_eq!(model["uploaded"][name]["size"], std::fs::metadata(best).unwrap().len(), "{model}");
    assert!(model["is_committed"] == true && model["aliases"].to_string().contains("latest"), "{model}");
}

#[test]
fn a_resumed_run_is_sent_with_each_step_once() {
    let Some(python) = python("WANDB_PYTHON", "wandb") else { return };
    let folder = tempfile::tempdir().unwrap();
    let fit = |epochs: usize| {
        seed_everything(1);
        let mut model = Net::new(NetHparams::default());
        let builder = trainer(folder.path()).logger(logger()).max_epochs(epochs).resume_from(Resume::LastOrStart);
        builder
            .callback(ModelCheckpoint::latest().save_last(true))
            .build()
            .unwrap()
            .fit(&mut model, (data(), data()))
            .unwrap()
    };
    fit(1);
    let version = folder.path().join("logs/version_0");
    let run = run_folder(&version);
    fit(3);
    assert_eq!(run_folder(&version), run);
    let sent = synced(&python, &run);
    let [found, exact] = curves(&sent, &version, "train_loss");
    assert_eq!(found, exact);
    assert_eq!(found.iter().map(|(step, _)| *step).collect::<Vec<_>>(), (1..=18).collect::<Vec<_>>());
    let complete: Vec<_> = sent["complete"].as_object().unwrap().values().cloned().collect();
    assert_eq!(complete, [json!(0)]);
}

#[test]
fn every_way_out_is_sent() {
    let Some(python) = python("WANDB_PYTHON", "wandb") else { return };
    for (fault, code) in [("error", 1), ("panic", 1), ("signal", 130)] {
        let folder = tempfile::tempdir().unwrap();
        let mut model = Net::new(NetHparams::default().with_fault(fault.to_owned()));
        let result =
            trainer(folder.path()).logger(logger()).max_epochs(2).build().unwrap().fit(&mut model, (data(), data()));
        assert_eq!(result.is_ok(), fault == "signal");
        let version = folder.path().join("logs/version_0");
        let sent = synced(&python, &run_folder(&version));
        let complete: Vec<_> = sent["complete"].as_object().unwrap().values().cloned().collect();
        assert_eq!(complete, [json!(code)], "{fault}");
        let [found, exact] = curves(&sent, &version, "train_loss");
        assert_eq!(found, exact, "{fault}");
    }
}

/// A server that waits for the end of its input.
struct Server(Child, BufReader<std::process::ChildStdout>);

impl Server {
    fn start(python: &Path, folder: &Path, port: u16) -> (Self, String) {
        let mut command = Command::new(python);
        command.arg(script("wandb_server.py")).arg(folder).arg("serve").env("PORT", port.to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut address = String::new();
        lines.read_line(&mut address).unwrap();
        (Self(child, lines), address.trim().to_owned())
    }

    fn stop(mut self) -> Value {
        drop(self.0.stdin.take());
        let mut text = String::new();
        self.1.read_to_string(&mut text).unwrap();
        self.0.wait().unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

/// How many rows a server got.
fn rows_sent(port: u16) -> u64 {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(b"GET /sent HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.rsplit("\r\n\r\n").next().unwrap().parse().unwrap()
}

/// The client is started by the logger. The server is away for a while in the middle of the run.
#[test]
fn the_client_sends_while_the_run_goes_on_over_an_outage() {
    let Some(python) = python("WANDB_PYTHON", "wandb") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (server, address) = Server::start(&python, folder.path(), 0);
    let port = address.rsplit(':').next().unwrap().parse().unwrap();
    // The client with its own settings; a test does not change its own environment.
    let wrapper = folder.path().join("client.sh");
    let text = format!(
        "#!/bin/sh\nexport WANDB_BASE_URL={address} WANDB_API_KEY={} WANDB_CONFIG_DIR={dir} WANDB_CACHE_DIR={dir} \
         WANDB_DATA_DIR={dir}\nexec {} \"$@\"\n",
        "0".repeat(40),
        client(&python).display(),
        dir = folder.path().join("config").display(),
    );
    std::fs::create_dir(folder.path().join("config")).unwrap();
    std::fs::write(&wrapper, text).unwrap();
    Command::new("chmod").arg("+x").arg(&wrapper).status().unwrap();

    let root = folder.path().to_path_buf();
    let fit = std::thread::spawn(move || {
        let mut model = Net::new(NetHparams::default().with_pause(0.1));
        let online = logger().online(true).client(&wrapper).flush_every(Duration::ZERO);
        let started = Instant::now();
        let mut trainer = trainer(&root).logger(online.required(true)).max_epochs(40).build().unwrap();
        trainer.fit(&mut model, (data(), data())).unwrap();
        started.elapsed()
    });
    let until = Instant::now() + Duration::from_secs(60);
    while rows_sent(port) < 10 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(200));
    }
    let before = server.stop();
    std::thread::sleep(Duration::from_secs(3));
    let (server, _) = Server::start(&python, folder.path(), port);
    let took = fit.join().unwrap();
    // 240 steps with a pause, and 40 rows of validation; the run does not wait for the server.
    assert!(took < Duration::from_secs(40), "{took:?}");
    let version = folder.path().join("logs/version_0");
    let run = run_folder(&version);
    let status = run.join("logs/sync.status");
    let until = Instant::now() + Duration::from_secs(60);
    while !status.exists() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(100));
    }
    let log = std::fs::read_to_string(run.join("logs/sync.log")).unwrap();
    assert_eq!(std::fs::read_to_string(&status).unwrap_or_default().trim(), "0", "{log}");
    let after = server.stop();
    assert!(history(&before).len() >= 10, "the client sends while the run goes on: {before}");
    let mut rows: HashMap<u64, Value> = HashMap::new();
    for row in history(&before).into_iter().chain(history(&after)) {
        let step = row["_step"].as_u64().unwrap();
        let twice = rows.insert(step, row.clone());
        assert!(twice.is_none_or(|known| known == row), "row {step} differs");
    }
    assert_eq!(rows.len(), 240 + 40 + 7, "{log}");
    assert!((0..287).all(|step| rows.contains_key(&step)));
    let complete: Vec<_> = after["complete"].as_object().unwrap().values().cloned().collect();
    assert_eq!(complete, [json!(0)]);
}
