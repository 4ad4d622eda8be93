//! Records of a TensorFlow record file: length, its checksum, bytes, their checksum.
//!
//! Source: the format of `tf.data.TFRecordDataset`,
//! <https://www.tensorflow.org/tutorials/load_data/tfrecord>.

/// The bytes of a record besides its contents.
const FRAME: usize = 16;

/// CRC-32C, rotated by 15 bits and with a constant added, so that checksums of checksums differ.
fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Appends a record to a buffer.
pub(super) fn append(buffer: &mut Vec<u8>, record: &[u8]) {
    let len = (record.len() as u64).to_le_bytes();
    buffer.reserve(record.len() + FRAME);
    buffer.extend(len);
    buffer.extend(masked(&len).to_le_bytes());
    buffer.extend(record);
    buffer.extend(masked(record).to_le_bytes());
}

/// Reads the records of a file; ends at the first one that is cut short or damaged.
pub(super) struct Frames<'a> {
    rest: &'a [u8],
}

impl<'a> Frames<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes follow the records that were read.
    pub(super) const fn unread(&self) -> usize {
        self.rest.len()
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let (len_bytes, rest) = self.rest.split_first_chunk::<8>()?;
        let (len_sum, rest) = rest.split_first_chunk::<4>()?;
        let len = usize::try_from(u64::from_le_bytes(*len_bytes)).ok()?;
        let (record, rest) = rest.split_at_checked(len)?;
        let (sum, rest) = rest.split_first_chunk::<4>()?;
        let is_whole = masked(len_bytes).to_le_bytes() == *len_sum && masked(record).to_le_bytes() == *sum;
        self.rest = if is_whole { rest } else { self.rest };
        is_whole.then_some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value of the catalogue of CRC algorithms (CRC-32/ISCSI), and a file of one empty
    /// record as TensorFlow writes it.
    #[test]
    fn checksums_are_those_of_tensorflow() {
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
        let mut file = Vec::new();
        append(&mut file, b"");
        assert_eq!(file, [0, 0, 0, 0, 0, 0, 0, 0, 0x29, 0x03, 0x98, 0x07, 0xd8, 0xea, 0x82, 0xa2]);
    }

    #[test]
    fn a_file_cut_at_any_byte_is_read_up_to_the_last_whole_record() {
        let mut file = Vec::new();
        let mut ends = vec![0];
        for record in [&b"first"[..], b"", b"third"] {
            append(&mut file, record);
            ends.push(file.len());
        }
        for cut in 0..=file.len() {
            let mut frames = Frames::new(&file[..cut]);
            let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
            assert_eq!(frames.by_ref().count(), whole, "cut at {cut}");
            assert_eq!(frames.unread(), cut - ends[whole]);
        }
        let mut damaged = file.clone();
        damaged[ends[1] - 6] ^= 1;
        assert_eq!(Frames::new(&damaged).count(), 0);
    }
}
