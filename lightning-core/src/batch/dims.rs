//! Shapes that a program declares with `#[dims(…)]`: of the fields of a batch, and of the
//! parameters and results of a module's methods.

use std::{cell::Cell, thread::LocalKey};

use burn::tensor::{Tensor, kind::Basic};

use super::{BatchWriter, StepBatch};
use crate::error::{Error, Result};

/// One size of `#[dims(…)]`.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub enum Dim {
    /// `_`
    Any,
    /// A number or a constant.
    Size(usize),
    /// A name, which has one size in a batch or a call.
    Name(&'static str),
}

/// What `#[dims(…)]` can describe: a tensor, a reference to one, and an `Option`, `Result`, `Box`,
/// `Vec` or array of tensors of one shape.
#[diagnostic::on_unimplemented(
    message = "`#[dims]` must be on a tensor, found `{Self}`",
    label = "has no dimensions",
    note = "it describes `Tensor<D>`, a reference to one, and an `Option`, `Result`, `Box`, `Vec` or array of \
            tensors; the shapes of a batch are written on the fields of its struct"
)]
#[doc(hidden)]
pub trait HasDims {
    /// The number of dimensions.
    const RANK: usize;

    /// The shape of each tensor.
    fn shapes(&self) -> Vec<Vec<usize>>;
}

impl<const D: usize, K: Basic> HasDims for Tensor<D, K> {
    const RANK: usize = D;

    fn shapes(&self) -> Vec<Vec<usize>> {
        vec![self.dims().to_vec()]
    }
}

#[diagnostic::do_not_recommend]
impl<T: HasDims> HasDims for &T {
    const RANK: usize = T::RANK;

    fn shapes(&self) -> Vec<Vec<usize>> {
        T::shapes(self)
    }
}

#[diagnostic::do_not_recommend]
impl<T: HasDims> HasDims for Box<T> {
    const RANK: usize = T::RANK;

    fn shapes(&self) -> Vec<Vec<usize>> {
        T::shapes(self)
    }
}

#[diagnostic::do_not_recommend]
impl<T: HasDims> HasDims for Option<T> {
    const RANK: usize = T::RANK;

    fn shapes(&self) -> Vec<Vec<usize>> {
        self.iter().flat_map(T::shapes).collect()
    }
}

#[diagnostic::do_not_recommend]
impl<T: HasDims, E> HasDims for std::result::Result<T, E> {
    const RANK: usize = T::RANK;

    fn shapes(&self) -> Vec<Vec<usize>> {
        self.iter().flat_map(T::shapes).collect()
    }
}

#[diagnostic::do_not_recommend]
impl<T: HasDims> HasDims for Vec<T> {
    const RANK: usize = T::RANK;

    fn shapes(&self) -> Vec<Vec<usize>> {
        self.iter().flat_map(T::shapes).collect()
    }
}

#[diagnostic::do_not_recommend]
impl<T: HasDims, const N: usize> HasDims for [T; N] {
    const RANK: usize = T::RANK;

    fn shapes(&self) -> Vec<Vec<usize>> {
        self.iter().flat_map(T::shapes).collect()
    }
}

/// The check of one batch or call: the sizes of names seen so far.
#[doc(hidden)]
#[derive(Debug)]
pub struct Dims {
    /// The struct or the method.
    owner: &'static str,
    /// Each name with its size, and where it was seen first.
    names: Vec<(&'static str, usize, String)>,
}

impl Dims {
    pub(super) const fn new(owner: &'static str) -> Self {
        Self { owner, names: Vec::new() }
    }

    /// Binds a name to a size that is known beforehand, such as a hyperparameter.
    pub(crate) fn bind(&mut self, name: &'static str, size: usize, place: String) {
        self.names.push((name, size, place));
    }

    /// Compares a parameter with its shape.
    ///
    /// # Panics
    /// If it differs: the method may return no error.
    #[track_caller]
    pub fn param(&mut self, name: &str, found: &[Vec<usize>], shape: &[Dim]) {
        if let Some((fault, suggestion)) = self.fault(name, found, shape) {
            panic!(
                "the parameter `{name}` of `{}` {fault}\n  help: reshape the tensor before the call, or write `#[dims({suggestion})]` before `{name}`",
                self.owner
            );
        }
    }

