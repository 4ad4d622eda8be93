//! Batches made of items by their types: the default of a loader without `collate`.

use burn::tensor::{Bool, Device, Element, Float, Int, Tensor, TensorData, kind::Basic};

use crate::{
    data::Row,
    error::{Error, Result},
};

/// A batch that can be made of a list of `Item`s: the default of a loader without `collate`.
///
/// | items | batch |
/// |---|---|
/// | numbers, `bool` | `Tensor<1>`, `Tensor<1, Int>`, `Tensor<1, Bool>` |
/// | arrays `[x; N]`, `[[x; N]; M]`, and `Vec`s of equal length | `Tensor<2, _>`, `Tensor<3, _>` |
/// | [`Row`](crate::data::Row)s, `TensorData` | a tensor of one dimension more |
/// | `Tensor<D, _>` | `Tensor<{D + 1}, _>`, stacked, or `Tensor<D, _>`, concatenated |
/// | `Vec`s of different lengths | [`Padded`](crate::data::Padded) |
/// | tuples of these | tuples of these |
/// | tuples of these | a `#[derive(Batch)]` struct with its fields in that order |
/// | one of these | a `#[derive(Batch)]` struct with a single field |
/// | anything | a `Vec` of it |
///
/// ```
/// use burn::tensor::{Int, Tensor};
/// use lightning_core::{
///     Batch,
///     data::{DataLoader, EpochOffset},
/// };
///
/// #[derive(Batch, Clone, Debug)]
/// struct Points {
///     x: Tensor<2>,
///     class: Tensor<1, Int>,
/// }
///
/// let items = vec![([0.0, 1.0], 0), ([1.0, 0.0], 1), ([0.5, 0.5], 1)];
/// let loader = DataLoader::builder(items).batch_size(3).build()?;
/// let batch: Points = loader.resume(EpochOffset::default())?.next().ok_or("no batch")??;
/// assert_eq!((batch.x.dims(), batch.class.dims()), ([3, 2], [3]));
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "this loader cannot build a `{Self}` from its items",
    label = "`collate` is missing",
    note = "write `.collate(|items: Vec<{Item}>| …)` before `.build()`, or \
            `DataLoader::from_batches` for complete batches",
    note = "C7 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait FromItems<Item>: Sized {
    /// The number of columns of [`Dataset::gather`](crate::data::Dataset::gather) that form the
    /// batch, if it can be made of columns.
    const COLUMNS: Option<usize> = None;

    /// Makes the batch of at least one item.
    ///
    /// # Errors
    /// If `items` is empty or if their shapes differ, with the place of the first item that does
    /// not fit.
    fn from_items(items: Vec<Item>) -> Result<Self>;

    /// Makes the batch of the next [`COLUMNS`](Self::COLUMNS) columns.
    ///
    /// # Errors
    /// If the rank of a column is not that of its tensor.
    fn from_columns(columns: &mut dyn Iterator<Item = TensorData>) -> Result<Self> {
        let _ = columns;
        Err(Error::data("this batch type cannot be built from columns"))
    }
}

/// The device on which loaders make their batches: the CPU, if a backend for it is compiled in.
///
/// The training loop moves the batches to its device.
pub fn host() -> Device {
    #[cfg(feature = "flex")]
    return Device::flex();
    #[cfg(not(feature = "flex"))]
    Device::default()
}

impl<T> FromItems<T> for Vec<T> {
    fn from_items(items: Vec<T>) -> Result<Self> {
        Ok(items)
    }
}

/// The next column as a tensor of rank `D`.
fn column<const D: usize, K: Basic>(columns: &mut dyn Iterator<Item = TensorData>) -> Result<Tensor<D, K>> {
    let data = columns.next().ok_or_else(|| Error::data("the batch has more columns than the dataset"))?;
    tensor(data)
}

/// A tensor on the host.
pub(super) fn tensor<const D: usize, K: Basic>(data: TensorData) -> Result<Tensor<D, K>> {
    let shape = data.shape().as_slice();
    if shape.len() != D {
        return Err(Error::data(format!("the items make a tensor of shape {shape:?}, expected rank {D}"))
            .help("the first dimension counts the items; the rest is the shape of one item"));
    }
    Ok(Tensor::from_data(data, &host()))
}

