//! Images in one folder per class: `root/cat/1.jpg`, `root/dog/7.png`.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

pub use super::image_file::Channels;
use super::image_file::{Settings, decode};
use crate::{
    data::{Dataset, Image},
    error::{Error, Result},
    os::panics::catch_panic,
};

const EXTENSIONS: [&str; 3] = ["png", "jpg", "jpeg"];

/// Reads a PNG or JPEG file as bytes, `[height, width, channels]`: [`Reader::read`] with the
/// defaults of [`Reader::new`].
///
/// # Errors
/// As [`Reader::read`].
pub fn read(path: impl AsRef<Path>, channels: Channels) -> Result<Image> {
    Reader::new().channels(channels).read(path)
}

/// The settings with which an image file is read.
///
/// ```no_run
/// use lightning_core::data::image_folder::{Channels, Reader};
///
/// let reader = Reader::new().channels(Channels::Grey).exif_orientation(false);
/// let image = reader.read("portrait.jpg")?;
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Reader(Settings);

impl Reader {
    /// Reads red, green and blue of images of at most 2^26 pixels, turned upright.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the channels to which an image is converted. Default: red, green and blue.
    #[must_use]
    pub fn channels(self, channels: Channels) -> Self {
        Self(Settings { channels, ..self.0 })
    }

    /// Sets the limit of pixels in an image. Default: 2^26. A larger image is an error before
    /// memory is reserved for it.
    #[must_use]
    pub fn max_pixels(self, max_pixels: usize) -> Self {
        Self(Settings { max_pixels, ..self.0 })
    }

    /// Sets whether an image is turned and mirrored as the orientation in its EXIF data says, or
    /// else in its XMP data, as Pillow's `ImageOps.exif_transpose`. Default: `true`.
    ///
    /// Cameras store the pixels of a portrait lying on their side, and this number beside them;
    /// every viewer applies it. Without it, height and width are those of the stored pixels, as of
    /// `PIL.Image.open`.
    #[must_use]
    pub fn exif_orientation(self, is_applied: bool) -> Self {
        Self(Settings { is_oriented: is_applied, ..self.0 })
    }

    /// Reads a PNG or JPEG file as bytes, `[height, width, channels]`. A JPEG may be coded as
    /// grayscale, YCbCr, RGB, CMYK or YCCK.
    ///
    /// # Errors
    /// If the file cannot be read, is neither PNG nor JPEG, is truncated or damaged, or has too
    /// many pixels.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Image> {
        decode(path.as_ref(), self.0)
    }
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
    reader: Reader,
}

struct Listing {
    root: PathBuf,
    classes: Vec<String>,
    files: Vec<(PathBuf, usize)>,
    /// The files that were left out, and why.
    skipped: Vec<(PathBuf, Error)>,
}

impl ImageFolder {
    /// Lists the images under `root`: classes and files in the order of their names, including
    /// files in deeper folders. Files of other kinds and names that begin with a dot are skipped.
    ///
    /// # Errors
    /// If a folder cannot be read, if there is no class, or if a class has no image.
    pub fn new(root: impl AsRef<Path>) -> Result<Self> {
        let root = root.as_ref();
        let (classes, files, skipped) = (Vec::new(), Vec::new(), Vec::new());
        let mut listing = Listing { root: root.to_path_buf(), classes, files, skipped };
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
        Ok(Self { listing: Arc::new(listing), reader: Reader::new() })
    }

    /// Sets the channels to which every image is converted. Default: red, green and blue.
    #[must_use]
    pub fn channels(self, channels: Channels) -> Self {
        Self { reader: self.reader.channels(channels), ..self }
    }

    /// Sets the limit of pixels in an image. Default: 2^26. A larger image is an error before
    /// memory is reserved for it.
    #[must_use]
    pub fn max_pixels(self, max_pixels: usize) -> Self {
        Self { reader: self.reader.max_pixels(max_pixels), ..self }
    }

    /// Sets whether images are turned as their EXIF data says; see [`Reader::exif_orientation`].
    /// Default: `true`.
    #[must_use]
    pub fn exif_orientation(self, is_applied: bool) -> Self {
        Self { reader: self.reader.exif_orientation(is_applied), ..self }
    }

