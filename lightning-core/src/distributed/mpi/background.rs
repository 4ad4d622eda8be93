//! Sums that go on while the rank computes.
//!
//! MPI libraries move a started sum on only when they are called. A thread asks for each started
//! sum in turn, and sleeps in between, so that it leaves the processor to the computation.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

use super::{
    CHUNK,
    abi::Failure,
    ffi::{Group, RunningSum, Session},
};
use crate::{
    distributed::Pending,
    error::{Error, Result},
};

/// How long the thread sleeps when no sum has moved on.
const PAUSE: Duration = Duration::from_micros(50);

/// A sum to start, and where its values go.
struct Job {
    values: Vec<f32>,
    answer: Sender<Result<Vec<f32>, Failure>>,
}

/// The thread that sums.
#[derive(Debug)]
pub(super) struct Background {
    jobs: Sender<Job>,
    rank: usize,
}

impl Background {
    /// Starts the thread. Nobody else uses the group.
    pub(super) fn start(session: Arc<Session>, group: Group) -> Result<Self> {
        let (jobs, incoming) = channel();
        let rank = group.rank;
        let work = move || work(&session, &group, &incoming);
        let thread = thread::Builder::new().name("lightning-mpi".to_owned()).spawn(work);
        thread.map_err(|error| Error::msg("cannot start the thread of sums").caused_by(error))?;
        Ok(Self { jobs, rank })
    }

    pub(super) fn sum(&self, values: Vec<f32>) -> Result<Box<dyn Pending>> {
        let (answer, sums) = channel();
        let sent = self.jobs.send(Job { values, answer });
        sent.map_err(|_| stopped(self.rank))?;
        Ok(Box::new(Waiting { sums, rank: self.rank }))
    }
}

fn stopped(rank: usize) -> Error {
    Error::msg(format!("the thread of sums has ended on rank {rank}"))
}

#[derive(Debug)]
struct Waiting {
    sums: Receiver<Result<Vec<f32>, Failure>>,
    rank: usize,
}

impl Pending for Waiting {
    fn wait(self: Box<Self>) -> Result<Vec<f32>> {
        let sums = self.sums.recv().map_err(|_| stopped(self.rank))?;
        sums.map_err(|failure| failure.into_error(self.rank))
    }
}

/// Sums until nobody can ask for more.
fn work(session: &Arc<Session>, group: &Group, jobs: &Receiver<Job>) {
    let mut running: VecDeque<(RunningSum, Sender<_>)> = VecDeque::new();
    loop {
        // Nothing is running: the thread sleeps until it is needed.
        let first = if running.is_empty() {
            let Ok(job) = jobs.recv() else { return };
            Some(job)
        } else {
            None
        };
        // All ranks start their sums in the same order, which is all that MPI asks for.
        for Job { values, answer } in first.into_iter().chain(jobs.try_iter()) {
            match RunningSum::start(session, group, values, CHUNK) {
                Ok(sum) => running.push_back((sum, answer)),
                Err(failure) => drop(answer.send(Err(failure))),
            }
        }
        let before = running.len();
        running.retain_mut(|(sum, answer)| {
            let Some(sums) = sum.advance().transpose() else { return true };
            // Who does not wait for the sums does not need them.
            let _ = answer.send(sums);
            false
        });
        if running.len() == before {
            thread::sleep(PAUSE);
        }
    }
}