/// Concatenates the values of all items, which must have the shape of the first.
fn joined<'a, E: Element>(items: impl ExactSizeIterator<Item = (&'a [E], Vec<usize>)>) -> Result<TensorData> {
    let count = items.len();
    let mut values = Vec::new();
    let mut shape: Option<Vec<usize>> = None;
    for (place, (item, of)) in items.enumerate() {
        match &shape {
            Some(first) if *first != of => return Err(unequal(place, &of, first)),
            Some(_) => {}
            None => {
                values.reserve_exact(count * item.len());
                shape = Some(of);
            }
        }
        values.extend_from_slice(item);
    }
    let shape: Vec<usize> = std::iter::once(count).chain(shape.unwrap_or_default()).collect();
    Ok(TensorData::new(values, shape))
}

fn unequal(place: usize, shape: &[usize], first: &[usize]) -> Error {
    Error::data(format!("item {place} of the batch has shape {shape:?}, item 0 has {first:?}"))
        .help("give all items the same shape with `map`, or collate sequences of different lengths into `Padded`")
}

macro_rules! elements {
    ($kind:ty: $($element:ty),+) => {$(
        impl FromItems<$element> for Tensor<1, $kind> {
            const COLUMNS: Option<usize> = Some(1);

            fn from_items(items: Vec<$element>) -> Result<Self> {
                let count = items.len();
                tensor(TensorData::new(items, [count]))
            }

            fn from_columns(columns: &mut dyn Iterator<Item = TensorData>) -> Result<Self> {
                column(columns)
            }
        }

        impl<const N: usize> FromItems<[$element; N]> for Tensor<2, $kind> {
            fn from_items(items: Vec<[$element; N]>) -> Result<Self> {
                let count = items.len();
                tensor(TensorData::new(items.as_flattened().to_vec(), [count, N]))
            }
        }

        impl<const N: usize, const M: usize> FromItems<[[$element; N]; M]> for Tensor<3, $kind> {
            fn from_items(items: Vec<[[$element; N]; M]>) -> Result<Self> {
                let count = items.len();
                tensor(TensorData::new(items.as_flattened().as_flattened().to_vec(), [count, M, N]))
            }
        }

        impl FromItems<Vec<$element>> for Tensor<2, $kind> {
            fn from_items(items: Vec<Vec<$element>>) -> Result<Self> {
                tensor(joined(items.iter().map(|item| (item.as_slice(), vec![item.len()])))?)
            }
        }

        impl<const D: usize> FromItems<Row<$element>> for Tensor<D, $kind> {
            const COLUMNS: Option<usize> = Some(1);

            fn from_items(items: Vec<Row<$element>>) -> Result<Self> {
                tensor(joined(items.iter().map(|item| (&**item, item.shape().to_vec())))?)
            }

            fn from_columns(columns: &mut dyn Iterator<Item = TensorData>) -> Result<Self> {
                column(columns)
            }
        }
    )+};
}

elements!(Float: f32, f64);
elements!(Int: i8, i16, i32, i64, u8, u16, u32);
elements!(Bool: bool);

impl FromItems<usize> for Tensor<1, Int> {
    fn from_items(items: Vec<usize>) -> Result<Self> {
        let items: Vec<i64> = items.into_iter().map(i64::try_from).collect::<Result<_, _>>()?;
        FromItems::from_items(items)
    }
}

/// Checks that the shapes agree: Burn panics if they do not.
fn same_shape<const D: usize, K: Basic>(items: &[Tensor<D, K>], skipped: usize) -> Result<()> {
    let dims: Vec<[usize; D]> = items.iter().map(Tensor::dims).collect();
    let rest = |dims: &[usize; D]| dims.get(skipped..).map(<[usize]>::to_vec).unwrap_or_default();
    let Some(first) = dims.first() else { return Err(Error::data("a batch must have at least one item, found none")) };
    match dims.iter().position(|dims| rest(dims) != rest(first)) {
        Some(place) => Err(unequal(place, dims.get(place).map_or(&[][..], |dims| dims), first)),
        None => Ok(()),
    }
}

