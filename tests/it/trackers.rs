//! What the servers of MLflow and Trackio have of a run, over an outage in its middle. Needs a Python
//! with the package `mlflow` in `MLFLOW_PYTHON`, and one with `trackio` in `TRACKIO_PYTHON`; without,
//! the tests say that they are skipped. `scripts/trackers.sh` installs both.

use std::{
    collections::HashMap,
    net::{TcpListener, TcpStream},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    callbacks::DeviceStatsMonitor,
    loggers::{ImageView, Logger, MlflowLogger, Table, TrackioLogger},
    prelude::*,
};
use serde_json::{Value, json};

use crate::foreign::{json_of, python, script};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = lr)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[hparam(default = 0.01)]
    lr: f64,
    #[hparam(default = 0.05)]
    pause: f64,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        std::thread::sleep(Duration::from_secs_f64(self.pause));
        #[log(minimize)]
        let train_loss = self.layer.forward(batch).powi_scalar(2).mean();
        log("acc@5", &f64::NAN);
        train_loss
    }
    fn on_train_epoch_end(&mut self, cx: &mut HookContext) {
        cx.log_image("square", ImageView::new(2, 3, 1, &[0, 50, 100, 150, 200, 250]).unwrap());
        cx.log_table("answers", Table::new(["question", "answer"]).row(["3 + 4", "7"]).unwrap());
        cx.log_artifact("notes", Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign/README.md"));
    }
}

fn data() -> Vec<Tensor<2>> {
    (1..=6).map(|batch| Tensor::full([2, 4], f64::from(batch) / 10.0, &Device::default())).collect()
}

/// The steps of one epoch, and of the whole run.
const STEPS: u64 = 6;
const EPOCHS: usize = 40;

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A server in a process group of its own.
struct Server(Child);

impl Server {
    fn start(mut command: Command, port: u16) -> Self {
        let child = command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let server = Self(child.unwrap());
        let until = Instant::now() + Duration::from_secs(180);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "the server does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-s", "KILL", "--", &format!("-{}", self.0.id())]).status();
        let _ = self.0.wait();
    }
}

/// Notes when training has ended; the end of the run waits for what is left.
struct Stopwatch(Arc<Mutex<Option<Instant>>>);

impl<M> Callback<M> for Stopwatch {
    fn on_train_end(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        *self.0.lock().unwrap() = Some(Instant::now());
        Ok(())
    }
}

/// Trains while the server is killed for a while. Returns the folder of the run.
fn train_over_an_outage(folder: &Path, logger: impl Logger + 'static, start: impl Fn() -> Server) -> (PathBuf, Server) {
    let server = start();
    let root = folder.to_path_buf();
    let fit = std::thread::spawn(move || {
        seed_everything(1);
        let mut model = Net::new(NetHparams::default());
        let builder = Net::trainer()
            .default_root_dir(&root)
            .log_every_n_steps(1)
            .enable_progress_bar(false)
            .enable_model_summary(false)
            .max_epochs(EPOCHS)
            .logger(CsvLogger::new(root.join("logs")))
            .logger(logger)
            .callback(DeviceStatsMonitor::new());
        let (started, trained) = (Instant::now(), Arc::new(Mutex::new(None)));
        let builder = builder.callback(Stopwatch(trained.clone()));
        builder.build().unwrap().fit(&mut model, data()).unwrap();
        trained.lock().unwrap().unwrap().duration_since(started)
    });
    std::thread::sleep(Duration::from_secs(4));
    drop(server);
    std::thread::sleep(Duration::from_secs(3));
    let server = start();
    let took = fit.join().unwrap();
    // 240 steps of 50 ms: they do not wait for the server.
    assert!(took < Duration::from_secs(18), "{took:?}");
    (folder.join("logs/version_0"), server)
}

fn exact(version: &Path, name: &str) -> Vec<(u64, f64)> {
    let rows: Vec<HashMap<String, Option<String>>> = data::csv::rows(version.join("metrics.csv")).unwrap();
    let rows = rows.iter().filter_map(|row| Some((row["global_step"].as_ref()?, row[name].as_ref()?)));
    rows.map(|(step, value)| (step.parse().unwrap(), value.parse().unwrap())).collect()
}

