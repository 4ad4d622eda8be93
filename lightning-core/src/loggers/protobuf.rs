//! Messages in the encoding of Protocol Buffers: fields with a number and one of three wire types.
//!
//! Source: <https://protobuf.dev/programming-guides/encoding/>.

const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const LENGTH: u64 = 2;
const FIXED_32: u64 = 5;

/// A message under construction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message(Vec<u8>);

impl Message {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The encoded message.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn key(&mut self, field: u64, wire: u64) {
        self.varint(field << 3 | wire);
    }

    /// What stands before `len` bytes of a field that are written elsewhere: its key, and the length.
    pub(crate) fn length(mut self, field: u64, len: u64) -> Self {
        self.key(field, LENGTH);
        self.varint(len);
        self
    }

    /// A number of type `int32`, `int64`, `uint64`, `bool` or of an enum.
    pub(crate) fn int(mut self, field: u64, value: u64) -> Self {
        self.key(field, VARINT);
        self.varint(value);
        self
    }

    pub(crate) fn double(mut self, field: u64, value: f64) -> Self {
        self.key(field, FIXED_64);
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn float(mut self, field: u64, value: f32) -> Self {
        self.key(field, FIXED_32);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// Bytes, or a text.
    pub(crate) fn bytes(mut self, field: u64, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        self = self.length(field, bytes.len() as u64);
        self.0.extend(bytes);
        self
    }

    pub(crate) fn message(self, field: u64, message: Self) -> Self {
        self.bytes(field, message.0)
    }

    /// A packed list of doubles.
    pub(crate) fn doubles(self, field: u64, values: impl IntoIterator<Item = f64>) -> Self {
        let bytes: Vec<u8> = values.into_iter().flat_map(f64::to_le_bytes).collect();
        self.bytes(field, bytes)
    }

    /// A packed list of numbers.
    pub(crate) fn ints(self, field: u64, values: impl IntoIterator<Item = u64>) -> Self {
        let mut packed = Self::new();
        values.into_iter().for_each(|value| packed.varint(value));
        self.bytes(field, packed.0)
    }
}

/// Reads the fields of a message that are numbers or bytes; the others are skipped.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Int(u64),
    Bytes(&'a [u8]),
    Fixed(&'a [u8]),
}

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let key = self.varint()?;
        let value = match key & 7 {
            VARINT => Value::Int(self.varint()?),
            FIXED_64 => Value::Fixed(self.take(8)?),
            LENGTH => {
                let len = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.take(len)?)
            }
            FIXED_32 => Value::Fixed(self.take(4)?),
            _ => return None,
        };
        Some((key >> 3, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the documentation of the encoding.
    #[test]
    fn messages_are_encoded_as_documented() {
        assert_eq!(Message::new().int(1, 150).into_bytes(), [0x08, 0x96, 0x01]);
        assert_eq!(Message::new().bytes(2, "testing").into_bytes(), *b"\x12\x07testing");
        assert_eq!(Message::new().message(3, Message::new().int(1, 150)).into_bytes(), *b"\x1a\x03\x08\x96\x01");
        assert_eq!(Message::new().ints(6, [3, 270, 86942]).into_bytes(), *b"\x32\x06\x03\x8e\x02\x9e\xa7\x05");
        assert_eq!(Message::new().float(2, 1.0).into_bytes(), [0x15, 0, 0, 0x80, 0x3f]);
    }

    #[test]
    fn fields_are_read_back() {
        let bytes = Message::new().double(1, 2.5).int(2, u64::MAX).bytes(3, "x").float(4, 1.0).into_bytes();
        let fields: Vec<_> = Fields(&bytes).collect();
        assert_eq!(fields[1], (2, Value::Int(u64::MAX)));
        assert_eq!(fields[2], (3, Value::Bytes(b"x")));
        assert_eq!(fields.iter().map(|(field, _)| *field).collect::<Vec<_>>(), [1, 2, 3, 4]);
        for cut in 0..bytes.len() {
            assert!(Fields(&bytes[..cut]).count() < 4);
        }
    }
}
