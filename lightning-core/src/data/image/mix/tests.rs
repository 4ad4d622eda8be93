#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use burn::tensor::Device;

use super::*;
use crate::data::Layout;

fn images() -> (Tensor<4>, Tensor<2>) {
    let device = Device::default();
    let images = Tensor::<1>::from_floats(std::array::from_fn::<f32, 32, _>(|index| index as f32), &device);
    (images.reshape([2, 1, 4, 4]), Tensor::from_floats([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], &device))
}

fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().iter::<f32>().collect()
}

/// The numbers of `torchvision.transforms.v2.MixUp` with a share of 0.25.
#[test]
fn a_mixture_is_that_of_torchvision() {
    let (images, targets) = images();
    let expected: Vec<f32> = (12..28).chain(4..20).map(|value| value as f32).collect();
    assert_eq!(values(mixed(images.clone(), 0.25)), expected);
    assert_eq!(values(mixed(targets, 0.25)), [0.25, 0.0, 0.75, 0.75, 0.0, 0.25]);
    let pixels = values(images);
    let image = |part: &[f32]| Image::grey(part.to_vec(), 4, 4).unwrap();
    let (first, second) = (image(&pixels[..16]), image(&pixels[16..]));
    assert_eq!(first.mixed(&second, 0.25).unwrap().pixels(), &expected[..16]);
}

/// The numbers of `torchvision.transforms.v2.CutMix` with a share of 0.3 at these columns and rows.
#[test]
fn a_cut_is_that_of_torchvision() {
    let (images, targets) = images();
    for (row, column, changed, share) in
        [(3, 0, &[8, 12][..], 0.875), (3, 1, &[8, 9, 12, 13][..], 0.75), (0, 2, &[1, 2][..], 0.875)]
    {
        let part = Part::around(0.3, (row, column), 4, 4);
        assert_eq!(part.share_outside(4, 4), share);
        let expected = |from: usize, other: usize| -> Vec<f32> {
            (0..16).map(|at| (at + if changed.contains(&at) { other } else { from }) as f32).collect()
        };
        assert_eq!(values(cut(images.clone(), &part)), [expected(0, 16), expected(16, 0)].concat());
        let share = share as f32;
        assert_eq!(values(mixed(targets.clone(), f64::from(share)))[..3], [share, 0.0, 1.0 - share]);
        let pixels = values(images.clone());
        let image = |part: &[f32]| Image::grey(part.to_vec(), 4, 4).unwrap();
        let seen = image(&pixels[..16]).cut(&image(&pixels[16..]), &part).unwrap();
        assert_eq!(seen.into_pixels(), expected(0, 16));
    }
    let whole = Part::around(1.0, (1, 1), 4, 4);
    assert_eq!((whole.share_outside(4, 4), values(cut(images.clone(), &whole))), (1.0, values(images)));
}

#[test]
fn cuts_of_color_images_in_both_layouts() {
    let image = |value: f32, layout| Image::new(vec![value; 3 * 4 * 3], [3, 4, 3], layout).unwrap();
    let part = Part { top: 1, bottom: 3, left: 2, right: 4 };
    let planes = image(0.0, Layout::Chw).cut(&image(1.0, Layout::Chw), &part).unwrap();
    assert_eq!(planes.pixels()[..12], [0., 0., 0., 0., 0., 0., 1., 1., 0., 0., 1., 1.]);
    let pixels = image(0.0, Layout::Hwc).cut(&image(1.0, Layout::Hwc), &part).unwrap();
    assert_eq!(pixels.into_layout(Layout::Chw), planes);
}

/// Mean 1/2 and variance `1 / (4 (2 alpha + 1))` of `Beta(alpha, alpha)`.
#[test]
fn shares_have_the_distribution() {
    for alpha in [0.1, 0.2, 1.0, 3.0] {
        let mut rng = Rng::new(7);
        let shares: Vec<f64> = (0..40_000).map(|_| beta(alpha, &mut rng)).collect();
        assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)));
        let mean = shares.iter().sum::<f64>() / shares.len() as f64;
        let variance = shares.iter().map(|share| (share - 0.5).powi(2)).sum::<f64>() / shares.len() as f64;
        let expected = 1.0 / (4.0 * (2.0 * alpha + 1.0));
        assert!((mean - 0.5).abs() < 0.01, "{alpha}: {mean}");
        assert!((variance - expected).abs() < 0.03 * expected, "{alpha}: {variance} instead of {expected}");
    }
    let mut rng = Rng::new(7);
    assert!((0..1000).all(|_| (0.0..=1.0).contains(&beta(1e-5, &mut rng))));
}

#[test]
fn pairs_and_batches_are_reproducible() {
    let (x, y) = images();
    let (mix, cut) = (MixUp::new(0.4).unwrap(), CutMix::new(1.0).unwrap());
    let batch = |seed| values(mix.batch(x.clone(), y.clone(), &mut Rng::new(seed)).0);
    assert!(batch(1) == batch(1) && batch(1) != batch(2));
    let (seen, targets) = cut.batch(x.clone(), y.clone(), &mut Rng::new(3));
    assert_eq!((seen.dims(), values(targets.sum_dim(1))), ([2, 1, 4, 4], vec![1.0, 1.0]));
    let image = |value| Image::grey(vec![value; 100], 10, 10).unwrap();
    let (seen, share) = cut.pair(&image(0.0), &image(1.0), &mut Rng::new(2)).unwrap();
    let ones = seen.pixels().iter().sum::<f32>();
    assert!((1.0 - share - ones / 100.0).abs() < 1e-6 && ones > 0.0, "{share} {ones}");
    let (seen, share) = mix.pair(&image(0.0), &image(1.0), &mut Rng::new(2)).unwrap();
    assert_eq!(seen.pixels()[0], 1.0 - share);
}

#[test]
fn what_cannot_be_done() {
    for alpha in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let expected = format!("must be positive and finite, found {alpha}");
        assert!(MixUp::new(alpha).unwrap_err().message().ends_with(&expected));
        assert!(CutMix::new(alpha).unwrap_err().message().ends_with(&expected));
    }
    let image = |height, width| Image::grey(vec![0.0_f32; height * width], height, width).unwrap();
    let error = MixUp::new(1.0).unwrap().pair(&image(2, 3), &image(3, 2), &mut Rng::new(0)).unwrap_err();
    assert_eq!(
        error.message(),
        "images that are mixed must have one shape and layout, found Image(2x3, 1 channels, Hwc) and \
         Image(3x2, 1 channels, Hwc)"
    );
    // A batch of one has nothing to be mixed with.
    let (x, y) = images();
    let (one, target) = (x.narrow(0, 0, 1), y.narrow(0, 0, 1));
    let (seen, mixed) = MixUp::new(1.0).unwrap().batch(one.clone(), target, &mut Rng::new(0));
    let near = values(seen).into_iter().zip(values(one)).all(|(a, b)| (a - b).abs() < 1e-5);
    assert!(near && (values(mixed)[0] - 1.0).abs() < 1e-6);
}
