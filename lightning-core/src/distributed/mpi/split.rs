//! Exchanges in rounds: MPI counts the values of one call in 32 bits.

use crate::error::Result;

/// Runs an exchange in which each rank has a part of `from` and of `to`, in rounds of at most
/// `limit` values for each rank.
pub(super) fn all_to_all(
    from: &[f32],
    to: &mut [f32],
    world: usize,
    limit: usize,
    mut exchange: impl FnMut(&[f32], &mut [f32]) -> Result<()>,
) -> Result<()> {
    let part = from.len() / world.max(1);
    if part <= limit {
        return exchange(from, to);
    }
    let (mut sent, mut received) = (Vec::new(), Vec::new());
    for start in (0..part).step_by(limit) {
        let len = limit.min(part - start);
        sent.clear();
        for values in from.chunks_exact(part) {
            sent.extend(values.iter().skip(start).take(len));
        }
        received.resize(sent.len(), 0.0);
        exchange(&sent, &mut received)?;
        scatter(&received, to, part, start, len);
    }
    Ok(())
}

/// Runs an exchange that gathers `from` of all ranks, in rounds of at most `limit` values for each
/// rank.
pub(super) fn all_gather(
    from: &[f32],
    to: &mut [f32],
    world: usize,
    limit: usize,
    mut exchange: impl FnMut(&[f32], &mut [f32]) -> Result<()>,
) -> Result<()> {
    if from.len() <= limit {
        return exchange(from, to);
    }
    let (part, mut received) = (from.len(), Vec::new());
    for (round, values) in from.chunks(limit).enumerate() {
        received.resize(values.len() * world, 0.0);
        exchange(values, &mut received)?;
        scatter(&received, to, part, round * limit, values.len());
    }
    Ok(())
}

/// Copies a round of `len` values of each rank to where they belong in the ranks' parts of `to`.
fn scatter(received: &[f32], to: &mut [f32], part: usize, start: usize, len: usize) {
    for (values, to) in received.chunks_exact(len).zip(to.chunks_exact_mut(part)) {
        for (value, to) in values.iter().zip(to.iter_mut().skip(start)) {
            *to = *value;
        }
    }
}

/// Gathers bytes of different lengths, in rounds of at most `limit` bytes for each rank. The rounds
/// are as long as the longest rank needs.
pub(super) fn all_gather_bytes(
    bytes: &[u8],
    lens: &[usize],
    limit: usize,
    mut exchange: impl FnMut(&[u8], &mut [u8]) -> Result<()>,
) -> Result<Vec<Vec<u8>>> {
    let longest = lens.iter().copied().max().unwrap_or_default();
    let mut gathered: Vec<Vec<u8>> = lens.iter().map(|len| Vec::with_capacity(*len)).collect();
    let (mut sent, mut received) = (Vec::new(), Vec::new());
    for start in (0..longest).step_by(limit) {
        let len = limit.min(longest - start);
        sent.clear();
        sent.extend(bytes.iter().skip(start).take(len));
        sent.resize(len, 0);
        received.resize(len * lens.len(), 0);
        exchange(&sent, &mut received)?;
        for ((gathered, len_of_rank), values) in gathered.iter_mut().zip(lens).zip(received.chunks_exact(len)) {
            gathered.extend(values.iter().take(len_of_rank.saturating_sub(start)));
        }
    }
    Ok(gathered)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rank 1 of 3; rank r holds 100 r + i.
    fn of(rank: usize, range: std::ops::Range<usize>) -> Vec<f32> {
        range.map(|at| (100 * rank + at) as f32).collect()
    }

    #[test]
    fn rounds_of_a_gather_give_what_one_call_gives() {
        let expected = [of(0, 0..7), of(1, 0..7), of(2, 0..7)].concat();
        for (limit, rounds) in [(1, 7), (2, 4), (3, 3), (7, 1), (100, 1)] {
            let (mut to, mut at, mut calls) = (vec![-1.0; 21], 0, 0);
            all_gather(&of(1, 0..7), &mut to, 3, limit, |from, to| {
                let range = at..at + from.len();
                assert_eq!(from, of(1, range.clone()));
                to.copy_from_slice(&[of(0, range.clone()), of(1, range.clone()), of(2, range.clone())].concat());
                at = range.end;
                calls += 1;
                Ok(())
            })
            .unwrap();
            assert_eq!((&to, calls), (&expected, rounds), "limit {limit}");
        }
    }

    #[test]
    fn rounds_of_a_transposition_give_what_one_call_gives() {
        // The exchange with oneself: what is sent to rank r comes from rank r.
        let from = [of(0, 0..5), of(1, 0..5), of(2, 0..5)].concat();
        for (limit, rounds) in [(1, 5), (2, 3), (4, 2), (5, 1)] {
            let (mut to, mut calls) = (vec![-1.0; 15], 0);
            all_to_all(&from, &mut to, 3, limit, |from, to| {
                assert!(from.len() <= 3 * limit);
                to.copy_from_slice(from);
                calls += 1;
                Ok(())
            })
            .unwrap();
            assert_eq!((&to, calls), (&from, rounds), "limit {limit}");
        }
    }

    #[test]
    fn bytes_of_different_lengths_are_cut_where_they_end() {
        let ranks: [&[u8]; 3] = [b"", b"hello", b"ab"];
        for (limit, rounds) in [(1, 5), (2, 3), (4, 2), (5, 1), (64, 1)] {
            let (mut start, mut calls) = (0, 0);
            let gathered = all_gather_bytes(ranks[1], &[0, 5, 2], limit, |from, to| {
                for (rank, to) in ranks.iter().zip(to.chunks_exact_mut(from.len())) {
                    for (at, to) in to.iter_mut().enumerate() {
                        *to = rank.get(start + at).copied().unwrap_or(b'?');
                    }
                }
                start += from.len();
                calls += 1;
                Ok(())
            })
            .unwrap();
            assert_eq!((gathered, calls), (ranks.map(<[u8]>::to_vec).to_vec(), rounds), "limit {limit}");
        }
    }
}
