//! Layers.

use burn_ir::{InterpolateModeIr, InterpolateOpIr, LinearOpIr, ModuleOperationIr};

use super::{
    axis,
    convolution::{Options, Tensors, both},
    pool::Window,
};
use crate::graph::{
    faults::Fault,
    no_operator,
    onnx::{
        elements::as_float,
        emitter::{Emitter, Lowered},
        proto::Attribute,
    },
};

/// The tensors and options of a convolution.
macro_rules! convolution {
    ($op:ident, $padding:expr) => {
        (
            &Tensors { x: &$op.x, weight: &$op.weight, bias: $op.bias.as_ref(), out: &$op.out },
            &Options {
                stride: &$op.options.stride,
                padding: $padding,
                dilation: &$op.options.dilation,
                groups: $op.options.groups,
            },
        )
    };
}

impl Emitter<'_> {
    pub(super) fn module_operation(&mut self, op: &ModuleOperationIr) -> Lowered {
        use ModuleOperationIr as Op;
        match op {
            Op::Linear(op) => self.linear(op),
            Op::BatchNorm(op) => {
                let inputs = [&op.x, &op.gamma, &op.beta, &op.mean, &op.variance];
                let inputs = inputs.into_iter().map(|tensor| self.value(tensor)).collect::<Lowered<Vec<_>>>()?;
                let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
                let epsilon = Attribute::Float(as_float(op.epsilon) as f32);
                self.emit("BatchNormalization", &inputs, &op.out, &[("epsilon", epsilon)])
            }
            Op::LayerNorm(op) => {
                let mut inputs = vec![self.value(&op.input)?, self.value(&op.gamma)?];
                if let Some(beta) = &op.beta {
                    inputs.push(self.value(beta)?);
                }
                let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
                let epsilon = Attribute::Float(as_float(op.epsilon) as f32);
                let attributes = [("axis", Attribute::Int(-1)), ("epsilon", epsilon)];
                self.emit("LayerNormalization", &inputs, &op.out, &attributes)
            }
            Op::Embedding(op) => {
                let (weights, indices) = (self.value(&op.weights)?, self.value(&op.indices)?);
                self.emit("Gather", &[&weights, &indices], &op.out, &axis(0))
            }
            Op::Conv1d(op) => {
                let (tensors, options) = convolution!(op, op.options.padding.to_vec());
                self.convolution(tensors, options)
            }
            Op::Conv2d(op) => {
                let (tensors, options) = convolution!(op, op.options.padding.to_vec());
                self.convolution(tensors, options)
            }
            Op::Conv3d(op) => {
                let (tensors, options) = convolution!(op, both(&op.options.padding));
                self.convolution(tensors, options)
            }
            Op::ConvTranspose1d(op) => {
                let (tensors, options) = convolution!(op, both(&op.options.padding));
                self.transposed(tensors, options, &op.options.padding_out)
            }
            Op::ConvTranspose2d(op) => {
                let (tensors, options) = convolution!(op, both(&op.options.padding));
                self.transposed(tensors, options, &op.options.padding_out)
            }
            Op::ConvTranspose3d(op) => {
                let (tensors, options) = convolution!(op, both(&op.options.padding));
                self.transposed(tensors, options, &op.options.padding_out)
            }
            Op::MaxPool1d(op) => {
                let window = Window::new(&[op.kernel_size], &[op.stride], &[op.padding], op.ceil_mode);
                self.max_pool(&op.x, &op.out, window, &[op.dilation])
            }
            Op::MaxPool2d(op) => {
                let window = Window::new(&op.kernel_size, &op.stride, &op.padding, op.ceil_mode);
                self.max_pool(&op.x, &op.out, window, &op.dilation)
            }
            Op::AvgPool1d(op) => {
                let window = Window::new(&[op.kernel_size], &[op.stride], &[op.padding], op.ceil_mode);
                self.average_pool(&op.x, &op.out, window, op.count_include_pad)
            }
            Op::AvgPool2d(op) => {
                let window = Window::new(&op.kernel_size, &op.stride, &op.padding, op.ceil_mode);
                self.average_pool(&op.x, &op.out, window, op.count_include_pad)
            }
            Op::AdaptiveAvgPool1d(op) => self.adaptive_pool(&op.x, &op.out),
            Op::AdaptiveAvgPool2d(op) => self.adaptive_pool(&op.x, &op.out),
            Op::AdaptiveAvgPool3d(op) => self.adaptive_pool(&op.x, &op.out),
            Op::Interpolate(op) => self.interpolate(op),
            Op::Attention(op) => self.attention(op),
            Op::MaxPool1dWithIndices(_) | Op::MaxPool2dWithIndices(_) => {
                Err(no_operator("use the pooling without indices in the exported step"))
            }
            Op::Unfold4d(_) => Err(no_operator("use a convolution in place of `unfold4d`")),
            Op::DeformableConv2d(_) => Err(no_operator("use a plain convolution")),
            Op::CtcLoss(_) => Err(no_operator("export a step that returns predictions in place of the loss")),
            _ => Err(Fault::new("it is part of a backward pass", "export a step without gradients")),
        }
    }

    /// `Gemm` for matrices, `MatMul` and `Add` for more axes.
    fn linear(&mut self, op: &LinearOpIr) -> Lowered {
        let (x, weight) = (self.value(&op.x)?, self.value(&op.weight)?);
        let Some(bias) = &op.bias else {
            return self.emit("MatMul", &[&x, &weight], &op.out, &[]);
        };
        let bias = self.value(bias)?;
        if op.x.shape.as_slice().len() == 2 {
            return self.emit("Gemm", &[&x, &weight, &bias], &op.out, &[]);
        }
        let product = self.temporary("MatMul", &[&x, &weight], &[]);
        self.emit("Add", &[&product, &bias], &op.out, &[])
    }

    fn interpolate(&mut self, op: &InterpolateOpIr) -> Lowered {
        let x = self.value(&op.x)?;
        let sizes = self.ints(&op.output_size.map(|size| size as i64));
        let places = if op.options.align_corners { "align_corners" } else { "half_pixel" };
        let (mode, places, nearest) = match op.options.mode {
            InterpolateModeIr::Nearest => ("nearest", "asymmetric", "floor"),
            InterpolateModeIr::NearestExact => ("nearest", "half_pixel", "round_prefer_ceil"),
            InterpolateModeIr::Bilinear => ("linear", places, "floor"),
            InterpolateModeIr::Bicubic => ("cubic", places, "floor"),
            InterpolateModeIr::Lanczos3 => {
                return Err(Fault::new("ONNX does not have the mode Lanczos", "use `Nearest`, `Linear` or `Cubic`"));
            }
        };
        let attributes = [
            ("mode", Attribute::Text(mode)),
            ("coordinate_transformation_mode", Attribute::Text(places)),
            ("nearest_mode", Attribute::Text(nearest)),
            // The coefficient of Burn, which is that of PyTorch.
            ("cubic_coeff_a", Attribute::Float(-0.75)),
            ("axes", Attribute::Ints(vec![2, 3])),
        ];
        self.emit("Resize", &[&x, "", "", &sizes], &op.out, &attributes)
    }
}
