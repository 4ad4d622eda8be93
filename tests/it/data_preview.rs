//! What the first batches of a loader look like.

use burn::prelude::*;
use lightning_core::{
    data::{FieldPreview, Preview, image_folder, preview},
    prelude::*,
};

#[derive(Batch, Clone, Debug)]
struct Digits {
    images: Tensor<4>,
    labels: Tensor<1, Int>,
    is_hard: Tensor<1, Bool>,
    #[batch(host)]
    names: Vec<String>,
    boxes: Vec<Tensor<2>>,
    weight: f32,
}

/// A batch of images whose pixels are all `level`, except that the first is NaN with `broken`.
fn digits(size: usize, level: f32, broken: bool) -> Digits {
    let device = Device::default();
    let mut pixels = vec![level; size * 64];
    if broken {
        pixels[0] = f32::NAN;
    }
    Digits {
        images: Tensor::from_data(TensorData::new(pixels, [size, 1, 8, 8]), &device),
        labels: Tensor::from_data(TensorData::new((0..size as i32).map(|i| i % 3).collect(), [size]), &device),
        is_hard: Tensor::from_data(TensorData::new((0..size).map(|i| i == 0).collect(), [size]), &device),
        names: (0..size).map(|i| format!("digit {}", i % 2)).collect(),
        boxes: vec![Tensor::ones([2, 4], &device), Tensor::ones([5, 4], &device)],
        weight: 0.5,
    }
}

fn field<'a>(preview: &'a Preview, name: &str) -> &'a FieldPreview {
    let names: Vec<_> = preview.fields().iter().map(|field| field.name.as_str()).collect();
    preview.fields().iter().find(|field| field.name == name).unwrap_or_else(|| panic!("{name} is not in {names:?}"))
}

#[test]
fn a_preview_has_the_figures_of_every_field() {
    let loader = vec![digits(4, 2.0, true), digits(2, -1.0, false), digits(9, 100.0, false)];
    let preview = preview(&loader, 2).unwrap();
    assert_eq!((preview.batches(), preview.samples()), (2, Some(6)));

    let images = field(&preview, "images");
    assert_eq!((images.dtype.as_str(), &images.shapes), ("f32", &vec![vec![4, 1, 8, 8], vec![2, 1, 8, 8]]));
    assert_eq!((images.min, images.max, images.distinct), (Some(-1.0), Some(2.0), None));
    // 255 twos and 128 minus ones; one value of 384 is NaN.
    assert!((images.mean.unwrap() - (255.0 * 2.0 - 128.0) / 383.0).abs() < 1e-12);
    assert_eq!(images.nan, Some(1.0 / 384.0));

    let labels = field(&preview, "labels");
    assert_eq!((labels.min, labels.max, labels.mean), (Some(0.0), Some(2.0), Some(4.0 / 6.0)));
    assert_eq!((labels.distinct, labels.nan), (Some(3), None));
    assert_eq!((field(&preview, "is_hard").mean, field(&preview, "is_hard").dtype.as_str()), (Some(2.0 / 6.0), "bool"));

    let names = field(&preview, "names");
    assert_eq!((names.lengths, names.distinct, names.dtype.as_str()), (Some((2, 4)), Some(2), "list"));
    assert_eq!(field(&preview, "boxes").lengths, Some((2, 2)));
    assert_eq!(field(&preview, "boxes.*").shapes, [[2, 4], [5, 4]]);
    assert_eq!((field(&preview, "weight").mean, field(&preview, "weight").dtype.as_str()), (Some(0.5), "number"));

    let text = preview.to_string();
    for part in ["[2..4, 1, 8, 8]", "[2..5, 4]", "length 2..4", "0.26 %", "2 batches, 6 samples"] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
}

#[test]
fn a_preview_reads_no_more_batches_than_asked_for() {
    let loader = DataLoader::from_iter(|_, _| {
        (0..).map(|number| {
            assert!(number < 3, "the fourth batch is read");
            Tensor::<1>::zeros([number + 1], &Device::default())
        })
    });
    let shown = preview(&loader, 3).unwrap();
    assert_eq!((shown.samples(), field(&shown, "batch").shapes.len()), (Some(6), 3));
    assert!(preview(&loader, 0).unwrap_err().to_string().contains("at least 1 batch"));
    assert!(preview(&Vec::<Tensor<1>>::new(), 1).unwrap_err().to_string().contains("at least one batch"));
}

/// Decodes a PNG file of gray pixels: height, width, pixels.
fn read_png(path: &std::path::Path) -> (usize, usize, Vec<u8>) {
    let image = image_folder::read(path, image_folder::Channels::Grey).unwrap();
    let [height, width, _] = image.shape();
    (height, width, image.into_pixels())
}

#[test]
fn the_first_images_are_one_png_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("first.png");
    // Five images of two levels, which are not in 0 to 1: mapped to black and white.
    preview(&vec![digits(2, 3.0, false), digits(3, 7.0, false)], 2).unwrap().save_png(&path).unwrap();
    let (height, width, pixels) = read_png(&path);
    // Three columns and two rows of 8 pixels, with 2 around each.
    assert_eq!((width, height), (3 * 10 + 2, 2 * 10 + 2));
    let at = |row: usize, column: usize| pixels[(row * 10 + 2) * width + column * 10 + 2];
    assert_eq!([at(0, 0), at(0, 1), at(0, 2), at(1, 0), at(1, 1), at(1, 2)], [0, 0, 255, 255, 255, 0]);

    let table = preview(&vec![Tensor::<2>::ones([4, 3], &Device::default())], 1).unwrap();
    let error = table.save_png(&path).unwrap_err();
    assert!(error.to_string().contains("must have images"), "{error}");
}
