//! The readers of the examples on the real files where they are, images under folders, and
//! augmentation beside torchvision's.

use std::{
    fs,
    path::{Path, PathBuf},
};

use lightning_core::data::{
    Affine, Augment, ColorJitter, DataLoader, Dataset, EpochOffset, Image, Interpolation, Layout, RandomErasing,
    image_folder::{self, Channels, ImageFolder},
    sentences,
    text::CharWindows,
    tokenizer::{Tokenizer, Unit},
};
use lightning_examples::data::{
    mnist::fashion_mnist,
    penguins::{Species, penguins},
    translations::Corpus,
};

/// Where a set of real files is, and `None`, said aloud, where there is none.
fn real(test: &str, folder: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(folder);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED {test}: {} is not there", folder.display());
    None
}

#[test]
fn the_real_penguins() {
    let Some(folder) = real("the_real_penguins", "tabular") else { return };
    let birds = penguins(&folder.join("penguins.csv")).unwrap();
    let count = |species| birds.iter().filter(|bird| bird.species == species).count();
    // The numbers in the set's own documentation.
    assert_eq!(
        (birds.len(), count(Species::Adelie), count(Species::Chinstrap), count(Species::Gentoo)),
        (344, 152, 68, 124)
    );
    let missing = |feature: usize| birds.iter().filter(|bird| bird.features()[feature].is_none()).count();
    assert_eq!((missing(0), missing(3), missing(4), missing(5)), (2, 2, 11, 0));
}

#[test]
fn the_real_fashion_mnist() {
    let Some(folder) = real("the_real_fashion_mnist", "fashion-mnist") else { return };
    let files = fashion_mnist(&folder).unwrap();
    assert_eq!((files.train.len(), files.test.len()), (60_000, 10_000));
    // The first labels of the official files: ankle boot, T-shirt, T-shirt; ankle boot, pullover,
    // trouser.
    assert_eq!((&files.train.labels[..3], &files.test.labels[..3]), (&[9, 0, 0][..], &[9, 2, 1][..]));
}

#[test]
fn the_real_shakespeare() {
    let Some(folder) = real("the_real_shakespeare", "tiny-shakespeare") else { return };
    let text = CharWindows::read(folder.join("input.txt"), 64, 64).unwrap();
    assert_eq!((text.vocabulary().len(), text.windows().tokens().len()), (65, 1_115_394));
    let beginning = text.vocabulary().decode(text.get(0).unwrap().input());
    assert!(beginning.starts_with("First Citizen:\nBefore we proceed any further"), "{beginning}");
    // As the readme of nanoGPT's data/shakespeare_char says.
    let (train, val) = text.split(0.9).unwrap();
    assert_eq!((train.windows().tokens().len(), val.windows().tokens().len()), (1_003_854, 111_540));
}

#[test]
fn the_real_translations() {
    let Some(folder) = real("the_real_translations", "tatoeba-eng-fra") else { return };
    let file = folder.join("eng-fra-first20000.tsv");
    let pairs = sentences::pairs(&file).unwrap();
    assert_eq!((pairs.len(), pairs[0].source.as_str(), pairs[0].target.as_str()), (20_000, "Go.", "Va !"));
    let corpus = Corpus::read(&file, 500, 4000, 1).unwrap();
    assert_eq!((corpus.val.len(), corpus.test.len()), (500, 500));
    let french = Tokenizer::builder(Unit::Word).build(pairs.iter().map(|pair| &pair.target));
    assert_eq!(french.decode(&french.encode_sentence("Ça alors !")), "Ça alors !");
}

/// A folder of images through a loader, and a truncated file among them as an error that names item
/// and file.
#[test]
fn a_folder_of_images() {
    let folder = tempfile::tempdir().unwrap();
    let jpeg = include_bytes!("../../lightning-core/tests/data/two-colours.jpg");
    for class in ["blue", "red"] {
        fs::create_dir(folder.path().join(class)).unwrap();
        for name in ["1.jpg", "2.jpeg"] {
            fs::write(folder.path().join(class).join(name), jpeg).unwrap();
        }
    }
    let images = ImageFolder::new(folder.path()).unwrap();
    assert_eq!(images.classes(), ["blue", "red"]);
    let loader = DataLoader::builder(images).batch_size(3).collate(Ok).build().unwrap();
    let read =
        || loader.resume(EpochOffset::default()).unwrap().collect::<Vec<lightning_core::Result<Vec<(Image, usize)>>>>();
    let classes: Vec<usize> = read().into_iter().flat_map(|batch| batch.unwrap()).map(|(_, class)| class).collect();
    assert_eq!(classes, [0, 0, 1, 1]);

    let broken = folder.path().join("red/1.jpg");
    fs::write(&broken, &jpeg[..jpeg.len() - 40]).unwrap();
    let text = read()[0].as_ref().unwrap_err().to_string();
    assert!(text.contains("item 2 of the dataset could not be read"), "{text}");
    assert!(text.contains(&*broken.to_string_lossy()) && text.contains("truncated: "), "{text}");
}

