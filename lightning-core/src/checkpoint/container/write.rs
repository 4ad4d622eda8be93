//! Writing a file in one pass.

use std::{
    borrow::Borrow,
    fmt::Write as _,
    io::{self, Write},
};

use safetensors::tensor::TensorInfo;
use twox_hash::XxHash3_128;

use super::{HASH_DIGITS, HASH_KEY, LARGEST_HEADER, LENGTH, TEXT_KEY, hex, stored::Stored};

/// Writes the tensors and the text, in one pass. The hash stands at the start and is known at the end: what is given back is to replace as
/// many bytes at the start. Tensors that are handed over, and not lent, are freed one by one as they are written.
///
/// # Errors
/// Those of `out`, and of a header that is too large for the format.
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
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the header is too large for a safetensors file"));
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

/// The header, as what stands before and after the hash; in an order of our own: a hash map has another one each time.
fn header<T: Borrow<Stored>>(tensors: &[T], text: Option<&str>) -> io::Result<(String, String)> {
    let before = format!("{{\"__metadata__\":{{\"{HASH_KEY}\":\"");
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
