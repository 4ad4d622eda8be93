//! The REST interface of an MLflow server.
//!
//! Source: <https://mlflow.org/docs/latest/rest-api.html>.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::{
    error::{Error, ErrorKind},
    loggers::http::Server,
    os::files::write_atomic,
    outbox::{Destination, Fault},
};

/// The most metrics, and the most parameters or tags, of one request.
const METRICS: usize = 1000;
const PARAMS: usize = 100;

/// What is known of a run before the server knows it.
#[derive(Clone, Debug)]
pub(super) struct About {
    pub(super) experiment: String,
    pub(super) name: Option<String>,
    pub(super) tags: Vec<(String, String)>,
    pub(super) parent: Option<String>,
    /// Names the run in a tag, so that one whose answer was lost is found and not created again.
    pub(super) key: String,
    /// Milliseconds since 1970.
    pub(super) started: u64,
}

/// The tag with the key of a run.
const KEY: &str = "lightning.run_key";

/// A run on a server.
#[derive(Debug)]
pub(super) struct ToMlflow {
    server: Server,
    about: About,
    /// The file that keeps the ids of the run.
    state: PathBuf,
    run: Option<Ids>,
}

#[derive(Clone, Debug)]
struct Ids {
    run: String,
    artifacts: String,
}

impl ToMlflow {
    pub(super) fn new(server: Server, about: About, folder: &Path) -> Self {
        let state = folder.join("run.json");
        let known: Value =
            fs::read_to_string(&state).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null);
        let text = |key: &str| known.get(key).and_then(Value::as_str).map(str::to_owned);
        let run = text("run_id").zip(text("artifact_uri")).map(|(run, artifacts)| Ids { run, artifacts });
        Self { server, about, state, run }
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, Fault> {
        self.server.post(&format!("api/2.0/mlflow/{path}"), body)
    }

    /// The ids of the run, which is created if the server does not have it.
    fn ids(&mut self) -> Result<Ids, Fault> {
        if let Some(ids) = &self.run {
            return Ok(ids.clone());
        }
        let experiment = self.experiment()?;
        let found = self.post(
            "runs/search",
            &json!({
                "experiment_ids": [experiment],
                "filter": format!("tags.`{KEY}` = '{}'", self.about.key),
                "max_results": 1,
            }),
        )?;
        let info = match found.pointer("/runs/0/info") {
            Some(info) => info.clone(),
            None => self.create(&experiment)?.pointer("/run/info").cloned().unwrap_or_default(),
        };
        let text = |key: &str| info.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let ids = Ids { run: text("run_id"), artifacts: text("artifact_uri") };
        if ids.run.is_empty() {
            let text = "the MLflow server answers without the id of a run";
            return Err(Fault::Away(Error::new(ErrorKind::Io, text).help("check that the address is that of MLflow")));
        }
        let kept = json!({ "run_id": ids.run, "artifact_uri": ids.artifacts, "experiment_id": experiment });
        write_atomic(&self.state, |file| file.write_all(kept.to_string().as_bytes())).map_err(Fault::Away)?;
        self.run = Some(ids.clone());
        Ok(ids)
    }

    fn create(&self, experiment: &str) -> Result<Value, Fault> {
        let About { name, tags, parent, key, started, .. } = &self.about;
        let mut all = vec![json!({"key": KEY, "value": key})];
        let user = std::env::var("USER").unwrap_or_else(|_| "unknown".to_owned());
        let program = std::env::current_exe().unwrap_or_default();
        let own = [("mlflow.user", user), ("mlflow.source.name", program.display().to_string())];
        all.extend(own.iter().map(|(key, value)| json!({"key": key, "value": value})));
        all.extend(tags.iter().map(|(key, value)| json!({"key": key, "value": value})));
        all.extend(parent.iter().map(|parent| json!({"key": "mlflow.parentRunId", "value": parent})));
        let mut body = json!({"experiment_id": experiment, "start_time": started, "tags": all});
        if let Some(name) = name {
            body["run_name"] = json!(name);
        }
        self.post("runs/create", &body)
    }

