//! Images as PNG files (ISO/IEC 15948).

use std::io::{self, Write};

use flate2::{Compression, Crc, write::ZlibEncoder};

use super::ImageView;
use crate::error::{Error, Result};

/// The first bytes of every PNG file.
const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

impl ImageView<'_> {
    /// Encodes the image as a PNG file: the chunks `IHDR`, `IDAT` and `IEND` of ISO/IEC 15948, with
    /// compressed rows without a filter.
    ///
    /// # Errors
    /// If the image has no pixels, or a side is longer than the format allows.
    pub fn to_png(&self) -> Result<Vec<u8>> {
        let Self { width, height, channels, pixels } = *self;
        let fault =
            |what: &str| Error::data(format!("an image of {width} x {height} pixels is not a PNG file: {what}"));
        if width == 0 || height == 0 {
            return Err(fault("it has no pixels"));
        }
        let u32_of = |len: usize| u32::try_from(len).map_err(|_| fault("it is too large"));
        // The color types of section 11.2.1: grayscale, truecolor, truecolor with alpha.
        let color = match channels {
            1 => 0,
            3 => 2,
            _ => 6,
        };
        let mut header = Vec::new();
        header.extend(u32_of(width)?.to_be_bytes());
        header.extend(u32_of(height)?.to_be_bytes());
        // Eight bits per channel; the only compression and filter methods, and no interlacing.
        header.extend([8, color, 0, 0, 0]);
        let rows = compress(pixels, width * channels).map_err(|error| fault(&error.to_string()))?;
        let mut file = SIGNATURE.to_vec();
        for (kind, data) in [(b"IHDR", header), (b"IDAT", rows), (b"IEND", Vec::new())] {
            write_chunk(&mut file, *kind, &data, u32_of(data.len())?);
        }
        Ok(file)
    }
}

/// Compresses the rows, each after a byte that names its filter: 0, none.
fn compress(pixels: &[u8], row: usize) -> io::Result<Vec<u8>> {
    let mut rows = ZlibEncoder::new(Vec::new(), Compression::default());
    for row in pixels.chunks(row) {
        rows.write_all(&[0])?;
        rows.write_all(row)?;
    }
    rows.finish()
}

/// Appends a chunk: its length, kind, data, and the CRC of kind and data.
fn write_chunk(file: &mut Vec<u8>, kind: [u8; 4], data: &[u8], len: u32) {
    let mut crc = Crc::new();
    crc.update(&kind);
    crc.update(data);
    file.extend(len.to_be_bytes());
    file.extend(kind);
    file.extend(data);
    file.extend(crc.sum().to_be_bytes());
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::ZlibDecoder;

    use super::*;

    fn number(bytes: &[u8]) -> u32 {
        bytes.try_into().map(u32::from_be_bytes).unwrap_or_default()
    }

    #[test]
    fn a_png_file_has_the_pixels_in_its_chunks() -> Result<()> {
        for (channels, color) in [(1, 0), (3, 2), (4, 6)] {
            let pixels: Vec<u8> = (0..3 * 2 * channels).map(|byte| (byte * 11) as u8).collect();
            let file = ImageView::new(3, 2, channels, &pixels)?.to_png()?;
            let mut rest = file.strip_prefix(SIGNATURE).unwrap_or_default();
            let mut chunks = Vec::new();
            while !rest.is_empty() {
                let (len, after) = rest.split_at(4);
                let (chunk, after) = after.split_at(4 + number(len) as usize);
                let (sum, after) = after.split_at(4);
                let mut crc = Crc::new();
                crc.update(chunk);
                assert_eq!(crc.sum(), number(sum));
                chunks.push(chunk.split_at(4));
                rest = after;
            }
            let [(b"IHDR", header), (b"IDAT", rows), (b"IEND", [])] = chunks.as_slice() else { panic!("{chunks:?}") };
            assert_eq!(*header, [0, 0, 0, 3, 0, 0, 0, 2, 8, color, 0, 0, 0]);
            let mut read = Vec::new();
            ZlibDecoder::new(*rows).read_to_end(&mut read)?;
            let expected: Vec<u8> =
                pixels.chunks(3 * channels).flat_map(|row| std::iter::once(0).chain(row.iter().copied())).collect();
            assert_eq!(read, expected);
        }
        assert!(ImageView::new(0, 2, 1, &[])?.to_png().is_err_and(|error| error.to_string().contains("0 x 2")));
        Ok(())
    }
}
