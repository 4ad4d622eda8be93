//! Writes a grid of images to a PNG file.

use std::{
    fs::{self, File},
    io::BufWriter,
    path::Path,
};

use burn::prelude::*;
use lightning_core::{Error, Result};

/// The number of pixels between two images and at the border.
const GAP: usize = 2;

/// Writes images `[n, side * side]` with pixels from 0 (black) to 1 (white), in rows of `columns`.
/// Missing folders are created.
pub fn save(path: &Path, images: Tensor<2>, side: usize, columns: usize) -> Result<()> {
    let pixels: Vec<f32> =
        images.into_data().try_to_vec().map_err(|error| Error::data(format!("images must be float32: {error:?}")))?;
    let (width, height, bytes) = layout(&pixels, side, columns);
    let failed = |error| Error::io("write", path, error);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut encoder =
        png::Encoder::new(BufWriter::new(File::create(path).map_err(failed)?), width as u32, height as u32);
    encoder.set_color(png::ColorType::Grayscale);
    let written = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(&bytes)?;
        writer.finish()
    });
    written.map_err(|error| failed(error.into()))
}

/// Returns the width, the height and the gray values of the grid.
fn layout(pixels: &[f32], side: usize, columns: usize) -> (usize, usize, Vec<u8>) {
    let images: Vec<&[f32]> = pixels.chunks_exact(side * side).collect();
    let columns = columns.clamp(1, images.len().max(1));
    let (width, height) = (size(columns, side), size(images.len().div_ceil(columns), side));
    let mut bytes = vec![u8::MAX / 2; width * height];
    for (index, image) in images.iter().enumerate() {
        let (top, left) = (GAP + index / columns * (side + GAP), GAP + index % columns * (side + GAP));
        for (row, values) in image.chunks_exact(side).enumerate() {
            let start = (top + row) * width + left;
            for (byte, value) in bytes[start..start + side].iter_mut().zip(values) {
                *byte = (value.clamp(0.0, 1.0) * 255.0).round() as u8;
            }
        }
    }
    (width, height, bytes)
}

fn size(images: usize, side: usize) -> usize {
    GAP + images * (side + GAP)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn images_stand_in_rows() {
        // Three images of one pixel, two a row.
        let (width, height, bytes) = layout(&[0.0, 1.0, 2.0], 1, 2);
        assert_eq!((width, height), (8, 8));
        assert_eq!((bytes[2 * 8 + 2], bytes[2 * 8 + 5], bytes[5 * 8 + 2], bytes[5 * 8 + 5]), (0, 255, 255, 127));
        assert_eq!(layout(&[], 1, 2), (5, 2, vec![127; 10]));
    }

    #[test]
    fn the_file_has_the_pixels() {
        let folder = std::env::temp_dir().join(format!("lightning-grid-{}", std::process::id()));
        let path = folder.join("new").join("grid.png");
        let images = Tensor::<2>::from_data([[0.0, 1.0, 0.5, 0.25]], &Device::default());
        save(&path, images, 2, 8).unwrap();
        let mut reader = png::Decoder::new(std::io::BufReader::new(File::open(&path).unwrap())).read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut bytes).unwrap();
        assert_eq!((info.width, info.height, info.color_type), (6, 6, png::ColorType::Grayscale));
        assert_eq!((&bytes[14..16], &bytes[20..22]), (&[0, 255][..], &[128, 64][..]));
        fs::remove_dir_all(folder).unwrap();
    }
}
