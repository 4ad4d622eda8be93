//! Signals during a run.
//!
//! SIGINT and SIGTERM end the run after the current batch, with all files written; a second one
//! ends the process immediately. SIGUSR1 saves a checkpoint after the current batch.

#[cfg(unix)]
mod unix {
    use std::sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    };

    use signal_hook::{
        consts::{SIGINT, SIGTERM, SIGUSR1},
        flag,
    };

    /// The state of the signal handlers. They stay registered until the process ends, because
    /// removing one would not restore the previous behavior of the signal.
    struct Handlers {
        /// Whether no run is in progress: signals then have their default behavior.
        idle: Arc<AtomicBool>,
        /// Whether a signal asked this run to end.
        pending: Arc<AtomicBool>,
        /// Whether a signal asked this run for a checkpoint.
        save: Arc<AtomicBool>,
        /// The number of runs in progress.
        runs: AtomicUsize,
    }

    static HANDLERS: LazyLock<Handlers> = LazyLock::new(|| {
        let handlers = Handlers {
            idle: Arc::new(AtomicBool::new(true)),
            pending: Arc::new(AtomicBool::new(false)),
            save: Arc::new(AtomicBool::new(false)),
            runs: AtomicUsize::new(0),
        };
        for signal in [SIGINT, SIGTERM] {
            // Handlers run in the order of registration: default behavior if idle, end of the
            // process at the second signal, note of the first signal. A signal that cannot be
            // registered keeps its default behavior and ends the process.
            let _ = flag::register_conditional_default(signal, Arc::clone(&handlers.idle));
            let _ = flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&handlers.pending));
            let _ = flag::register(signal, Arc::clone(&handlers.pending));
        }
        let _ = flag::register_conditional_default(SIGUSR1, Arc::clone(&handlers.idle));
        let _ = flag::register(SIGUSR1, Arc::clone(&handlers.save));
        handlers
    });

    /// Signals are caught while a value of this type exists.
    #[derive(Debug)]
    pub(crate) struct Signals(());

    impl Signals {
        pub(crate) fn catch() -> Self {
            if HANDLERS.runs.fetch_add(1, Ordering::SeqCst) == 0 {
                HANDLERS.pending.store(false, Ordering::SeqCst);
                HANDLERS.save.store(false, Ordering::SeqCst);
                HANDLERS.idle.store(false, Ordering::SeqCst);
            }
            Self(())
        }
    }

    impl Drop for Signals {
        fn drop(&mut self) {
            if HANDLERS.runs.fetch_sub(1, Ordering::SeqCst) == 1 {
                HANDLERS.idle.store(true, Ordering::SeqCst);
                HANDLERS.pending.store(false, Ordering::SeqCst);
            }
        }
    }

    /// Whether a signal has asked the run to end.
    pub(crate) fn pending() -> bool {
        HANDLERS.pending.load(Ordering::Relaxed)
    }

    /// Whether a signal has asked for a checkpoint since the last call.
    pub(crate) fn take_save_request() -> bool {
        // A load first: it is called after every batch, and a swap would take the cache line.
        HANDLERS.save.load(Ordering::Relaxed) && HANDLERS.save.swap(false, Ordering::Relaxed)
    }
}

#[cfg(unix)]
pub(crate) use unix::{Signals, pending, take_save_request};

/// Signals are not caught on this system.
#[cfg(not(unix))]
#[derive(Debug)]
pub(crate) struct Signals(());

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn catch() -> Self {
        Self(())
    }
}

#[cfg(not(unix))]
pub(crate) fn pending() -> bool {
    false
}

#[cfg(not(unix))]
pub(crate) fn take_save_request() -> bool {
    false
}
