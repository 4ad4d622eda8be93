//! Writes a file in one pass.

use std::{
    borrow::Borrow,
    fmt::Write as _,
    io::{self, Write},
};

use safetensors::tensor::TensorInfo;
use twox_hash::XxHash3_128;

use super::{HASH_DIGITS, HASH_KEY, LARGEST_HEADER, LENGTH, TEXT_KEY, hex, stored::Stored};

/// Writes the tensors and the text, in one pass.
///
/// The header, which holds the hash, is written before the hash is known. Returns the final header;
/// the caller overwrites the start of the file with it. Tensors passed by value are dropped one by
/// one as they are written.
///
/// # Errors
/// If `out` fails, or the header is too large for the format.
pub(crate) fn write<T: Borrow<Stored>>(
    out: &mut dyn Write,
    mut tensors: Vec<T>,
    text: Option<&str>,
) -> io::Result<Vec<u8>> {
    tensors.sort_by(|a, b| {
        let (a, b) = (a.borrow(), b.borrow());
        b.dtype.cmp(&a.dtype).then_with(|| a.name.cmp(&b.name))
    });
    let (before, after) = header(&tensors, text)?;
    let len = before.len() + HASH_DIGITS + after.len();
    if len as u64 > LARGEST_HEADER {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("the header of a safetensors file must have at most {LARGEST_HEADER} bytes, found {len}"),
        ));
    }
    let head =
        |hash: &str| [&(len as u64).to_le_bytes(), before.as_bytes(), hash.as_bytes(), after.as_bytes()].concat();
    let unhashed = head(&"0".repeat(HASH_DIGITS));
    out.write_all(&unhashed)?;
    let mut hash = XxHash3_128::new();
    hash.write(unhashed.get(LENGTH..).unwrap_or_default());
    for tensor in tensors {
        tensor.borrow().for_each_piece(|bytes| {
            hash.write(bytes);
            out.write_all(bytes)
        })?;
    }
    Ok(head(&hex(hash.finish_128())))
}

/// Returns the parts of the header before and after the hash.
fn header<T: Borrow<Stored>>(tensors: &[T], text: Option<&str>) -> io::Result<(String, String)> {
    let before = format!("{{\"__metadata__\":{{\"{HASH_KEY}\":\"");
    // Written entry by entry: a hash map of the safetensors crate would have another order each
    // time, and equal states must give equal bytes.
    let mut json = "\"".to_owned();
    if let Some(text) = text {
        let _ = write!(json, ",\"{TEXT_KEY}\":{}", serde_json::to_string(text)?);
    }
    json.push('}');
    let mut start = 0;
    for tensor in tensors.iter().map(Borrow::borrow) {
        let end = start + tensor.len();
        let info = TensorInfo { dtype: tensor.dtype, shape: tensor.shape.clone(), data_offsets: (start, end) };
        let _ = write!(json, ",{}:{}", serde_json::to_string(&tensor.name)?, serde_json::to_string(&info)?);
        start = end;
    }
    json.push('}');
    let len = before.len() + HASH_DIGITS + json.len();
    json.extend(std::iter::repeat_n(' ', len.next_multiple_of(LENGTH) - len));
    Ok((before, json))
}
