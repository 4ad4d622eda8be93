//! Scaled dot-product attention.

use burn_ir::AttentionOpIr;

use crate::graph::{
    faults::Fault,
    onnx::{
        elements::{Element, as_float},
        emitter::{Emitter, Lowered},
        proto::Attribute,
    },
};

impl Emitter<'_> {
    /// softmax(scale · q·kᵀ + bias, −∞ where masked) · v
    pub(super) fn attention(&mut self, op: &AttentionOpIr) -> Lowered {
        let (query, key, value) = (self.value(&op.query)?, self.value(&op.key)?, self.value(&op.value)?);
        let dtype = op.query.dtype;
        let width = op.query.shape.as_slice().last().copied().unwrap_or(1);
        let scale = op.options.scale.map_or_else(|| 1.0 / (width as f64).sqrt(), as_float);
        let key = self.temporary("Transpose", &[&key], &[("perm", Attribute::Ints(vec![0, 1, 3, 2]))]);
        let scores = self.temporary("MatMul", &[&query, &key], &[]);
        let scale = self.float(scale, dtype)?;
        let mut scores = self.temporary("Mul", &[&scores, &scale], &[]);
        if let Some(cap) = op.options.softcap {
            let cap = self.number(cap, dtype)?;
            let part = self.temporary("Div", &[&scores, &cap], &[]);
            let part = self.temporary("Tanh", &[&part], &[]);
            scores = self.temporary("Mul", &[&part, &cap], &[]);
        }
        if let Some(bias) = &op.attn_bias {
            let bias = self.value(bias)?;
            scores = self.temporary("Add", &[&scores, &bias], &[]);
        }
        let masked = self.float(f64::NEG_INFINITY, dtype)?;
        if let Some(mask) = &op.mask {
            let mask = self.value(mask)?;
            scores = self.temporary("Where", &[&mask, &masked, &scores], &[]);
        }
        if op.options.is_causal {
            let mask = self.causal_mask(op)?;
            scores = self.temporary("Where", &[&mask, &masked, &scores], &[]);
        }
        let weights = self.temporary("Softmax", &[&scores], &[("axis", Attribute::Int(-1))]);
        self.emit("MatMul", &[&weights, &value], &op.out, &[])
    }

    /// True where a key is after the query; the last query sees all keys.
    fn causal_mask(&mut self, op: &AttentionOpIr) -> Lowered<String> {
        let length = |emitter: &Self, tensor| emitter.dims(tensor).get(2).and_then(|dim| dim.as_constant());
        let (Some(queries), Some(keys)) = (length(self, &op.query), length(self, &op.key)) else {
            return Err(Fault::new(
                "its causal mask has a free length",
                "pass the mask of `generate_autoregressive_mask`, or fix the length",
            ));
        };
        let is_masked = |query: i64, key: i64| u8::from(key + queries > query + keys);
        let mask = (0..queries).flat_map(|query| (0..keys).map(move |key| is_masked(query, key))).collect();
        Ok(self.shared(Element::BOOL, &[queries, keys], mask))
    }
}
