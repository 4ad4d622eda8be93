//! MNIST: 60,000 training and 10,000 test images of handwritten digits, read from the four
//! published files. Fashion-MNIST has the same format, with clothes in place of digits.

use std::{
    env,
    path::{Path, PathBuf},
};

use burn::prelude::*;
use lightning_core::{
    DataLoader, Error, Result,
    data::{
        Dataset, Image, host,
        idx::{self, Images},
    },
    data_module,
};

/// The number of classes: the digits 0 to 9, or ten kinds of clothes.
pub const CLASSES: usize = 10;
/// The height and width of an image, in pixels.
pub const SIDE: usize = 28;
/// The number of pixels of an image.
pub const PIXELS: usize = SIDE * SIDE;

/// The images and labels of the training or test part.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// The images, 28x28.
    pub images: Images,
    /// The class of each image.
    pub labels: Vec<u8>,
}

/// An item is an image and its class.
impl Dataset for Part {
    type Item = (Image, u8);

    fn len(&self) -> usize {
        self.labels.len()
    }

    fn get(&self, index: usize) -> Result<(Image, u8)> {
        let (Some(pixels), Some(label)) = (self.images.get(index), self.labels.as_slice().get(index)) else {
            return Err(Error::data(format!("the index of an image must be below {}, found {index}", self.len())));
        };
        Ok((Image::grey(pixels.to_vec(), self.images.rows(), self.images.columns())?, *label))
    }
}

/// Collates images without their classes: `[batch, 784]`, pixels from 0 (black) to 1 (white).
pub fn pixels(items: Vec<(Image, u8)>) -> Result<Tensor<2>> {
    let pixels: Vec<f32> = items.iter().flat_map(|(image, _)| image.to_f32().into_pixels()).collect();
    Ok(Tensor::from_data(TensorData::new(pixels, [items.len(), PIXELS]), &host()))
}

/// The training images alone, for generators.
#[data_module]
pub struct PixelData {
    /// Folder of the four idx .gz files.
    #[hparam(default = None)]
    pub data_dir: Option<PathBuf>,
    /// Images in a batch.
    #[hparam(default = 64)]
    batch_size: usize,
    /// Checkpoint of the `mnist` example, whose classifier judges the samples; without one, it is
    /// trained for three epochs.
    #[hparam(default = None)]
    pub classifier: Option<PathBuf>,
}

#[data_module]
impl PixelData {
    fn train_dataloader(&self) -> Result<DataLoader<Tensor<2>>> {
        DataLoader::builder(mnist(&locate(self.data_dir.clone())?)?.train)
            .batch_size(self.batch_size)
            .shuffle(true)
            .drop_last(true)
            .collate(pixels)
            .build()
    }
}

/// The data set.
#[derive(Clone, Debug, Default)]
pub struct Mnist {
    /// The training part.
    pub train: Part,
    /// The test part.
    pub test: Part,
}

/// The names of the four files, without the optional `.gz`.
const FILES: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

/// Returns the folder of the four files: `data_dir` (from `--data.data_dir`), else `$MNIST_DIR`, else
/// `lightning/mnist` in the cache folder (`$XDG_CACHE_HOME`, else `~/.cache`).
pub fn locate(data_dir: Option<PathBuf>) -> Result<PathBuf> {
    locate_with(data_dir, |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from))
}

