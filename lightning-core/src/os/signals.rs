//! SIGINT and SIGTERM: a run ends after the batch at hand, with everything written; a second one ends the process at once.
//! SIGUSR1: a run writes a checkpoint after the batch at hand and goes on.

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

    /// The state that the handlers look at. They stay for the life of the process, since taking one away would not bring
    /// back what the signal did before.
    struct Handlers {
        /// No run is in progress: the signal does what it always did.
        idle: Arc<AtomicBool>,
        /// A signal has come in this run.
        pending: Arc<AtomicBool>,
        /// A checkpoint has been asked for in this run.
        save: Arc<AtomicBool>,
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
            // In this order: the default when idle, the end of the process at the second signal, the note of the first. A
            // signal that cannot be caught keeps its default, and a run is then ended by it as any other program is.
            let _ = flag::register_conditional_default(signal, Arc::clone(&handlers.idle));
            let _ = flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&handlers.pending));
            let _ = flag::register(signal, Arc::clone(&handlers.pending));
        }
        let _ = flag::register_conditional_default(SIGUSR1, Arc::clone(&handlers.idle));
        let _ = flag::register(SIGUSR1, Arc::clone(&handlers.save));
        handlers
    });

    /// Catches signals until dropped.
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

    /// Whether a signal asks the run to end.
    pub(crate) fn pending() -> bool {
        HANDLERS.pending.load(Ordering::Relaxed)
    }

    /// Whether a signal has asked for a checkpoint since the last call.
    pub(crate) fn take_save_request() -> bool {
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
