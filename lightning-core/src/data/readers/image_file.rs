//! A PNG or JPEG file, decoded to bytes.

use std::{
    fs::File,
    io::{Cursor, Read},
    path::Path,
};

use png::Transformations;
use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
use zune_jpeg::JpegDecoder;

use crate::{
    data::{Image, Layout},
    error::{Error, Result},
};

/// The default limit of pixels in an image: 8192x8192, 200 MB in color.
pub(super) const MAX_PIXELS: usize = 1 << 26;
/// The limit of bytes in a file: an uncompressed image of [`MAX_PIXELS`] in 16 bits with four
/// channels.
const MAX_BYTES: u64 = 1 << 29;

const PNG: [u8; 8] = *b"\x89PNG\r\n\x1a\n";
const JPEG: [u8; 3] = [0xff, 0xd8, 0xff];

/// The channels to which an image is converted when it is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Channels {
    /// One: the luma, `0.299 R + 0.587 G + 0.114 B` of a color image (ITU-R BT.601).
    Grey,
    /// Three: red, green and blue, with equal values for a gray image. Transparency is ignored.
    #[default]
    Rgb,
}

impl Channels {
    fn count(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb => 3,
        }
    }
}

/// Reads a file in the format of its first bytes, whatever its name.
pub(super) fn decode(path: &Path, channels: Channels, max_pixels: usize) -> Result<Image> {
    let bytes = read(path)?;
    if bytes.starts_with(&JPEG) {
        jpeg(&bytes, channels, max_pixels)
    } else if bytes.starts_with(&PNG) {
        png(&bytes, channels, max_pixels)
    } else {
        let start = bytes.get(..4).unwrap_or(&bytes);
        Err(Fault::new(format!("neither png nor jpeg: it starts with the bytes {start:02x?}")))
    }
    .map_err(|Fault { found, help }| {
        let help = help.unwrap_or("download the file again, or remove it");
        Error::data(format!("`{}`: {found}", path.display())).at_path(path).help(help)
    })
}

struct Fault {
    found: String,
    help: Option<&'static str>,
}

impl Fault {
    fn new(found: impl Into<String>) -> Self {
        Self { found: found.into(), help: None }
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let unreadable = |error| Error::io("read", path, error);
    let mut file = File::open(path).map_err(|error| Error::io("open", path, error))?;
    let len = file.metadata().map_err(unreadable)?.len();
    if len > MAX_BYTES {
        let text = format!("`{}`: {len} bytes, an image has at most {MAX_BYTES}", path.display());
        return Err(Error::data(text).at_path(path).help("remove the file, or store the image compressed"));
    }
    let mut bytes = Vec::with_capacity(len as usize);
    file.read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

fn check_size(height: usize, width: usize, max_pixels: usize) -> Result<(), Fault> {
    match height.checked_mul(width) {
        Some(pixels) if pixels <= max_pixels => Ok(()),
        _ => Err(Fault {
            found: format!("an image of {height}x{width}, more than {max_pixels} pixels"),
            help: Some("allow it with `max_pixels`, or remove the file"),
        }),
    }
}

fn jpeg(bytes: &[u8], channels: Channels, max_pixels: usize) -> Result<Image, Fault> {
    let damaged = |error| Fault::new(format!("the jpeg data is damaged: {error}"));
    // The decoder accepts a truncated file and fills the rest with gray, so the end is checked
    // first.
    check_end(bytes)?;
    let wanted = match channels {
        Channels::Grey => ColorSpace::Luma,
        Channels::Rgb => ColorSpace::RGB,
    };
    // Sizes are checked here by the number of pixels, and not by the decoder's limit on each side.
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX)
        .jpeg_set_out_colorspace(wanted);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(damaged)?;
    let (width, height) = decoder.dimensions().unwrap_or_default();
    check_size(height, width, max_pixels)?;
    let pixels = decoder.decode().map_err(damaged)?;
    image(pixels, [height, width, wanted.num_components()], channels)
}

/// Walks over the segments of a JPEG file to its end marker.
///
/// A segment is `ff`, a code and, but for a few codes, a length and as many bytes. The compressed
/// data after a start of scan (`da`) has no length; in it an `ff` is followed by `00`, or by a
/// restart code (`d0` to `d7`).
fn check_end(bytes: &[u8]) -> Result<(), Fault> {
    // The fast path of nearly every file. A file truncated after a thumbnail has an end marker too,
    // but no image, and fails later.
    if bytes.ends_with(&[0xff, 0xd9]) {
        return Ok(());
    }
    let mut at = 2;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(marker) = rest.iter().position(|byte| *byte == 0xff) else {
            return Err(Fault::new(format!("truncated: {} bytes without the end of the image", bytes.len())));
        };
        let word = |high: usize| Some(u16::from_be_bytes([*rest.get(high)?, *rest.get(high + 1)?]));
        at += marker
            + match rest.get(marker + 1) {
                Some(0xd9) => return Ok(()),
                // A fill byte: the next byte may be the code.
                Some(0xff) => 1,
                None | Some(0x00 | 0x01 | 0xd0..=0xd8) => 2,
                Some(_) => 2 + word(marker + 2).map_or(0, usize::from),
            };
    }
}