    /// Compares the result with its shape.
    ///
    /// # Panics
    /// If it differs.
    #[track_caller]
    pub fn result(&mut self, found: &[Vec<usize>], shape: &[Dim]) {
        if let Some((fault, suggestion)) = self.fault("the result", found, shape) {
            panic!(
                "the result of `{0}` {fault}\n  help: reshape the result, or write `#[dims(-> {suggestion})]` above `{0}`",
                self.owner
            );
        }
    }

    /// Compares the field of a batch with its shape.
    fn field(&mut self, name: &str, found: &[Vec<usize>], shape: &[Dim]) -> Result<()> {
        let Some((fault, suggestion)) = self.fault(name, found, shape) else { return Ok(()) };
        Err(Error::data(format!("the field `{name}` of `{}` {fault}", self.owner)).help(format!(
            "reshape the data, for example in the loader's `collate`, or write `#[dims({suggestion})]` on the field"
        )))
    }

    /// What is wrong with the first wrong shape, and the entries of `#[dims]` that would fit.
    fn fault(&mut self, part: &str, found: &[Vec<usize>], shape: &[Dim]) -> Option<(String, String)> {
        found.iter().find_map(|found| self.compare(part, found, shape))
    }

    fn compare(&mut self, part: &str, found: &[usize], shape: &[Dim]) -> Option<(String, String)> {
        let quoted = if part == "the result" { part.to_owned() } else { format!("`{part}`") };
        let mut faults = Vec::new();
        let mut fitting = Vec::new();
        for (axis, (size, dim)) in found.iter().zip(shape).enumerate() {
            let expected = match *dim {
                Dim::Any => None,
                Dim::Size(expected) => (expected != *size).then(|| expected.to_string()),
                Dim::Name(name) => match self.names.iter().find(|(known, ..)| *known == name) {
                    Some((_, known, place)) => (known != size).then(|| format!("{known} as `{name}` in {place}")),
                    None => {
                        self.names.push((name, *size, format!("axis {axis} of {quoted}")));
                        None
                    }
                },
            };
            fitting.push(if expected.is_some() { size.to_string() } else { text_of(*dim) });
            if let Some(expected) = expected {
                faults.push(format!("axis {axis} must be {expected}, found {size}"));
            }
        }
        // The ranks differ only where the compiler does not know the rank of a generic tensor.
        if found.len() != shape.len() {
            faults.push(format!("the rank must be {}, found {}", shape.len(), found.len()));
            fitting = found.iter().map(ToString::to_string).collect();
        }
        (!faults.is_empty()).then(|| {
            let expected: Vec<String> = shape.iter().map(|dim| text_of(*dim)).collect();
            let fault =
                format!("must have the shape [{}], found {found:?}: {}", expected.join(", "), faults.join(", and "));
            (fault, fitting.join(", "))
        })
    }
}

fn text_of(dim: Dim) -> String {
    match dim {
        Dim::Any => "_".to_owned(),
        Dim::Size(size) => size.to_string(),
        Dim::Name(name) => name.to_owned(),
    }
}

/// The comparison of the fields of a batch that [`BatchWriter`] carries through its parts.
#[derive(Debug, Default)]
pub(super) struct BatchDims(Option<Error>);

/// Compares the fields of one struct or variant with their shapes; names are its own.
#[doc(hidden)]
#[derive(Debug)]
pub struct FieldDims<'a> {
    dims: Dims,
    found: &'a mut BatchDims,
}

impl FieldDims<'_> {
    /// Compares a field with its shape.
    pub fn field(&mut self, name: &str, found: &[Vec<usize>], shape: &[Dim]) {
        if self.found.0.is_none() {
            self.found.0 = self.dims.field(name, found, shape).err();
        }
    }
}

impl BatchWriter {
    /// Calls `fields` if shapes are compared and nothing is written.
    pub fn dims(&mut self, owner: &'static str, fields: impl FnOnce(&mut FieldDims<'_>)) {
        if let Some(found) = &mut self.dims {
            fields(&mut FieldDims { dims: Dims::new(owner), found });
        }
    }
}

/// Compares all fields of a batch with their shapes.
///
/// # Errors
/// If one differs.
pub(crate) fn check_dims<B: StepBatch>(batch: &B) -> Result<()> {
    let mut writer = BatchWriter::default();
    writer.dims = Some(BatchDims::default());
    batch.save(&mut writer);
    writer.dims.and_then(|found| found.0).map_or(Ok(()), Err)
}

