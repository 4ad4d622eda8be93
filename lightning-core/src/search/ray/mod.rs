//! Trials as jobs of a Ray cluster.

mod client;
mod follow;

use std::{env, time::Duration};

use self::client::Client;
pub(super) use self::follow::{Search, run};
use super::workers;
use crate::error::{ConfigErrors, Error, Result};

/// The name of an attribute of a trial: the job that runs it.
const JOB: &str = "lightning:job";

/// Runs the trials of a study as jobs of a Ray cluster, by its Jobs API: `study.engine(RayJobs::new(…))`.
///
/// The process that calls [`Study::optimize`](super::Study::optimize) chooses the hyperparameters of
/// each trial, submits a job for it and follows it. A job runs the program again up to this search,
/// where it runs its one trial, and ends. It writes to the [`Journal`](super::Journal) of the study,
/// so all nodes need the program and the journal under the same paths, on a common file system.
///
/// A trial whose job fails without a value is a failed trial, whose reason
/// ([`TrialRecord::error`](super::TrialRecord::error)) ends with the last lines of the job's log;
/// [`Study::retry`](super::Study::retry) repeats it. One whose job somebody has stopped
/// (`ray job stop`) is failed as well, and not repeated. If Ray is gone, the trials of its jobs are
/// failed and the search ends with an error; the study goes on where `optimize` is called again.
/// If the calling process ends, its jobs go on and record their trials.
///
/// The API is that of Ray 2 (`POST /api/jobs/`, `GET /api/jobs/ID`, `/logs`, `/stop`):
/// <https://docs.ray.io/en/latest/cluster/running-applications/job-submission/api.html>.
///
/// ```
/// use std::time::Duration;
///
/// use lightning_core::search::RayJobs;
///
/// let jobs = RayJobs::new("http://127.0.0.1:8265").cpus(2.0).gpus(1.0).time_limit(Duration::from_secs(3600));
/// ```
#[derive(Clone, Debug)]
pub struct RayJobs {
    address: String,
    headers: Vec<(String, String)>,
    entrypoint: Option<String>,
    env: Vec<(String, String)>,
    cpus: f64,
    gpus: f64,
    memory: u64,
    at_once: usize,
    time_limit: Option<Duration>,
    patience: Duration,
}

