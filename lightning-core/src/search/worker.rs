//! Who runs a trial, and whether it still does.

use std::{
    fs, process,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use serde_json::{Value, json};

use super::{array::Task, core::Core, record::TrialRecord};
use crate::os::time;

/// The attribute with the process of a trial.
pub(super) const WORKER: &str = "lightning:worker";
/// The attribute with the moment of the last sign of life.
pub(super) const HEARTBEAT: &str = "lightning:heartbeat";

/// Returns the attribute of this process.
pub(super) fn identity() -> Value {
    let mut identity = json!({"host": host(), "pid": process::id(), "started": started(process::id())});
    if let (Some(identity), Some(task)) = (identity.as_object_mut(), Task::current()) {
        identity.insert("slurm".to_owned(), json!(task.name()));
    }
    identity
}

/// The machine and the part of it in which process ids are counted.
fn host() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let namespace = fs::read_link("/proc/self/ns/pid").map(|link| link.display().to_string()).unwrap_or_default();
    format!("{} {} {namespace}", read("/proc/sys/kernel/hostname"), read("/proc/sys/kernel/random/boot_id"))
}

/// When a process started, in the ticks of its machine; `None` if it is not there any more.
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it may have spaces and parentheses.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// Returns why a running trial is lost, if it is: its process on this machine has ended, or there
/// was no sign of life for `patience`.
pub(super) fn lost(trial: &TrialRecord, patience: Duration) -> Option<String> {
    // A trial of another program, such as Optuna, has no such attribute: it may run for ever.
    let worker = trial.system_attrs.get(WORKER)?;
    let pid = worker["pid"].as_u64()?;
    if worker["host"].as_str() == Some(&host()) && worker["started"].is_u64() {
        let is_there = started(u32::try_from(pid).ok()?).is_some_and(|now| worker["started"].as_u64() == Some(now));
        return (!is_there).then(|| format!("its worker was lost: process {pid} has ended"));
    }
    let last = trial.system_attrs.get(HEARTBEAT).and_then(Value::as_f64).or(trial.started)?;
    let silent = time::now() - last;
    let host = worker["host"].as_str().and_then(|host| host.split(' ').next()).unwrap_or_default().to_owned();
    (silent > patience.as_secs_f64())
        .then(|| format!("its worker was lost: no sign of life of process {pid} of `{host}` for {silent:.0} seconds"))
}

/// Gives signs of life of a trial until it is dropped.
#[derive(Debug)]
pub(super) struct Heartbeat {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    pub(super) fn start(core: &Arc<Mutex<Core>>, trial: u64, every: Duration) -> Self {
        let (stop, stopped) = mpsc::channel();
        let core = Arc::clone(core);
        let beat = move || {
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                // What cannot be written now can be later; the trial itself reports the error.
                let _ = core.lock().unwrap_or_else(PoisonError::into_inner).beat(trial);
            }
        };
        // Without a thread the trial runs as well.
        let thread = thread::Builder::new().name("search-heartbeat".to_owned()).spawn(beat).ok();
        Self { stop: Some(stop), thread }
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
