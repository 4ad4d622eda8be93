//! Figures that take long to read, on a thread of their own.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use super::DeviceStat;

/// One value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Figure {
    pub(super) stat: DeviceStat,
    /// The GPU that it belongs to, from 0.
    pub(super) gpu: Option<usize>,
    pub(super) value: f64,
}

impl Figure {
    /// Returns the name in the log, without the prefix.
    pub(super) fn name(&self) -> String {
        let key = self.stat.key();
        self.gpu.map_or_else(|| key.to_owned(), |gpu| format!("{key}/{gpu}"))
    }
}

/// Where figures come from.
pub(super) trait Source: Send {
    /// Reads the figures that there are now. What cannot be read is left out.
    fn read(&mut self) -> Vec<Figure>;
}

/// Reads a source again and again, until it is dropped.
#[derive(Debug)]
pub(super) struct Poller {
    latest: Arc<Mutex<Vec<Figure>>>,
    /// Dropped with the poller, which ends the thread.
    _running: mpsc::Sender<()>,
}

impl Poller {
    /// Reads now, and `period` after each reading.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub(super) fn start(mut source: Box<dyn Source>, period: Duration) -> io::Result<Self> {
        let latest = Arc::new(Mutex::new(Vec::new()));
        let (running, ended) = mpsc::channel();
        let shared = Arc::clone(&latest);
        thread::Builder::new().name("device stats".to_owned()).spawn(move || {
            loop {
                let figures = source.read();
                *shared.lock().unwrap_or_else(PoisonError::into_inner) = figures;
                if ended.recv_timeout(period) != Err(mpsc::RecvTimeoutError::Timeout) {
                    return;
                }
            }
        })?;
        Ok(Self { latest, _running: running })
    }

    /// Returns the figures of the last reading, without waiting for the next one; none before the
    /// first.
    pub(super) fn latest(&self) -> Vec<Figure> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    struct Slow(Duration, u64);

    impl Source for Slow {
        fn read(&mut self) -> Vec<Figure> {
            thread::sleep(self.0);
            self.1 += 1;
            vec![Figure { stat: DeviceStat::GpuPowerWatts, gpu: Some(1), value: self.1 as f64 }]
        }
    }

    fn wait_for(poller: &Poller, value: f64) -> bool {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(10) {
            if poller.latest().iter().any(|figure| figure.value >= value) {
                return true;
            }
            thread::sleep(Duration::from_millis(1));
        }
        false
    }

    #[test]
    fn a_slow_source_keeps_nobody_waiting() -> io::Result<()> {
        let poller = Poller::start(Box::new(Slow(Duration::from_millis(300), 0)), Duration::ZERO)?;
        let start = Instant::now();
        assert_eq!(poller.latest(), []);
        assert!(start.elapsed() < Duration::from_millis(200));
        assert!(wait_for(&poller, 1.0));
        assert_eq!(poller.latest().iter().map(Figure::name).collect::<Vec<_>>(), ["gpu_power_watts/1"]);
        Ok(())
    }

    #[test]
    fn a_source_is_read_again_until_the_poller_is_dropped() -> io::Result<()> {
        let poller = Poller::start(Box::new(Slow(Duration::ZERO, 0)), Duration::from_millis(1))?;
        assert!(wait_for(&poller, 3.0));
        let latest = Arc::clone(&poller.latest);
        drop(poller);
        let start = Instant::now();
        // The thread has given up its half.
        while Arc::strong_count(&latest) > 1 && start.elapsed() < Duration::from_secs(10) {
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(Arc::strong_count(&latest), 1);
        Ok(())
    }
}
