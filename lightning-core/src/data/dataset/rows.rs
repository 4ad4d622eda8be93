//! Items that are rows of one buffer, from which batches are copied directly.

use std::{
    fmt,
    ops::{Deref, Range},
    sync::Arc,
};

use burn::tensor::{DType, Element, TensorData};

use super::{Dataset, out_of_range};
use crate::{
    error::{Error, Result},
    os::panics::catch_panic,
};

/// A dataset in one buffer: item `i` is row `i`. Clones share the buffer.
///
/// A loader copies the rows of a batch directly into the batch's buffer. With `map` or `collate`,
/// an item is a [`Row`], a view into the buffer. Combine images and their labels with
/// [`Zip`](crate::data::Zip).
///
/// ```
/// use burn::tensor::{Int, Tensor};
/// use lightning_core::data::{DataLoader, Loader, EpochOffset, Rows, Zip};
///
/// let pixels = Rows::new(vec![0_u8, 255, 51, 0, 0, 0], [2])?;
/// let images = pixels.convert(|pixel| f32::from(pixel) / 255.0);
/// let labels = Rows::scalars(vec![7_i32, 3, 9]);
/// let loader = DataLoader::builder(Zip::new((images, labels))?).batch_size(2).build()?;
/// let mut batches = loader.resume(EpochOffset::default())?;
/// let batch: Option<(Tensor<2>, Tensor<1, Int>)> = batches.next().transpose()?;
/// let (pixels, _labels) = batch.ok_or("no batch")?;
/// assert_eq!(pixels.into_data().try_to_vec::<f32>()?, [0.0, 1.0, 0.2, 0.0]);
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[doc(alias = "TensorDataset")]
#[derive(Clone)]
pub struct Rows<T> {
    values: Arc<Vec<T>>,
    layout: RowLayout,
}

/// The division of a buffer into rows.
#[derive(Clone, PartialEq, Eq)]
struct RowLayout {
    rows: usize,
    /// Values in a row; at least 1.
    width: usize,
    shape: Arc<[usize]>,
}

impl RowLayout {
    fn range(&self, index: usize) -> Result<Range<usize>> {
        if index < self.rows {
            Ok(index * self.width..(index + 1) * self.width)
        } else {
            Err(out_of_range(index, self.rows))
        }
    }

    fn batch_shape(&self, batch: usize) -> Vec<usize> {
        std::iter::once(batch).chain(self.shape.iter().copied()).collect()
    }
}

impl<T: Element> Rows<T> {
    /// Divides `values` into rows of the given shape.
    ///
    /// # Errors
    /// If the number of values is not a multiple of a row's, or if a row has no values.
    pub fn new(values: Vec<T>, shape: impl Into<Vec<usize>>) -> Result<Self> {
        let shape: Arc<[usize]> = shape.into().into();
        let width: usize = shape.iter().product();
        if width == 0 || !values.len().is_multiple_of(width) {
            let error = Error::data(format!(
                "the number of values must be a multiple of a row of shape {shape:?}, found {}",
                values.len()
            ));
            return Err(error.help("pass the shape of one item, without the number of items"));
        }
        let layout = RowLayout { rows: values.len() / width, width, shape };
        Ok(Self { values: Arc::new(values), layout })
    }

    /// Makes one item of each value, such as a label.
    pub fn scalars(values: Vec<T>) -> Self {
        let layout = RowLayout { rows: values.len(), width: 1, shape: Arc::new([]) };
        Self { values: Arc::new(values), layout }
    }

    /// Makes one item of each index of the first dimension of tensor data.
    ///
    /// # Errors
    /// If the data is of rank 0 or of another type than `T`, or if its rows have no values.
    pub fn from_data(data: TensorData) -> Result<Self> {
        let shape = data.shape().as_slice().to_vec();
        let Some((_, row)) = shape.split_first() else {
            return Err(Error::data("tensor data must have rank 1 or more, found 0")
                .help("reshape it to at least one dimension"));
        };
        let row = row.to_vec();
        let values = data
            .try_into_vec::<T>()
            .map_err(|error| Error::data(format!("the rows must be of type {:?}", T::dtype())).caused_by(error))?;
        Self::new(values, row)
    }

    /// Applies `convert` to the values when they are read: for example bytes in memory that become
    /// normalized floats.
    ///
    /// `convert` must depend on the value alone. For bytes it is called once for each of the 256
    /// values that occurs, not once for each item. For random functions, use the loader's `map`.
    pub fn convert<E, F>(self, convert: F) -> ConvertedRows<T, E>
    where
        E: Element,
        F: Fn(T) -> E + Send + Sync + 'static,
    {
        // One virtual call converts many values.
        let convert: Arc<Convert<T, E>> = match self.table(&convert) {
            Some(table) => Arc::new(move |row: &[T], into: &mut Vec<E>| {
                into.extend(row.iter().map(|byte| table[usize::from(byte.to_u8())]));
            }),
            None => Arc::new(move |row: &[T], into: &mut Vec<E>| into.extend(row.iter().map(|value| convert(*value)))),
        };
        ConvertedRows { rows: self, convert }
    }