fn png(bytes: &[u8], channels: Channels, max_pixels: usize) -> Result<Image, Fault> {
    let damaged = |error: png::DecodingError| match error {
        png::DecodingError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Fault::new(format!("truncated: {} bytes without the end of the image", bytes.len()))
        }
        error => Fault::new(format!("the png data is damaged: {error}")),
    };
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(Transformations::normalize_to_color8());
    let header = decoder.read_header_info().map_err(damaged)?;
    let (width, height) = (header.width as usize, header.height as usize);
    check_size(height, width, max_pixels)?;
    let mut reader = decoder.read_info().map_err(damaged)?;
    let size = reader.output_buffer_size().ok_or_else(|| Fault::new("the sizes are too large"))?;
    let mut pixels = vec![0; size];
    let frame = reader.next_frame(&mut pixels).map_err(damaged)?;
    reader.finish().map_err(damaged)?;
    pixels.truncate(frame.buffer_size());
    image(pixels, [height, width, frame.color_type.samples()], channels)
}

/// Converts an image of 1 (gray), 2 (gray, alpha), 3 (RGB) or 4 (RGB, alpha) channels to the
/// channels of the reader.
fn image(pixels: Vec<u8>, shape: [usize; 3], channels: Channels) -> Result<Image, Fault> {
    let [height, width, found] = shape;
    let pixels = match (found, channels) {
        (1, Channels::Grey) | (3, Channels::Rgb) => pixels,
        (1 | 2, _) => {
            let mut seen = Vec::with_capacity(height * width * channels.count());
            for pixel in pixels.chunks_exact(found) {
                seen.extend(std::iter::repeat_n(pixel.first().copied().unwrap_or_default(), channels.count()));
            }
            seen
        }
        (_, Channels::Grey) => pixels.chunks_exact(found).map(luma).collect(),
        (_, Channels::Rgb) => pixels.chunks_exact(found).flat_map(|pixel| pixel.iter().take(3).copied()).collect(),
    };
    Image::new(pixels, [height, width, channels.count()], Layout::Hwc).map_err(|error| Fault::new(error.message()))
}

/// Fixed-point weights with 16 fractional bits, rounded.
fn luma(pixel: &[u8]) -> u8 {
    let weights = [19_595_u32, 38_470, 7_471];
    let sum: u32 = pixel.iter().zip(weights).map(|(value, weight)| u32::from(*value) * weight).sum();
    ((sum + (1 << 15)) >> 16) as u8
}

/// Files made for tests.
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
pub(super) mod samples {
    /// A png of 8 bits a value; the number of values says the channels.
    pub(in crate::data::readers) fn png(height: u32, width: u32, pixels: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(match pixels.len() / (height * width) as usize {
            1 => png::ColorType::Grayscale,
            2 => png::ColorType::GrayscaleAlpha,
            3 => png::ColorType::Rgb,
            _ => png::ColorType::Rgba,
        });
        encoder.write_header().unwrap().write_image_data(pixels).unwrap();
        bytes
    }
}

#[cfg(test)]
mod tests;