    /// Leaves out the images that cannot be read with the settings made so far, and lists them in
    /// [`skipped`](Self::skipped). The classes keep their numbers.
    ///
    /// Every image is read once, on all cores: a quarter of an hour for a million photographs is
    /// usual. Without this, an image that cannot be read is an error of the loader, which ends the
    /// run.
    ///
    /// ```no_run
    /// use lightning_core::data::image_folder::ImageFolder;
    ///
    /// let flowers = ImageFolder::new("flowers/train")?.skip_unreadable()?;
    /// println!("{} images are left out:", flowers.skipped().len());
    /// for (path, error) in flowers.skipped() {
    ///     println!("{}: {error}", path.display());
    /// }
    /// # Ok::<(), lightning_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a class has no image that can be read.
    pub fn skip_unreadable(self) -> Result<Self> {
        let Self { listing, reader } = self;
        let faults: Vec<Option<Error>> =
            listing.files.par_iter().map(|(path, _)| read_or_panic(&reader, path).err()).collect();
        let mut kept = Vec::with_capacity(listing.files.len());
        let mut skipped = Vec::new();
        for (file, fault) in listing.files.iter().zip(faults) {
            match fault {
                Some(error) => skipped.push((file.0.clone(), error)),
                None => kept.push(file.clone()),
            }
        }
        let mut counts = vec![0_usize; listing.classes.len()];
        for (_, class) in &kept {
            if let Some(count) = counts.get_mut(*class) {
                *count += 1;
            }
        }
        if let Some((class, _)) = listing.classes.iter().zip(counts).find(|(_, count)| *count == 0) {
            let folder = listing.root.join(class);
            let text = format!("no image of the class folder `{}` can be read", folder.display());
            let first = skipped.into_iter().find(|(path, _)| path.starts_with(&folder));
            let error = Error::data(text).at_path(folder).help("get the images again, or remove the folder");
            return Err(match first {
                Some((_, cause)) => error.caused_by(cause),
                None => error,
            });
        }
        let Listing { root, classes, .. } = &*listing;
        let listing = Listing { root: root.clone(), classes: classes.clone(), files: kept, skipped };
        Ok(Self { listing: Arc::new(listing), reader })
    }

    /// The files that [`skip_unreadable`](Self::skip_unreadable) left out, in order, and why.
    pub fn skipped(&self) -> &[(PathBuf, Error)] {
        &self.listing.skipped
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
        Ok((self.reader.read(path)?, *class))
    }
}

impl fmt::Debug for ImageFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Listing { root, classes, files, skipped } = &*self.listing;
        write!(f, "ImageFolder({} images of {} classes in `{}`", files.len(), classes.len(), root.display())?;
        match skipped.len() {
            0 => write!(f, ")"),
            skipped => write!(f, ", {skipped} left out)"),
        }
    }
}

/// Reads an image; a decoder that panics on damaged data is an error too.
fn read_or_panic(reader: &Reader, path: &Path) -> Result<Image> {
    catch_panic(|| reader.read(path)).map_err(|error| error.at_path(path))
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
    fn unreadable_images_are_left_out_by_choice() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let png = samples::png(1, 1, &[7, 8, 9]);
        for name in ["cat/a.png", "cat/c.png", "dog/a.png", "dog/c.png"] {
            write(root, name, &png);
        }
        write(root, "cat/b.png", b"no image");
        write(root, "dog/b.png", &png[..20]);
        let images = ImageFolder::new(root).unwrap();
        assert!(images.get(1).is_err() && images.skipped().is_empty());
        let readable = images.clone().skip_unreadable().unwrap();
        assert_eq!((images.len(), readable.len(), readable.classes()), (6, 4, images.classes()));
        let items: Vec<usize> = (0..4).map(|index| readable.get(index).unwrap().1).collect();
        assert_eq!(items, [0, 0, 1, 1]);
        let skipped: Vec<_> = readable.skipped().iter().map(|(path, _)| path.strip_prefix(root).unwrap()).collect();
        assert_eq!(skipped, [Path::new("cat/b.png"), Path::new("dog/b.png")]);
        assert!(readable.skipped()[0].1.to_string().contains("neither png nor jpeg"));
        assert!(format!("{readable:?}").ends_with(", 2 left out)"), "{readable:?}");
        // With the settings made before: no image has so few pixels.
        let error = images.max_pixels(0).skip_unreadable().unwrap_err().to_string();
        assert!(error.contains("no image of the class folder `") && error.contains("more than 0 pixels"), "{error}");
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
