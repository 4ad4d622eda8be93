//! Parquet files, as rows of your own type.
//!
//! The row type declares with serde what each column holds. Only its columns are read; a file that
//! does not fit is an error with file, row and column.
//!
//! Needs the feature `parquet`.

use std::{
    fs::File,
    marker::PhantomData,
    path::{Path, PathBuf},
    sync::Arc,
    vec,
};

use ::parquet::{
    errors::ParquetError,
    file::reader::{FileReader as _, SerializedFileReader},
    record::reader::RowIter,
    schema::types::Type,
};
use serde::de::DeserializeOwned;

use super::parquet_row::{Fault, Row, fields_of};
use crate::{
    data::{DataLoader, IterableBuilder, shards::expand},
    error::{Error, Result},
    os::panics::catch_panic,
    remote,
};

/// Reads all rows of a Parquet file: [`Reader::rows`] with the defaults of [`Reader::new`].
///
/// # Errors
/// As [`Reader::new`] and [`Reader::rows`].
pub fn rows<T: DeserializeOwned>(path: impl AsRef<Path>) -> Result<Vec<T>> {
    Reader::new(path)?.rows()
}

/// Parquet files that are read one after the other, as one table.
///
/// ```no_run
/// use lightning_core::data::{DataLoader, parquet};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Trip {
///     distance: f32,
///     passengers: Option<i64>,
///     stops: Vec<f32>,
/// }
///
/// // In memory, for a loader that shuffles.
/// let trips: Vec<Trip> = parquet::rows("trips.parquet")?;
/// // Row by row, for files that are larger than the memory.
/// let loader: DataLoader<Vec<Trip>> = parquet::Reader::new("trips-{00..31}.parquet")?
///     .loader()
///     .batch_size(64)
///     .collate(|trips: Vec<Trip>| Ok(trips))
///     .build()?;
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reader {
    paths: Vec<PathBuf>,
    rank: usize,
    world_size: usize,
}

impl Reader {
    /// Reads a file, or all that a pattern such as `trips-{00..31}.parquet` stands for, in that order,
    /// as in [`shards`](fn@crate::data::shards). With the feature `remote`, a file may be an address
    /// such as `s3://bucket/trips.parquet`, which is downloaded to this machine when it is its turn.
    ///
    /// # Errors
    /// If the pattern stands for no file.
    pub fn new(pattern: impl AsRef<Path>) -> Result<Self> {
        let pattern = pattern.as_ref();
        let paths = match pattern.to_str() {
            Some(text) => expand(text, "Parquet files")?.into_iter().map(PathBuf::from).collect(),
            None => vec![pattern.to_path_buf()],
        };
        Ok(Self { paths, rank: 0, world_size: 1 })
    }

    /// Reads the share of one of several processes: of `world_size` rows in a row the one with the
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

    /// The number of rows of all files, of which only the ends are read.
    ///
    /// # Errors
    /// If a file cannot be read, or is not a Parquet file.
    pub fn row_count(&self) -> Result<usize> {
        let mut count = 0;
        for path in &self.paths {
            let rows = open(&remote::fetch(path)?)?.metadata().file_metadata().num_rows();
            count += usize::try_from(rows)
                .map_err(|_| broken(path, &format!("says that it has {rows} rows")).help("write the file again"))?;
        }
        Ok(count)
    }

    /// Reads all rows.
    ///
    /// A row type is a struct, whose fields are columns of the same name in any order (the file may
    /// have more, which are not read), or a tuple or array, which takes all columns by position. Each
    /// field needs its column, even an `Option`, which is `None` where there is no value. Lists are
    /// `Vec`s or arrays, structs structs, maps maps with texts as keys, decimals `f64`; dates are the
    /// number of days since 1970-01-01, times and timestamps that of milliseconds or microseconds, as
    /// the file has them. Floating-point numbers must be finite.
    ///
    /// # Errors
    /// If a file cannot be read, is not a Parquet file, has no column for a field, or has a value that
    /// does not fit its field: with file, row and column.
    pub fn rows<T: DeserializeOwned>(&self) -> Result<Vec<T>> {
        self.iter().collect()
    }

    /// The rows, read as they are asked for: one group of rows is in memory at a time. For the types
    /// and errors, see [`rows`](Self::rows).
    pub fn iter<T: DeserializeOwned>(&self) -> Rows<T> {
        Rows {
            left: self.paths.clone().into_iter(),
            file: None,
            rank: self.rank,
            world_size: self.world_size,
            is_over: false,
            _row: PhantomData,
        }
    }

    /// Starts a loader that reads row by row in the order of the files. Of several processes, each says
    /// with [`DataLoader::shared`] that its batches are its share.
    pub fn loader<T: DeserializeOwned + Send + 'static, B: 'static>(self) -> IterableBuilder<T, B> {
        DataLoader::try_iterable(move |_epoch, _rng| self.iter())
    }
}

