//! Submits the jobs of a search and follows them to their ends.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    JOB, RayJobs,
    client::{Client, Fault, JobState, Submission},
};
use crate::{
    error::{Error, Result},
    os::time,
    random::Rng,
    search::{
        core::{Core, End},
        workers,
    },
};

/// The time between two looks at the jobs.
const INTERVAL: Duration = Duration::from_millis(500);
/// The number of jobs in turn that end before they reach the search, after which it is the command
/// that must be wrong.
const MOST_UNREACHED: u32 = 3;

/// What is to be searched.
#[derive(Debug)]
pub(in crate::search) struct Search {
    /// Its number among those of the program.
    pub(in crate::search) number: u64,
    /// The number of trials at which it ends.
    pub(in crate::search) total: usize,
    /// The time after which no further trial starts.
    pub(in crate::search) time: Option<Duration>,
}

/// A job of a trial.
#[derive(Debug)]
struct Job {
    id: String,
    trial: u64,
    /// Whether it was asked to be submitted, and whether Ray has it.
    is_tried: bool,
    is_sent: bool,
    running_since: Option<Instant>,
    /// Why it was asked to end.
    stopped: Option<String>,
}

struct Follower<'a> {
    engine: &'a RayJobs,
    client: Client,
    command: String,
    core: &'a Mutex<Core>,
    search: &'a Search,
    ended: &'a dyn Fn(&Core, u64),
    jobs: Vec<Job>,
    /// Since when Ray has not answered, and why.
    away: Option<(Instant, String)>,
    beaten: Instant,
    unreached: u32,
}

/// Runs the trials of a search as jobs, and tells `ended` of each one that has ended.
///
/// # Errors
/// If Ray does not answer, or refuses a job; if jobs do not reach the search; if the storage fails.
/// The trials of the jobs that ran are then failed ones.
pub(in crate::search) fn run(
    engine: &RayJobs,
    core: &Mutex<Core>,
    search: &Search,
    ended: &dyn Fn(&Core, u64),
) -> Result<()> {
    let client = engine.client();
    client.version().map_err(|fault| match fault {
        Fault::Away(why) => Error::msg(format!("there is no Ray at `{}`: {why}", engine.address))
            .help("start it (`ray start --head`), and name the address of its dashboard"),
        fault => refused(engine, "asking for its version", &fault),
    })?;
    let mut follower = Follower {
        engine,
        client,
        command: engine.command()?,
        core,
        search,
        ended,
        jobs: Vec::new(),
        away: None,
        beaten: Instant::now(),
        unreached: 0,
    };
    let result = follower.follow();
    if let Err(error) = &result {
        follower.give_up(error);
    }
    result
}

