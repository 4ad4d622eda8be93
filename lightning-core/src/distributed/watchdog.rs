//! Ends a run in which a rank waits for ever.

use std::{
    fmt,
    io::{Write as _, stderr},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::Collective;
use crate::error::{Error, Result};

/// The exit code of a run that was ended: that of the program `timeout`.
const TIMED_OUT: i32 = 124;

/// How long a rank that has said where it waits leaves to the others to say so as well.
const GRACE: Duration = Duration::from_secs(1);

/// How often the thread looks at most, so that the end is at most so much late.
const LOOK: Duration = Duration::from_secs(1);

/// Where in a run a rank waits for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// What it does, such as `validation`.
    pub(crate) what: &'static str,
    pub(crate) epoch: Option<u64>,
    pub(crate) batch: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, epoch, batch } = self;
        f.write_str(what)?;
        epoch.map_or(Ok(()), |epoch| write!(f, ", epoch {epoch}"))?;
        batch.map_or(Ok(()), |batch| write!(f, ", batch {batch}"))
    }
}

/// Watches the exchanges of a rank: if one takes longer than the timeout, the rank says on standard
/// error where it waits, and all ranks end.
///
/// An exchange takes microseconds: entering one and leaving it costs two stores and a lock that
/// nobody else holds.
#[derive(Debug)]
pub(crate) struct Watchdog {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    started: Instant,
    /// When the exchange began, in nanoseconds after `started`; 0 if there is none.
    since: AtomicU64,
    place: Mutex<Place>,
    ended: Mutex<bool>,
    end: Condvar,
}

/// An exchange that is watched until this is dropped.
#[derive(Debug)]
#[must_use = "the exchange is watched until this is dropped"]
pub(crate) struct Watched<'a> {
    shared: &'a Shared,
    /// The exchange that this one is a part of.
    outer: (u64, Place),
}

impl Watchdog {
    /// Starts the thread that watches.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub(crate) fn new(timeout: Duration, ranks: Arc<dyn Collective>) -> Result<Self> {
        Self::with(timeout, move |place| {
            let _ = writeln!(stderr(), "{}", text(ranks.rank(), timeout, place));
            thread::sleep(GRACE);
            ranks.abort(TIMED_OUT);
        })
    }

    /// As [`new`](Self::new), with what happens after the timeout.
    fn with(timeout: Duration, timed_out: impl FnOnce(Place) + Send + 'static) -> Result<Self> {
        let shared = Arc::new(Shared {
            started: Instant::now(),
            since: AtomicU64::new(0),
            place: Mutex::new(Place { what: "", epoch: None, batch: None }),
            ended: Mutex::new(false),
            end: Condvar::new(),
        });
        let watched = Arc::clone(&shared);
        let watch = move || {
            if let Some(place) = watched.watch(timeout) {
                timed_out(place);
            }
        };
        let thread = thread::Builder::new().name("lightning-watchdog".to_owned()).spawn(watch);
        thread.map_err(|error| Error::msg("cannot start the thread of the watchdog").caused_by(error))?;
        Ok(Self { shared })
    }

    /// Watches from now on until what it returns is dropped. An exchange that is a part of another
    /// one has a timeout of its own.
    pub(crate) fn enter(&self, place: Place) -> Watched<'_> {
        let shared = &*self.shared;
        let outer = std::mem::replace(&mut *shared.place(), place);
        // At least 1: 0 stands for no exchange.
        let since = shared.now().max(1);
        Watched { shared, outer: (shared.since.swap(since, Ordering::Release), outer) }
    }
}

impl Shared {
    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the place of an exchange that takes longer than the timeout, or `None` at the end.
    fn watch(&self, timeout: Duration) -> Option<Place> {
        let look = (timeout / 4).clamp(Duration::from_millis(1), LOOK);
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        while !*ended {
            let since = self.since.load(Ordering::Acquire);
            if since != 0 && Duration::from_nanos(self.now().saturating_sub(since)) > timeout {
                return Some(*self.place());
            }
            ended = self.end.wait_timeout(ended, look).unwrap_or_else(PoisonError::into_inner).0;
        }
        None
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        let (since, place) = self.outer;
        // What the outer one has waited for has happened: it starts anew.
        let since = if since == 0 { 0 } else { self.shared.now().max(1) };
        self.shared.since.store(since, Ordering::Release);
        *self.shared.place() = place;
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        *self.shared.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.end.notify_all();
    }
}

/// What a rank says.
fn text(rank: usize, timeout: Duration, place: Place) -> String {
    let seconds = timeout.as_secs();
    let time = match seconds {
        0 => format!("{} ms", timeout.as_millis()),
        _ if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        _ => format!("{seconds} s"),
    };
    format!(
        "rank {rank} has waited for the other ranks for {time} in `{place}`: all ranks end; a rank that says nothing \
         like this is the one that does not come"
    )
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    fn at(what: &'static str, epoch: u64) -> Place {
        Place { what, epoch: Some(epoch), batch: None }
    }

    #[test]
    fn an_exchange_that_takes_too_long_is_named() {
        let (sender, timed_out) = channel();
        let watchdog = Watchdog::with(Duration::from_millis(50), move |place| sender.send(place).unwrap()).unwrap();
        drop(watchdog.enter(at("training", 2)));
        assert!(timed_out.recv_timeout(Duration::from_millis(300)).is_err(), "nothing is waited for");
        let _watched = watchdog.enter(at("validation", 3));
        assert_eq!(timed_out.recv_timeout(Duration::from_secs(30)).unwrap(), at("validation", 3));
    }

    #[test]
    fn many_short_exchanges_are_not_a_long_one() {
        let (sender, timed_out) = channel();
        let watchdog = Watchdog::with(Duration::from_secs(2), move |place| sender.send(place).unwrap()).unwrap();
        let since = Instant::now();
        let _whole = watchdog.enter(at("epoch", 0));
        while since.elapsed() < Duration::from_secs(3) {
            let _part = watchdog.enter(at("batch", 0));
            thread::sleep(Duration::from_millis(1));
        }
        assert!(timed_out.try_recv().is_err());
    }

    #[test]
    fn the_place_is_that_of_the_innermost_exchange() {
        let (sender, timed_out) = channel();
        let watchdog = Watchdog::with(Duration::from_millis(500), move |place| sender.send(place).unwrap()).unwrap();
        let _whole = watchdog.enter(at("validation", 0));
        drop(watchdog.enter(at("metrics", 0)));
        assert_eq!(timed_out.recv_timeout(Duration::from_secs(30)).unwrap(), at("validation", 0));
    }

    #[test]
    fn the_thread_ends_with_the_watchdog() {
        let (sender, timed_out) = channel::<Place>();
        let watchdog = Watchdog::with(Duration::from_secs(3600), move |place| sender.send(place).unwrap()).unwrap();
        drop(watchdog);
        // The sender is dropped with the thread.
        assert!(
            timed_out.recv_timeout(Duration::from_secs(30)).unwrap_err()
                == std::sync::mpsc::RecvTimeoutError::Disconnected
        );
    }

    #[test]
    fn a_rank_says_where_it_waits() {
        let place = Place { what: "validation", epoch: Some(3), batch: Some(7) };
        assert_eq!(
            text(1, Duration::from_secs(30 * 60), place),
            "rank 1 has waited for the other ranks for 30 min in `validation, epoch 3, batch 7`: all ranks end; a rank \
             that says nothing like this is the one that does not come"
        );
        assert!(text(0, Duration::from_secs(90), place).contains(" for 90 s in "));
        assert!(text(0, Duration::from_millis(50), place).contains(" for 50 ms in "));
    }
}