#[test]
fn crops_flips_and_normalised_images_are_those_of_torchvision() {
    let reference: serde_json::Value = serde_json::from_str(include_str!("../reference/augment.json")).unwrap();
    let list = |value: &serde_json::Value| -> Vec<usize> {
        value.as_array().unwrap().iter().map(|number| number.as_u64().unwrap() as usize).collect()
    };
    let floats = |value: &serde_json::Value| -> Vec<f32> {
        value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
    };
    let bytes = |value: &serde_json::Value| list(value).into_iter().map(|number| number as u8).collect::<Vec<u8>>();
    let image = |case: &serde_json::Value| {
        let shape: [usize; 3] = list(&case["shape"]).try_into().unwrap();
        Image::new(bytes(&case["pixels"]), shape, Layout::Chw).unwrap()
    };
    let crops = reference["crops"].as_array().unwrap();
    assert!(crops.len() > 10);
    for case in crops {
        let (size, at) = (list(&case["size"]), list(&case["at"]));
        let padding = case["padding"].as_u64().unwrap() as usize;
        for layout in [Layout::Chw, Layout::Hwc] {
            let part = image(case).into_layout(layout).crop((size[0], size[1]), padding, (at[0], at[1])).unwrap();
            assert_eq!(part.clone().into_layout(Layout::Chw).pixels(), bytes(&case["part"]), "{layout:?} {case}");
            let flipped = part.flip_horizontal().into_layout(Layout::Chw);
            assert_eq!(flipped.pixels(), bytes(&case["flipped"]), "{layout:?} {case}");
        }
    }
    let case = &reference["normalised"];
    let seen = image(case).normalize(&floats(&case["mean"]), &floats(&case["std"])).unwrap();
    let expected = floats(&case["values"]);
    assert_eq!(seen.pixels().len(), expected.len());
    assert!(seen.pixels().iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5), "{:?}", seen.pixels());
}