impl Follower<'_> {
    fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn follow(&mut self) -> Result<()> {
        let started = Instant::now();
        loop {
            let mut is_exhausted = self.search.time.is_some_and(|time| started.elapsed() >= time);
            while !is_exhausted && self.jobs.len() < self.engine.at_once && self.away.is_none() {
                let next = self.core().next(self.search.total)?;
                match next {
                    Some(trial) => self.begin(trial)?,
                    None => is_exhausted = true,
                }
            }
            if self.jobs.is_empty() {
                return self.core().fail_lost();
            }
            thread::sleep(INTERVAL);
            self.look()?;
            self.give_signs_of_life()?;
        }
    }

    /// Makes a job of a trial.
    fn begin(&mut self, trial: u64) -> Result<()> {
        let id = {
            let mut core = self.core();
            core.follow(trial, true);
            let number = core.trial(trial)?.number;
            let name: String =
                core.plan.name.chars().map(|of| if of.is_ascii_alphanumeric() { of } else { '-' }).collect();
            let unique = Rng::new(time::now().to_bits() ^ u64::from(std::process::id()) << 32).next_u64();
            let id = format!("{name}-trial-{number}-{unique:016x}");
            core.set_system_attr(trial, JOB, json!(id))?;
            id
        };
        self.jobs.push(Job { id, trial, is_tried: false, is_sent: false, running_since: None, stopped: None });
        self.look_at(self.jobs.len() - 1).map(drop)
    }

    /// Looks at all jobs, and removes those that have ended.
    fn look(&mut self) -> Result<()> {
        let mut at = 0;
        while at < self.jobs.len() {
            if self.look_at(at)? {
                let job = self.jobs.remove(at);
                let mut core = self.core();
                core.follow(job.trial, false);
                (self.ended)(&core, job.trial);
            } else {
                at += 1;
            }
        }
        Ok(())
    }

    /// Looks at a job. Returns whether it has ended.
    fn look_at(&mut self, at: usize) -> Result<bool> {
        let Some(job) = self.jobs.get(at) else { return Ok(false) };
        let (trial, id) = (job.trial, job.id.clone());
        if !job.is_sent {
            // An earlier request may have arrived although its answer has not.
            let sent = match std::mem::replace(&mut self.jobs[at].is_tried, true) {
                true => self.client.state(&id).map(|state| state != JobState::Unknown),
                false => Ok(false),
            };
            let sent = sent.and_then(|is_there| if is_there { Ok(()) } else { self.submit(trial, &id) });
            if self.answered(sent, "submitting a job")?.is_some() {
                self.jobs[at].is_sent = true;
            }
            return Ok(false);
        }
        let state = self.client.state(&id);
        let Some(state) = self.answered(state, "asking for a job")? else { return Ok(false) };
        let (why, may_retry) = match state {
            JobState::Pending => return Ok(false),
            JobState::Running => return self.look_at_running(at),
            JobState::Succeeded => ("ended without running it".to_owned(), true),
            JobState::Stopped => match &self.jobs[at].stopped {
                Some(why) => (why.clone(), true),
                None => ("was stopped".to_owned(), false),
            },
            JobState::Failed(message) if message.is_empty() => ("failed".to_owned(), true),
            JobState::Failed(message) => (format!("failed: {message}"), true),
            JobState::Unknown => ("is not known to it any more".to_owned(), true),
        };
        let (is_finished, is_reached, number) = {
            let mut core = self.core();
            core.sync()?;
            let (is_reached, trial) = (core.is_adopted(trial)?, core.trial(trial)?);
            (trial.state.is_finished(), is_reached, trial.number)
        };
        if is_finished {
            self.unreached = 0;
            return Ok(true);
        }
        let log = self.client.log(&id);
        let is_told = why.starts_with("was stopped");
        let log = if log.is_empty() || is_told { String::new() } else { format!("; its log ends with\n{log}") };
        self.core().end(trial, &End::failed(format!("its job `{id}` of Ray {why}{log}"), may_retry))?;
        self.unreached = if is_reached || is_told { 0 } else { self.unreached + 1 };
        if self.unreached >= MOST_UNREACHED {
            return Err(Error::msg(format!(
                "{MOST_UNREACHED} jobs of Ray have ended before they ran their trials; that of trial {number} {why}{log}"
            ))
            .help(format!(
                "the command of a job must run this program up to the search, with the same journal; it is `{}`",
                self.command
            )));
        }
        Ok(true)
    }

    /// Stops a job that has run for too long. Returns whether it has ended.
    fn look_at_running(&mut self, at: usize) -> Result<bool> {
        let job = &mut self.jobs[at];
        let since = *job.running_since.get_or_insert_with(Instant::now);
        let Some(limit) = self.engine.time_limit.filter(|limit| since.elapsed() > *limit) else { return Ok(false) };
        if job.stopped.is_none() {
            job.stopped = Some(format!("was stopped after {} seconds, its `time_limit`", limit.as_secs_f64()));
            let stopped = self.client.stop(&self.jobs[at].id);
            self.answered(stopped, "stopping a job")?;
        }
        Ok(false)
    }

    fn submit(&self, trial: u64, id: &str) -> std::result::Result<(), Fault> {
        let mut env = self.engine.env.clone();
        env.push((workers::VARIABLE.to_owned(), workers::for_trial(self.search.number, trial)));
        let core = self.core();
        let number = core.trial(trial).map(|trial| trial.number).unwrap_or_default();
        let metadata = json!({"study": core.plan.name, "trial": number.to_string()});
        drop(core);
        self.client.submit(&Submission { id, command: &self.command, env, metadata }, self.engine)
    }

    /// Returns the answer of a request, and `None` while Ray may be away.
    ///
    /// # Errors
    /// If Ray has been away for too long, or refuses the request.
    fn answered<T>(&mut self, answer: std::result::Result<T, Fault>, what: &str) -> Result<Option<T>> {
        match answer {
            Ok(answer) => {
                self.away = None;
                Ok(Some(answer))
            }
            Err(Fault::Away(why)) => {
                let (since, why) = self.away.get_or_insert((Instant::now(), why));
                if since.elapsed() <= self.engine.patience {
                    return Ok(None);
                }
                let seconds = self.engine.patience.as_secs_f64();
                Err(Error::msg(format!(
                    "Ray at `{}` has not answered for {seconds} seconds: {why}",
                    self.engine.address
                ))
                .help("start Ray again and call `optimize` again: the study goes on"))
            }
            Err(fault) => Err(refused(self.engine, what, &fault)),
        }
    }

    /// Tells the other processes of the study that the trials are not lost.
    fn give_signs_of_life(&mut self) -> Result<()> {
        let mut core = self.core.lock().unwrap_or_else(PoisonError::into_inner);
        if self.beaten.elapsed() < core.plan.lost_after / 4 {
            return Ok(());
        }
        self.beaten = Instant::now();
        self.jobs.iter().try_for_each(|job| core.beat(job.trial))
    }

    /// Stops all jobs and fails their trials.
    fn give_up(&mut self, error: &Error) {
        let is_gone = self.away.is_some();
        for job in std::mem::take(&mut self.jobs) {
            if !is_gone && job.is_sent {
                // A job that goes on does no harm: its trial has ended.
                let _ = self.client.stop(&job.id);
            }
            let why = format!("its job `{}` of Ray was given up: {}", job.id, error.message());
            let mut core = self.core();
            core.follow(job.trial, false);
            // The error that is returned is the first one.
            let _ = core.end(job.trial, &End::failed(why, true));
            (self.ended)(&core, job.trial);
        }
    }
}

fn refused(engine: &RayJobs, what: &str, fault: &Fault) -> Error {
    let why = match fault {
        Fault::Away(why) => why.clone(),
        Fault::Refused(code, why) => format!("the status {code}: {why}"),
    };
    Error::msg(format!("Ray at `{}` has refused a request, {what}: {why}", engine.address))
        .help("the address must be that of Ray's dashboard, and the settings of `RayJobs` such as the cluster has")
}
