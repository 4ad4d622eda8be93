//! The samples of shards, in the order of an epoch.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
};

use super::tar::Archive;
use crate::{
    error::{Error, ErrorKind, Result},
    os::panics::panic_message,
    random::Rng,
    remote,
};

/// A sample of a shard: the files with one name before the first dot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sample {
    /// The name, with the folders within the shard: `0001` of `0001.png` and `0001.cls`.
    pub key: String,
    /// The contents of the files by what follows the first dot: `png`, `cls`, `seg.png`.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Sample {
    /// The content of a file.
    ///
    /// # Errors
    /// If the sample has no such file.
    pub fn bytes(&self, end: &str) -> Result<&[u8]> {
        self.files.get(end).map(Vec::as_slice).ok_or_else(|| {
            let found: Vec<_> = self.files.keys().map(|end| format!("`{end}`")).collect();
            let text = format!("the sample `{}` must have a file `.{end}`, found {}", self.key, found.join(", "));
            Error::data(text).help("write one of these, or leave such samples out")
        })
    }

    /// The content of a file that is text, without white space at its ends.
    ///
    /// # Errors
    /// If the sample has no such file, or it is not UTF-8.
    pub fn text(&self, end: &str) -> Result<&str> {
        std::str::from_utf8(self.bytes(end)?).map(str::trim).map_err(|error| {
            Error::data(format!("the file `.{end}` of the sample `{}` must be text", self.key)).caused_by(error)
        })
    }
}

/// A shard, and where it is once it is on this machine.
type Fetching = (PathBuf, JoinHandle<Result<PathBuf>>);

/// The samples of an epoch of [`Shards`](super::Shards).
#[derive(Debug)]
pub struct Samples {
    /// The shards that were not begun, the next one last.
    left: Vec<PathBuf>,
    /// The next one, while it is downloaded.
    next: Option<Fetching>,
    archive: Option<(PathBuf, Archive)>,
    /// A file of the next sample.
    ahead: Option<(String, String, Vec<u8>)>,
    buffer: Vec<Sample>,
    buffer_size: usize,
    rank: usize,
    world_size: usize,
    rng: Rng,
    is_over: bool,
}

impl Samples {
    pub(super) fn new(
        mut paths: Vec<PathBuf>,
        buffer: usize,
        (rank, world_size): (usize, usize),
        mut rng: Rng,
    ) -> Self {
        if buffer > 0 {
            rng.shuffle(&mut paths);
        }
        paths.reverse();
        Self {
            left: paths,
            next: None,
            archive: None,
            ahead: None,
            buffer: Vec::new(),
            buffer_size: buffer,
            rank,
            world_size,
            rng,
            is_over: false,
        }
    }

    /// Opens the next shard, and starts to download the one after it. Returns whether there is one.
    fn open(&mut self) -> Result<bool> {
        let (shard, file) = match (self.next.take(), self.left.pop()) {
            (Some((shard, next)), left) => {
                self.left.extend(left);
                let fetched = next.join().unwrap_or_else(|panic| {
                    Err(Error::new(ErrorKind::Panic, format!("a download panicked: {}", panic_message(panic))))
                });
                (shard, fetched?)
            }
            (None, Some(shard)) => {
                let file = fetch(&shard)?;
                (shard, file)
            }
            (None, None) => return Ok(false),
        };
        if self.left.last().is_some_and(remote::is_remote)
            && let Some(next) = self.left.pop()
        {
            let fetching = thread::Builder::new().name("next shard".to_owned()).spawn({
                let next = next.clone();
                move || fetch(&next)
            });
            match fetching {
                Ok(fetching) => self.next = Some((next, fetching)),
                // Without a thread it is downloaded when it is its turn.
                Err(_) => self.left.push(next),
            }
        }
        let archive = Archive::open(&file, &shard)?;
        self.archive = Some((shard, archive));
        Ok(true)
    }

    /// The next sample in the order of the files.
    fn read(&mut self) -> Result<Option<Sample>> {
        loop {
            if self.archive.is_none() && !self.open()? {
                return Ok(None);
            }
            let Some((path, archive)) = &mut self.archive else { return Ok(None) };
            let mut sample: Option<Sample> = None;
            loop {
                let file = match self.ahead.take() {
                    Some(file) => Some(file),
                    None => archive.next().transpose()?.map(|(name, bytes)| {
                        let (key, end) = split(&name);
                        (key, end, bytes)
                    }),
                };
                let Some((key, end, bytes)) = file else { break };
                let sample = sample.get_or_insert_with(|| Sample { key: key.clone(), files: BTreeMap::new() });
                if sample.key != key {
                    self.ahead = Some((key, end, bytes));
                    break;
                }
                if sample.files.insert(end.clone(), bytes).is_some() {
                    let text = format!("the shard `{}` has two files `{key}.{end}`", path.display());
                    let error = Error::data(text).at_path(path);
                    return Err(
                        error.help("give each sample a name of its own, and write its files one after the other")
                    );
                }
            }
            if self.ahead.is_none() {
                self.archive = None;
            }
            if sample.is_some() {
                return Ok(sample);
            }
        }
    }

    /// The next sample in the order of the epoch, of all processes.
    fn draw(&mut self) -> Result<Option<Sample>> {
        while self.buffer.len() < self.buffer_size.max(1) {
            match self.read()? {
                Some(sample) => self.buffer.push(sample),
                None => break,
            }
        }
        if self.buffer.is_empty() {
            return Ok(None);
        }
        let at = if self.buffer_size > 0 { self.rng.random_range(0..self.buffer.len()) } else { 0 };
        Ok(Some(self.buffer.swap_remove(at)))
    }

    fn own(&mut self) -> Result<Option<Sample>> {
        let mut own = None;
        for turn in 0..self.world_size {
            let Some(sample) = self.draw()? else { return Ok(None) };
            if turn == self.rank {
                own = Some(sample);
            }
        }
        Ok(own)
    }
}

impl Iterator for Samples {
    type Item = Result<Sample>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let sample = self.own().transpose();
        self.is_over = !matches!(sample, Some(Ok(_)));
        sample
    }
}

/// The file of this machine with a shard.
fn fetch(shard: &Path) -> Result<PathBuf> {
    remote::fetch(shard).map_err(|error| {
        let text = format!("the shard `{}` cannot be downloaded: {}", shard.display(), error.message());
        let told = Error::data(text).at_path(shard);
        let told = match error.remedy() {
            Some(help) => told.help(help),
            None => told,
        };
        match std::error::Error::source(&error) {
            Some(cause) => told.caused_by(cause.to_string()),
            None => told,
        }
    })
}

/// A name at the first dot after its folders.
fn split(name: &str) -> (String, String) {
    let name = name.strip_prefix("./").unwrap_or(name);
    let start = name.rfind('/').map_or(0, |at| at + 1);
    match name.get(start..).and_then(|file| file.find('.')) {
        Some(dot) => {
            let (key, end) = name.split_at(start + dot);
            (key.to_owned(), end.trim_start_matches('.').to_owned())
        }
        None => (name.to_owned(), String::new()),
    }
}
