//! Ranks that are threads of one process.

use std::{
    process,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use super::{Collective, Pending, lengths, pending::Ready};
use crate::error::{Error, ErrorKind, Result};

/// A rank that is a thread of this process.
///
/// It is meant for tests: what several processes do can be tested without a launcher. Sums are in
/// rank order. A rank that is dropped, as in a panic of its thread, is lost: the exchanges of the
/// others return an error.
///
/// ```
/// use std::thread;
///
/// use lightning_core::distributed::{Collective as _, Threads};
///
/// let ranks = Threads::new(3).into_iter().map(|rank| {
///     thread::spawn(move || {
///         let mut values = [rank.rank() as f32, 1.0];
///         rank.sum_f32(&mut values).map(|()| values)
///     })
/// });
/// for rank in ranks.collect::<Vec<_>>() {
///     assert_eq!(rank.join().unwrap().unwrap(), [3.0, 3.0]);
/// }
/// ```
#[derive(Debug)]
pub struct Threads {
    shared: Arc<Shared>,
    rank: usize,
    world: usize,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// What the ranks have brought to the exchange that is going on.
    brought: Vec<Option<Values>>,
    /// The number of exchanges that have ended.
    round: u64,
    /// What all ranks have brought to the last exchange. It stays until the next one ends, for
    /// which every rank must have taken it.
    gathered: Arc<Vec<Values>>,
    /// The first rank that was dropped.
    lost: Option<usize>,
}

/// What a rank brings to an exchange: the name of the call tells apart those that do not match.
#[derive(Clone, Debug, PartialEq)]
struct Values {
    call: &'static str,
    data: Data,
}

#[derive(Clone, Debug, PartialEq)]
enum Data {
    F32(Vec<f32>),
    F64(Vec<f64>),
    Bytes(Vec<u8>),
}

impl Threads {
    /// Returns `world` connected ranks, the rank 0 first. Each is moved to a thread of its own.
    pub fn new(world: usize) -> Vec<Self> {
        let state = State { brought: vec![None; world], round: 0, gathered: Arc::new(Vec::new()), lost: None };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        (0..world).map(|rank| Self { shared: Arc::clone(&shared), rank, world }).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code of a user runs while it is locked.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings values, waits for those of the others, and returns all in rank order.
    fn exchange(&self, call: &'static str, data: Data) -> Result<Arc<Vec<Values>>> {
        let mut state = self.state();
        let round = state.round;
        if let Some(place) = state.brought.get_mut(self.rank) {
            *place = Some(Values { call, data });
        }
        if state.lost.is_none() && state.brought.iter().all(Option::is_some) {
            state.gathered = Arc::new(state.brought.iter_mut().filter_map(Option::take).collect());
            state.round += 1;
            self.shared.changed.notify_all();
        }
        loop {
            if state.round != round {
                let gathered = Arc::clone(&state.gathered);
                drop(state);
                return check(&gathered).map(|()| gathered);
            }
            if let Some(lost) = state.lost {
                let message = format!("`{call}` failed on rank {}: rank {lost} was lost", self.rank);
                return Err(Error::new(ErrorKind::Other, message)
                    .help(format!("look for the first error of rank {lost}: its connection was dropped")));
            }
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn gather<T: Clone>(
        &self,
        call: &'static str,
        data: Data,
        of: impl Fn(&Data) -> Option<&[T]>,
    ) -> Result<Vec<Vec<T>>> {
        let gathered = self.exchange(call, data)?;
        Ok(gathered.iter().filter_map(|values| of(&values.data)).map(<[T]>::to_vec).collect())
    }
}

/// Checks that all ranks have made the same call with the same number of values.
fn check(gathered: &[Values]) -> Result<()> {
    let Some(first) = gathered.first() else { return Ok(()) };
    for (rank, values) in gathered.iter().enumerate() {
        if values.call != first.call {
            return Err(Error::msg(format!(
                "every rank must make the same calls: rank 0 called `{}` and rank {rank} `{}`",
                first.call, values.call
            ))
            .help("make the call on all ranks, not in an `if` on the rank or on its data"));
        }
        let lens = [first, values].map(|values| match &values.data {
            Data::F32(values) => values.len(),
            Data::F64(values) => values.len(),
            // Their lengths may differ.
            Data::Bytes(_) => 0,
        });
        if let [expected, found] = lens
            && expected != found
        {
            return Err(Error::msg(format!(
                "`{}`: every rank must bring the same number of values, found {expected} on rank 0 and {found} on rank \
                 {rank}",
                first.call
            ))
            .help("use the same model and the same settings on all ranks"));
        }
    }
    Ok(())
}

fn f32s(data: &Data) -> Option<&[f32]> {
    if let Data::F32(values) = data { Some(values) } else { None }
}

fn f64s(data: &Data) -> Option<&[f64]> {
    if let Data::F64(values) = data { Some(values) } else { None }
}

fn bytes(data: &Data) -> Option<&[u8]> {
    if let Data::Bytes(values) = data { Some(values) } else { None }
}

/// Adds in rank order.
fn sum<T: Copy + std::ops::AddAssign>(ranks: &[Vec<T>], values: &mut [T]) {
    let Some((first, others)) = ranks.split_first() else { return };
    values.copy_from_slice(first);
    for other in others {
        values.iter_mut().zip(other).for_each(|(sum, value)| *sum += *value);
    }
}

impl Collective for Threads {
    fn name(&self) -> &str {
        "threads"
    }

    fn rank(&self) -> usize {
        self.rank
    }

    fn world_size(&self) -> usize {
        self.world
    }

    fn local_rank(&self) -> usize {
        self.rank
    }

    fn local_size(&self) -> usize {
        self.world
    }

    fn sum_f32(&self, values: &mut [f32]) -> Result<()> {
        sum(&self.gather("sum_f32", Data::F32(values.to_vec()), f32s)?, values);
        Ok(())
    }

    fn sum_f64(&self, values: &mut [f64]) -> Result<()> {
        sum(&self.gather("sum_f64", Data::F64(values.to_vec()), f64s)?, values);
        Ok(())
    }

    fn all_to_all_f32(&self, from: &[f32], to: &mut [f32]) -> Result<()> {
        lengths::check_all_to_all(from.len(), to.len(), self.world)?;
        let ranks = self.gather("all_to_all_f32", Data::F32(from.to_vec()), f32s)?;
        let part = from.len() / self.world.max(1);
        for (to, from) in to.chunks_mut(part.max(1)).zip(ranks) {
            to.iter_mut().zip(from.iter().skip(self.rank * part)).for_each(|(to, from)| *to = *from);
        }
        Ok(())
    }

    fn all_gather_f32(&self, from: &[f32], to: &mut [f32]) -> Result<()> {
        lengths::check_all_gather(from.len(), to.len(), self.world)?;
        let ranks = self.gather("all_gather_f32", Data::F32(from.to_vec()), f32s)?;
        to.copy_from_slice(&ranks.concat());
        Ok(())
    }

    fn all_gather(&self, values: &[u8]) -> Result<Vec<Vec<u8>>> {
        self.gather("all_gather", Data::Bytes(values.to_vec()), bytes)
    }

    fn broadcast(&self, values: &mut Vec<u8>, root: usize) -> Result<()> {
        let brought = if self.rank == root { values.clone() } else { Vec::new() };
        let ranks = self.gather("broadcast", Data::Bytes(brought), bytes)?;
        let Some(from) = ranks.into_iter().nth(root) else {
            return Err(Error::msg(format!("`broadcast`: the rank {root} is not one of {}", self.world))
                .help("name a rank below the number of ranks"));
        };
        *values = from;
        Ok(())
    }

    fn barrier(&self) -> Result<()> {
        self.exchange("barrier", Data::Bytes(Vec::new())).map(drop)
    }

    /// Sums at once.
    fn start_sum_f32(&self, mut values: Vec<f32>) -> Result<Box<dyn Pending>> {
        sum(&self.gather("start_sum_f32", Data::F32(values.clone()), f32s)?, &mut values);
        Ok(Box::new(Ready(values)))
    }

    /// Ends the process, which is that of all ranks.
    fn abort(&self, code: i32) -> ! {
        process::exit(code)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        let mut state = self.state();
        state.lost.get_or_insert(self.rank);
        self.shared.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// Calls `of` on each rank in a thread of its own, and returns the results in rank order.
    fn on_each<R: Send>(world: usize, of: impl Fn(Threads) -> R + Sync) -> Vec<R> {
        thread::scope(|scope| {
            let of = &of;
            let ranks: Vec<_> = Threads::new(world).into_iter().map(|rank| scope.spawn(move || of(rank))).collect();
            ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
        })
    }

    #[test]
    fn sums_are_in_rank_order() {
        // ((1e8 + 1) - 1e8) + 1 in single precision: 1 is lost beside 1e8.
        let values = [1e8_f32, 1.0, -1e8, 1.0];
        let sums = on_each(4, |rank| {
            let mut sum = [values[rank.rank()]];
            rank.sum_f32(&mut sum).map(|()| sum)
        });
        for sum in sums {
            assert_eq!(sum.unwrap(), [1.0]);
        }
    }

    #[test]
    fn a_lost_rank_is_an_error_of_the_others() {
        let errors = on_each(3, |rank| if rank.rank() == 1 { None } else { rank.barrier().err() });
        let texts: Vec<_> = errors.into_iter().map(|error| error.map(|error| error.to_string())).collect();
        let of = |rank| {
            Some(format!(
                "`barrier` failed on rank {rank}: rank 1 was lost; help: look for the first error of rank 1: its \
                 connection was dropped"
            ))
        };
        assert_eq!(texts, [of(0), None, of(2)]);
    }

    #[test]
    fn a_rank_that_ends_after_an_exchange_does_not_take_its_values_away() {
        for _ in 0..200 {
            for result in on_each(3, |rank| rank.all_gather(&[rank.rank() as u8])) {
                assert_eq!(result.unwrap(), [[0], [1], [2]]);
            }
        }
    }

    #[test]
    fn calls_that_differ_are_named() {
        let errors = on_each(2, |rank| if rank.rank() == 0 { rank.barrier() } else { rank.sum_f32(&mut [1.0]) });
        for error in errors {
            assert_eq!(
                error.unwrap_err().message(),
                "every rank must make the same calls: rank 0 called `barrier` and rank 1 `sum_f32`"
            );
        }
        let errors = on_each(2, |rank| rank.sum_f64(&mut vec![0.0; 3 + rank.rank()]));
        for error in errors {
            assert_eq!(
                error.unwrap_err().message(),
                "`sum_f64`: every rank must bring the same number of values, found 3 on rank 0 and 4 on rank 1"
            );
        }
    }

    #[test]
    fn wrong_lengths_are_refused_before_the_exchange() {
        let [rank] = Threads::new(1).try_into().unwrap();
        assert!(rank.all_to_all_f32(&[1.0], &mut [0.0, 0.0]).is_err());
        let ranks = Threads::new(3);
        assert_eq!(
            ranks[0].all_to_all_f32(&[0.0; 4], &mut [0.0; 4]).unwrap_err().message(),
            "`all_to_all_f32`: `from` and `to` must have the same length, a multiple of 3, found 4 and 4"
        );
        assert_eq!(
            ranks[0].all_gather_f32(&[0.0; 2], &mut [0.0; 4]).unwrap_err().message(),
            "`all_gather_f32`: `to` must be 3 times as long as `from`, found 4 and 2 values"
        );
    }
}