    /// The id of the experiment, which is created if the server does not have it.
    fn experiment(&self) -> Result<String, Fault> {
        let name = &self.about.experiment;
        let path = format!("api/2.0/mlflow/experiments/get-by-name?experiment_name={}", encoded(name));
        let id = |answer: &Value, at: &str| answer.pointer(at).and_then(Value::as_str).map(str::to_owned);
        let by_name = || self.server.get(&path).map(|answer| id(&answer, "/experiment/experiment_id"));
        match by_name() {
            Ok(Some(found)) => return Ok(found),
            // It does not exist.
            Ok(None) | Err(Fault::Refused(_)) => {}
            Err(away) => return Err(away),
        }
        let created = self.post("experiments/create", &json!({ "name": name }));
        let found = match created {
            Ok(answer) => id(&answer, "/experiment_id"),
            // Another process was faster, or its answer was lost.
            Err(Fault::Refused(refused)) => by_name().map_err(|_| Fault::Away(refused))?,
            Err(away) => return Err(away),
        };
        found.ok_or_else(|| {
            let text = format!("the MLflow server answers without the id of the experiment `{name}`");
            Fault::Away(Error::new(ErrorKind::Io, text).help("check that the address is that of MLflow"))
        })
    }

    fn batch(&self, run: &str, key: &str, values: &[Value]) -> Result<(), Fault> {
        let mut body = json!({ "run_id": run });
        body[key] = values.into();
        self.post("runs/log-batch", &body).map(drop)
    }

    fn artifact(&self, ids: &Ids, path: &str, file: &Path) -> Result<(), Fault> {
        if let Some(root) = ids.artifacts.strip_prefix("mlflow-artifacts:") {
            let root = root.trim_start_matches('/');
            // After a host, if there is one, as in `mlflow-artifacts://host/path`.
            let root = if ids.artifacts.starts_with("mlflow-artifacts://") && !root.is_empty() {
                root.split_once('/').map_or(root, |(_, path)| path)
            } else {
                root
            };
            let path = format!("{root}/{path}");
            let path: Vec<_> = path.split('/').map(encoded).collect();
            return self.server.put(&format!("api/2.0/mlflow-artifacts/artifacts/{}", path.join("/")), file);
        }
        let local = ids.artifacts.strip_prefix("file://").unwrap_or(&ids.artifacts);
        if !local.contains("://") {
            let to = Path::new(local).join(path);
            let copied = to.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::copy(file, &to));
            return copied.map(drop).map_err(|error| Fault::Refused(Error::io("write the artifact", to, error)));
        }
        let text = format!("the MLflow server keeps artifacts in `{}` and does not pass them on", ids.artifacts);
        Err(Fault::Refused(Error::new(ErrorKind::Io, text).help("start the server with `--serve-artifacts`")))
    }
}

impl Destination for ToMlflow {
    fn send(&mut self, items: &[Value]) -> Result<(), Fault> {
        let ids = self.ids()?;
        let list = |item: &Value, key: &str| item.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        for (key, most) in [("params", PARAMS), ("tags", PARAMS), ("metrics", METRICS)] {
            let values: Vec<Value> = items.iter().flat_map(|item| list(item, key)).collect();
            values.chunks(most).try_for_each(|chunk| self.batch(&ids.run, key, chunk))?;
        }
        for item in items {
            let text = |key: &str| item.get(key).and_then(Value::as_str);
            if let (Some(path), Some(file)) = (text("artifact"), text("file")) {
                self.artifact(&ids, path, Path::new(file))?;
            }
            if let Some(status) = text("status") {
                let mut body = json!({ "run_id": ids.run, "status": status });
                if let Some(time) = item.get("end_time") {
                    body["end_time"] = time.clone();
                }
                self.post("runs/update", &body)?;
            }
        }
        Ok(())
    }
}

/// A part of an address. Source: RFC 3986, section 2.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
