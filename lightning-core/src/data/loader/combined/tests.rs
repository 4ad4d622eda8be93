#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::{
    data::{EpochOffset, from_loader},
    error::{Error, Result},
};

fn read<B: 'static>(loader: &DataLoader<B>, batch: u64) -> Vec<B> {
    let from = EpochOffset { batch, ..EpochOffset::default() };
    loader.resume(from).unwrap().collect::<Result<_>>().unwrap()
}

/// A loader that does not know its length.
fn unknown(end: i32) -> DataLoader<i32> {
    DataLoader::from_iter(move |_, _| 0..end)
}

#[test]
fn three_and_four_loaders() {
    let three = Combined::min_size((vec![1, 2], from_loader(["a", "b", "c"]), unknown(5)));
    assert_eq!((three.len(), read(&three, 0)), (None, vec![(1, "a", 0), (2, "b", 1)]));
    let four = Combined::max_size((vec![1], vec![2, 3], vec![4], vec![5]));
    assert_eq!(read(&four, 1), [(None, Some(3), None, None)]);
}

#[test]
fn every_mode_resumes_at_every_batch() {
    let check = |name: &str, rest: &dyn Fn(u64) -> Vec<String>| {
        let all = rest(0);
        for batch in 0..=all.len() + 2 {
            let expected = all.get(batch..).unwrap_or_default();
            assert_eq!(rest(batch as u64), expected, "{name} from {batch}");
        }
    };
    fn texts<B: std::fmt::Debug + 'static>(loader: &DataLoader<B>, batch: u64) -> Vec<String> {
        read(loader, batch).iter().map(|batch| format!("{batch:?}")).collect()
    }
    let shuffled = |n: i32| {
        let items: Vec<i32> = (0..n).collect();
        DataLoader::<Vec<i32>>::builder(items).shuffle(true).batch_size(2).build().unwrap()
    };
    let (min, cycle) =
        (Combined::min_size((shuffled(9), unknown(7))), Combined::max_size_cycle((shuffled(5), shuffled(15))));
    let (open, max) =
        (Combined::max_size_cycle((shuffled(5), unknown(7))), Combined::max_size((shuffled(3), unknown(4))));
    let chain = Combined::sequential((unknown(3), vec![10, 11], unknown(2)));
    check("min_size", &|batch| texts(&min, batch));
    check("max_size_cycle", &|batch| texts(&cycle, batch));
    check("max_size_cycle of unknown length", &|batch| texts(&open, batch));
    check("max_size", &|batch| texts(&max, batch));
    check("sequential", &|batch| texts(&chain, batch));
    assert_eq!(texts(&chain, 0), ["0", "1", "2", "10", "11", "0", "1"]);
    assert_eq!(texts(&open, 0).len(), 7);
}

#[test]
fn loaders_do_not_share_their_random_numbers() {
    let items: Vec<i32> = (0..50).collect();
    let loader = DataLoader::<Vec<i32>>::builder(items).shuffle(true).batch_size(50).build().unwrap();
    let pairs = read(&Combined::min_size((loader.clone(), loader.clone())), 0);
    assert_ne!(pairs[0].0, pairs[0].1);
    // The first loader comes as it does alone.
    assert_eq!(pairs[0].0, read(&loader, 0)[0]);
    let rounds = read(&Combined::max_size_cycle((loader, vec![1, 2, 3])), 0);
    assert_ne!(rounds[0].0, rounds[1].0);
    assert_ne!(rounds[1].0, rounds[2].0);
}

#[test]
fn a_failing_loader_is_named() {
    let failing = DataLoader::try_from_iter(|_, _| [Ok(1), Err(Error::msg("torn")), Ok(3)]);
    let pairs = Combined::min_size((vec!['a', 'b', 'c'], failing));
    let read: Vec<Result<(char, i32)>> = pairs.resume(EpochOffset::default()).unwrap().collect();
    assert_eq!(read[1].as_ref().unwrap_err().to_string(), "loader 1 of the combination: torn");
    // The others have gone on.
    assert_eq!(read[2].as_ref().unwrap(), &('c', 3));
    let empty = Combined::max_size_cycle((unknown(2), unknown(0)));
    let error = empty.resume(EpochOffset::default()).unwrap().next().unwrap().unwrap_err();
    assert_eq!(error.message(), "loader 1 of the combination has no batches");
}
