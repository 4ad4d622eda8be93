//! The forward pass of a module as a graph: which operations run, on which shapes, and which field
//! they belong to.
//!
//! Burn's capture device records operations and computes nothing. A step is recorded with a copy of
//! the module whose parameters have shapes and no values, on a batch of the same kind, so that a
//! recording takes about a millisecond and no memory. Where the batch size must stay free, the step
//! is recorded with several sizes, and the recordings are compared operation by operation.

mod dims;
mod faults;
mod hollow;
mod layers;
mod linear;
mod lockstep;
mod macs;
mod names;
pub(crate) mod onnx;
mod owners;
mod picture;
mod recording;

pub(crate) use self::{
    dims::{Dim, Points},
    faults::{at_operation, no_operator},
    hollow::Example,
    layers::{LayerCost, Layers},
    lockstep::{Aligned, Node, align},
    names::operation_name,
    picture::picture,
    recording::{Recording, record},
};