#[test]
fn mlflow_has_everything_once() {
    let Some(python) = python("MLFLOW_PYTHON", "mlflow") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (port, server_folder) = (free_port(), folder.path().join("server"));
    std::fs::create_dir(&server_folder).unwrap();
    let start = || {
        let mut command = Command::new(python.with_file_name("mlflow"));
        command.args(["server", "--host", "127.0.0.1", "--workers", "1", "--port", &port.to_string()]);
        command.args(["--backend-store-uri", "sqlite:///mlflow.db", "--artifacts-destination", "./artifacts"]);
        command.current_dir(&server_folder);
        Server::start(command, port)
    };
    let address = format!("http://127.0.0.1:{port}");
    let logger =
        MlflowLogger::new(&address, "digits").run_name("first").tag("team", "a").parent("0123").log_model(true);
    let (version, _server) = train_over_an_outage(folder.path(), logger.wait_at_end(Duration::from_secs(180)), start);

    let mut command = Command::new(&python);
    command.arg(script("mlflow_reads.py")).arg(&address).arg("digits");
    let runs = json_of(&mut command);
    let [run] = runs.as_array().unwrap().as_slice() else { panic!("{runs}") };
    let curve = |name: &str| -> Vec<(u64, Value)> { serde_json::from_value(run["metrics"][name].clone()).unwrap() };
    let losses: Vec<_> = curve("train_loss").into_iter().map(|(step, value)| (step, value.as_f64().unwrap())).collect();
    assert_eq!(losses, exact(&version, "train_loss"));
    assert_eq!(losses.len() as u64, STEPS * EPOCHS as u64);
    assert_eq!(curve("acc_5").iter().filter(|(_, value)| *value == json!("nan")).count(), losses.len());
    assert_eq!(curve("system/process_rss_mib").len(), losses.len());
    assert_eq!((&run["name"], &run["status"]), (&json!("first"), &json!("FINISHED")));
    assert_eq!((&run["tags"]["team"], &run["tags"]["mlflow.parentRunId"]), (&json!("a"), &json!("0123")));
    assert_eq!((&run["params"]["lr"], &run["params"]["pause"]), (&json!("0.01"), &json!("0.05")));
    let artifacts = run["artifacts"].as_object().unwrap();
    let of = |start: &str| artifacts.keys().filter(|path| path.starts_with(start)).count();
    assert_eq!((of("images/square/"), of("tables/answers/"), of("notes/")), (EPOCHS, EPOCHS, 1), "{artifacts:?}");
    let size = std::fs::metadata(script("README.md")).unwrap().len();
    assert_eq!(artifacts["notes/README.md"], size);
    let checkpoint = std::fs::read_dir(version.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path());
    let checkpoint = checkpoint.into_iter().find(|path| path.extension().is_some_and(|end| end == "ckpt")).unwrap();
    let name = format!("checkpoints/{}", checkpoint.file_name().unwrap().to_str().unwrap());
    assert_eq!(artifacts[&name], std::fs::metadata(&checkpoint).unwrap().len());
}

#[test]
fn trackio_has_everything_once() {
    let Some(python) = python("TRACKIO_PYTHON", "trackio") else { return };
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let with_folder = |mut command: Command| {
        command.env("TRACKIO_DIR", folder.path().join("server")).env("TRACKIO_WRITE_TOKEN", "secret");
        command
    };
    let start = || {
        let mut command = with_folder(Command::new(&python));
        command.arg(script("trackio_reads.py")).arg("serve").arg(port.to_string());
        Server::start(command, port)
    };
    let logger =
        TrackioLogger::new(format!("http://127.0.0.1:{port}"), "digits").run_name("first").write_token("secret");
    let (version, server) = train_over_an_outage(folder.path(), logger.wait_at_end(Duration::from_secs(180)), start);
    // A run with a wrong token keeps its rows, and they are sent with the right one.
    let address = format!("http://127.0.0.1:{port}");
    let wrong = TrackioLogger::new(&address, "digits").run_name("second").write_token("wrong");
    let other = folder.path().join("other");
    let mut model = Net::new(NetHparams::default().with_pause(0.0));
    let builder =
        Net::trainer().default_root_dir(&other).max_epochs(1).log_every_n_steps(1).logger(CsvLogger::new(&other));
    let builder = builder.logger(wrong.wait_at_end(Duration::from_secs(2)));
    let report = builder.build().unwrap().fit(&mut model, data()).unwrap();
    let told: Vec<_> = report.warnings.iter().filter(|text| text.contains("TrackioLogger")).collect();
    assert!(told.iter().any(|text| text.contains("write_token")), "{told:?}");
    TrackioLogger::new(&address, "digits").write_token("secret").send_kept(other.join("version_0")).unwrap();
    drop(server);
    let mut command = with_folder(Command::new(&python));
    command.arg(script("trackio_reads.py")).arg("read").arg("digits");
    let runs = json_of(&mut command);
    let run = &runs["first"];
    let rows = run["rows"].as_array().unwrap();
    let losses = rows.iter().filter_map(|row| Some((row["step"].as_u64()?, row.get("train_loss")?.as_f64()?)));
    assert_eq!(losses.collect::<Vec<_>>(), exact(&version, "train_loss"), "{run}");
    assert_eq!(rows.iter().filter(|row| row.get("acc@5") == Some(&json!("nan"))).count() as u64, STEPS * EPOCHS as u64);
    assert_eq!(rows.iter().filter(|row| row.get("answers").is_some()).count(), EPOCHS);
    assert_eq!((&run["config"]["lr"], &run["config"]["pause"]), (&json!(0.01), &json!(0.05)));
    let kept = runs["second"]["rows"].as_array().unwrap().iter().filter(|row| row.get("train_loss").is_some());
    assert_eq!(kept.count() as u64, STEPS, "{runs}");
}
