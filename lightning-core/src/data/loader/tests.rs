#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::*;
use crate::{
    data::Dataset,
    error::Error,
    random::{Rng, Stream},
};

fn loader(n: usize, batch_size: usize, shuffle: bool, drop_last: bool) -> DataLoader<Vec<usize>> {
    let items: Vec<usize> = (0..n).collect();
    DataLoader::builder(items).batch_size(batch_size).shuffle(shuffle).drop_last(drop_last).collate(Ok).build().unwrap()
}

fn read<B>(loader: &impl Loader<B>, seed: u64, epoch: u64, batch: u64) -> Vec<B> {
    loader.batches(EpochOffset { seed, epoch, batch }).unwrap().collect::<Result<_>>().unwrap()
}

#[test]
fn batches_in_order() {
    let all = loader(7, 3, false, false);
    assert_eq!(read(&all, 0, 0, 0), [vec![0, 1, 2], vec![3, 4, 5], vec![6]]);
    assert_eq!((all.len(), Loader::len(&all), all.batch_size()), (Some(3), Some(3), 3));
    let full = loader(7, 3, false, true);
    assert_eq!(read(&full, 0, 9, 1), [vec![3, 4, 5]]);
    assert_eq!(full.len(), Some(2));
    assert_eq!(read(&loader(6, 3, false, true), 0, 0, 0).len(), 2);
    assert_eq!(read(&loader(2, usize::MAX, true, false), 0, 0, 0).len(), 1);
}

#[test]
fn the_order_is_a_function_of_seed_and_epoch() {
    let loader = loader(100, 7, true, false);
    let epoch = read(&loader, 42, 3, 0);
    assert_eq!(epoch, read(&loader.clone(), 42, 3, 0));
    assert_ne!(epoch, read(&loader, 42, 4, 0));
    assert_ne!(epoch, read(&loader, 43, 3, 0));
    let mut items = epoch.concat();
    assert_eq!(items, Rng::derived(42, Stream::Shuffle, 3, 0).permutation(100));
    items.sort_unstable();
    assert_eq!(items, (0..100).collect::<Vec<_>>());
}

#[test]
fn reading_starts_at_any_batch() {
    let loader = loader(50, 8, true, false);
    let epoch = read(&loader, 1, 1, 0);
    for start in 0..=epoch.len() + 1 {
        let rest = loader.batches(EpochOffset { seed: 1, epoch: 1, batch: start as u64 }).unwrap();
        assert_eq!(rest.size_hint().0, epoch.len().saturating_sub(start));
        assert_eq!(rest.collect::<Result<Vec<_>>>().unwrap(), epoch.as_slice().get(start..).unwrap_or_default());
    }
    assert!(read(&loader, 1, 1, u64::MAX).is_empty());
}

struct Counted(Arc<AtomicUsize>);

impl Dataset for Counted {
    type Item = usize;

    fn len(&self) -> usize {
        20
    }

    fn get(&self, index: usize) -> Result<usize> {
        self.0.fetch_add(1, Ordering::Relaxed);
        if index == 13 { Err(Error::msg("the disk is gone")) } else { Ok(index) }
    }
}

#[test]
fn nothing_before_the_position_is_read() {
    let count = Arc::new(AtomicUsize::new(0));
    let loader = DataLoader::builder(Counted(Arc::clone(&count))).batch_size(5).collate(Ok).build().unwrap();
    let rest = read(&loader, 0, 0, 3);
    assert_eq!(rest, [[15, 16, 17, 18, 19]]);
    assert_eq!(count.load(Ordering::Relaxed), 5);
}

#[test]
fn a_failing_item_is_named() {
    let loader = DataLoader::builder(Counted(Arc::default())).batch_size(5).collate(Ok).build().unwrap();
    let batches: Vec<Result<Vec<usize>>> = loader.batches(EpochOffset::default()).unwrap().collect();
    let error = batches[2].as_ref().unwrap_err();
    assert_eq!(error.to_string(), "item 13 of the dataset could not be read: the disk is gone (batch 2)");
    assert!(batches[3].is_ok());
}

#[test]
fn a_failing_collate_names_the_batch() {
    let items = vec![1, 2, 3];
    let loader: DataLoader<i32> =
        DataLoader::builder(items).batch_size(2).collate(|_| Err(Error::msg("ragged"))).build().unwrap();
    let error =
        loader.batches(EpochOffset { batch: 1, ..EpochOffset::default() }).unwrap().next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "`collate` failed on batch 1 with 1 items: ragged (batch 1)");
}

#[test]
fn wrong_settings_are_told_together() {
    let build = |n: usize, batch_size, drop_last| {
        let items: Vec<usize> = (0..n).collect();
        let loader = DataLoader::builder(items).batch_size(batch_size).drop_last(drop_last).collate(Ok).build();
        loader.map(|loader| loader.len()).map_err(|error| error.message().to_owned())
    };
    assert_eq!(build(0, 0, true), Err("the dataset is empty; `batch_size` must be at least 1, found 0".to_owned()));
    assert_eq!(
        build(3, 4, true),
        Err("`drop_last` leaves no batch: the dataset has 3 items, `batch_size` is 4".to_owned())
    );
    assert_eq!(build(3, 4, false), Ok(Some(1)));
    assert!(DataLoader::<usize>::from_batches(Vec::new()).is_err());
}

#[test]
fn ready_batches() {
    let batches = vec![String::from("a"), String::from("b"), String::from("c")];
    let loader = DataLoader::from_batches(batches.clone()).unwrap();
    assert_eq!(read(&loader, 0, 0, 1), ["b", "c"]);
    assert_eq!((loader.len(), loader.batch_size()), (Some(3), 1));
    assert_eq!(read(&batches, 5, 5, 2), ["c"]);
    assert!(read(&batches, 5, 5, 4).is_empty());
    let boxed: Box<dyn Loader<String>> = Box::new(batches);
    assert_eq!((Loader::len(&boxed), read(&boxed, 0, 0, 0).len()), (Some(3), 3));
    assert_eq!(
        format!("{loader:?}"),
        "DataLoader { items: Some(3), batches: Some(3), batch_size: 1, shuffle: false, drop_last: false, num_workers: 0, .. }"
    );
}

#[test]
fn iterables() {
    let known = from_loader([1, 2, 3]);
    assert_eq!((Loader::len(&known), read(&known, 0, 0, 0), read(&known, 0, 1, 2)), (Some(3), vec![1, 2, 3], vec![3]));
    let unknown = from_loader((0..10).filter(|i| i % 2 == 0));
    assert_eq!((Loader::len(&unknown), read(&unknown, 0, 0, 3)), (None, vec![6, 8]));
}
