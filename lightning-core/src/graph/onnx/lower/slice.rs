//! Slices, whose bounds may be free sizes.

use burn::tensor::Slice;
use burn_ir::{SliceAssignOpIr, SliceOpIr, TensorIr};

use crate::graph::{
    Dim,
    faults::Fault,
    onnx::{
        emitter::{Emitter, Lowered},
        proto::Attribute,
    },
};

/// One bound of a range.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    At(Dim),
    /// The end of the axis.
    End,
}

/// A range of one axis that is not all of it.
#[derive(Clone, Copy, Debug)]
struct Part {
    axis: usize,
    start: Bound,
    end: Bound,
    step: i64,
}

const START: Bound = Bound::At(Dim::constant(0));

impl Emitter<'_> {
    pub(super) fn slice(&mut self, op: &SliceOpIr) -> Lowered {
        let parts = self.parts(&op.tensor)?;
        let x = self.value(&op.tensor)?;
        if parts.is_empty() {
            return self.emit("Identity", &[&x], &op.out, &[]);
        }
        let (mut starts, mut ends) = (Vec::new(), Vec::new());
        for part in &parts {
            let (start, end) =
                if part.step > 0 { (self.bound(part.start)?, self.bound(part.end)?) } else { self.reversed(part)? };
            starts.push(start);
            ends.push(end);
        }
        let (starts, ends) = (self.joined(&starts), self.joined(&ends));
        let axes: Vec<i64> = parts.iter().map(|part| part.axis as i64).collect();
        let steps: Vec<i64> = parts.iter().map(|part| part.step).collect();
        let (axes, steps) = (self.ints(&axes), self.ints(&steps));
        self.emit("Slice", &[&x, &starts, &ends, &axes, &steps], &op.out, &[])
    }

    pub(super) fn flip(&mut self, input: &TensorIr, out: &TensorIr, axes: &[usize]) -> Lowered {
        let x = self.value(input)?;
        let back = self.ints(&vec![-1; axes.len()]);
        let ends = self.ints(&vec![i64::MIN; axes.len()]);
        let axes: Vec<i64> = axes.iter().map(|axis| *axis as i64).collect();
        let axes = self.ints(&axes);
        self.emit("Slice", &[&x, &back, &ends, &axes, &back], out, &[])
    }

    /// The assigned part between what is before and after it, axis by axis.
    pub(super) fn slice_assign(&mut self, op: &SliceAssignOpIr) -> Lowered {
        let parts = self.parts(&op.tensor)?;
        if parts.iter().any(|part| part.step != 1) {
            return Err(Fault::new("it assigns to a slice with a step", "assign with `mask_where` or `scatter`"));
        }
        let (x, value) = (self.value(&op.tensor)?, self.value(&op.value)?);
        let assigned = self.assigned(x, value, &parts)?;
        self.emit("Identity", &[&assigned], &op.out, &[])
    }

    fn assigned(&mut self, x: String, value: String, parts: &[Part]) -> Lowered<String> {
        let Some((part, rest)) = parts.split_first() else { return Ok(value) };
        let middle = if rest.is_empty() {
            value
        } else {
            let inner = self.cut(&x, part.axis, part.start, part.end)?;
            self.assigned(inner, value, rest)?
        };
        let mut pieces = Vec::new();
        if part.start != START {
            pieces.push(self.cut(&x, part.axis, START, part.start)?);
        }
        pieces.push(middle);
        if part.end != Bound::End {
            pieces.push(self.cut(&x, part.axis, part.end, Bound::End)?);
        }
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        Ok(self.temporary("Concat", &pieces, &[("axis", Attribute::Int(part.axis as i64))]))
    }

    fn cut(&mut self, x: &str, axis: usize, start: Bound, end: Bound) -> Lowered<String> {
        let (start, end, axis) = (self.bound(start)?, self.bound(end)?, self.ints(&[axis as i64]));
        Ok(self.temporary("Slice", &[x, &start, &end, &axis], &[]))
    }

    fn bound(&mut self, bound: Bound) -> Lowered<String> {
        match bound {
            Bound::At(dim) => self.size(dim),
            Bound::End => Ok(self.ints(&[i64::MAX])),
        }
    }

    /// The first and the last index of a range that is read backwards.
    fn reversed(&mut self, part: &Part) -> Lowered<(String, String)> {
        let before = |dim: Dim| Dim { constant: dim.constant - 1, ..dim };
        let first = match part.end {
            Bound::End => self.ints(&[-1]),
            Bound::At(dim) => self.size(before(dim))?,
        };
        let last = match part.start {
            START | Bound::End => self.ints(&[i64::MIN]),
            Bound::At(dim) => self.size(before(dim))?,
        };
        Ok((first, last))
    }

    /// The ranges of the operation without those of whole axes.
    fn parts(&mut self, tensor: &TensorIr) -> Lowered<Vec<Part>> {
        let Some(node) = self.node else { return Ok(Vec::new()) };
        let dims = self.dims(tensor);
        let mut parts = Vec::new();
        for (axis, (slices, dim)) in node.ranges.iter().zip(&dims).enumerate() {
            let sizes = self.graph.points.sizes_of(*dim);
            let ranges: Vec<_> = slices.iter().zip(&sizes).map(|(slice, size)| slice.to_range(*size)).collect();
            let step = slices.first().map_or(1, Slice::step) as i64;
            if slices.iter().any(|slice| slice.step() as i64 != step) {
                return Err(Fault::new("the step of its slice depends on the batch size", ""));
            }
            let is_whole = ranges.iter().zip(&sizes).all(|(range, size)| *range == (0..*size));
            if is_whole && step == 1 {
                continue;
            }
            let starts: Vec<usize> = ranges.iter().map(|range| range.start).collect();
            let ends: Vec<usize> = ranges.iter().map(|range| range.end).collect();
            let start = Bound::At(self.count(&starts)?);
            let end = if ends == sizes { Bound::End } else { Bound::At(self.count(&ends)?) };
            parts.push(Part { axis, start, end, step });
        }
        Ok(parts)
    }
}
