//! The points of a run at which processes exchange something.

use std::fmt;

/// A point of a run. All processes reach the same points in the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    /// What is exchanged there.
    pub(crate) what: &'static str,
    pub(crate) epoch: u64,
    pub(crate) batch: u64,
    /// Tells apart exchanges at one batch.
    pub(crate) part: u64,
}

/// The number of bits of [`Point::hash`]: the sum of the squares of 2^16 hashes is exact in 64-bit
/// floats.
const BITS: u32 = 18;

impl Point {
    pub(crate) fn new(what: &'static str, epoch: u64, batch: u64) -> Self {
        Self { what, epoch, batch, part: 0 }
    }

    /// Returns a small number that differs between points, except by chance.
    pub(super) fn hash(self) -> f64 {
        // FNV-1a, 64 bits.
        let numbers = [self.epoch, self.batch, self.part];
        let bytes = self.what.bytes().chain(numbers.into_iter().flat_map(u64::to_le_bytes));
        let hash =
            bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        (hash >> (64 - BITS)) as f64
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, epoch, batch, part: _ } = self;
        write!(f, "`{what}` of epoch {epoch}, batch {batch}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_points_have_different_hashes() {
        let points = [
            Point::new("gradients", 0, 0),
            Point::new("gradients", 0, 1),
            Point::new("gradients", 1, 0),
            Point::new("metrics", 0, 0),
            Point { part: 1, ..Point::new("gradients", 0, 0) },
        ];
        for (at, point) in points.iter().enumerate() {
            let same: Vec<_> = points.iter().filter(|other| other.hash() == point.hash()).collect();
            assert_eq!(same, [&points[at]]);
            assert!(point.hash() < f64::from(1_u32 << BITS));
        }
    }
}
