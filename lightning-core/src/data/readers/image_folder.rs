//! Images in one folder per class: `root/cat/1.jpg`, `root/dog/7.png`.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

pub use super::image_file::Channels;
use super::image_file::{MAX_PIXELS, decode};
use crate::{
    data::{Dataset, Image},
    error::{Error, Result},
};

const EXTENSIONS: [&str; 3] = ["png", "jpg", "jpeg"];

/// Reads a PNG or JPEG file as bytes, `[height, width, channels]`.
///
/// # Errors
/// If the file cannot be read, is neither PNG nor JPEG, is truncated or damaged, or has more than
/// 2^26 pixels.
pub fn read(path: impl AsRef<Path>, channels: Channels) -> Result<Image> {
    decode(path.as_ref(), channels, MAX_PIXELS)
}

/// The PNG and JPEG images under a folder, whose subfolders are the classes.
///
/// An item is an image and the number of its class. The dataset is a list of paths; images are read
/// when an item is, so that a loader's workers share the work. Clones share the list.
///
/// ```no_run
/// use lightning_core::data::{Dataset, image_folder::ImageFolder};
///
/// let flowers = ImageFolder::new("flowers/train")?;
/// let (image, class) = flowers.get(0)?;
/// println!("{image:?} of class {}", flowers.classes()[class]);
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Clone)]
pub struct ImageFolder {
    listing: Arc<Listing>,
    channels: Channels,
    max_pixels: usize,
}

struct Listing {
    root: PathBuf,
    classes: Vec<String>,
    files: Vec<(PathBuf, usize)>,
}

impl ImageFolder {
    /// Lists the images under `root`: classes and files in the order of their names, including
    /// files in deeper folders. Files of other kinds and names that begin with a dot are skipped.
    ///
    /// # Errors
    /// If a folder cannot be read, if there is no class, or if a class has no image.
    pub fn new(root: impl AsRef<Path>) -> Result<Self> {
        let root = root.as_ref();
        let mut listing = Listing { root: root.to_path_buf(), classes: Vec::new(), files: Vec::new() };
        for (name, path) in entries(root)? {
            if !path.is_dir() {
                continue;
            }
            let class = listing.classes.len();
            let before = listing.files.len();
            list(&path, class, &mut listing.files)?;
            if listing.files.len() == before {
                let text = format!("the class folder `{}` holds no image", path.display());
                return Err(Error::data(text).at_path(path).help("put png or jpeg files into it, or remove it"));
            }
            listing.classes.push(name);
        }
        if listing.classes.is_empty() {
            let text = format!("there is no class in `{}`", root.display());
            return Err(Error::data(text).at_path(root).help("put the images of each class into a folder of its name"));
        }
        Ok(Self { listing: Arc::new(listing), channels: Channels::default(), max_pixels: MAX_PIXELS })
    }

    /// Sets the channels to which every image is converted. Default: red, green and blue.
    #[must_use]
    pub fn channels(self, channels: Channels) -> Self {
        Self { channels, ..self }
    }

    /// Sets the limit of pixels in an image. Default: 2^26. A larger image is an error before
    /// memory is reserved for it.
    #[must_use]
    pub fn max_pixels(self, max_pixels: usize) -> Self {
        Self { max_pixels, ..self }
    }

    /// The names of the classes, in the order of their numbers.
    pub fn classes(&self) -> &[String] {
        &self.listing.classes
    }

    /// The files with the numbers of their classes, in the order of the items.
    pub fn files(&self) -> &[(PathBuf, usize)] {
        &self.listing.files
    }
}

impl Dataset for ImageFolder {
    type Item = (Image, usize);

    fn len(&self) -> usize {
        self.listing.files.len()
    }

    fn get(&self, index: usize) -> Result<(Image, usize)> {
        let Some((path, class)) = self.listing.files.as_slice().get(index) else {
            return Err(Error::data(format!(
                "there is no image {index}: the folder has {}, counted from 0",
                self.len()
            )));
        };
        Ok((decode(path, self.channels, self.max_pixels)?, *class))
    }
}

impl fmt::Debug for ImageFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Listing { root, classes, files } = &*self.listing;
        write!(f, "ImageFolder({} images of {} classes in `{}`)", files.len(), classes.len(), root.display())
    }
}

/// The entries of a folder, sorted by name.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let unreadable = |error| Error::io("read the folder", folder, error);
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            entries.push((name, entry.path()));
        }
    }
    entries.sort();
    Ok(entries)
}

/// Adds the images in `folder`. Symbolic links to folders are not followed, so that no folder is
/// entered twice.
fn list(folder: &Path, class: usize, files: &mut Vec<(PathBuf, usize)>) -> Result<()> {
    for (_, path) in entries(folder)? {
        let kind = path.symlink_metadata().map_err(|error| Error::io("read", &path, error))?.file_type();
        if kind.is_dir() {
            list(&path, class, files)?;
        } else if is_image(&path) && path.is_file() {
            files.push((path, class));
        }
    }
    Ok(())
}

fn is_image(path: &Path) -> bool {
    let Some(extension) = path.extension() else { return false };
    EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::data::readers::image_file::samples;

    fn write(root: &Path, name: &str, bytes: &[u8]) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    #[test]
    fn classes_and_files_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let png = samples::png(1, 1, &[7, 8, 9]);
        for name in ["dog/b.PNG", "dog/a.png", "cat/deep/x.png", "cat/deep/notes.txt", ".git/z.png", "dog/.hidden.png"]
        {
            write(root, name, &png);
        }
        write(root, "readme.png", &png);
        let images = ImageFolder::new(root).unwrap();
        assert_eq!(images.classes(), ["cat", "dog"]);
        let files: Vec<_> =
            images.files().iter().map(|(path, class)| (path.strip_prefix(root).unwrap(), *class)).collect();
        assert_eq!(files, [(Path::new("cat/deep/x.png"), 0), (Path::new("dog/a.png"), 1), (Path::new("dog/b.PNG"), 1)]);
        let (image, class) = images.get(2).unwrap();
        assert_eq!((image.pixels(), class), (&[7, 8, 9][..], 1));
        assert!(images.get(3).unwrap_err().message().starts_with("there is no image 3: the folder has 3"));
        let (grey, _) = images.clone().channels(Channels::Grey).get(0).unwrap();
        assert_eq!(grey.shape(), [1, 1, 1]);
        assert!(images.max_pixels(0).get(0).is_err());
    }

    #[test]
    fn folders_without_images() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let message = || ImageFolder::new(root).unwrap_err().message().to_owned();
        assert_eq!(message(), format!("there is no class in `{}`", root.display()));
        write(root, "empty/notes.txt", b"none");
        assert_eq!(message(), format!("the class folder `{}` holds no image", root.join("empty").display()));
        let error = ImageFolder::new(root.join("missing")).unwrap_err();
        assert!(error.message().starts_with("cannot read the folder `"), "{error}");
    }
}
