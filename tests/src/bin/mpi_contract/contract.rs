//! What every [`Collective`] has to do, whatever connects the ranks.

use lightning_core::{
    Error, Result,
    distributed::{Collective, Pending},
};

/// A number that tells apart the ranks and the places. Sums of a few of them are exact.
fn value(rank: usize, at: usize) -> f32 {
    (1000 * (rank + 1) + at % 997) as f32
}

fn values(rank: usize, len: usize) -> Vec<f32> {
    (0..len).map(|at| value(rank, at)).collect()
}

fn sums(world: usize, len: usize) -> Vec<f32> {
    (0..len).map(|at| (0..world).map(|rank| value(rank, at)).sum()).collect()
}

fn expect<T: PartialEq>(what: &str, found: &T, expected: &T) -> Result<()> {
    if found == expected { Ok(()) } else { Err(Error::msg(format!("`{what}` gave other values than it should"))) }
}

/// Runs every exchange on this rank. All ranks have to call it.
///
/// # Errors
/// If an exchange fails, or gives other values than it should.
pub(crate) fn contract(ranks: &dyn Collective) -> Result<()> {
    let (rank, world) = (ranks.rank(), ranks.world_size());
    // None, few, an odd number, and more than one chunk of 1 M.
    for len in [0, 1, 7, 1021, (1 << 20) + 1] {
        let mut found = values(rank, len);
        ranks.sum_f32(&mut found)?;
        expect("sum_f32", &found, &sums(world, len))?;

        let mut found: Vec<f64> = values(rank, len).into_iter().map(|value| f64::from(value) / 1024.0).collect();
        ranks.sum_f64(&mut found)?;
        let expected = sums(world, len).into_iter().map(|value| f64::from(value) / 1024.0).collect();
        expect("sum_f64", &found, &expected)?;
    }
    for part in [0, 1, 3, 1000] {
        let mut to = vec![-1.0; part * world];
        ranks.all_to_all_f32(&values(rank, part * world), &mut to)?;
        let of = |from| (rank * part..(rank + 1) * part).map(move |at| value(from, at));
        expect("all_to_all_f32", &to, &(0..world).flat_map(of).collect())?;

        let mut to = vec![-1.0; part * world];
        ranks.all_gather_f32(&values(rank, part), &mut to)?;
        expect("all_gather_f32", &to, &(0..world).flat_map(|rank| values(rank, part)).collect())?;
    }
    bytes(ranks)?;
    started(ranks)?;
    wrong_lengths(ranks)?;
    ranks.barrier()
}

fn bytes(ranks: &dyn Collective) -> Result<()> {
    let (rank, world) = (ranks.rank(), ranks.world_size());
    let of = |rank: usize, len: usize| vec![rank as u8 + 1; len * rank];
    for len in [0, 1, 100, 1_000_000] {
        let gathered = ranks.all_gather(&of(rank, len))?;
        expect("all_gather", &gathered, &(0..world).map(|rank| of(rank, len)).collect())?;
        for root in 0..world {
            let mut found = of(rank, len);
            ranks.broadcast(&mut found, root)?;
            expect("broadcast", &found, &of(root, len))?;
        }
    }
    if ranks.broadcast(&mut vec![1], world).is_ok() {
        return Err(Error::msg("`broadcast` accepted a rank that is not there"));
    }
    Ok(())
}

/// Several sums are started before the first one is waited for, which is not the first one.
fn started(ranks: &dyn Collective) -> Result<()> {
    let (rank, world) = (ranks.rank(), ranks.world_size());
    let lens = [5, (1 << 20) + 3, 0, 70_000];
    let start = |len: usize| Ok((len, ranks.start_sum_f32(values(rank, len))?));
    let pending: Vec<(usize, Box<dyn Pending>)> = lens.into_iter().map(start).collect::<Result<_>>()?;
    for (len, sum) in pending.into_iter().rev() {
        expect("start_sum_f32", &sum.wait()?, &sums(world, len))?;
    }
    Ok(())
}

/// They are refused on every rank, before anything is exchanged.
fn wrong_lengths(ranks: &dyn Collective) -> Result<()> {
    let world = ranks.world_size();
    let refused = [
        ranks.all_to_all_f32(&vec![0.0; world + 1], &mut vec![0.0; world]),
        ranks.all_gather_f32(&[0.0; 2], &mut vec![0.0; 2 * world + 1]),
    ];
    if refused.iter().any(Result::is_ok) {
        return Err(Error::msg("wrong lengths were accepted"));
    }
    Ok(())
}
