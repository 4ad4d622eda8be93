//! A server with the requests of Ray's Jobs API that the search uses, as Ray 2 answers them. It
//! runs the commands of jobs as Ray does: by a shell, with the variables of the environment.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use serde_json::{Value, json};

struct Job {
    submission: Value,
    child: Child,
    log: PathBuf,
    is_stopped: bool,
}

#[derive(Default)]
struct State {
    jobs: BTreeMap<String, Job>,
    /// What is answered in place of a job's start.
    refusal: Option<(u16, String)>,
}

pub struct Cluster {
    pub address: String,
    state: Arc<Mutex<State>>,
    is_gone: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    folder: tempfile::TempDir,
}

impl Cluster {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (state, is_gone) = (Arc::<Mutex<State>>::default(), Arc::<AtomicBool>::default());
        let (shared, end, path) = (Arc::clone(&state), Arc::clone(&is_gone), folder.path().to_path_buf());
        let serve = move || {
            for stream in listener.incoming() {
                if end.load(Ordering::Relaxed) {
                    return;
                }
                // A client that goes away in between is none of our errors.
                let _ = answer(&mut stream.unwrap(), &mut shared.lock().unwrap(), &path);
            }
        };
        let thread = Some(thread::spawn(serve));
        Self { address: format!("http://{address}"), state, is_gone, thread, folder }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Refuses all further jobs.
    pub fn refuse(&self, code: u16, why: &str) {
        self.state().refusal = Some((code, why.to_owned()));
    }

    /// What was submitted, in the order of the ids.
    pub fn submissions(&self) -> Vec<Value> {
        self.state().jobs.values().map(|job| job.submission.clone()).collect()
    }

    /// Stops the job of a trial, as `ray job stop` does. Returns whether it runs.
    pub fn stop(&self, trial: u64) -> bool {
        let mut state = self.state();
        let number = trial.to_string();
        let job = state.jobs.values_mut().find(|job| job.submission["metadata"]["trial"] == number);
        job.is_some_and(|job| {
            job.is_stopped = true;
            job.child.kill().is_ok()
        })
    }

    /// Ends the server and all jobs.
    pub fn go(&mut self) {
        self.is_gone.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address.trim_start_matches("http://"));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        for job in self.state().jobs.values_mut() {
            let _ = job.child.kill();
            let _ = job.child.wait();
        }
    }

    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_path_buf()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.go();
    }
}

fn answer(stream: &mut TcpStream, state: &mut State, folder: &std::path::Path) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (code, text) = match (method.as_str(), parts.as_slice()) {
        ("GET", ["api", "version"]) => (200, json!({"version": "4", "ray_version": "2.60.0"}).to_string()),
        ("POST", ["api", "jobs"]) => submit(state, serde_json::from_slice(&body).unwrap(), folder),
        ("GET", ["api", "jobs", id]) => match state.jobs.get_mut(*id) {
            Some(job) => (200, info(job).to_string()),
            None => (404, format!("Job {id} does not exist")),
        },
        ("GET", ["api", "jobs", id, "logs"]) => {
            (200, json!({"logs": fs::read_to_string(&state.jobs[*id].log).unwrap()}).to_string())
        }
        ("POST", ["api", "jobs", id, "stop"]) => {
            let job = state.jobs.get_mut(*id).unwrap();
            job.is_stopped = true;
            let _ = job.child.kill();
            (200, json!({"stopped": true}).to_string())
        }
        _ => (404, "404: Not Found".to_owned()),
    };
    write!(stream, "HTTP/1.1 {code} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}", text.len())
}

fn submit(state: &mut State, submission: Value, folder: &std::path::Path) -> (u16, String) {
    if let Some(refusal) = &state.refusal {
        return refusal.clone();
    }
    let id = submission["submission_id"].as_str().unwrap().to_owned();
    if state.jobs.contains_key(&id) {
        return (400, format!("Job with submission_id {id} already exists"));
    }
    let log = folder.join(format!("{id}.log"));
    let output = File::create(&log).unwrap();
    let variables = submission["runtime_env"]["env_vars"].as_object().unwrap();
    let child = Command::new("sh")
        .arg("-c")
        .arg(submission["entrypoint"].as_str().unwrap())
        .envs(variables.iter().map(|(name, value)| (name, value.as_str().unwrap())))
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .spawn()
        .unwrap();
    state.jobs.insert(id.clone(), Job { submission, child, log, is_stopped: false });
    (200, json!({"job_id": id, "submission_id": id}).to_string())
}

fn info(job: &mut Job) -> Value {
    let ended = job.child.try_wait().unwrap();
    let (status, message) = match ended {
        None => ("RUNNING", "Job is currently running.".to_owned()),
        Some(_) if job.is_stopped => ("STOPPED", "Job was intentionally stopped.".to_owned()),
        Some(status) if status.success() => ("SUCCEEDED", "Job finished successfully.".to_owned()),
        Some(status) => {
            ("FAILED", format!("Job entrypoint command failed with exit code {}", status.code().unwrap_or(-6)))
        }
    };
    json!({"type": "SUBMISSION", "submission_id": job.submission["submission_id"], "status": status, "message": message})
}
