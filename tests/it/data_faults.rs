//! Bad input: every case is an error that names the item, nothing hangs, and all workers end.

use std::{
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use lightning_core::{
    DataLoader, Error, ErrorKind, Result,
    data::{BatchSampler, DataLoaderBuilder, Dataset, SampleContext, Sampler, Subset, SubsetRandomSampler, k_fold},
    random_split,
};

use crate::data_support::*;

const WORKERS: [usize; 4] = [0, 1, 2, 8];

/// The numbers below `len`; what `fault` does happens at item 13.
struct Faulty<F> {
    len: usize,
    fault: F,
}

impl<F: Fn() -> Result<usize> + Send + Sync> Dataset for Faulty<F> {
    type Item = usize;

    fn len(&self) -> usize {
        self.len
    }

    fn get(&self, index: usize) -> Result<usize> {
        if index == 13 { (self.fault)() } else { Ok(index) }
    }
}

fn faulty<B, F: Fn() -> Result<usize> + Send + Sync + 'static>(
    workers: usize,
    threads: &Threads,
    fault: F,
) -> DataLoaderBuilder<Faulty<F>, B> {
    let counted = threads.clone();
    DataLoader::builder(Faulty { len: 40, fault }).batch_size(5).num_workers(workers).worker_init(move |_| {
        counted.count_this();
        Ok(())
    })
}

/// What a loader with a fault in batch 2 of 8 gives: all other batches, in order, and the error.
fn only_batch_2_fails<B: 'static>(loader: &DataLoader<B>, threads: &Threads) -> Error {
    let mut batches: Vec<Result<B>> = open(loader).collect();
    assert_eq!(batches.len(), 8);
    assert_eq!(threads.alive(), 0);
    let failed: Vec<usize> =
        batches.iter().enumerate().filter(|(_, batch)| batch.is_err()).map(|(place, _)| place).collect();
    assert_eq!(failed, [2]);
    match batches.swap_remove(2) {
        Ok(_) => unreachable!(),
        Err(error) => error,
    }
}

#[test]
fn a_failing_item() {
    watched(|| {
        for workers in WORKERS {
            let threads = Threads::default();
            let loader: DataLoader<Vec<usize>> =
                faulty(workers, &threads, || Err(Error::msg("the disk is gone"))).build().unwrap();
            let error = only_batch_2_fails(&loader, &threads);
            assert_eq!(error.to_string(), "item 13 of the dataset could not be read: the disk is gone (batch 2)");
        }
    });
}

#[test]
fn a_panicking_item() {
    watched(|| {
        for workers in WORKERS {
            let threads = Threads::default();
            let loader: DataLoader<Vec<usize>> = faulty(workers, &threads, || panic!("out of cheese")).build().unwrap();
            let error = only_batch_2_fails(&loader, &threads);
            assert_eq!(error.kind(), ErrorKind::Panic);
            assert_eq!(
                error.to_string(),
                "item 13 of the dataset could not be read: panicked: out of cheese (batch 2)"
            );
        }
    });
}

#[test]
fn a_panicking_map() {
    watched(|| {
        for workers in WORKERS {
            let threads = Threads::default();
            let loader: DataLoader<Vec<usize>> = faulty(workers, &threads, || Ok(13))
                .map(|item, _| if item == 13 { panic!("unlucky") } else { item })
                .build()
                .unwrap();
            let error = only_batch_2_fails(&loader, &threads);
            assert_eq!(error.to_string(), "`map` failed on item 13 of the dataset: panicked: unlucky (batch 2)");
        }
    });
}

#[test]
fn a_failing_map() {
    watched(|| {
        for workers in WORKERS {
            let threads = Threads::default();
            let loader: DataLoader<Vec<usize>> = faulty(workers, &threads, || Ok(13))
                .try_map(|item, _| if item == 13 { Err(Error::msg("unlucky")) } else { Ok(item) })
                .build()
                .unwrap();
            let error = only_batch_2_fails(&loader, &threads);
            assert_eq!(error.to_string(), "`map` failed on item 13 of the dataset: unlucky (batch 2)");
        }
    });
}

