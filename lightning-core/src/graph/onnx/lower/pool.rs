//! Pooling.

use burn_ir::TensorIr;

use super::convolution::{both, pads};
use crate::graph::{
    faults::Fault,
    onnx::{
        elements::Element,
        emitter::{Emitter, Lowered},
        proto::Attribute,
    },
};

/// The window of a pooling layer as attributes.
pub(super) struct Window(Vec<(&'static str, Attribute)>);

impl Window {
    pub(super) fn new(kernel: &[usize], stride: &[usize], padding: &[usize], ceil: bool) -> Self {
        Self(vec![
            ("kernel_shape", Attribute::sizes(kernel)),
            ("strides", Attribute::sizes(stride)),
            ("pads", pads(&both(padding))),
            ("ceil_mode", Attribute::Int(i64::from(ceil))),
        ])
    }
}

impl Emitter<'_> {
    pub(super) fn max_pool(&mut self, x: &TensorIr, out: &TensorIr, window: Window, dilation: &[usize]) -> Lowered {
        let Window(mut attributes) = window;
        attributes.push(("dilations", Attribute::sizes(dilation)));
        self.unary_with("MaxPool", x, out, &attributes)
    }

    pub(super) fn average_pool(
        &mut self,
        x: &TensorIr,
        out: &TensorIr,
        window: Window,
        count_padding: bool,
    ) -> Lowered {
        let Window(mut attributes) = window;
        attributes.push(("count_include_pad", Attribute::Int(i64::from(count_padding))));
        self.unary_with("AveragePool", x, out, &attributes)
    }

    /// A mean of all, windows of one size, or the product with a matrix of means along each axis.
    pub(super) fn adaptive_pool(&mut self, input: &TensorIr, out: &TensorIr) -> Lowered {
        let spatial = |emitter: &Self, tensor| {
            Some(emitter.fixed_dims_after(tensor, 2)?.into_iter().map(|size| size as usize).collect::<Vec<_>>())
        };
        let (from, to) = (spatial(self, input), spatial(self, out));
        let (Some(from), Some(to)) = (from, to) else {
            return Err(Fault::new("the sizes of its windows are free", "export with fixed image sizes"));
        };
        if to.iter().all(|size| *size == 1) {
            return self.unary("GlobalAveragePool", input, out);
        }
        if from.iter().zip(&to).all(|(from, to)| from.is_multiple_of(*to)) {
            let window: Vec<usize> = from.iter().zip(&to).map(|(from, to)| from / to).collect();
            let window = Attribute::sizes(&window);
            return self.unary_with(
                "AveragePool",
                input,
                out,
                &[("kernel_shape", window.clone()), ("strides", window)],
            );
        }
        let mut x = self.value(input)?;
        let last = from.len() + 1;
        for (index, (from, to)) in from.iter().zip(&to).enumerate() {
            let means = self.shared(Element::F32, &[*from as i64, *to as i64], means(*from, *to));
            let mut axes: Vec<usize> = (0..=last).collect();
            axes.swap(index + 2, last);
            let order = [("perm", Attribute::sizes(&axes))];
            let is_last = index + 2 == last;
            if !is_last {
                x = self.temporary("Transpose", &[&x], &order);
            }
            x = self.temporary("MatMul", &[&x, &means], &[]);
            if !is_last {
                x = self.temporary("Transpose", &[&x], &order);
            }
        }
        self.bind(out, x)
    }

    /// The sizes of the axes from `first` on, if none is free.
    fn fixed_dims_after(&self, tensor: &TensorIr, first: usize) -> Option<Vec<i64>> {
        self.dims(tensor).into_iter().skip(first).map(|dim| dim.as_constant()).collect()
    }
}

/// A matrix whose column `j` takes the mean of the window `j` of `to` windows over `from` values, as
/// bytes.
fn means(from: usize, to: usize) -> Vec<u8> {
    let window = |index: usize| (index * from / to, ((index + 1) * from).div_ceil(to));
    let value = |row: usize, column: usize| {
        let (start, end) = window(column);
        if (start..end).contains(&row) { 1.0 / (end - start) as f32 } else { 0.0 }
    };
    (0..from).flat_map(|row| (0..to).flat_map(move |column| value(row, column).to_le_bytes())).collect()
}
