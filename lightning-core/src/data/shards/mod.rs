//! Datasets that are too large for one file: shards, tar archives of samples in the layout of
//! WebDataset.

mod samples;
mod tar;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use self::samples::{Sample, Samples};
use super::{DataLoader, IterableBuilder};
use crate::{
    error::{Error, Result},
    random::Rng,
};

/// Describes a dataset of shards: tar archives, whose files with one name before the first dot are a
/// sample, as in [WebDataset](https://github.com/webdataset/webdataset).
///
/// `pattern` is the path of a shard, or of many: `{000..099}` stands for each number, with as many
/// digits, and `{a,b}` for each text. With the feature `remote` it may be an address such as
/// `s3://bucket/train-{000..099}.tar`: each shard is downloaded to this machine before it is read, the
/// next one while one is read.
///
/// ```
/// # use lightning_core::Result;
/// use lightning_core::data::{DataLoader, EpochOffset, shards};
///
/// # let folder = tempfile::tempdir()?;
/// # let pattern = folder.path().join("train-{0..1}.tar");
/// # for shard in 0..2 {
/// #     let mut tar = Vec::new();
/// #     for sample in 0..3 {
/// #         let mut header = [0_u8; 512];
/// #         let name = format!("{shard}{sample}.cls");
/// #         header[..name.len()].copy_from_slice(name.as_bytes());
/// #         header[124..135].copy_from_slice(b"00000000001");
/// #         header[148..156].fill(b' ');
/// #         header[156] = b'0';
/// #         let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
/// #         header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
/// #         tar.extend(header);
/// #         tar.push(b'0' + sample);
/// #         tar.extend([0; 511]);
/// #     }
/// #     std::fs::write(folder.path().join(format!("train-{shard}.tar")), tar)?;
/// # }
/// // `00.cls` has a digit; `num_workers`, `map` and others are those of any iterable.
/// let loader: DataLoader<Vec<String>> = shards(pattern)?
///     .loader()
///     .try_map(|sample, _rng| Ok(sample.text("cls")?.to_owned()))
///     .batch_size(4)
///     .collate(|digits: Vec<String>| Ok(digits))
///     .build()?;
/// let batches = loader.resume(EpochOffset::default())?.collect::<Result<Vec<_>>>()?;
/// assert_eq!(batches.concat(), ["0", "1", "2", "0", "1", "2"]);
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// # Errors
/// If the pattern stands for no shard.
pub fn shards(pattern: impl AsRef<Path>) -> Result<Shards> {
    let pattern = pattern.as_ref();
    let text = pattern.to_str().ok_or_else(|| {
        Error::config(format!("the names of shards must be text, found `{}`", pattern.display())).help("rename them")
    })?;
    let paths = expand(text, "shards")?;
    Ok(Shards { paths: paths.into_iter().map(PathBuf::from).collect(), buffer: 0, rank: 0, world_size: 1 })
}

/// Shards of a dataset: the result of [`shards`].
///
/// The order of an epoch depends on the seed of the run and the number of the epoch alone: a resumed
/// run continues with the sample that comes next, in the middle of a shard, with the same order and any
/// number of workers.
#[derive(Clone, Debug)]
pub struct Shards {
    paths: Vec<PathBuf>,
    buffer: usize,
    rank: usize,
    world_size: usize,
}

impl Shards {
    /// Shuffles: the shards of an epoch are read in another order, and each sample is drawn from a
    /// buffer of `samples`, which is filled again with the next one read. 0, the default: the order of
    /// the files.
    #[must_use]
    pub fn shuffle_buffer(mut self, samples: usize) -> Self {
        self.buffer = samples;
        self
    }

    /// Reads the share of one of several processes: of `world_size` samples in a row the one with the
    /// number `rank`. What is left at the end is read by none, so that all have as many.
    ///
    /// # Errors
    /// If `rank` is not less than `world_size`.
    pub fn split(mut self, rank: usize, world_size: usize) -> Result<Self> {
        if rank >= world_size {
            let text = format!("the rank must be less than the world size {world_size}, found {rank}");
            return Err(Error::config(text).help("pass `cx.rank()` and `cx.world_size()`"));
        }
        (self.rank, self.world_size) = (rank, world_size);
        Ok(self)
    }

    /// The paths of the shards, in their order.
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// The samples of an epoch. `rng` is that of a loader of iterables, which depends on the epoch.
    pub fn samples(&self, rng: Rng) -> Samples {
        Samples::new(self.paths.clone(), self.buffer, (self.rank, self.world_size), rng)
    }

    /// Starts a loader of the samples. Of several processes, each says with
    /// [`DataLoader::shared`] that its batches are its share.
    pub fn loader<B: 'static>(self) -> IterableBuilder<Sample, B> {
        DataLoader::try_iterable(move |_epoch, rng| self.samples(rng))
    }
}

/// The texts that a pattern of `what` stands for.
pub(super) fn expand(pattern: &str, what: &str) -> Result<Vec<String>> {
    let wrong = |found: &str| {
        Error::config(format!("the pattern `{pattern}` of {what} {found}"))
            .help("write numbers as `{000..099}` and texts as `{a,b}`")
    };
    let Some((before, rest)) = pattern.split_once('{') else { return Ok(vec![pattern.to_owned()]) };
    let (inside, after) = rest.split_once('}').ok_or_else(|| wrong("has a `{` without `}`"))?;
    let choices: Vec<String> = match inside.split_once("..") {
        Some((first, last)) => {
            let number = |text: &str| text.parse::<u64>().map_err(|_| wrong(&format!("has `{text}` for a number")));
            let (from, to, width) = (number(first)?, number(last)?, first.len());
            if from > to {
                return Err(wrong(&format!("counts down from {from} to {to}")));
            }
            (from..=to).map(|number| format!("{number:0width$}")).collect()
        }
        None => inside.split(',').map(str::to_owned).collect(),
    };
    let ends = expand(after, what)?;
    Ok(choices.iter().flat_map(|choice| ends.iter().map(move |end| format!("{before}{choice}{end}"))).collect())
}