fn locate_with(data_dir: Option<PathBuf>, var: impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf> {
    let cache = || var("XDG_CACHE_HOME").or_else(|| Some(var("HOME")?.join(".cache")));
    data_dir.or_else(|| var("MNIST_DIR")).or_else(|| Some(cache()?.join("lightning").join("mnist"))).ok_or_else(|| {
        Error::data("MNIST needs a folder, and `MNIST_DIR`, `XDG_CACHE_HOME` and `HOME` are not set")
            .help("name the folder with `--data.data_dir <folder>`")
    })
}

/// Reads MNIST from the four files of `folder`, each plain or with `.gz`.
pub fn mnist(folder: &Path) -> Result<Mnist> {
    read(folder, "MNIST")
}

/// Reads Fashion-MNIST from the four files of `folder`, each plain or with `.gz`.
pub fn fashion_mnist(folder: &Path) -> Result<Mnist> {
    read(folder, "Fashion-MNIST")
}

fn read(folder: &Path, name: &str) -> Result<Mnist> {
    let found = FILES.map(|file| find(folder, file));
    let missing: Vec<&str> =
        FILES.into_iter().zip(&found).filter(|(_, path)| path.is_none()).map(|(file, _)| file).collect();
    let [Some(train_images), Some(train_labels), Some(test_images), Some(test_labels)] = found else {
        return Err(absent(folder, name, &missing));
    };
    Ok(Mnist { train: part(&train_images, &train_labels)?, test: part(&test_images, &test_labels)? })
}

fn find(folder: &Path, file: &str) -> Option<PathBuf> {
    [format!("{file}.gz"), file.to_owned()].into_iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

fn part(images: &Path, labels: &Path) -> Result<Part> {
    let part = Part { images: idx::images(images)?, labels: idx::labels(labels, CLASSES)? };
    let Part { images: read, labels: of } = &part;
    if (read.rows(), read.columns()) != (28, 28) {
        let found = format!("images must be 28x28, found {}x{}", read.rows(), read.columns());
        return Err(Error::data(format!("`{}`: {found}", images.display())).at_path(images));
    }
    if read.len() != of.len() {
        let found = format!("the numbers of images and labels must be equal, found {} and {}", read.len(), of.len());
        let files = format!("`{}`, `{}`", images.display(), labels.display());
        return Err(Error::data(format!("{files}: {found}")).help("use two files of the same data set"));
    }
    Ok(part)
}

fn absent(folder: &Path, name: &str, missing: &[&str]) -> Error {
    let names: Vec<String> = missing.iter().map(|file| format!("`{file}.gz`")).collect();
    let all: Vec<String> = FILES.iter().map(|file| format!("`{file}.gz`")).collect();
    let folder = folder.display();
    let variable = if name == "MNIST" { " or `MNIST_DIR`" } else { "" };
    Error::data(format!("{name} is not complete in `{folder}`: missing {}", names.join(", "))).help(format!(
        "download the four files {} from any {name} mirror into `{folder}`, or name their folder with \
         `--data.data_dir <folder>`{variable}",
        all.join(", ")
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn file(folder: &Path, name: &str, magic: u32, sizes: &[u32], payload: &[u8]) {
        let header = std::iter::once(&magic).chain(sizes).flat_map(|word| word.to_be_bytes());
        let bytes: Vec<u8> = header.chain(payload.iter().copied()).collect();
        std::fs::write(folder.join(name), bytes).unwrap();
    }

    /// Creates a temporary folder.
    fn folder(name: &str) -> PathBuf {
        let folder = env::temp_dir().join(format!("lightning-mnist-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn write(folder: &Path, images: u32, labels: u32, side: u32) {
        for part in ["train", "t10k"] {
            let pixels = vec![7; (images * side * side) as usize];
            file(folder, &format!("{part}-images-idx3-ubyte"), 2051, &[images, side, side], &pixels);
            file(folder, &format!("{part}-labels-idx1-ubyte"), 2049, &[labels], &vec![3; labels as usize]);
        }
    }

    #[test]
    fn the_folder_is_the_most_explicit_one() {
        let var = |set: &'static [(&str, &str)]| {
            move |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| PathBuf::from(value))
        };
        let all: &[_] = &[("MNIST_DIR", "/m"), ("XDG_CACHE_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(locate_with(Some("/d".into()), var(all)).unwrap(), Path::new("/d"));
        assert_eq!(locate_with(None, var(all)).unwrap(), Path::new("/m"));
        assert_eq!(
            locate_with(None, var(&[("XDG_CACHE_HOME", "/x"), ("HOME", "/h")])).unwrap(),
            Path::new("/x/lightning/mnist")
        );
        assert_eq!(locate_with(None, var(&[("HOME", "/h")])).unwrap(), Path::new("/h/.cache/lightning/mnist"));
        assert!(locate_with(None, |_| None).unwrap_err().to_string().contains("--data.data_dir"));
    }

    #[test]
    fn four_files() {
        let folder = folder("whole");
        write(&folder, 2, 2, 28);
        let mnist = mnist(&folder).unwrap();
        let (image, label) = mnist.test.get(1).unwrap();
        assert_eq!((image.shape(), label, mnist.train.len()), ([28, 28, 1], 3, 2));
        assert!(mnist.test.get(2).is_err());
        assert_eq!((mnist.train.images.len(), mnist.test.labels), (2, vec![3, 3]));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn missing_files_are_named() {
        let folder = folder("missing");
        write(&folder, 1, 1, 28);
        std::fs::remove_file(folder.join(FILES[1])).unwrap();
        std::fs::remove_file(folder.join(FILES[2])).unwrap();
        let error = mnist(&folder).unwrap_err();
        let expected = "missing `train-labels-idx1-ubyte.gz`, `t10k-images-idx3-ubyte.gz`";
        assert!(error.message().ends_with(expected), "{error}");
        assert!(error.to_string().contains("from any MNIST mirror"), "{error}");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn parts_that_do_not_fit() {
        let folder = folder("unfit");
        write(&folder, 2, 3, 28);
        let error = mnist(&folder).unwrap_err();
        assert!(error.message().ends_with("must be equal, found 2 and 3"), "{error}");
        write(&folder, 2, 2, 27);
        let error = mnist(&folder).unwrap_err();
        assert!(error.message().ends_with(": images must be 28x28, found 27x27"), "{error}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
