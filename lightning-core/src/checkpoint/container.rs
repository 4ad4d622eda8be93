//! The container: a safetensors file with a content hash, written in one pass and read tensor by tensor.
//!
//! `__metadata__` holds the hash of the file and, in a checkpoint, one JSON text. The tensors lie as the safetensors crate
//! lays them: larger elements first, then by name, so that every tensor is aligned.

mod dtype;
mod file;
mod stored;
mod write;

pub(crate) use self::{dtype::dtype_name, file::Container, stored::Stored, write::write};

/// The entry of a checkpoint's JSON.
const TEXT_KEY: &str = "lightning";
/// The entry of the hash: XXH3 of 128 bits, as 32 hexadecimal digits, of everything behind the first eight bytes, with zeros in the
/// hash's own place. It tells damage, at memory speed: beside training, each millisecond of hashing is one of a core's.
const HASH_KEY: &str = "lightning.xxh3_128";
const HASH_DIGITS: usize = 32;
/// The length of the header's length.
const LENGTH: usize = 8;
/// What the safetensors crate refuses to read.
const LARGEST_HEADER: u64 = 100_000_000;

fn hex(hash: u128) -> String {
    format!("{hash:0HASH_DIGITS$x}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
