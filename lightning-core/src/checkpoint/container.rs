//! The container: a safetensors file with a content hash, written in one pass and read tensor by
//! tensor.
//!
//! `__metadata__` holds the hash of the file and, in a checkpoint, one JSON text. The tensors are
//! in the order of the safetensors crate, larger element types first and then by name, so that
//! every tensor is aligned.

mod dtype;
mod file;
mod stored;
mod write;

pub(crate) use self::{dtype::dtype_name, file::Container, stored::Stored, write::write};

/// The metadata key of the JSON text of a checkpoint.
const TEXT_KEY: &str = "lightning";
/// The metadata key of the hash: XXH3 with 128 bits, in 32 hexadecimal digits, of everything after
/// the first eight bytes, with zeros in place of the hash itself.
///
/// The hash detects damage, not tampering. A cryptographic hash would be slower than memory, and
/// hashing takes a core away from training.
const HASH_KEY: &str = "lightning.xxh3_128";
const HASH_DIGITS: usize = 32;
/// The number of bytes at the start of the file that hold the length of the header.
const LENGTH: usize = 8;
/// The longest header that the safetensors crate reads, in bytes.
const LARGEST_HEADER: u64 = 100_000_000;

fn hex(hash: u128) -> String {
    format!("{hash:0HASH_DIGITS$x}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
