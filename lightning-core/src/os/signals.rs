//! Signals during a run.
//!
//! SIGINT and SIGTERM end the run after the current batch, with all files written; a second one
//! ends the process immediately. SIGHUP, which a closed terminal sends, ends the run in the same
//! way, however often it comes. SIGUSR1 saves a checkpoint after the current batch. A signal that
//! the process ignores when its first run starts, as after `nohup` or in a background job of a
//! script, stays ignored.

#[cfg(unix)]
mod unix {
    use std::sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    };

    use signal_hook::{
        consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1},
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
        /// Whether a signal counts only when all processes of a run have agreed on it.
        shared: AtomicBool,
        /// Whether they have agreed to end.
        agreed_end: AtomicBool,
        /// Whether they have agreed to save a checkpoint.
        agreed_save: AtomicBool,
    }

    static HANDLERS: LazyLock<Handlers> = LazyLock::new(|| {
        let handlers = Handlers {
            idle: Arc::new(AtomicBool::new(true)),
            pending: Arc::new(AtomicBool::new(false)),
            save: Arc::new(AtomicBool::new(false)),
            runs: AtomicUsize::new(0),
            shared: AtomicBool::new(false),
            agreed_end: AtomicBool::new(false),
            agreed_save: AtomicBool::new(false),
        };
        let ignored = super::ignored();
        let is_ignored = |signal: i32| (ignored >> (signal - 1)) & 1 == 1;
        for signal in [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !is_ignored(*signal)) {
            // Handlers run in the order of registration: default behavior if idle, end of the
            // process at the second signal, note of the first signal. A signal that cannot be
            // registered keeps its default behavior and ends the process.
            let _ = flag::register_conditional_default(signal, Arc::clone(&handlers.idle));
            // A terminal that closes sends SIGHUP twice, from the kernel and from the shell: the
            // second one is not an impatient user.
            if signal != SIGHUP {
                let _ = flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&handlers.pending));
            }
            let _ = flag::register(signal, Arc::clone(&handlers.pending));
        }
        if !is_ignored(SIGUSR1) {
            let _ = flag::register_conditional_default(SIGUSR1, Arc::clone(&handlers.idle));
            let _ = flag::register(SIGUSR1, Arc::clone(&handlers.save));
        }
        handlers
    });

    /// Signals are caught while a value of this type exists.
    #[derive(Debug)]
    pub(crate) struct Signals {
        released: bool,
    }

    impl Signals {
        /// `shared`: the run has several processes, which have to agree on what they do.
        pub(crate) fn catch(shared: bool) -> Self {
            if HANDLERS.runs.fetch_add(1, Ordering::SeqCst) == 0 {
                HANDLERS.pending.store(false, Ordering::SeqCst);
                HANDLERS.save.store(false, Ordering::SeqCst);
                HANDLERS.shared.store(shared, Ordering::SeqCst);
                HANDLERS.agreed_end.store(false, Ordering::SeqCst);
                HANDLERS.agreed_save.store(false, Ordering::SeqCst);
                HANDLERS.idle.store(false, Ordering::SeqCst);
            }
            Self { released: false }
        }

        /// Ends catching, and returns whether a signal asked the run to end. Every signal is either
        /// returned here or has its default behavior.
        pub(crate) fn finish(mut self) -> bool {
            self.release()
        }

        fn release(&mut self) -> bool {
            if std::mem::replace(&mut self.released, true) {
                return false;
            }
            if HANDLERS.runs.fetch_sub(1, Ordering::SeqCst) == 1 {
                // In this order: a signal in between ends the process.
                HANDLERS.idle.store(true, Ordering::SeqCst);
                HANDLERS.pending.swap(false, Ordering::SeqCst)
            } else {
                pending()
            }
        }
    }

    impl Drop for Signals {
        fn drop(&mut self) {
            self.release();
        }
    }

    /// Whether a signal has asked the run to end; of several processes, whether they have agreed
    /// on it.
    pub(crate) fn pending() -> bool {
        match HANDLERS.shared.load(Ordering::Relaxed) {
            true => HANDLERS.agreed_end.load(Ordering::Relaxed),
            false => received(),
        }
    }

    /// Whether a signal has asked this process to end.
    pub(crate) fn received() -> bool {
        HANDLERS.pending.load(Ordering::Relaxed)
    }

    /// Asks the run to end, as a signal does.
    #[cfg(feature = "tui")]
    pub(crate) fn ask_to_end() {
        HANDLERS.pending.store(true, Ordering::Relaxed);
    }

    /// Notes that the processes of the run have agreed to end it.
    pub(crate) fn agree_to_end() {
        HANDLERS.agreed_end.store(true, Ordering::Relaxed);
        // As if each had received the signal.
        HANDLERS.pending.store(true, Ordering::Relaxed);
    }

    /// Notes that the processes of the run have agreed to save a checkpoint.
    pub(crate) fn agree_to_save() {
        HANDLERS.agreed_save.store(true, Ordering::Relaxed);
    }

    /// Whether a signal has asked for a checkpoint since the last call; of several processes,
    /// whether they have agreed on it.
    pub(crate) fn take_save_request() -> bool {
        match HANDLERS.shared.load(Ordering::Relaxed) {
            true => take(&HANDLERS.agreed_save),
            false => take_received_save(),
        }
    }

    /// Whether a signal has asked this process for a checkpoint since the last call.
    pub(crate) fn take_received_save() -> bool {
        take(&HANDLERS.save)
    }

    fn take(flag: &AtomicBool) -> bool {
        // A load first: it is called after every batch, and a swap would take the cache line.
        flag.load(Ordering::Relaxed) && flag.swap(false, Ordering::Relaxed)
    }
}

/// The signals that the process ignores, as a bit set: signal 1 is bit 0.
#[cfg(target_os = "linux")]
pub(crate) fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}

/// Not known: there is no safe way to ask for the disposition of a signal.
#[cfg(all(unix, not(target_os = "linux")))]
pub(crate) fn ignored() -> u64 {
    0
}

#[cfg(all(unix, feature = "tui"))]
pub(crate) use unix::ask_to_end;
#[cfg(unix)]
pub(crate) use unix::{Signals, agree_to_end, agree_to_save, pending, received, take_received_save, take_save_request};

/// Signals are not caught on this system.
#[cfg(not(unix))]
#[derive(Debug)]
pub(crate) struct Signals(());

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn catch(_shared: bool) -> Self {
        Self(())
    }

    pub(crate) fn finish(self) -> bool {
        false
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

#[cfg(not(unix))]
pub(crate) fn received() -> bool {
    false
}

#[cfg(not(unix))]
pub(crate) fn take_received_save() -> bool {
    false
}

#[cfg(not(unix))]
pub(crate) fn agree_to_end() {}

#[cfg(not(unix))]
pub(crate) fn agree_to_save() {}
