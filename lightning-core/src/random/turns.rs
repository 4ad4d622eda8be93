//! Turns at the generators of the devices, which all threads share.

use std::{
    cell::Cell,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long a thread waits for the turn of another one, which calls user code. That code may be
/// waiting for this thread, so that a wait without end could be a deadlock.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug)]
struct Turns {
    /// The turn in progress.
    current: Option<u64>,
    /// The number of turns that have begun.
    begun: u64,
    /// The number of threads that wait.
    waiting: u64,
}

static TURNS: Mutex<Turns> = Mutex::new(Turns { current: None, begun: 0, waiting: 0 });
static ENDED: Condvar = Condvar::new();

thread_local! {
    /// The innermost turn of this thread.
    static OWN: Cell<Option<u64>> = const { Cell::new(None) };
}

fn turns() -> MutexGuard<'static, Turns> {
    // Plain values, which are consistent even if a thread panicked with the lock.
    TURNS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls `body`, which may seed generators and draw from them, while no other thread is in here.
///
/// A thread may call it again in `body`. A thread that has waited for [`PATIENCE`] takes over.
pub(super) fn in_turn<R>(body: impl FnOnce() -> R) -> R {
    in_turn_with(PATIENCE, body)
}

pub(super) fn in_turn_with<R>(patience: Duration, body: impl FnOnce() -> R) -> R {
    let _turn = Turn::begin(patience);
    body()
}

/// Ends a turn, also if its body panics.
struct Turn {
    /// `None` within a turn of this thread.
    turn: Option<u64>,
    outer: Option<u64>,
}

impl Turn {
    fn begin(patience: Duration) -> Self {
        let outer = OWN.get();
        let mut turns = turns();
        while let Some(other) = turns.current {
            if outer == Some(other) {
                return Self { turn: None, outer };
            }
            turns.waiting += 1;
            let waited = ENDED.wait_timeout_while(turns, patience, |turns| turns.current == Some(other));
            let (guard, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            turns = guard;
            turns.waiting -= 1;
            if timeout.timed_out() {
                break;
            }
        }
        turns.begun += 1;
        let turn = Some(turns.begun);
        turns.current = turn;
        OWN.set(turn);
        Self { turn, outer }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(turn) = self.turn else { return };
        OWN.set(self.outer);
        let mut turns = turns();
        // Unless another thread has taken over.
        if turns.current == Some(turn) {
            turns.current = None;
            if turns.waiting > 0 {
                ENDED.notify_all();
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::{
        sync::atomic::{AtomicU64, Ordering},
        thread,
    };

    use super::*;

    #[test]
    fn one_thread_at_a_time() {
        let (inside, turns) = (AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        in_turn(|| {
                            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                            // Within its own turn a thread does not wait.
                            in_turn(thread::yield_now);
                            turns.fetch_add(1, Ordering::SeqCst);
                            inside.fetch_sub(1, Ordering::SeqCst);
                        });
                    }
                });
            }
        });
        assert_eq!(turns.into_inner(), 800);
    }

    #[test]
    fn a_panic_ends_a_turn() {
        let panicked = thread::spawn(|| in_turn(|| panic!("in `init`")));
        assert!(panicked.join().is_err());
        assert_eq!(in_turn(|| in_turn(|| 1)), 1);
        assert_eq!(thread::spawn(|| in_turn(|| 2)).join().unwrap(), 2);
    }

    /// A turn that waits for another thread's: the other one takes over, and the first goes on.
    #[test]
    fn a_turn_may_wait_for_another_thread() {
        let short = Duration::from_millis(20);
        let found = in_turn(|| {
            let inner = thread::spawn(move || {
                // The second turn of the thread finds the generator free.
                (in_turn_with(short, || 1), in_turn_with(Duration::from_secs(600), || 2))
            });
            let inner = inner.join().unwrap();
            (inner, in_turn(|| 3))
        });
        assert_eq!(found, ((1, 2), 3));
        assert_eq!(thread::spawn(|| in_turn(|| 4)).join().unwrap(), 4);
    }
}
