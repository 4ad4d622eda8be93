#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::data::Layout;

fn numbered(height: usize, width: usize, channels: usize, layout: Layout) -> Image {
    let pixels = (1..=(height * width * channels) as u8).collect();
    Image::new(pixels, [height, width, channels], layout).unwrap()
}

#[test]
fn flips_and_transposes() {
    assert_eq!(numbered(3, 2, 1, Layout::Hwc).flip_vertical().pixels(), [5, 6, 3, 4, 1, 2]);
    assert_eq!(numbered(2, 1, 3, Layout::Hwc).flip_vertical().pixels(), [4, 5, 6, 1, 2, 3]);
    assert_eq!(numbered(2, 2, 2, Layout::Chw).flip_vertical().pixels(), [3, 4, 1, 2, 7, 8, 5, 6]);
    assert_eq!(numbered(1, 3, 1, Layout::Hwc).flip_vertical().pixels(), [1, 2, 3]);
    let turned = numbered(2, 3, 2, Layout::Hwc).transpose();
    assert_eq!((turned.shape(), turned.pixels()), ([3, 2, 2], &[1, 2, 7, 8, 3, 4, 9, 10, 5, 6, 11, 12][..]));
    let turned = numbered(2, 3, 2, Layout::Chw).transpose();
    assert_eq!((turned.shape(), turned.pixels()), ([3, 2, 2], &[1, 4, 2, 5, 3, 6, 7, 10, 8, 11, 9, 12][..]));
    let image = numbered(2, 3, 1, Layout::Hwc);
    let mut rng = Rng::new(5);
    let count = (0..10_000).filter(|_| image.clone().random_vertical_flip(0.3, &mut rng) != image).count();
    assert!((2_800..3_200).contains(&count), "{count}");
}

/// Counterclockwise, as torchvision's `rotate`: the last column becomes the first row.
#[test]
fn quarter_turns_are_exact() {
    let image = numbered(4, 4, 3, Layout::Hwc);
    for interpolation in [Interpolation::Nearest, Interpolation::Bilinear] {
        let mut turned = image.clone();
        for _ in 0..4 {
            let next = turned.rotate(90.0, interpolation, 0).unwrap();
            assert_eq!(next, turned.transpose().flip_vertical());
            turned = next;
        }
        assert_eq!(turned, image);
        assert_eq!(image.affine(Affine::default(), interpolation, 9).unwrap(), image);
    }
}

/// Half a pixel of shift is not possible, but of a scale: by hand, about the center of four pixels.
#[test]
fn bilinear_weights_by_hand() {
    let image = Image::grey(vec![0.0_f32, 1.0, 2.0, 3.0], 1, 4).unwrap();
    let half = Affine { scale: 2.0, ..Affine::default() };
    let seen = image.affine(half, Interpolation::Bilinear, 0.0).unwrap();
    assert_eq!(seen.pixels(), [0.75, 1.25, 1.75, 2.25]);
    let twice = Affine { scale: 0.5, ..Affine::default() };
    // Sources -1.5, 0.5, 2.5, 4.5, and 9 outside; half of the height is outside too.
    let tall = Image::grey([0.0_f32, 1.0, 2.0, 3.0].repeat(3), 3, 4).unwrap();
    let seen = tall.affine(twice, Interpolation::Bilinear, 9.0).unwrap();
    assert_eq!(seen.pixels()[4..8], [9.0, 0.5, 2.5, 9.0]);
}

#[test]
fn random_maps_are_within_their_ranges_and_reproducible() {
    let ranges = RandomAffine {
        degrees: -30.0..=10.0,
        translate: (0.1, 0.2),
        scale: 0.5..=2.0,
        shear_x: -5.0..=5.0,
        shear_y: 1.0..=1.0,
    };
    let mut rng = Rng::new(9);
    let maps: Vec<Affine> = (0..5000).map(|_| ranges.draw(50, 100, &mut rng).unwrap()).collect();
    let bounds = |of: fn(&Affine) -> f64| {
        maps.iter().map(of).fold((f64::MAX, f64::MIN), |(least, most), value| (least.min(value), most.max(value)))
    };
    let is_near = |(least, most): (f64, f64), (low, high): (f64, f64)| {
        least >= low && most <= high && (high - low - (most - least)) <= 0.01 * (high - low)
    };
    assert!(is_near(bounds(|map| map.degrees), (-30.0, 10.0)));
    assert!(is_near(bounds(|map| map.scale), (0.5, 2.0)));
    assert!(is_near(bounds(|map| map.shear.0), (-5.0, 5.0)));
    assert!(maps.iter().all(|map| map.shear.1 == 1.0));
    assert_eq!(bounds(|map| map.translate.0 as f64), (-10.0, 10.0));
    assert_eq!(bounds(|map| map.translate.1 as f64), (-10.0, 10.0));
    assert_eq!(ranges.draw(50, 100, &mut Rng::new(9)).unwrap(), maps[0]);
    let image = numbered(5, 5, 1, Layout::Hwc);
    let turned = |seed| image.random_rotation(45.0, Interpolation::Nearest, 0, &mut Rng::new(seed)).unwrap();
    assert!(turned(1) == turned(1) && turned(1) != turned(2));
}

#[test]
fn what_cannot_be_done() {
    let image = numbered(2, 2, 1, Layout::Hwc);
    for map in [
        Affine { scale: 0.0, ..Affine::default() },
        Affine { scale: f64::INFINITY, ..Affine::default() },
        Affine { degrees: f64::NAN, ..Affine::default() },
        Affine { shear: (90.0, 0.0), ..Affine::default() },
    ] {
        let error = image.affine(map, Interpolation::Nearest, 0).unwrap_err();
        assert!(error.message().starts_with("an affine map must have finite angles, a positive scale"), "{error}");
    }
    let mut rng = Rng::new(0);
    let mut told = |ranges: RandomAffine| ranges.draw(2, 2, &mut rng).unwrap_err().message().to_owned();
    assert_eq!(
        told(RandomAffine { degrees: 1.0..=-1.0, ..RandomAffine::default() }),
        "`degrees` of `RandomAffine` must be a finite range, found 1.0..=-1.0"
    );
    assert_eq!(
        told(RandomAffine { translate: (0.0, 1.5), ..RandomAffine::default() }),
        "`translate` of `RandomAffine` must be fractions from 0 to 1, found (0.0, 1.5)"
    );
    assert!(told(RandomAffine { scale: -1.0..=-1.0, ..RandomAffine::default() }).contains("a positive scale"));
    assert!(image.random_rotation(-3.0, Interpolation::Nearest, 0, &mut rng).is_err());
}