macro_rules! tensors {
    ($($kind:ty),+) => {$(
        /// Concatenated along the first dimension.
        impl<const D: usize> FromItems<Tensor<D, $kind>> for Tensor<D, $kind> {
            fn from_items(items: Vec<Tensor<D, $kind>>) -> Result<Self> {
                same_shape(&items, 1)?;
                Ok(Tensor::cat(items, 0))
            }
        }

        tensors!(stacked $kind: 1 2, 2 3, 3 4, 4 5, 5 6);

        impl<const D: usize> FromItems<TensorData> for Tensor<D, $kind> {
            const COLUMNS: Option<usize> = Some(1);

            fn from_items(items: Vec<TensorData>) -> Result<Self> {
                let rank = items.first().map_or(0, |item| item.shape().as_slice().len());
                if rank + 1 != D {
                    return Err(Error::data(format!("a batch of rank {D} needs items of one rank less, found rank {rank}"))
                        .help("write the rank of an item plus one in the batch type, as in `Tensor<3>` for items of rank 2"));
                }
                let one = |item: TensorData| {
                    let shape: Vec<usize> = std::iter::once(1).chain(item.shape().as_slice().iter().copied()).collect();
                    let (bytes, _, dtype) = item.into_parts();
                    tensor(TensorData::from_bytes(bytes, shape, dtype))
                };
                let items: Vec<Tensor<D, $kind>> = items.into_iter().map(one).collect::<Result<_>>()?;
                FromItems::from_items(items)
            }

            fn from_columns(columns: &mut dyn Iterator<Item = TensorData>) -> Result<Self> {
                column(columns)
            }
        }
    )+};
    (stacked $kind:ty: $($item:literal $batch:literal),+) => {$(
        /// Stacked along a new first dimension.
        impl FromItems<Tensor<$item, $kind>> for Tensor<$batch, $kind> {
            fn from_items(items: Vec<Tensor<$item, $kind>>) -> Result<Self> {
                same_shape(&items, 0)?;
                Ok(Tensor::stack(items, 0))
            }
        }
    )+};
}

tensors!(Float, Int, Bool);

macro_rules! tuple {
    ($($batch:ident $item:ident $list:ident),+) => {
        impl<$($batch: FromItems<$item>, $item),+> FromItems<($($item,)+)> for ($($batch,)+) {
            const COLUMNS: Option<usize> = sum([$($batch::COLUMNS),+]);

            fn from_items(items: Vec<($($item,)+)>) -> Result<Self> {
                $(let mut $list = Vec::with_capacity(items.len());)+
                for item in items {
                    #[allow(non_snake_case, reason = "the members are named after their types")]
                    let ($($item,)+) = item;
                    $($list.push($item);)+
                }
                Ok(($($batch::from_items($list)?,)+))
            }

            fn from_columns(columns: &mut dyn Iterator<Item = TensorData>) -> Result<Self> {
                Ok(($($batch::from_columns(columns)?,)+))
            }
        }
    };
}

/// The columns of all members, if every one can be made of columns.
const fn sum<const N: usize>(columns: [Option<usize>; N]) -> Option<usize> {
    let mut sum = 0;
    let mut member = 0;
    while member < N {
        match columns[member] {
            Some(columns) => sum += columns,
            None => return None,
        }
        member += 1;
    }
    Some(sum)
}

