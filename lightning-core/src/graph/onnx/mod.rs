//! ONNX files: opset 18, in the encoding of Protocol Buffers.
//!
//! Source: `onnx.proto` and the operators' reference in <https://github.com/onnx/onnx>.

mod constants;
mod elements;
mod emitter;
mod file;
mod lower;
mod names;
mod proto;
mod sizes;

pub(crate) use self::{
    emitter::lower,
    file::{EXTERNAL_LIMIT, Parameters, write},
    names::{input_name, output_names},
    proto::Metadata,
};
