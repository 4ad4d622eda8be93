//! The requests of Ray's Jobs API.

use std::time::Duration;

use serde_json::{Value, json};
use ureq::{Agent, Body, http::Response};

use super::RayJobs;

/// The longest time that a request may take.
const LONGEST: Duration = Duration::from_secs(30);
/// The largest answer, in bytes. A log is answered as a whole.
const LARGEST: u64 = 256 << 20;
/// What is kept of a log: the last lines, and the last characters of them.
const LINES: usize = 40;
const CHARACTERS: usize = 3000;

/// Why a request has no answer that can be used.
#[derive(Debug)]
pub(super) enum Fault {
    /// Nobody answers, or it is a failure of the server: it may answer later.
    Away(String),
    /// The request was refused.
    Refused(u16, String),
}

/// How far a job is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum JobState {
    Pending,
    Running,
    Succeeded,
    Stopped,
    /// With what Ray says about it.
    Failed(String),
    /// Ray does not know it.
    Unknown,
}

/// What is submitted.
#[derive(Debug)]
pub(super) struct Submission<'a> {
    pub(super) id: &'a str,
    pub(super) command: &'a str,
    pub(super) env: Vec<(String, String)>,
    pub(super) metadata: Value,
}

/// A connection with the server of the dashboard.
#[derive(Debug)]
pub(super) struct Client {
    agent: Agent,
    address: String,
    headers: Vec<(String, String)>,
}

impl Client {
    pub(super) fn new(address: &str, headers: &[(String, String)]) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(LONGEST)).build();
        Self { agent: config.into(), address: address.to_owned(), headers: headers.to_vec() }
    }

    /// Asks whether Ray is there.
    pub(super) fn version(&self) -> Result<(), Fault> {
        self.get("/api/version").map(drop)
    }

    pub(super) fn submit(&self, submission: &Submission<'_>, jobs: &RayJobs) -> Result<(), Fault> {
        let Submission { id, command, env, metadata } = submission;
        let variables: serde_json::Map<String, Value> =
            env.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let mut body = json!({
            "entrypoint": command,
            "submission_id": id,
            "runtime_env": {"env_vars": variables},
            "metadata": metadata,
            "entrypoint_num_cpus": jobs.cpus,
            "entrypoint_num_gpus": jobs.gpus,
        });
        if jobs.memory > 0 {
            body["entrypoint_memory"] = json!(jobs.memory);
        }
        self.post("/api/jobs/", &body.to_string()).map(drop)
    }

    pub(super) fn state(&self, id: &str) -> Result<JobState, Fault> {
        let answer = match self.get(&format!("/api/jobs/{id}")) {
            Err(Fault::Refused(404, _)) => return Ok(JobState::Unknown),
            answer => answer?,
        };
        Ok(match answer["status"].as_str() {
            Some("PENDING") => JobState::Pending,
            Some("RUNNING") => JobState::Running,
            Some("SUCCEEDED") => JobState::Succeeded,
            Some("STOPPED") => JobState::Stopped,
            Some("FAILED") => JobState::Failed(answer["message"].as_str().unwrap_or_default().trim().to_owned()),
            _ => {
                return Err(Fault::Away(format!(
                    "an answer without a status of the job: {}",
                    shortened(&answer.to_string())
                )));
            }
        })
    }

    /// Returns the last lines of the log of a job, as well as they can be had.
    pub(super) fn log(&self, id: &str) -> String {
        let answer = self.get(&format!("/api/jobs/{id}/logs"));
        answer.map(|answer| last_lines(answer["logs"].as_str().unwrap_or_default())).unwrap_or_default()
    }

    /// Asks Ray to end a job.
    pub(super) fn stop(&self, id: &str) -> Result<(), Fault> {
        self.post(&format!("/api/jobs/{id}/stop"), "").map(drop)
    }

    fn get(&self, path: &str) -> Result<Value, Fault> {
        let mut request = self.agent.get(format!("{}{path}", self.address));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        answer(request.call())
    }

    fn post(&self, path: &str, body: &str) -> Result<Value, Fault> {
        let mut request = self.agent.post(format!("{}{path}", self.address)).header("Content-Type", "application/json");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        answer(request.send(body))
    }
}

fn answer(response: Result<Response<Body>, ureq::Error>) -> Result<Value, Fault> {
    let away = |error: ureq::Error| Fault::Away(error.to_string());
    let mut response = response.map_err(away)?;
    let code = response.status().as_u16();
    let text = response.body_mut().with_config().limit(LARGEST).lossy_utf8(true).read_to_string().map_err(away)?;
    match code {
        200..=299 => serde_json::from_str(&text)
            .map_err(|error| Fault::Away(format!("an answer that is not JSON ({error}): {}", shortened(&text)))),
        400..=499 => Err(Fault::Refused(code, shortened(&text))),
        _ => Err(Fault::Away(format!("the status {code}: {}", shortened(&text)))),
    }
}

/// The end of a text, where an error says what it is.
fn shortened(text: &str) -> String {
    let text = text.trim();
    let skip = text.chars().count().saturating_sub(500);
    text.chars().skip(skip).collect()
}

fn last_lines(log: &str) -> String {
    let lines: Vec<&str> = log.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let last = lines[lines.len().saturating_sub(LINES)..].join("\n");
    let skip = last.chars().count().saturating_sub(CHARACTERS);
    last.chars().skip(skip).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_log_is_kept() {
        let log: String = (0..100).map(|line| format!("line {line}\n\n")).collect();
        let last = last_lines(&log);
        assert!(last.starts_with("line 60\n") && last.ends_with("line 99"), "{last}");
        assert_eq!(last_lines(&"é".repeat(5000)).chars().count(), CHARACTERS);
        assert_eq!(last_lines("\n"), "");
    }
}