impl RayJobs {
    /// Takes the address of Ray's dashboard, such as `http://127.0.0.1:8265`.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into().trim().trim_end_matches('/').to_owned(),
            headers: Vec::new(),
            entrypoint: None,
            env: Vec::new(),
            cpus: 1.0,
            gpus: 0.0,
            memory: 0,
            at_once: 4,
            time_limit: None,
            patience: Duration::from_secs(60),
        }
    }

    /// Sets the number of CPUs that a job reserves. Default 1.
    #[must_use]
    pub fn cpus(mut self, cpus: f64) -> Self {
        self.cpus = cpus;
        self
    }

    /// Sets the number of GPUs that a job reserves, and sees. Default 0.
    #[must_use]
    pub fn gpus(mut self, gpus: f64) -> Self {
        self.gpus = gpus;
        self
    }

    /// Sets the memory that a job reserves, in bytes. Default 0.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// Sets the number of jobs that Ray has at a time, running or waiting for resources. Default 4.
    #[must_use]
    pub fn at_once(mut self, jobs: usize) -> Self {
        self.at_once = jobs;
        self
    }

    /// Sets the command of a job, which a shell of the node runs. It has to run the program up to this
    /// search, with the same study. Default: this program with its arguments, in the current folder.
    #[must_use]
    pub fn entrypoint(mut self, command: impl Into<String>) -> Self {
        self.entrypoint = Some(command.into());
        self
    }

    /// Sets a variable of the environment of all jobs.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Adds a header to all requests, such as `Authorization` for a cluster with tokens.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the time after which a running job is stopped; its trial is a failed one. Default: none.
    #[must_use]
    pub fn time_limit(mut self, time: Duration) -> Self {
        self.time_limit = Some(time);
        self
    }

    /// Sets for how long Ray may not answer before it is taken to be gone. Default 1 minute.
    #[must_use]
    pub fn patience(mut self, time: Duration) -> Self {
        self.patience = time;
        self
    }

    /// Adds what is wrong with the settings.
    pub(super) fn check(&self, errors: &mut ConfigErrors) {
        if !self.address.starts_with("http://") || self.address.len() <= "http://".len() {
            errors.add(
                format!("`RayJobs`: the address must start with `http://`, found `{}`", self.address),
                "write the address of the dashboard, such as `http://127.0.0.1:8265`; for a remote cluster forward its \
                 port: `ssh -L 8265:localhost:8265 head`",
            );
        }
        for (name, value) in [("cpus", self.cpus), ("gpus", self.gpus)] {
            if !(value.is_finite() && value >= 0.0) {
                errors.add(
                    format!("`RayJobs`: `{name}` must be finite and at least 0, found {value}"),
                    "write how many a job needs, such as 1.0",
                );
            }
        }
        if self.at_once == 0 {
            errors.add("`RayJobs`: `at_once` must be at least 1, found 0", "write `.at_once(4)`, or leave it out");
        }
        if let Some((name, _)) = self.env.iter().find(|(name, _)| name == workers::VARIABLE) {
            errors.add(
                format!("`RayJobs`: the variable `{name}` says which trial a job runs, and must not be set"),
                "leave it out",
            );
        }
    }

    fn client(&self) -> Client {
        Client::new(&self.address, &self.headers)
    }

    /// The command of a job.
    ///
    /// # Errors
    /// If the path of this program is not known, or something in it is not UTF-8.
    fn command(&self) -> Result<String> {
        if let Some(command) = &self.entrypoint {
            return Ok(command.clone());
        }
        let unknown = |what: &str, error: std::io::Error| {
            Error::msg(format!("{what} is not known"))
                .caused_by(error)
                .help("name the command by `.entrypoint(…)` of `RayJobs`")
        };
        let program = env::current_exe().map_err(|error| unknown("the path of this program", error))?;
        let folder = env::current_dir().map_err(|error| unknown("the current folder", error))?;
        let words = [folder.into_os_string(), program.into_os_string()].into_iter().chain(env::args_os().skip(1));
        let quoted = words.map(|word| match word.to_str() {
            Some(word) => Ok(quote(word)),
            None => Err(Error::config(format!("`RayJobs`: the command must be UTF-8, found {}", word.display()))
                .help("name it by `.entrypoint(…)`")),
        });
        let quoted = quoted.collect::<Result<Vec<String>>>()?;
        let (folder, words) = quoted.split_first().map_or((".", &[][..]), |(folder, words)| (folder.as_str(), words));
        Ok(format!("cd {folder} && exec {}", words.join(" ")))
    }
}

/// Quotes a word for a shell.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted() {
        assert_eq!(quote("a b"), "'a b'");
        assert_eq!(quote("it's $HOME"), r"'it'\''s $HOME'");
        let command = RayJobs::new("http://ray").command().unwrap();
        assert!(command.starts_with("cd '/") && command.contains("' && exec '/"), "{command}");
    }

    #[test]
    fn wrong_settings_are_told_together() {
        let mut errors = ConfigErrors::default();
        let wrong = RayJobs::new("https://head:8265").cpus(f64::NAN).gpus(-1.0).at_once(0);
        wrong.env("LIGHTNING_SEARCH_WORKER", "1").check(&mut errors);
        let text = errors.finish().unwrap_err().to_string();
        for part in [
            "the address must start with `http://`, found `https://head:8265`",
            "`cpus` must be finite and at least 0, found NaN",
            "`gpus` must be finite and at least 0, found -1",
            "`at_once` must be at least 1, found 0",
            "`LIGHTNING_SEARCH_WORKER`",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let mut errors = ConfigErrors::default();
        RayJobs::new("http://127.0.0.1:8265/").check(&mut errors);
        assert!(errors.is_empty());
    }
}