#[test]
fn a_failing_and_a_panicking_collate() {
    watched(|| {
        for workers in WORKERS {
            let threads = Threads::default();
            let loader: DataLoader<usize> = faulty(workers, &threads, || Ok(13))
                .collate(
                    |items: Vec<usize>| {
                        if items.contains(&13) { Err(Error::msg("ragged")) } else { Ok(items.len()) }
                    },
                )
                .build()
                .unwrap();
            let error = only_batch_2_fails(&loader, &threads);
            assert_eq!(error.to_string(), "`collate` failed on batch 2 with 5 items: ragged (batch 2)");
            let loader: DataLoader<usize> = faulty(workers, &threads, || Ok(13))
                .collate(|items: Vec<usize>| {
                    assert!(!items.contains(&13), "no thirteen");
                    Ok(items.len())
                })
                .build()
                .unwrap();
            let error = only_batch_2_fails(&loader, &threads);
            assert_eq!(error.to_string(), "`collate` failed on batch 2 with 5 items: panicked: no thirteen (batch 2)");
        }
    });
}

/// A lock that a panic poisons: every later item that takes it panics as well, and each is named.
#[test]
fn a_poisoned_lock() {
    watched(|| {
        // With more workers a later item may come first.
        for workers in [0, 1] {
            let threads = Threads::default();
            let lock = Arc::new(Mutex::new(0));
            let loader: DataLoader<Vec<usize>> = faulty(workers, &threads, || Ok(13))
                .map(move |item, _| {
                    if item % 13 == 0 {
                        let _held = lock.lock().unwrap();
                        assert_ne!(item, 13, "poison");
                    }
                    item
                })
                .build()
                .unwrap();
            let batches: Vec<Result<Vec<usize>>> = open(&loader).collect();
            assert_eq!((batches.len(), threads.alive()), (8, 0));
            let message = |batch: usize| batches[batch].as_ref().unwrap_err().to_string();
            assert!(message(2).starts_with("`map` failed on item 13 of the dataset: panicked: "), "{}", message(2));
            assert!(message(5).contains("item 26") && message(5).contains("Poison"), "{}", message(5));
            assert!(batches[3].is_ok() && batches[4].is_ok());
        }
    });
}

/// Not a function of the user's panics but the end of one of his values.
#[test]
fn a_value_that_panics_when_dropped() {
    struct Bomb(usize);

    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(self.0 != 13 || std::thread::panicking(), "boom");
        }
    }

    watched(|| {
        for workers in [1, 2, 8] {
            let threads = Threads::default();
            let loader: DataLoader<usize> = faulty(workers, &threads, || Ok(13))
                .map(|item, _| Bomb(item))
                .collate(|items: Vec<Bomb>| Ok(items.len()))
                .build()
                .unwrap();
            let error = only_batch_2_fails(&loader, &threads);
            assert!(error.to_string().contains("panicked: boom"), "{error}");
        }
    });
}

#[test]
fn a_worker_that_cannot_be_prepared() {
    watched(|| {
        for (panics, text) in [(false, "no licence"), (true, "panicked: no licence")] {
            let threads = Threads::default();
            let counted = threads.clone();
            let loader = DataLoader::builder((0..40).collect::<Vec<usize>>())
                .num_workers(3)
                .worker_init(move |worker| {
                    counted.count_this();
                    match worker {
                        1 if panics => panic!("no licence"),
                        1 => Err(Error::msg("no licence")),
                        _ => Ok(()),
                    }
                })
                .collate(|items: Vec<usize>| {
                    std::thread::sleep(Duration::from_millis(1));
                    Ok(items)
                })
                .build()
                .unwrap();
            let mut batches = open(&loader);
            let error = batches.by_ref().find_map(Result::err).unwrap();
            assert_eq!(error.to_string(), format!("`worker_init` failed on worker 1: {text}"));
            assert!(batches.next().is_none());
            drop(batches);
            assert_eq!(threads.alive(), 0);
        }
    });
}

/// A door that stays shut until it is opened.
#[derive(Default)]
struct Door {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Door {
    fn pass(&self) {
        let shut = self.open.lock().unwrap();
        drop(self.opened.wait_while(shut, |open| !*open).unwrap());
    }

    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }
}

#[test]
fn a_timeout_names_the_item() {
    watched(|| {
        for workers in [1, 2, 8] {
            let (threads, door) = (Threads::default(), Arc::new(Door::default()));
            let shut = Arc::clone(&door);
            let loader: DataLoader<Vec<usize>> = faulty(workers, &threads, move || {
                shut.pass();
                Ok(13)
            })
            .timeout(Duration::from_millis(500))
            .build()
            .unwrap();
            let mut batches = open(&loader);
            assert_eq!(batches.next().unwrap().unwrap(), [0, 1, 2, 3, 4]);
            assert_eq!(batches.next().unwrap().unwrap(), [5, 6, 7, 8, 9]);
            let error = batches.next().unwrap().unwrap_err().to_string();
            assert!(error.starts_with("batch 2 was not ready after 500ms: worker "), "{error}");
            assert!(error.contains("is at item 13 of the dataset (batch 2); help: increase `timeout`"), "{error}");
            // The worker that hangs is not waited for, and ends when it can.
            assert!(batches.next().is_none());
            drop(batches);
            assert!(threads.alive() >= 1);
            door.open();
            threads.wait_until_none();
        }
    });
}

