#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::data::Layout;

#[test]
fn parts_of_all_layouts() {
    let image = |layout| Image::new((1..=18).collect::<Vec<u8>>(), [2, 3, 3], layout).unwrap();
    let erased = image(Layout::Hwc).erase((1, 1), (1, 2), 0).into_pixels();
    assert_eq!(erased, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0, 0, 0, 0, 0]);
    let erased = image(Layout::Chw).erase((0, 2), (9, 9), 99).into_pixels();
    assert_eq!(erased, [1, 2, 99, 4, 5, 99, 7, 8, 99, 10, 11, 99, 13, 14, 99, 16, 17, 99]);
    assert_eq!(image(Layout::Hwc).erase((5, 5), (1, 1), 0), image(Layout::Hwc));
    assert_eq!(image(Layout::Hwc).erase((0, 0), (0, 3), 0), image(Layout::Hwc));
    assert_eq!(image(Layout::Hwc).erase((1, usize::MAX), (usize::MAX, usize::MAX), 0), image(Layout::Hwc));
}

#[test]
fn areas_and_ratios_are_within_their_ranges() {
    let image = Image::grey(vec![1_u8; 10_000], 100, 100).unwrap();
    let ranges = RandomErasing { p: 0.7, scale: 0.1..=0.2, ratio: 0.5..=2.0 };
    let mut rng = Rng::new(4);
    let (mut erased, mut areas, mut ratios) = (0, Vec::new(), Vec::new());
    for _ in 0..2000 {
        if let Some(((top, left), Size { height, width })) = ranges.draw(100, 100, &mut rng).unwrap() {
            assert!(top + height <= 100 && left + width <= 100);
            erased += 1;
            areas.push(height * width);
            ratios.push(height as f64 / width as f64);
        }
    }
    assert!((1300..1500).contains(&erased), "{erased}");
    assert!(areas.iter().all(|area| (900..2100).contains(area)));
    assert!(ratios.iter().all(|ratio| (0.45..2.2).contains(ratio)));
    let wide = ratios.iter().filter(|ratio| **ratio < 1.0).count() as f64 / ratios.len() as f64;
    assert!((0.45..0.55).contains(&wide), "{wide}");
    let seen = image.clone().random_erasing(&RandomErasing { p: 1.0, ..ranges }, 0, &mut rng).unwrap();
    assert!((900..2100).contains(&seen.pixels().iter().filter(|value| **value == 0).count()));
    assert_eq!(
        image.clone().random_erasing(&RandomErasing { p: 0.0, ..RandomErasing::default() }, 0, &mut rng).unwrap(),
        image
    );
}

#[test]
fn what_cannot_be_done() {
    let image = Image::grey(vec![1_u8; 4], 2, 2).unwrap();
    let default = RandomErasing::default;
    for ranges in [
        RandomErasing { scale: 0.2..=1.5, ..default() },
        RandomErasing { scale: -0.1..=0.5, ..default() },
        RandomErasing { ratio: 0.0..=1.0, ..default() },
        RandomErasing { ratio: 2.0..=1.0, ..default() },
        RandomErasing { scale: f64::NAN..=0.5, ..default() },
    ] {
        let error = image.clone().random_erasing(&ranges, 0, &mut Rng::new(0)).unwrap_err();
        assert!(error.message().starts_with("`RandomErasing` must have areas from 0 to 1"), "{error}");
    }
}
