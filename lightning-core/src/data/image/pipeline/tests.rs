#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::data::Layout;

/// A mask that is a copy of its image: they stay equal through every change of place, and whatever
/// is drawn.
#[test]
fn an_image_and_its_mask_are_changed_alike() {
    let pixels: Vec<u8> = (0..20 * 30).map(|at| (at * at * 31 % 251) as u8).collect();
    let image = Image::grey(pixels, 20, 30).unwrap();
    let steps: [(&str, Augment); 6] = [
        ("crop", Augment::new().random_crop((15, 17), 3)),
        ("flips", Augment::new().horizontal_flip(0.5).vertical_flip(0.5)),
        ("rotation", Augment::new().rotation(40.0)),
        (
            "affine",
            Augment::new().affine(RandomAffine {
                degrees: -10.0..=10.0,
                translate: (0.2, 0.1),
                scale: 0.8..=1.2,
                shear_x: -8.0..=8.0,
                shear_y: -3.0..=3.0,
            }),
        ),
        ("all", Augment::new().rotation(10.0).horizontal_flip(0.5).random_crop(16, 2).vertical_flip(0.5).rotation(5.0)),
        ("none", Augment::new()),
    ];
    for (name, augment) in steps {
        let mut changed = 0;
        for seed in 0..50 {
            let (seen, mask) = augment.apply_with_mask(image.clone(), image.clone(), &mut Rng::new(seed)).unwrap();
            assert_eq!(seen, mask, "{name} {seed}");
            // Alone, the image gets the same random numbers.
            assert_eq!(augment.apply(image.clone(), &mut Rng::new(seed)).unwrap(), seen, "{name} {seed}");
            changed += usize::from(seen != image);
        }
        assert!((changed > 25) == (name != "none"), "{name}: {changed}");
    }
}

#[test]
fn a_mask_keeps_its_classes() {
    let image = Image::new(vec![120_u8; 32 * 32 * 3], [32, 32, 3], Layout::Chw).unwrap();
    let mask = Image::grey((0..32 * 32).map(|at| u8::from(at % 32 > 15) * 7).collect(), 32, 32).unwrap();
    let augment = Augment::new()
        .interpolation(Interpolation::Bilinear)
        .rotation(45.0)
        .color_jitter(ColorJitter { brightness: 0.5, ..ColorJitter::default() })
        .erasing(RandomErasing { p: 1.0, ..RandomErasing::default() })
        .fill(9.0)
        .mask_fill(255.0);
    for seed in 0..20 {
        let (image, mask) = augment.apply_with_mask(image.clone(), mask.clone(), &mut Rng::new(seed)).unwrap();
        assert!(mask.pixels().iter().all(|class| [0, 7, 255].contains(class)));
        assert!(image.pixels().contains(&9), "nothing is erased");
        assert_eq!(image.layout(), Layout::Chw);
    }
    // Colors and erasing alone leave the mask as it is.
    let only = Augment::new().erasing(RandomErasing { p: 1.0, ..RandomErasing::default() });
    assert_eq!(only.apply_with_mask(image.clone(), mask.clone(), &mut Rng::new(1)).unwrap().1, mask);
}

#[test]
fn what_cannot_be_done() {
    let image = Image::grey(vec![1_u8; 12], 3, 4).unwrap();
    let mask = Image::grey(vec![0.0_f32; 12], 4, 3).unwrap();
    let error = Augment::new().apply_with_mask(image.clone(), mask, &mut Rng::new(0)).unwrap_err();
    assert_eq!(
        error.message(),
        "a mask must have the height and width of its image, found Image(4x3, 1 channels, Hwc) for \
         Image(3x4, 1 channels, Hwc)"
    );
    let error = Augment::new().random_crop(9, 0).apply(image, &mut Rng::new(0)).unwrap_err();
    assert_eq!(error.message(), "a crop must fit into the padded image, found 9x9 for 3x4 with padding 0");
}
