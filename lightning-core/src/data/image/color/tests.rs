#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::data::Layout;

fn image(pixels: Vec<u8>) -> Image {
    Image::new(pixels, [1, 2, 3], Layout::Hwc).unwrap()
}

/// By hand: half of 100 is 50, twice 200 is more than white.
#[test]
fn brightness_and_saturation_of_literal_values() {
    let pixels = vec![100, 200, 50, 0, 255, 1];
    assert_eq!(image(pixels.clone()).adjust_brightness(0.5).unwrap().pixels(), [50, 100, 25, 0, 127, 0]);
    assert_eq!(image(pixels.clone()).adjust_brightness(2.0).unwrap().pixels(), [200, 255, 100, 0, 255, 2]);
    // The gray of (100, 200, 50) is 0.2989 * 100 + 0.587 * 200 + 0.114 * 50 = 152.99.
    assert_eq!(image(pixels.clone()).adjust_saturation(0.0).unwrap().pixels()[..3], [152, 152, 152]);
    assert_eq!(image(pixels.clone()).adjust_saturation(1.0).unwrap().pixels(), pixels);
}

/// A turn by a third of the circle makes red green, and green blue.
#[test]
fn hue_of_literal_values() {
    let turned = image(vec![255, 0, 0, 0, 255, 0]).adjust_hue(1.0 / 3.0).unwrap();
    assert_eq!(turned.pixels(), [0, 255, 0, 0, 0, 255]);
    let planes = image(vec![255, 0, 0, 0, 255, 0]).into_layout(Layout::Chw).adjust_hue(-1.0 / 3.0).unwrap();
    assert_eq!(planes.into_layout(Layout::Hwc).pixels(), [0, 0, 255, 255, 0, 0]);
}

#[test]
fn jitter_is_within_its_ranges_and_reproducible() {
    let gray = Image::grey(vec![100_u8; 4], 2, 2).unwrap();
    let jitter = ColorJitter { brightness: 0.3, ..ColorJitter::default() };
    let mut rng = Rng::new(3);
    let seen: Vec<u8> = (0..2000).map(|_| gray.clone().color_jitter(&jitter, &mut rng).unwrap().pixels()[0]).collect();
    assert_eq!((seen.iter().min(), seen.iter().max()), (Some(&70), Some(&129)));
    let both = |seed| {
        let jitter = ColorJitter { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 };
        image(vec![100, 200, 50, 3, 255, 1]).color_jitter(&jitter, &mut Rng::new(seed)).unwrap()
    };
    assert_eq!(both(5), both(5));
    assert_ne!(both(5), both(6));
    assert_eq!(gray.clone().color_jitter(&ColorJitter::default(), &mut rng).unwrap(), gray);
}

#[test]
fn what_cannot_be_done() {
    let mut rng = Rng::new(0);
    let two = Image::new(vec![1_u8; 8], [2, 2, 2], Layout::Hwc).unwrap();
    let message = |error: Result<Image>| error.unwrap_err().message().to_owned();
    let channels = "an image must have 1 or 3 channels to change its colors, found 2";
    assert_eq!(message(two.clone().adjust_contrast(1.0)), channels);
    assert_eq!(message(two.clone().adjust_saturation(1.0)), channels);
    assert_eq!(message(two.clone().adjust_hue(0.1)), channels);
    assert_eq!(
        message(two.clone().adjust_brightness(-0.5)),
        "the factor of a color change must be at least 0 and finite, found -0.5"
    );
    assert!(two.clone().adjust_brightness(f64::NAN).is_err());
    assert_eq!(message(two.clone().adjust_hue(0.6)), "the hue must turn by a number from -0.5 to 0.5, found 0.6");
    for jitter in [
        ColorJitter { brightness: -0.1, ..ColorJitter::default() },
        ColorJitter { hue: 0.6, ..ColorJitter::default() },
        ColorJitter { contrast: f64::NAN, ..ColorJitter::default() },
    ] {
        assert!(message(two.clone().color_jitter(&jitter, &mut rng)).starts_with("`ColorJitter` must have changes"));
    }
}