#[test]
fn a_slow_collate_is_told_from_a_slow_item() {
    watched(|| {
        let door = Arc::new(Door::default());
        let shut = Arc::clone(&door);
        let loader: DataLoader<usize> = DataLoader::builder(vec![1_usize, 2])
            .num_workers(1)
            .timeout(Duration::from_millis(500))
            .collate(move |items: Vec<usize>| {
                shut.pass();
                Ok(items.len())
            })
            .build()
            .unwrap();
        let error = open(&loader).next().unwrap().unwrap_err();
        assert_eq!(error.message(), "batch 0 was not ready after 500ms: worker 0 is collating it");
        door.open();
    });
}

/// A dataset that has fewer items than it had.
#[derive(Clone)]
struct Shrinking(Arc<AtomicUsize>);

impl Dataset for Shrinking {
    type Item = usize;

    fn len(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    fn get(&self, index: usize) -> Result<usize> {
        let items: Vec<usize> = (0..self.len()).collect();
        Dataset::get(&items, index)
    }
}

#[test]
fn a_dataset_that_shrinks() {
    watched(|| {
        for workers in WORKERS {
            let dataset = Shrinking(Arc::new(AtomicUsize::new(1_000)));
            let builder = DataLoader::builder(dataset.clone()).batch_size(2).num_workers(workers).prefetch(0);
            let loader: DataLoader<Vec<usize>> = builder.build().unwrap();
            // In the middle of an epoch.
            let mut batches = open(&loader);
            assert_eq!(batches.next().unwrap().unwrap(), [0, 1]);
            dataset.0.store(3, Ordering::SeqCst);
            let error = batches.find_map(Result::err).unwrap().to_string();
            assert!(
                error.contains("there is no item") && error.contains(": the dataset has 3, counted from 0"),
                "{error}"
            );
            assert!(error.contains(" of the dataset could not be read"), "{error}");
            // Between two epochs.
            let error = loader.resume(at(0, 1, 0)).err().unwrap();
            assert_eq!(
                error.message(),
                "the length of the dataset must not change: it was 1000 when the loader was built, found 3"
            );
        }
    });
}

#[test]
fn an_empty_split() {
    let error = random_split(vec![1, 2, 3], [3, 0], 0).unwrap_err();
    assert_eq!(error.message(), "part 1 of the split is empty: the parts of 3 items have [3, 0]");
    let empty = Subset::new(vec![1, 2, 3], vec![]).unwrap();
    let error = DataLoader::<Vec<i32>>::builder(empty).build().unwrap_err();
    assert_eq!(error.message(), "the dataset is empty");
    let two = vec![1, 2];
    let (_, val) = k_fold(&two, 3, 0).last().unwrap();
    let error = DataLoader::<Vec<i32>>::builder(val).build().unwrap_err();
    assert_eq!(error.message(), "fold 2 of 3 has nothing to validate on: the dataset has 2 items");
}

/// Gives what it is told to.
struct Given {
    len: usize,
    indices: Vec<usize>,
}

impl Sampler for Given {
    fn len(&self, _items: usize) -> usize {
        self.len
    }

    fn indices(&self, _cx: &SampleContext) -> Result<Vec<usize>> {
        Ok(self.indices.clone())
    }
}

struct GivenBatches(Vec<Vec<usize>>);

impl<Item: Send> BatchSampler<Item> for GivenBatches {
    fn len(&self, _items: usize) -> usize {
        2
    }

