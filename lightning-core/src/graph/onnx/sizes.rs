//! Free sizes, and numbers in proportion to them, as values of the graph.

use burn::tensor::DType;
use burn_ir::ScalarIr;

use super::{
    elements::{Element, as_float},
    emitter::{Emitter, Lowered},
    proto::Attribute,
};
use crate::graph::{Dim, faults::Fault};

/// What to write if a number depends on the batch size in another way.
const FREE: &str = "compute it with tensors, or export with the sizes of the example: `.fixed_batch()`";

impl Emitter<'_> {
    /// A size as a list of one `int64`.
    pub(super) fn size(&mut self, dim: Dim) -> Lowered<String> {
        if let Some(size) = dim.as_constant() {
            return Ok(self.ints(&[size]));
        }
        if let Some(value) = self.sizes.get(&dim) {
            return Ok(value.clone());
        }
        let value = match dim {
            Dim::BATCH | Dim::LENGTH => self.size_of_input(dim)?,
            _ => self.sum_of_sizes(dim)?,
        };
        self.sizes.insert(dim, value.clone());
        Ok(value)
    }

    /// The free size itself, from an input that has it.
    fn size_of_input(&mut self, dim: Dim) -> Lowered<String> {
        let graph = self.graph;
        let source = graph.recording.inputs.iter().find_map(|(_, tensor)| {
            let dims = graph.dims.get(&tensor.id)?;
            Some((tensor, dims.iter().position(|found| *found == dim)?))
        });
        let (tensor, axis) = source.ok_or_else(|| {
            Fault::new("it needs the batch size, and no input has it", "let the step read a tensor of the batch")
        })?;
        let x = self.value(tensor)?;
        let axis = axis as i64;
        Ok(self.temporary("Shape", &[&x], &[("start", Attribute::Int(axis)), ("end", Attribute::Int(axis + 1))]))
    }

    fn sum_of_sizes(&mut self, dim: Dim) -> Lowered<String> {
        let mut sum: Option<String> = None;
        for (factor, factors) in
            [(dim.batch, [Dim::BATCH].as_slice()), (dim.length, &[Dim::LENGTH]), (dim.both, &[Dim::BATCH, Dim::LENGTH])]
        {
            if factor == 0 {
                continue;
            }
            let mut term: Option<String> = (factor != 1).then(|| self.ints(&[factor]));
            for dim in factors {
                let size = self.size(*dim)?;
                term = Some(match term {
                    Some(term) => self.temporary("Mul", &[&term, &size], &[]),
                    None => size,
                });
            }
            sum = match (sum, term) {
                (Some(sum), Some(term)) => Some(self.temporary("Add", &[&sum, &term], &[])),
                (sum, term) => sum.or(term),
            };
        }
        let constant = self.ints(&[dim.constant]);
        Ok(match sum {
            Some(sum) if dim.constant != 0 => self.temporary("Add", &[&sum, &constant], &[]),
            Some(sum) => sum,
            None => constant,
        })
    }

    /// A size as an `int64` without axes.
    pub(super) fn size_number(&mut self, dim: Dim) -> Lowered<String> {
        if let Some(size) = dim.as_constant() {
            return Ok(self.int(size));
        }
        let size = self.size(dim)?;
        let axes = self.ints(&[0]);
        Ok(self.temporary("Squeeze", &[&size, &axes], &[]))
    }

    /// A shape as a list of `int64`.
    pub(super) fn shape(&mut self, dims: &[Dim]) -> Lowered<String> {
        let fixed: Option<Vec<i64>> = dims.iter().map(|dim| dim.as_constant()).collect();
        if let Some(fixed) = fixed {
            return Ok(self.ints(&fixed));
        }
        let sizes = dims.iter().map(|dim| self.size(*dim)).collect::<Lowered<Vec<_>>>()?;
        Ok(self.joined(&sizes))
    }

    /// Several lists of one `int64` as one list.
    pub(super) fn joined(&mut self, parts: &[String]) -> String {
        match parts {
            [one] => one.clone(),
            parts => {
                let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
                self.temporary("Concat", &parts, &[("axis", Attribute::Int(0))])
            }
        }
    }

    /// The number `index` of the operation, without axes, in the type of a tensor. It may depend on
    /// the free sizes.
    pub(super) fn scalar(&mut self, index: usize, dtype: DType) -> Lowered<String> {
        let values = self.node.and_then(|node| node.scalars.get(index)).cloned().unwrap_or_default();
        let first = *values.first().ok_or_else(|| Fault::new("it lacks a number", ""))?;
        let points = &self.graph.points;
        if values.iter().all(|value| *value == first) {
            return self.number(first, dtype);
        }
        let floats: Vec<f64> = values.iter().map(|value| as_float(*value)).collect();
        let ints: Option<Vec<i64>> =
            floats.iter().map(|value| (value.fract() == 0.0).then_some(*value as i64)).collect();
        if let Some(dim) = ints.and_then(|ints| points.fit(&ints)) {
            let size = self.size_number(dim)?;
            return Ok(self.cast(&size, Element::of(dtype)?));
        }
        let Some(found) = points.proportion(&floats) else {
            let told = points.told(&floats);
            return Err(Fault::new(format!("a number depends on the batch size, found {told}"), FREE));
        };
        let size = self.size_number(found.dim)?;
        let size = self.cast(&size, Element::of(dtype)?);
        let factor = self.number(ScalarIr::Float(found.factor), dtype)?;
        Ok(match found.inverse {
            true => self.temporary("Div", &[&factor, &size], &[]),
            false => self.temporary("Mul", &[&size, &factor], &[]),
        })
    }

    /// A count with `values` in the recordings.
    pub(super) fn count(&mut self, values: &[usize]) -> Lowered<Dim> {
        let values: Vec<i64> = values.iter().map(|value| *value as i64).collect();
        self.graph.points.fit(&values).ok_or_else(|| {
            let told = self.graph.points.told(&values);
            Fault::new(format!("a size is not a multiple of the batch size plus a number: {told}"), FREE)
        })
    }
}