thread_local! {
    /// The loader whose batch is current: 0 outside of a run, else twice its number, and one more
    /// in its first batch.
    static LOADER: Cell<u64> = const { Cell::new(0) };
    /// The number of loaders that have given a batch.
    static LOADERS: Cell<u64> = const { Cell::new(0) };
}

/// The number of a loader that gives its first batch.
pub(crate) fn number_of_loader() -> u64 {
    LOADERS.set(LOADERS.get() + 1);
    LOADERS.get()
}

/// Says which loader the current batch is of, and whether it is its first.
pub(crate) fn enter_loader(number: u64, first: bool) {
    LOADER.set(2 * number + u64::from(first));
}

/// Says that no batch is current.
pub(crate) fn leave_loader() {
    LOADER.set(0);
}

/// Returns the check of a call, if it is due: outside of a run, in the first batch of a loader, and
/// in the first call with the batches of a loader. `seen` is of the method.
#[doc(hidden)]
pub fn dims_of_call(seen: &'static LocalKey<Cell<u64>>, owner: &'static str) -> Option<Dims> {
    let loader = LOADER.get();
    if loader != 0 {
        // An even number is that of a later batch.
        if loader & 1 == 0 && loader <= seen.get() {
            return None;
        }
        seen.set(seen.get().max(loader | 1));
    }
    Some(Dims::new(owner))
}

/// `static SEEN`: the loader with which a method was checked last.
#[doc(hidden)]
#[macro_export]
macro_rules! __dims_of_call {
    ($owner:expr) => {{
        ::std::thread_local!(static SEEN: ::std::cell::Cell<u64> = const { ::std::cell::Cell::new(0) });
        $crate::__private::dims_of_call(&SEEN, $owner)
    }};
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Int};

    use super::*;

    const IMAGES: &[Dim] = &[Dim::Name("batch"), Dim::Any, Dim::Size(3)];

    fn zeros<const D: usize>(shape: [usize; D]) -> Tensor<D> {
        Tensor::zeros(shape, &Device::default())
    }

    #[test]
    fn a_name_has_one_size() {
        let mut dims = Dims::new("Pair");
        dims.field("images", &zeros([4, 7, 3]).shapes(), IMAGES).unwrap();
        let targets = Tensor::<1, Int>::zeros([5], &Device::default());
        let error = dims.field("targets", &targets.shapes(), &[Dim::Name("batch")]).unwrap_err().to_string();
        assert!(
            error.starts_with(
                "the field `targets` of `Pair` must have the shape [batch], found [5]: axis 0 must be 4 as `batch` in \
                 axis 0 of `images`, found 5"
            ),
            "{error}"
        );
        assert!(error.contains("write `#[dims(5)]` on the field"), "{error}");
    }

    #[test]
    fn each_tensor_of_a_list_is_compared() {
        let mut dims = Dims::new("Views");
        let views = vec![zeros([4, 7, 3]), zeros([4, 8, 3])];
        dims.field("views", &Some(views).shapes(), IMAGES).unwrap();
        dims.field("none", &None::<Tensor<3>>.shapes(), IMAGES).unwrap();
        let error = dims.field("more", &[zeros([4, 7, 3]), zeros([4, 8, 2])].shapes(), IMAGES).unwrap_err().to_string();
        assert!(error.contains("found [4, 8, 2]: axis 2 must be 3, found 2"), "{error}");
        assert!(error.contains("`#[dims(batch, _, 2)]`"), "{error}");
    }

    #[test]
    fn a_method_is_checked_once_for_each_loader() {
        thread_local!(static SEEN: Cell<u64> = const { Cell::new(0) });
        let due = || dims_of_call(&SEEN, "forward").is_some();
        assert!(due() && due(), "outside of a run");
        let (train, val) = (number_of_loader(), number_of_loader());
        enter_loader(train, true);
        assert!(due() && due(), "in the first batch");
        enter_loader(train, false);
        assert!(!due());
        enter_loader(val, false);
        assert!(due() && !due(), "first called in a later batch");
        enter_loader(train, false);
        assert!(!due());
        leave_loader();
        assert!(due());
    }
}