    fn batches(&self, _cx: &SampleContext) -> Result<Vec<Vec<usize>>> {
        Ok(self.0.clone())
    }
}

#[test]
fn an_index_out_of_range() {
    let five = || vec![0_usize, 1, 2, 3, 4];
    let error =
        DataLoader::<Vec<usize>>::builder(five()).sampler(SubsetRandomSampler::new([1, 9])).build().unwrap_err();
    assert_eq!(error.message(), "the sampler must return indices below 5, found 9 at place 1");
    let message = |len, indices| {
        let builder = DataLoader::<Vec<usize>>::builder(five()).sampler(Given { len, indices });
        builder.build().unwrap().resume(at(0, 0, 0)).err().unwrap().message().to_owned()
    };
    assert_eq!(message(3, vec![0, 5, 1]), "the sampler must return indices below 5, found 5 at place 1");
    assert_eq!(message(3, vec![0, 1]), "the sampler must return as many indices as its `len`: expected 3, found 2");
    let text = |batches: &[&[usize]]| {
        let batches = batches.iter().map(|batch| batch.to_vec()).collect();
        let builder = DataLoader::<Vec<usize>>::builder(five()).batch_sampler(GivenBatches(batches));
        builder.build().unwrap().resume(at(0, 0, 0)).err().unwrap().to_string()
    };
    assert_eq!(
        text(&[&[0], &[1, 7]]),
        "batch 1 of the batch sampler: the sampler must return indices below 5, found 7 at place 1"
    );
    assert_eq!(
        text(&[&[], &[1]]),
        "batch 0 of the batch sampler is empty; help: return at least one index for each batch"
    );
    assert!(
        text(&[&[1]]).starts_with("the batch sampler must return as many batches as its `len`: expected 2, found 1")
    );
}

#[test]
fn an_iterable_that_fails_or_panics() {
    watched(|| {
        for workers in WORKERS {
            let items = |fault: fn(u32) -> Result<u32>| {
                let builder = DataLoader::try_iterable(move |_, _| (0..40).map(fault)).batch_size(5);
                let loader = builder.num_workers(workers).collate(Ok).build().unwrap();
                open(&loader).collect::<Vec<Result<Vec<u32>>>>()
            };
            let failing = items(|item| if item == 13 { Err(Error::msg("torn")) } else { Ok(item) });
            assert_eq!(failing.len(), 3);
            let error = failing[2].as_ref().unwrap_err().to_string();
            assert_eq!(error, "item 13 of the iterable could not be read: torn (batch 2)");
            let panicking = items(|item| if item == 13 { panic!("split") } else { Ok(item) });
            let error = panicking[2].as_ref().unwrap_err().to_string();
            assert_eq!(error, "item 13 of the iterable could not be read: panicked: split (batch 2)");
        }
    });
}

#[test]
fn wrong_settings_are_told_together() {
    let error = DataLoader::<Vec<usize>>::builder(vec![1_usize, 2])
        .batch_size(0)
        .shuffle(true)
        .sampler(SubsetRandomSampler::new([7]))
        .timeout(Duration::from_secs(1))
        .build()
        .unwrap_err();
    assert_eq!(
        error.message(),
        "`batch_size` must be at least 1, found 0; `shuffle` and `sampler` cannot be set together; \
         the sampler must return indices below 2, found 7 at place 0; \
         `timeout` needs a worker: the loop cannot interrupt itself"
    );
    let error = DataLoader::<Vec<usize>>::builder(vec![1_usize, 2])
        .batch_size(4)
        .drop_last(true)
        .batch_sampler(GivenBatches(vec![vec![0], vec![1]]))
        .build()
        .unwrap_err();
    assert_eq!(
        error.message(),
        "`batch_size` cannot be set together with `batch_sampler`; \
         `drop_last` cannot be set together with `batch_sampler`"
    );
}

/// The run ends with the error and its place, and the workers with the run.
#[test]
fn a_run_ends_with_the_error_of_a_worker() {
    use crate::support::*;

    watched(|| {
        let threads = Threads::default();
        let data = batches(&[1; 40], 3);
        let loader = faulty(2, &threads, || panic!("out of cheese"))
            .collate(move |items: Vec<usize>| {
                let of = |index: &usize| data[*index].clone();
                Ok(Rows {
                    x: burn::tensor::Tensor::cat(items.iter().map(|index| of(index).x).collect(), 0),
                    y: burn::tensor::Tensor::cat(items.iter().map(|index| of(index).y).collect(), 0),
                })
            })
            .build()
            .unwrap();
        let mut model = Net::new(NetHparams::default());
        let mut trainer = Net::quiet().max_epochs(1).limit_val_batches(0).build().unwrap();
        let error = trainer.fit(&mut model, loader).unwrap_err();
        assert_eq!(threads.alive(), 0);
        assert!(
            error.to_string().starts_with("item 13 of the dataset could not be read: panicked: out of cheese (in `train_dataloader`, stage fit, epoch 0, batch 2"),
            "{error}"
        );
    });
}
