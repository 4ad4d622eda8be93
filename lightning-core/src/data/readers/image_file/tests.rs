#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

/// 16x16, left half (200, 30, 60), right half (20, 120, 220); made by Pillow with `quality=90,
/// subsampling=0`.
const JPEG_FILE: &[u8] = include_bytes!("../../../../tests/data/two-colours.jpg");

fn decoded(bytes: &[u8], channels: Channels) -> Result<Image> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    std::fs::write(&path, bytes).unwrap();
    decode(&path, Settings { channels, ..Settings::default() })
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
    let error = decode(Path::new("/nonexistent/a.png"), Settings::default()).unwrap_err();
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
    let error = decode(&path, Settings { max_pixels: 255, ..Settings::default() }).unwrap_err();
    assert!(error.message().ends_with("an image of 16x16, more than 255 pixels"), "{error}");
    std::fs::write(&path, samples::png(3, 2, &[9; 18])).unwrap();
    let error = decode(&path, Settings { max_pixels: 5, ..Settings::default() }).unwrap_err();
    assert!(error.message().ends_with("an image of 3x2, more than 5 pixels"), "{error}");
}

/// A frame header of arithmetic coding, which is not damage.
#[test]
fn a_kind_of_jpeg_that_is_not_supported() {
    let mut bytes = JPEG_FILE.to_vec();
    let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    bytes[frame + 1] = 0xc9;
    let text = told(&bytes);
    assert_eq!(text, "a jpeg must be baseline or progressive with Huffman coding, found one with arithmetic coding");
}