    /// The result for each byte that occurs. `None` for types other than bytes, and if `convert`
    /// panics: the panic is then reported when the item is read.
    fn table<E: Element>(&self, convert: &impl Fn(T) -> E) -> Option<Box<[E; 256]>> {
        if T::dtype() != DType::U8 {
            return None;
        }
        let mut first = [None; 256];
        for value in self.values.iter() {
            first[usize::from(value.to_u8())] = Some(*value);
        }
        catch_panic(|| Ok(Box::new(first.map(|value| value.map_or_else(E::default, convert))))).ok()
    }
}

impl<T> Rows<T> {
    /// All values, row after row.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// The shape of one row.
    pub fn row_shape(&self) -> &[usize] {
        &self.layout.shape
    }

    fn row(&self, index: usize) -> Result<&[T]> {
        let range = self.layout.range(index)?;
        self.values.get(range).ok_or_else(|| out_of_range(index, self.layout.rows))
    }

    /// Appends the rows at `indices` to a buffer.
    fn copy(&self, indices: &[usize], into: &mut Vec<T>) -> Result<()>
    where
        T: Copy,
    {
        for index in indices {
            into.extend_from_slice(self.row(*index)?);
        }
        Ok(())
    }

    /// The values of a batch as its only column.
    fn column<E: Element>(&self, values: Vec<E>, rows: usize) -> Option<Vec<TensorData>> {
        Some(vec![TensorData::new(values, self.layout.batch_shape(rows))])
    }
}

impl<T: Element> Dataset for Rows<T> {
    type Item = Row<T>;

    fn len(&self) -> usize {
        self.layout.rows
    }

    fn get(&self, index: usize) -> Result<Row<T>> {
        let Range { start, end } = self.layout.range(index)?;
        Ok(Row { values: Arc::clone(&self.values), start, end, shape: Arc::clone(&self.layout.shape) })
    }

    fn gather(&self, indices: &[usize]) -> Result<Option<Vec<TensorData>>> {
        let mut values = Vec::with_capacity(indices.len() * self.layout.width);
        self.copy(indices, &mut values)?;
        Ok(self.column(values, indices.len()))
    }
}

impl<T> fmt::Debug for Rows<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RowLayout { rows, width: _, shape } = &self.layout;
        f.debug_struct("Rows").field("len", rows).field("shape", shape).finish_non_exhaustive()
    }
}

/// Rows of `T` that are read as rows of `E`, returned by [`Rows::convert`].
pub struct ConvertedRows<T, E> {
    rows: Rows<T>,
    convert: Arc<Convert<T, E>>,
}

/// The bytes of rows that are gathered before they are converted: a size that stays in a core's own
/// cache.
const GATHERED: usize = 64 << 10;

/// Appends converted rows.
type Convert<T, E> = dyn Fn(&[T], &mut Vec<E>) + Send + Sync;

impl<T: Element, E: Element> Dataset for ConvertedRows<T, E> {
    type Item = Row<E>;

    fn len(&self) -> usize {
        self.rows.layout.rows
    }

    fn get(&self, index: usize) -> Result<Row<E>> {
        let mut values = Vec::with_capacity(self.rows.layout.width);
        (self.convert)(self.rows.row(index)?, &mut values);
        Ok(Row { end: values.len(), values: Arc::new(values), start: 0, shape: Arc::clone(&self.rows.layout.shape) })
    }

    fn gather(&self, indices: &[usize]) -> Result<Option<Vec<TensorData>>> {
        let width = self.rows.layout.width;
        let mut values = Vec::with_capacity(indices.len() * width);
        // Rows of a shuffled batch lie far apart in memory. Copying several first lets their cache
        // misses overlap; converting each row at once would wait for one miss after another.
        let together = (GATHERED / (width * size_of::<T>()).max(1)).max(1);
        let mut gathered = Vec::with_capacity(together.min(indices.len()) * width);
        for indices in indices.chunks(together) {
            gathered.clear();
            self.rows.copy(indices, &mut gathered)?;
            (self.convert)(&gathered, &mut values);
        }
        Ok(self.rows.column(values, indices.len()))
    }
}

impl<T, E> Clone for ConvertedRows<T, E> {
    fn clone(&self) -> Self {
        let Rows { values, layout } = &self.rows;
        let rows = Rows { values: Arc::clone(values), layout: layout.clone() };
        Self { rows, convert: Arc::clone(&self.convert) }
    }
}

