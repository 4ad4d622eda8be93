#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;

use super::*;

fn numbered(height: usize, width: usize, channels: usize, layout: Layout) -> Image {
    let pixels = (1..=(height * width * channels) as u8).collect();
    Image::new(pixels, [height, width, channels], layout).unwrap()
}

/// The definition: what stands at `(row, column)` of the padded image.
fn padded(image: &Image, padding: usize, row: usize, column: usize, channel: usize) -> u8 {
    let [height, width, channels] = image.shape();
    let (Some(row), Some(column)) = (row.checked_sub(padding), column.checked_sub(padding)) else { return 0 };
    if row >= height || column >= width {
        return 0;
    }
    match image.layout() {
        Layout::Hwc => image.pixels()[(row * width + column) * channels + channel],
        Layout::Chw => image.pixels()[(channel * height + row) * width + column],
    }
}

#[test]
fn every_crop_of_a_small_image() {
    for (layout, channels) in [(Layout::Hwc, 1), (Layout::Hwc, 3), (Layout::Chw, 3), (Layout::Hwc, 2)] {
        let image = numbered(3, 4, channels, layout);
        for (padding, height, width) in [(0, 3, 4), (0, 1, 2), (2, 3, 4), (2, 7, 8), (5, 2, 3)] {
            for top in 0..=3 + 2 * padding - height {
                for left in 0..=4 + 2 * padding - width {
                    let part = image.crop((height, width), padding, (top, left)).unwrap();
                    assert_eq!((part.shape(), part.layout()), ([height, width, channels], layout));
                    for row in 0..height {
                        for column in 0..width {
                            for channel in 0..channels {
                                assert_eq!(
                                    padded(&part, 0, row, column, channel),
                                    padded(&image, padding, top + row, left + column, channel),
                                    "{layout:?} padding {padding}, {height}x{width} at {top}, {left}"
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn random_crops_fall_everywhere_alike() {
    let image = numbered(4, 4, 1, Layout::Hwc);
    let mut rng = Rng::new(3);
    let mut seen = HashMap::new();
    for _ in 0..18_000 {
        *seen.entry(image.random_crop(4, 1, &mut rng).unwrap().into_pixels()).or_insert(0) += 1;
    }
    assert_eq!(seen.len(), 9);
    assert!(seen.values().all(|count| (1_800..2_200).contains(count)), "{seen:?}");
}

#[test]
fn flips() {
    let flipped = |channels, layout| numbered(2, 3, channels, layout).flip_horizontal().into_pixels();
    assert_eq!(flipped(1, Layout::Hwc), [3, 2, 1, 6, 5, 4]);
    assert_eq!(flipped(2, Layout::Hwc), [5, 6, 3, 4, 1, 2, 11, 12, 9, 10, 7, 8]);
    assert_eq!(flipped(2, Layout::Chw), [3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10]);
    assert_eq!(flipped(3, Layout::Hwc)[..9], [7, 8, 9, 4, 5, 6, 1, 2, 3]);
    assert_eq!(flipped(4, Layout::Hwc)[..12], [9, 10, 11, 12, 5, 6, 7, 8, 1, 2, 3, 4]);
    let image = numbered(2, 3, 1, Layout::Hwc);
    let mut rng = Rng::new(5);
    let count = (0..10_000).filter(|_| image.clone().random_horizontal_flip(0.3, &mut rng) != image).count();
    assert!((2_800..3_200).contains(&count), "{count}");
    assert_eq!(image.clone().random_horizontal_flip(0.0, &mut rng), image);
}

#[test]
fn values_are_normalised_by_channel() {
    let (mean, std) = ([0.2, 0.4, 0.0], [0.1, 0.2, 1.0]);
    let pixels = vec![51_u8, 102, 0, 255, 0, 255];
    let expected = [0.0, 0.0, 0.0, 8.0, -2.0, 1.0];
    let close = |image: Image<f32>, expected: &[f32]| {
        assert!(image.pixels().iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{:?}", image.pixels());
    };
    let image = Image::new(pixels, [1, 2, 3], Layout::Hwc).unwrap();
    close(image.normalize(&mean, &std).unwrap(), &expected);
    close(image.to_f32().normalize(&mean, &std).unwrap(), &expected);
    let planes = image.into_layout(Layout::Chw).normalize(&mean, &std).unwrap();
    close(planes, &[0.0, 8.0, 0.0, -2.0, 0.0, 1.0]);
    close(Image::grey(vec![51_u8, 255], 2, 1).unwrap().normalize(&[0.2], &[0.1]).unwrap(), &[0.0, 8.0]);
    let two = Image::new(vec![51_u8, 102], [1, 1, 2], Layout::Hwc).unwrap();
    close(two.normalize(&[0.0, 0.4], &[1.0, 0.1]).unwrap(), &[0.2, 0.0]);
}

#[test]
fn what_cannot_be_done() {
    let image = numbered(3, 4, 3, Layout::Hwc);
    let mut rng = Rng::new(0);
    let message = |error: Result<Image>| error.unwrap_err().message().to_owned();
    assert_eq!(
        message(image.random_crop(6, 1, &mut rng)),
        "a crop must fit into the padded image, found 6x6 for 3x4 with padding 1"
    );
    assert_eq!(
        message(image.random_crop(0, 1, &mut rng)),
        "a crop must fit into the padded image, found 0x0 for 3x4 with padding 1"
    );
    assert!(image.random_crop(1, usize::MAX, &mut rng).is_err());
    assert_eq!(
        message(image.crop(3, 0, (1, 0))),
        "a crop must start at most at row 0, column 1, found row 1, column 0"
    );
    let error = image.normalize(&[0.5], &[0.5]).unwrap_err();
    assert_eq!(error.message(), "an image of 3 channels needs as many means and standard deviations, found 1 and 1");
    assert_eq!(
        image.normalize(&[0.5; 3], &[1.0, 0.0, 1.0]).unwrap_err().message(),
        "a standard deviation must be finite and positive, found 0"
    );
}