fn hex(text: &serde_json::Value) -> Vec<u8> {
    let digits = text.as_str().unwrap().as_bytes();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Every coding of JPEG, and every orientation in EXIF data, as red, green and blue and as gray.
#[test]
fn image_files_are_read_as_by_pillow() {
    let cases: serde_json::Value = serde_json::from_str(include_str!("../reference/images.json")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    let cases = cases.as_array().unwrap();
    assert!(cases.len() > 30);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        fs::write(&path, hex(&case["file"])).unwrap();
        let is_jpeg = fs::read(&path).unwrap().starts_with(&[0xff, 0xd8]);
        // Decoders of JPEG may differ by rounding: two steps in a channel, more where a clamped
        // color meets another.
        let most = match name {
            _ if !is_jpeg => 0,
            "ycbcr 4:2:0" => 6,
            _ => 4,
        };
        let near = |seen: &[u8], expected: &[u8]| {
            seen.len() == expected.len() && seen.iter().zip(expected).all(|(a, b)| a.abs_diff(*b) <= most)
        };
        let shape: Vec<usize> =
            case["shape"].as_array().unwrap().iter().map(|size| size.as_u64().unwrap() as usize).collect();
        for (channels, key, count) in [(Channels::Rgb, "rgb", 3), (Channels::Grey, "grey", 1)] {
            let image = image_folder::read(&path, channels).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(image.shape(), [shape[0], shape[1], count], "{name}");
            assert!(
                near(image.pixels(), &hex(&case[key])),
                "{name} {key}:\n{:?}\n{:?}",
                image.pixels(),
                hex(&case[key])
            );
        }
        let plain = image_folder::Reader::new().channels(Channels::Grey).exif_orientation(false).read(&path).unwrap();
        assert!(near(plain.pixels(), &hex(&case["plain"])), "{name} without the orientation");
    }
}

#[test]
fn maps_and_colors_are_those_of_torchvision() {
    let reference: serde_json::Value = serde_json::from_str(include_str!("../reference/augmentations.json")).unwrap();
    let floats = |value: &serde_json::Value| -> Vec<f64> {
        value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
    };
    let bytes = |value: &serde_json::Value| floats(value).into_iter().map(|number| number as u8).collect::<Vec<u8>>();
    let planes = |case: &serde_json::Value| {
        let shape = floats(&case["shape"]);
        Image::new(bytes(&case["pixels"]), [shape[0] as usize, shape[1] as usize, shape[2] as usize], Layout::Chw)
            .unwrap()
    };
    let cases = |name: &str| reference[name].as_array().unwrap();
    for layout in [Layout::Chw, Layout::Hwc] {
        let image = |case| planes(case).into_layout(layout);
        let same = |seen: Image, expected: &serde_json::Value, what: &serde_json::Value| {
            assert_eq!(seen.into_layout(Layout::Chw).pixels(), bytes(expected), "{layout:?} {what}");
        };
        // A value halfway between two bytes may be rounded to either.
        let nearly = |seen: Image, expected: &serde_json::Value, what: &serde_json::Value| {
            let (seen, expected) = (seen.into_layout(Layout::Chw), bytes(expected));
            let most = seen.pixels().iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(most <= Some(1), "{layout:?} {what}: {:?}", seen.pixels());
        };
        let close = |seen: Image<f32>, expected: &serde_json::Value, what: &serde_json::Value| {
            let (seen, expected) = (seen.into_layout(Layout::Chw), floats(expected));
            assert_eq!(seen.pixels().len(), expected.len());
            let most = seen.pixels().iter().zip(&expected).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
            assert!(most < 1e-4, "{layout:?} {what}: {most}, {:?}", seen.pixels());
        };
        for case in cases("flips") {
            same(image(case).flip_vertical(), &case["vertical"], case);
            same(image(case).transpose(), &case["transposed"], case);
        }
        for case in cases("maps") {
            let pair = |key: &str| (case[key][0].as_f64().unwrap(), case[key][1].as_f64().unwrap());
            let (right, down) = pair("translate");
            let map = Affine {
                degrees: case["degrees"].as_f64().unwrap(),
                translate: (right as i64, down as i64),
                scale: case["scale"].as_f64().unwrap(),
                shear: pair("shear"),
            };
            let (near, linear) = (Interpolation::Nearest, Interpolation::Bilinear);
            same(image(case).affine(map, near, 0).unwrap(), &case["pillow fill 0"], case);
            same(image(case).affine(map, near, 9).unwrap(), &case["pillow fill 9"], case);
            nearly(image(case).affine(map, linear, 0).unwrap(), &case["bilinear"], case);
            // A quarter turn of a rectangle puts pixels halfway between two: the rounding of
            // torchvision's arithmetic decides there.
            if map.degrees != 90.0 {
                same(image(case).affine(map, near, 0).unwrap(), &case["nearest"], case);
                close(image(case).to_f32().affine(map, near, 0.0).unwrap(), &case["nearest f32"], case);
            }
            close(image(case).to_f32().affine(map, linear, 0.0).unwrap(), &case["bilinear f32"], case);
        }
        for case in cases("rotations") {
            let degrees = case["degrees"].as_f64().unwrap();
            same(image(case).rotate(degrees, Interpolation::Nearest, 0).unwrap(), &case["pillow"], case);
            nearly(image(case).rotate(degrees, Interpolation::Bilinear, 0).unwrap(), &case["bilinear"], case);
        }
        for case in cases("colors") {
            let factor = case["factor"].as_f64().unwrap();
            let (seen, whole) = match case["change"].as_str().unwrap() {
                "brightness" => (image(case).adjust_brightness(factor), image(case).to_f32().adjust_brightness(factor)),
                "contrast" => (image(case).adjust_contrast(factor), image(case).to_f32().adjust_contrast(factor)),
                "saturation" => (image(case).adjust_saturation(factor), image(case).to_f32().adjust_saturation(factor)),
                _ => (image(case).adjust_hue(factor), image(case).to_f32().adjust_hue(factor)),
            };
            same(seen.unwrap(), &case["bytes"], case);
            close(whole.unwrap(), &case["floats"], case);
        }
        for case in cases("erased") {
            let pair = |key: &str| (case[key][0].as_u64().unwrap() as usize, case[key][1].as_u64().unwrap() as usize);
            let value = case["value"].as_u64().unwrap() as u8;
            same(image(case).erase(pair("at"), pair("size"), value), &case["bytes"], case);
        }
    }
}

/// The random numbers of an item depend on the seed, the epoch and its index: not on the workers.
#[test]
fn augmentations_are_reproducible_with_any_number_of_workers() {
    let items: Vec<(Image, Image)> = (0..24)
        .map(|index| {
            let pixels: Vec<u8> = (0..16 * 16 * 3).map(|at| (at * (index + 3) % 251) as u8).collect();
            let mask = Image::grey((0..16 * 16).map(|at| u8::from(at % 16 > 7)).collect(), 16, 16).unwrap();
            (Image::new(pixels, [16, 16, 3], Layout::Hwc).unwrap(), mask)
        })
        .collect();
    let augment = Augment::new()
        .horizontal_flip(0.5)
        .vertical_flip(0.5)
        .rotation(20.0)
        .color_jitter(ColorJitter { brightness: 0.3, contrast: 0.3, saturation: 0.3, hue: 0.1 })
        .random_crop(12, 1)
        .erasing(RandomErasing::default());
    let seen = |workers: usize, epoch: u64| -> Vec<(Image, Image)> {
        let augment = augment.clone();
        let loader = DataLoader::builder(items.clone())
            .batch_size(5)
            .num_workers(workers)
            .try_map(move |(image, mask): (Image, Image), rng| augment.apply_with_mask(image, mask, rng))
            .collate(Ok)
            .build()
            .unwrap();
        let offset = EpochOffset { epoch, ..EpochOffset::default() };
        loader
            .resume(offset)
            .unwrap()
            .flat_map(|batch: lightning_core::Result<Vec<(Image, Image)>>| batch.unwrap())
            .collect()
    };
    let alone = seen(0, 0);
    assert_eq!((alone.len(), alone[0].0.shape(), alone[0].1.shape()), (24, [12, 12, 3], [12, 12, 1]));
    assert_eq!(seen(3, 0), alone);
    assert_ne!(seen(0, 1), alone);
    assert!(alone.iter().all(|(_, mask)| mask.pixels().iter().all(|class| *class < 2)));
}