impl<T, E> fmt::Debug for ConvertedRows<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConvertedRows").field(&self.rows).finish()
    }
}

/// One row of [`Rows`]: a slice that keeps the buffer alive. Making or cloning it copies no values.
#[derive(Clone)]
pub struct Row<T> {
    values: Arc<Vec<T>>,
    start: usize,
    end: usize,
    shape: Arc<[usize]>,
}

impl<T> Row<T> {
    /// The shape of the row.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }
}

impl<T> Deref for Row<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.values.get(self.start..self.end).unwrap_or_default()
    }
}

impl<T: fmt::Debug> fmt::Debug for Row<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: PartialEq> PartialEq for Row<T> {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape && **self == **other
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::data::Subset;

    fn columns(dataset: &impl Dataset, indices: &[usize]) -> Vec<TensorData> {
        dataset.gather(indices).unwrap().unwrap()
    }

    #[test]
    fn rows_by_index() {
        let rows = Rows::new((0..12).collect::<Vec<i32>>(), [2, 2]).unwrap();
        assert_eq!((rows.len(), rows.row_shape(), rows.values().len()), (3, &[2, 2][..], 12));
        let row = rows.get(1).unwrap();
        assert_eq!((&*row, row.shape()), (&[4, 5, 6, 7][..], &[2, 2][..]));
        assert_eq!(rows.get(3).unwrap_err().message(), "there is no item 3: the dataset has 3, counted from 0");
        assert_eq!(columns(&rows, &[2, 0]), [TensorData::from([[[8, 9], [10, 11]], [[0, 1], [2, 3]]])]);
        assert!(rows.gather(&[0, 3]).is_err());
    }

    #[test]
    fn values_are_converted_when_read() {
        let rows = Rows::scalars(vec![0_u8, 128, 255]).convert(|byte| f32::from(byte) - 128.0);
        assert_eq!(&*rows.get(2).unwrap(), [127.0]);
        assert_eq!(columns(&rows.clone(), &[1, 0]), [TensorData::from([0.0_f32, -128.0])]);
    }

    #[test]
    fn every_byte_becomes_what_convert_makes_of_it() {
        let bytes = (0..=u8::MAX).rev().chain([7; 9]).collect::<Vec<u8>>();
        let wanted: Vec<f32> = bytes.iter().map(|byte| f32::from(*byte).sqrt() - 3.0).collect();
        let rows = Rows::new(bytes, [5]).unwrap().convert(|byte: u8| f32::from(byte).sqrt() - 3.0);
        let all: Vec<usize> = (0..rows.len()).collect();
        assert_eq!(columns(&rows, &all), [TensorData::new(wanted, [53, 5])]);
    }

    #[test]
    fn a_byte_that_cannot_be_converted_matters_where_it_is_read() {
        let names = [1.0_f32, 2.0];
        let rows = Rows::scalars(vec![0_u8, 1, 0]).convert(move |label| names[usize::from(label)]);
        assert_eq!(columns(&rows, &[0, 1, 2]), [TensorData::from([1.0_f32, 2.0, 1.0])]);
        let rows = Rows::scalars(vec![0_u8, 9]).convert(move |label| names[usize::from(label)]);
        assert_eq!(&*rows.get(0).unwrap(), [1.0]);
        assert!(catch_panic(|| rows.get(1)).is_err_and(|error| error.message().contains("index out of bounds")));
    }

    #[test]
    fn parts_of_rows_are_gathered_too() {
        let rows = Rows::<f32>::from_data(TensorData::from([[1.0_f32, 2.0], [3.0, 4.0], [5.0, 6.0]])).unwrap();
        let subset = Subset::new(rows, vec![2, 0]).unwrap();
        assert_eq!(columns(&subset, &[0, 1]), [TensorData::from([[5.0_f32, 6.0], [1.0, 2.0]])]);
        assert!(subset.gather(&[2]).is_err());
    }

    #[test]
    fn values_that_make_no_rows() {
        let message = |error: Result<Rows<i32>>| error.unwrap_err().message().to_owned();
        assert_eq!(
            message(Rows::new(vec![1, 2, 3], [2])),
            "the number of values must be a multiple of a row of shape [2], found 3"
        );
        assert_eq!(
            message(Rows::new(vec![1, 2, 3], [3, 0])),
            "the number of values must be a multiple of a row of shape [3, 0], found 3"
        );
        assert!(Rows::<f32>::from_data(TensorData::from([1_i32, 2])).is_err());
        assert!(Rows::<i32>::new(vec![], [4]).unwrap().is_empty());
    }
}