/// The rows of Parquet files: what [`Reader::iter`] returns.
#[derive(Debug)]
pub struct Rows<T> {
    left: vec::IntoIter<PathBuf>,
    file: Option<OpenFile>,
    rank: usize,
    world_size: usize,
    is_over: bool,
    _row: PhantomData<fn() -> T>,
}

struct OpenFile {
    path: PathBuf,
    rows: RowIter<'static>,
    /// The number of rows that were read.
    read: usize,
}

impl std::fmt::Debug for OpenFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenFile").field("path", &self.path).field("read", &self.read).finish_non_exhaustive()
    }
}

impl<T: DeserializeOwned> Rows<T> {
    /// The next row of all processes; `None` for one that is not this process's.
    fn read(&mut self, is_own: bool) -> Result<Option<Option<T>>> {
        loop {
            let file = match &mut self.file {
                Some(file) => file,
                None => match self.left.next() {
                    Some(path) => self.file.insert(OpenFile::new::<T>(&path)?),
                    None => return Ok(None),
                },
            };
            if let Some(row) = file.next(is_own)? {
                return Ok(Some(row));
            }
            self.file = None;
        }
    }

    fn own(&mut self) -> Result<Option<T>> {
        let mut own = None;
        for turn in 0..self.world_size {
            match self.read(turn == self.rank)? {
                Some(row) => own = row.or(own),
                None => return Ok(None),
            }
        }
        Ok(own)
    }
}

impl<T: DeserializeOwned> Iterator for Rows<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        if self.is_over {
            return None;
        }
        let row = self.own().transpose();
        self.is_over = !matches!(row, Some(Ok(_)));
        row
    }
}

impl OpenFile {
    fn new<T: DeserializeOwned>(address: &Path) -> Result<Self> {
        let path = remote::fetch(address)?;
        let reader = open(&path)?;
        let schema = reader.metadata().file_metadata().schema();
        let columns = fields_of::<T>().map(|fields| select(&path, schema, fields)).transpose()?;
        let rows =
            RowIter::from_file_into(Box::new(reader)).project(columns).map_err(|error| unreadable(&path, "", error))?;
        Ok(Self { path, rows, read: 0 })
    }

    fn next<T: DeserializeOwned>(&mut self, is_own: bool) -> Result<Option<Option<T>>> {
        let place = |read: usize| format!(", row {}", read + 1);
        // The library panics on some damaged files.
        let row = catch_panic(|| Ok(self.rows.next()))
            .unwrap_or_else(|error| Some(Err(ParquetError::General(error.to_string()))));
        let Some(row) = row else { return Ok(None) };
        let row = row.map_err(|error| unreadable(&self.path, &place(self.read), error))?;
        let read = self.read;
        self.read += 1;
        if !is_own {
            return Ok(Some(None));
        }
        match T::deserialize(Row(row)) {
            Ok(row) => Ok(Some(Some(row))),
            Err(Fault { columns, message, help }) => {
                let column =
                    if columns.is_empty() { String::new() } else { format!(", column `{}`", columns.join(".")) };
                let error = Error::data(format!("`{}`{}{column}: {message}", self.path.display(), place(read)));
                let error = error.at_path(&self.path);
                Err(if let Some(help) = help { error.help(help) } else { error })
            }
        }
    }
}

fn open(path: &Path) -> Result<SerializedFileReader<File>> {
    let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
    catch_panic(|| SerializedFileReader::new(file).map_err(|error| unreadable(path, "", error)))
        .map_err(|error| error.at_path(path))
}

/// How many columns an error lists.
const MOST_LISTED: usize = 20;

/// The part of a schema that has these columns.
fn select(path: &Path, schema: &Type, fields: &[&str]) -> Result<Type> {
    let columns = schema.get_fields();
    let mut selected = Vec::with_capacity(fields.len());
    for column in columns {
        if fields.contains(&column.name()) {
            selected.push(Arc::clone(column));
        }
    }
    if let Some(missing) = fields.iter().find(|field| !selected.iter().any(|column| column.name() == **field)) {
        let names: Vec<_> = columns.iter().take(MOST_LISTED).map(|column| column.name()).collect();
        let more = match columns.len().saturating_sub(MOST_LISTED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        return Err(broken(
            path,
            &format!("there is no column `{missing}`, the file has `{}`{more}", names.join("`, `")),
        )
        .help("rename the field, write `#[serde(rename = \"…\")]`, or add the column"));
    }
    Type::group_type_builder(schema.name()).with_fields(selected).build().map_err(|error| unreadable(path, "", error))
}

fn unreadable(path: &Path, place: &str, error: ParquetError) -> Error {
    let text = format!("`{}`{place}: cannot be read as Parquet: {error}", path.display());
    Error::data(text).at_path(path).help("pass a whole Parquet file, or write this one again")
}

fn broken(path: &Path, found: &str) -> Error {
    Error::data(format!("`{}`: {found}", path.display())).at_path(path)
}

#[cfg(test)]
mod tests;