tuple!(A I a);
tuple!(A I a, B J b);
tuple!(A I a, B J b, C K c);
tuple!(A I a, B J b, C K c, D L d);
tuple!(A I a, B J b, C K c, D L d, E M e);
tuple!(A I a, B J b, C K c, D L d, E M e, F N f);
tuple!(A I a, B J b, C K c, D L d, E M e, F N f, G O g);
tuple!(A I a, B J b, C K c, D L d, E M e, F N f, G O g, H P h);

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn message<B>(made: Result<B>) -> String {
        made.err().unwrap().message().to_owned()
    }

    #[test]
    fn numbers_and_arrays() {
        let batch: (Tensor<1>, Tensor<2, Int>, Tensor<1, Bool>) =
            FromItems::from_items(vec![(0.5, [1, 2], true), (1.5, [3, 4], false)]).unwrap();
        assert_eq!(batch.0.into_data(), TensorData::from([0.5_f32, 1.5]));
        assert_eq!(batch.1.into_data().convert::<i64>(), TensorData::from([[1_i64, 2], [3, 4]]));
        assert_eq!(batch.2.into_data().iter::<bool>().collect::<Vec<_>>(), [true, false]);
        let images: Tensor<3> = FromItems::from_items(vec![[[1.0_f32, 2.0, 3.0]; 2]; 4]).unwrap();
        assert_eq!(images.dims(), [4, 2, 3]);
        let labels: Tensor<1, Int> = FromItems::from_items(vec![3_usize, 1]).unwrap();
        assert_eq!(labels.dims(), [2]);
    }

    #[test]
    fn lists_of_one_length() {
        let batch: Tensor<2> = FromItems::from_items(vec![vec![1.0_f32, 2.0], vec![3.0, 4.0]]).unwrap();
        assert_eq!(batch.into_data(), TensorData::from([[1.0_f32, 2.0], [3.0, 4.0]]));
        let ragged: Result<Tensor<2>> = FromItems::from_items(vec![vec![1.0_f32], vec![2.0], vec![3.0, 4.0]]);
        assert_eq!(message(ragged), "item 2 of the batch has shape [2], item 0 has [1]");
    }

    #[test]
    fn tensors_are_stacked_or_joined() {
        let item = |start: f32| Tensor::<1>::from_data([start, start + 1.0], &host());
        let stacked: Tensor<2> = FromItems::from_items(vec![item(0.0), item(2.0)]).unwrap();
        assert_eq!(stacked.into_data(), TensorData::from([[0.0_f32, 1.0], [2.0, 3.0]]));
        let joined: Tensor<1> = FromItems::from_items(vec![item(0.0), item(2.0)]).unwrap();
        assert_eq!(joined.into_data(), TensorData::from([0.0_f32, 1.0, 2.0, 3.0]));
        let longer = Tensor::<1>::zeros([3], &host());
        let unequal: Result<Tensor<2>> = FromItems::from_items(vec![item(0.0), longer.clone()]);
        assert_eq!(message(unequal), "item 1 of the batch has shape [3], item 0 has [2]");
        let joined: Tensor<1> = FromItems::from_items(vec![item(0.0), longer]).unwrap();
        assert_eq!(joined.dims(), [5]);
    }

    #[test]
    fn tensor_data_is_stacked() {
        let items = vec![TensorData::from([1_i32, 2]), TensorData::from([3_i32, 4])];
        let batch: Tensor<2, Int> = FromItems::from_items(items.clone()).unwrap();
        assert_eq!(batch.into_data().convert::<i64>(), TensorData::from([[1_i64, 2], [3, 4]]));
        let wrong: Result<Tensor<3, Int>> = FromItems::from_items(items);
        assert_eq!(message(wrong), "a batch of rank 3 needs items of one rank less, found rank 1");
    }

    #[test]
    fn columns_of_the_wrong_rank() {
        let mut columns = [TensorData::from([[1.0_f32]])].into_iter();
        let wrong = <Tensor<1> as FromItems<f32>>::from_columns(&mut columns);
        assert_eq!(message(wrong), "the items make a tensor of shape [1, 1], expected rank 1");
        let missing = <Tensor<1> as FromItems<f32>>::from_columns(&mut columns);
        assert_eq!(message(missing), "the batch has more columns than the dataset");
        assert_eq!(<(Tensor<1>, Tensor<1>) as FromItems<(f32, f32)>>::COLUMNS, Some(2));
        assert_eq!(<(Tensor<1>, Vec<String>) as FromItems<(f32, String)>>::COLUMNS, None);
    }
}
