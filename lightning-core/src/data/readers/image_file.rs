//! One png or jpeg file, decoded to bytes.

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

/// Pixels that an image has at most, where nothing else is said: 8192x8192, 200 MB in colour.
pub(super) const MAX_PIXELS: usize = 1 << 26;
/// Bytes that a file has at most: an uncompressed image of [`MAX_PIXELS`] in 16 bits with four
/// channels.
const MAX_BYTES: u64 = 1 << 29;

const PNG: [u8; 8] = *b"\x89PNG\r\n\x1a\n";
const JPEG: [u8; 3] = [0xff, 0xd8, 0xff];

/// How many channels an image has once it is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Channels {
    /// One: how light it is, `0.299 R + 0.587 G + 0.114 B` of a coloured one (ITU-R BT.601).
    Grey,
    /// Three: red, green and blue, the same three for a grey one. What is transparent is taken as
    /// opaque.
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

/// Reads a file as what it begins with, whatever its name says.
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
        let help = help.unwrap_or("get the file again, or remove it");
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
    // The decoder takes what is there of a file that is cut off, and makes the rest grey.
    check_end(bytes)?;
    let wanted = match channels {
        Channels::Grey => ColorSpace::Luma,
        Channels::Rgb => ColorSpace::RGB,
    };
    // Sizes are checked here, by the number of pixels, not by the decoder's limit on each side.
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

/// Walks over the segments of a jpeg file to the marker of its end.
///
/// A segment is `ff`, a code and, but for a few codes, a length and as many bytes. The compressed
/// data after a start of scan (`da`) has no length; in it an `ff` is followed by `00`, or by a
/// restart code (`d0` to `d7`).
fn check_end(bytes: &[u8]) -> Result<(), Fault> {
    // Nearly every file. One that was cut off behind a thumbnail, which has such an end too, has no
    // image at all and fails later.
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
                // A fill byte: the next one may be the code.
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

/// The image in the wanted channels, made of 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha).
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

/// In 16 bits of fraction, rounded.
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
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// 16x16, left half (200, 30, 60), right half (20, 120, 220); made by Pillow with `quality=90,
    /// subsampling=0`.
    const JPEG_FILE: &[u8] = include_bytes!("../../../tests/data/two-colours.jpg");

    fn decoded(bytes: &[u8], channels: Channels) -> Result<Image> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        std::fs::write(&path, bytes).unwrap();
        decode(&path, channels, MAX_PIXELS)
    }

    fn told(bytes: &[u8]) -> String {
        let message = decoded(bytes, Channels::Rgb).unwrap_err().message().to_owned();
        message.split_once("image`: ").unwrap().1.to_owned()
    }

    #[test]
    fn png_of_all_channels() {
        let rgb = |pixels: &[u8]| decoded(&samples::png(1, 2, pixels), Channels::Rgb).unwrap().into_pixels();
        let grey = |pixels: &[u8]| decoded(&samples::png(1, 2, pixels), Channels::Grey).unwrap().into_pixels();
        assert_eq!(rgb(&[5, 250]), [5, 5, 5, 250, 250, 250]);
        assert_eq!(rgb(&[5, 0, 250, 255]), [5, 5, 5, 250, 250, 250]);
        assert_eq!(rgb(&[1, 2, 3, 4, 5, 6]), [1, 2, 3, 4, 5, 6]);
        assert_eq!(rgb(&[1, 2, 3, 0, 4, 5, 6, 9]), [1, 2, 3, 4, 5, 6]);
        assert_eq!(grey(&[5, 250]), [5, 250]);
        assert_eq!(grey(&[5, 0, 250, 0]), [5, 250]);
        // 0.299, 0.587 and 0.114 of 255.
        assert_eq!(grey(&[255, 0, 0, 0, 255, 0]), [76, 150]);
        assert_eq!(grey(&[0, 0, 255, 1, 255, 255, 255, 1]), [29, 255]);
    }

    #[test]
    fn a_jpeg() {
        let image = decoded(JPEG_FILE, Channels::Rgb).unwrap();
        assert_eq!(image.shape(), [16, 16, 3]);
        for (index, pixel) in image.pixels().chunks_exact(3).enumerate() {
            let expected: [u8; 3] = if index % 16 < 8 { [200, 30, 60] } else { [20, 120, 220] };
            assert!(pixel.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 4), "{index}: {pixel:?}");
        }
        let grey = decoded(JPEG_FILE, Channels::Grey).unwrap();
        // 0.299 * 200 + 0.587 * 30 + 0.114 * 60.
        assert!((grey.shape(), grey.pixels()[0].abs_diff(84) <= 4) == ([16, 16, 1], true), "{}", grey.pixels()[0]);
    }

    #[test]
    fn truncated_files() {
        for len in 3..JPEG_FILE.len() {
            let told = told(&JPEG_FILE[..len]);
            assert!(told == format!("truncated: {len} bytes without the end of the image"), "{len}: {told}");
        }
        let png = samples::png(3, 2, &[9; 18]);
        for len in 8..png.len() {
            let told = told(&png[..len]);
            assert!(told.starts_with("truncated: ") || told.starts_with("the png data is damaged: "), "{len}: {told}");
        }
    }

    #[test]
    fn what_is_no_image() {
        assert_eq!(told(b"GIF89a"), "neither png nor jpeg: it starts with the bytes [47, 49, 46, 38]");
        assert_eq!(told(b""), "neither png nor jpeg: it starts with the bytes []");
        assert!(told(b"\xff\xd8\xff\xd9").starts_with("the jpeg data is damaged: "));
        let error = decode(Path::new("/nonexistent/a.png"), Channels::Rgb, 1).unwrap_err();
        assert_eq!(error.message(), "cannot open `/nonexistent/a.png`");
    }

    /// Headers that promise more than is allowed are refused before anything is reserved.
    #[test]
    fn images_too_large() {
        let mut png = samples::png(3, 2, &[9; 18]);
        assert!(
            told(&{
                png[16..24].fill(0x7f);
                png.clone()
            })
            .starts_with("the png data is damaged: ")
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        std::fs::write(&path, JPEG_FILE).unwrap();
        let error = decode(&path, Channels::Rgb, 255).unwrap_err();
        assert!(error.message().ends_with("an image of 16x16, more than 255 pixels"), "{error}");
        std::fs::write(&path, samples::png(3, 2, &[9; 18])).unwrap();
        let error = decode(&path, Channels::Rgb, 5).unwrap_err();
        assert!(error.message().ends_with("an image of 3x2, more than 5 pixels"), "{error}");
    }
}
