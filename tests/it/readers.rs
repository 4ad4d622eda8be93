//! The readers of the examples on the real files where they are, images under folders, and
//! augmentation beside torchvision's.

use std::{
    fs,
    path::{Path, PathBuf},
};

use lightning_core::data::{
    DataLoader, Dataset, EpochOffset, Image, Layout,
    image_folder::ImageFolder,
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
    let corpus = Corpus::read(&file, 500, 1).unwrap();
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
