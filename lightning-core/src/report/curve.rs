//! A curve in bounded memory: the least and the greatest value of each stretch of it.

use crate::loggers::LogPosition;

/// The largest number of stretches, each with up to two points.
const MOST_STRETCHES: usize = 500;

/// One value of a curve and where in the run it was logged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) batch_step: u64,
    pub(super) global_step: u64,
    pub(super) epoch: u64,
    /// Its record among those of the batch, from 1.
    pub(super) record: u64,
    pub(super) value: f64,
}

impl Point {
    pub(super) const fn new(position: LogPosition, record: u64, value: f64) -> Self {
        let LogPosition { epoch, batch_step, global_step, .. } = position;
        Self { batch_step, global_step, epoch, record, value }
    }

    /// Whether it was logged before a checkpoint that was taken after `batch_step` training batches
    /// and the first `records` records of the last of them.
    pub(super) const fn is_before(&self, batch_step: u64, records: u64) -> bool {
        self.batch_step < batch_step || (self.batch_step == batch_step && self.record <= records)
    }
}

/// A point and its number among all that were pushed.
type Numbered = (u64, Point);

/// The points of a stretch that a drawing needs.
#[derive(Clone, Debug, Default)]
struct Stretch {
    /// The number of points that it stands for.
    len: u64,
    low: Option<Numbered>,
    high: Option<Numbered>,
    /// The first value that is not finite.
    odd: Option<Numbered>,
}

impl Stretch {
    fn push(&mut self, point: Numbered) {
        self.len += 1;
        self.take(point);
    }

    fn take(&mut self, point: Numbered) {
        let value = point.1.value;
        if !value.is_finite() {
            self.odd.get_or_insert(point);
            return;
        }
        if self.low.is_none_or(|(_, low)| value < low.value) {
            self.low = Some(point);
        }
        if self.high.is_none_or(|(_, high)| value > high.value) {
            self.high = Some(point);
        }
    }

    fn points(&self) -> impl Iterator<Item = Numbered> + use<> {
        [self.low, self.high, self.odd].into_iter().flatten()
    }

    /// The stretch of this one and a later one.
    fn joined(mut self, later: &Self) -> Self {
        self.len += later.len;
        later.points().for_each(|point| self.take(point));
        self
    }
}

/// The points of a metric: all of them up to a thousand, then for each stretch its least, its
/// greatest and its first value that is not finite. The first and the last value are always there.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    stretches: Vec<Stretch>,
    /// The number of points in a full stretch.
    width: u64,
    /// The number of points that were pushed.
    len: u64,
    first: Option<Numbered>,
    last: Option<Numbered>,
    /// The number of the next point.
    next: u64,
}

impl Default for Curve {
    fn default() -> Self {
        Self { stretches: Vec::new(), width: 1, len: 0, first: None, last: None, next: 0 }
    }
}

impl Curve {
    /// A curve of which `points` are known, of `len` that were logged.
    pub(super) fn restored(points: &[Point], len: u64) -> Self {
        let mut curve = Self::default();
        points.iter().for_each(|point| curve.push(*point));
        let known = points.len() as u64;
        if len > known && known > 0 {
            curve.len = len;
            curve.width = (2 * len).div_ceil(known);
            curve.join_pairs();
            // They stand for the points between them as well.
            curve.stretches.iter_mut().for_each(|stretch| stretch.len = curve.width);
        }
        curve
    }

    pub(super) fn push(&mut self, point: Point) {
        let point = (self.next, point);
        self.next += 1;
        self.len += 1;
        self.first.get_or_insert(point);
        self.last = Some(point);
        if let Some(stretch) = self.stretches.last_mut().filter(|stretch| stretch.len < self.width) {
            stretch.push(point);
            return;
        }
        if self.stretches.len() >= MOST_STRETCHES {
            self.width *= 2;
            self.join_pairs();
        }
        let mut stretch = Stretch::default();
        stretch.push(point);
        self.stretches.push(stretch);
    }

    fn join_pairs(&mut self) {
        let pairs = std::mem::take(&mut self.stretches);
        let mut pairs = pairs.into_iter();
        while let Some(stretch) = pairs.next() {
            self.stretches.push(match pairs.next() {
                Some(later) => stretch.joined(&later),
                None => stretch,
            });
        }
    }

    /// The number of points that were pushed.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Returns at most about `limit` points of the curve, in order.
    pub(super) fn points(&self, limit: usize) -> Vec<Point> {
        let mut thinner = self.clone();
        while thinner.stretches.len() > 1 && thinner.kept() > limit {
            thinner.join_pairs();
        }
        thinner.numbered().into_iter().map(|(_, point)| point).collect()
    }

    /// The number of points that are kept.
    pub(super) fn kept(&self) -> usize {
        self.numbered().len()
    }

    fn numbered(&self) -> Vec<Numbered> {
        let ends = self.first.into_iter().chain(self.last);
        let mut points: Vec<_> = self.stretches.iter().flat_map(Stretch::points).chain(ends).collect();
        points.sort_by_key(|(number, _)| *number);
        points.dedup_by_key(|(number, _)| *number);
        points
    }

    /// Forgets the points after a checkpoint; see [`Point::is_before`].
    pub(super) fn forget_after(&mut self, batch_step: u64, records: u64) {
        let is_kept = |(_, point): &Numbered| point.is_before(batch_step, records);
        for stretch in &mut self.stretches {
            let before = stretch.points().count();
            for point in [&mut stretch.low, &mut stretch.high, &mut stretch.odd] {
                *point = point.filter(is_kept);
            }
            if stretch.points().count() < before {
                // How many of the others are left is not known.
                stretch.len =
                    stretch.points().map(|(number, _)| number).collect::<std::collections::BTreeSet<_>>().len() as u64;
            }
        }
        self.stretches.retain(|stretch| stretch.len > 0);
        self.first = self.first.filter(is_kept);
        self.last = self.last.filter(is_kept);
        let points = self.numbered();
        self.last = points.last().copied();
        self.len = self.len.min(self.stretches.iter().map(|stretch| stretch.len).sum());
    }
}

#[cfg(test)]
mod tests;
