//! Convolutions and their transposes.

use burn_ir::TensorIr;

use crate::graph::onnx::{
    emitter::{Emitter, Lowered},
    proto::Attribute,
};

/// The tensors of a convolution.
pub(super) struct Tensors<'a> {
    pub(super) x: &'a TensorIr,
    pub(super) weight: &'a TensorIr,
    pub(super) bias: Option<&'a TensorIr>,
    pub(super) out: &'a TensorIr,
}

/// The options of a convolution; `padding` is before and after each axis.
pub(super) struct Options<'a> {
    pub(super) stride: &'a [usize],
    pub(super) padding: Vec<(usize, usize)>,
    pub(super) dilation: &'a [usize],
    pub(super) groups: usize,
}

/// The same padding before and after each axis.
pub(super) fn both(padding: &[usize]) -> Vec<(usize, usize)> {
    padding.iter().map(|size| (*size, *size)).collect()
}

/// ONNX lists the sizes before all axes, then those after.
pub(super) fn pads(padding: &[(usize, usize)]) -> Attribute {
    let before = padding.iter().map(|(before, _)| *before as i64);
    Attribute::Ints(before.chain(padding.iter().map(|(_, after)| *after as i64)).collect())
}

impl Emitter<'_> {
    pub(super) fn convolution(&mut self, tensors: &Tensors<'_>, options: &Options<'_>) -> Lowered {
        self.convolve("Conv", tensors, options, &[])
    }

    pub(super) fn transposed(
        &mut self,
        tensors: &Tensors<'_>,
        options: &Options<'_>,
        padding_out: &[usize],
    ) -> Lowered {
        self.convolve("ConvTranspose", tensors, options, &[("output_padding", Attribute::sizes(padding_out))])
    }

    fn convolve(
        &mut self,
        operator: &str,
        tensors: &Tensors<'_>,
        options: &Options<'_>,
        more: &[(&'static str, Attribute)],
    ) -> Lowered {
        let mut inputs = vec![self.value(tensors.x)?, self.value(tensors.weight)?];
        if let Some(bias) = tensors.bias {
            inputs.push(self.value(bias)?);
        }
        let kernel = tensors.weight.shape.as_slice().get(2..).unwrap_or_default();
        let mut attributes = vec![
            ("kernel_shape", Attribute::sizes(kernel)),
            ("strides", Attribute::sizes(options.stride)),
            ("pads", pads(&options.padding)),
            ("dilations", Attribute::sizes(options.dilation)),
            ("group", Attribute::Int(options.groups as i64)),
        ];
        attributes.extend_from_slice(more);
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        self.emit(operator, &inputs, tensors.out, &attributes)
    }
}
