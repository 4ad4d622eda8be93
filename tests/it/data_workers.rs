//! Workers: how many batches live, which threads, and that loading overlaps training.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use lightning_core::{DataLoader, Result, data::EpochOffset};

use crate::data_support::*;

/// How many batches are alive, and how many were at the worst.
#[derive(Clone, Default)]
struct Census {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

/// A batch that is counted while it lives.
struct Live(Census);

impl Census {
    fn born(&self) -> Live {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        Live(self.clone())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn no_more_batches_live_than_was_said() {
    watched(|| {
        for (workers, prefetch) in [(1, 0), (1, 1), (2, 0), (2, 3), (4, 2), (8, 16)] {
            let census = Census::default();
            let counted = census.clone();
            let loader = DataLoader::builder((0..400).collect::<Vec<u32>>())
                .batch_size(2)
                .num_workers(workers)
                .prefetch(prefetch)
                .collate(move |_: Vec<u32>| Ok(counted.born()))
                .build()
                .unwrap();
            for (batch, live) in open(&loader).enumerate() {
                let _live = live.unwrap();
                // Now and then the loop is slow, and the workers run ahead as far as they may.
                let room = 200 - batch > prefetch + workers;
                while batch % 40 == 0 && room && census.now.load(Ordering::SeqCst) < prefetch + workers + 1 {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            let most = census.most.load(Ordering::SeqCst);
            assert_eq!(most, prefetch + workers + 1, "{workers} workers, prefetch {prefetch}");
            assert_eq!(census.now.load(Ordering::SeqCst), 0);
        }
    });
}

#[test]
fn an_iterator_dropped_midway_joins_its_workers() {
    watched(|| {
        let (threads, census) = (Threads::default(), Census::default());
        let (counted, born) = (threads.clone(), census.clone());
        let loader = DataLoader::builder((0..10_000).collect::<Vec<u32>>())
            .num_workers(4)
            .worker_init(move |_| {
                counted.count_this();
                Ok(())
            })
            .collate(move |_: Vec<u32>| {
                std::thread::sleep(Duration::from_millis(1));
                Ok(born.born())
            })
            .build()
            .unwrap();
        for taken in [0, 1, 5] {
            let mut batches = open(&loader);
            for _ in 0..taken {
                batches.next().unwrap().unwrap();
            }
            let before = Instant::now();
            drop(batches);
            assert_eq!((threads.alive(), census.now.load(Ordering::SeqCst)), (0, 0), "after {taken} batches");
            assert!(before.elapsed() < Duration::from_secs(5));
        }
        // At the end of an epoch they have gone as well.
        let mut batches = loader.resume(EpochOffset { batch: 9_990, ..EpochOffset::default() }).unwrap();
        assert_eq!(batches.by_ref().count(), 10);
        drop(batches);
        assert_eq!(threads.alive(), 0);
    });
}

#[test]
fn persistent_workers_are_prepared_once() {
    watched(|| {
        let numbers = |persistent: bool| {
            let (threads, prepared) = (Threads::default(), Arc::new(AtomicUsize::new(0)));
            let (counted, counter) = (threads.clone(), prepared.clone());
            let loader = DataLoader::builder((0..30).collect::<Vec<u32>>())
                .num_workers(2)
                .persistent_workers(persistent)
                .worker_init(move |worker| {
                    assert!(worker < 2);
                    counted.count_this();
                    counter.fetch_add(1, Ordering::SeqCst);
                    Ok(())
                })
                .collate(|items: Vec<u32>| Ok(items[0]))
                .build()
                .unwrap();
            for epoch in 0..3 {
                assert_eq!(read(&loader, at(0, epoch, 0)), (0..30).collect::<Vec<_>>());
            }
            // Two epochs at the same time do not wait for each other.
            let pairs: Vec<(u32, u32)> =
                open(&loader).zip(open(&loader.clone())).map(|(a, b)| (a.unwrap(), b.unwrap())).collect();
            assert_eq!(pairs.len(), 30);
            let alive = threads.alive();
            drop(loader);
            assert_eq!(threads.alive(), 0);
            (prepared.load(Ordering::SeqCst), alive)
        };
        // Three epochs and two at the same time, of two workers each.
        assert_eq!(numbers(false), (10, 0));
        assert_eq!(numbers(true), (4, 2));
    });
}

/// Two threads that sleep do not need two cores: one sleeps 10 ms over a step while the other
/// sleeps 8 ms over a batch.
#[test]
fn loading_overlaps_the_step() {
    const STEP: Duration = Duration::from_millis(10);
    const BATCH: Duration = Duration::from_millis(8);
    watched(|| {
        let time = |workers| {
            let loader = DataLoader::builder((0..50).collect::<Vec<u32>>())
                .num_workers(workers)
                .collate(|items: Vec<u32>| {
                    std::thread::sleep(BATCH);
                    Ok(items)
                })
                .build()
                .unwrap();
            let start = Instant::now();
            for batch in open(&loader) {
                batch.unwrap();
                std::thread::sleep(STEP);
            }
            start.elapsed()
        };
        let (alone, overlapped) = (time(0), time(1));
        assert!(alone >= (STEP + BATCH) * 50);
        // 0.556 where nothing is lost; the machine may be busy.
        let ratio = overlapped.as_secs_f64() / alone.as_secs_f64();
        assert!(ratio < 0.75, "{ratio}");
    });
}

#[test]
fn a_step_does_not_wait_for_the_batch_after_its_own() {
    use crate::support::*;

    // The second batch never comes; the trainer knows from the loader's length that one batch is
    // all it wants.
    watched(|| {
        let data = batches(&[4], 1).remove(0);
        let loader = DataLoader::from_loader(Stuck(data));
        let mut model = Net::new(NetHparams::default());
        let mut trainer = Net::quiet().max_epochs(1).limit_train_batches(1).limit_val_batches(0).build().unwrap();
        assert_eq!(trainer.fit(&mut model, loader).unwrap().global_step, 1);
    });

    struct Stuck(Rows);

    impl lightning_core::data::Loader<Rows> for Stuck {
        fn len(&self) -> Option<usize> {
            Some(2)
        }

        fn batches(&self, _from: EpochOffset) -> Result<lightning_core::data::Batches<Rows>> {
            let stuck = std::iter::from_fn(|| {
                loop {
                    std::thread::sleep(Duration::from_secs(1));
                }
            });
            Ok(Box::new(std::iter::once(Ok(self.0.clone())).chain(stuck)))
        }
    }
}

#[test]
fn a_loader_that_gives_less_than_it_says_is_an_error() {
    use crate::support::*;

    struct Short(Vec<Rows>);

    impl lightning_core::data::Loader<Rows> for Short {
        fn len(&self) -> Option<usize> {
            Some(3)
        }

        fn batches(&self, _from: EpochOffset) -> Result<lightning_core::data::Batches<Rows>> {
            Ok(Box::new(self.0.clone().into_iter().map(Ok)))
        }
    }

    let loader = DataLoader::from_loader(Short(batches(&[4, 4], 1)));
    let mut model = Net::new(NetHparams::default());
    let mut trainer = Net::quiet().max_epochs(1).limit_val_batches(0).build().unwrap();
    let error = trainer.fit(&mut model, loader).unwrap_err();
    assert_eq!(error.message(), "`Loader::len` is 3, but the epoch ended after 2 batches");
}
