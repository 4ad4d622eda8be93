//! Gradients of CUDA devices that are summed by NCCL.
//!
//! Without the feature `nccl` there is only what can be tested without a GPU.

mod agreement;
#[cfg(feature = "nccl")]
#[expect(unsafe_code, reason = "the functions of NCCL are C functions, which take pointers to the memory of a GPU")]
mod ffi;
#[cfg(feature = "nccl")]
mod ranks;

#[cfg(feature = "nccl")]
pub use self::ranks::Nccl;
