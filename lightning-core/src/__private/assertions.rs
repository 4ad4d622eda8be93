//! What generated code asserts of types at compile time: of each a probe, whose inherent constant
//! takes precedence over that of a trait, and the macro with the message.

use crate::batch::Batch;

/// Tests at compile time whether a type is a bare tensor, whatever its name: the inherent constant
/// takes precedence over that of the trait.
#[derive(Debug)]
pub struct TensorProbe<T>(std::marker::PhantomData<T>);

impl<const D: usize, K> TensorProbe<burn::tensor::Tensor<D, K>>
where
    K: burn::tensor::kind::Basic,
{
    /// The type is a bare tensor.
    pub const IS_TENSOR: bool = true;
}

/// The constant of a type that is not a bare tensor.
pub trait NotTensor {
    /// The type is not a bare tensor.
    const IS_TENSOR: bool = false;
}

impl<T> NotTensor for TensorProbe<T> {}

/// Tests at compile time whether a batch has a size. A type that is not a batch is reported
/// elsewhere.
#[derive(Debug)]
pub struct BatchProbe<T>(std::marker::PhantomData<T>);

impl<T: Batch> BatchProbe<T> {
    /// Whether the batch has a size.
    pub const COUNTED: bool = T::SIZED;
}

/// The constant of a type that is not a batch.
pub trait NotBatch {
    /// True, since another error reports the type.
    const COUNTED: bool = true;
}

impl<T> NotBatch for BatchProbe<T> {}

/// Requires that the batch of a step has a size. [`NotBatch`] must be in scope.
#[doc(hidden)]
#[macro_export]
macro_rules! __assert_counted {
    ($ty:ty, $name:literal) => {{
        // An unknown type is reported again as an argument of another, and only there with other
        // words.
        type Asserted = $ty;
        ::core::assert!(
            <$crate::__private::BatchProbe<Asserted>>::COUNTED,
            ::core::concat!(
                "`",
                $name,
                "` has no batch size\n= help: write a tensor type, or a type with `#[derive(Batch)]` and `#[batch(size)]` on the field \
                 to count"
            )
        )
    }};
}

/// Tests at compile time whether a type is a `Result`, whatever its name.
#[derive(Debug)]
pub struct ResultProbe<T>(std::marker::PhantomData<T>);

impl<T, E> ResultProbe<Result<T, E>> {
    /// A `Result`.
    pub const IS_RESULT: bool = true;
}

/// The constant of every other type.
pub trait NotResult {
    /// Not a `Result`.
    const IS_RESULT: bool = false;
}

impl<T> NotResult for ResultProbe<T> {}

/// Requires that what `predict_step` returns is not a `Result` under another name, whose errors
/// would be kept as predictions.
#[doc(hidden)]
#[macro_export]
macro_rules! __assert_not_result {
    ($ty:ty, $name:literal) => {{
        #[allow(unused_imports)]
        use $crate::__private::NotResult as _;
        // As in `assert_counted`.
        type Asserted = $ty;
        ::core::assert!(
            !<$crate::__private::ResultProbe<Asserted>>::IS_RESULT,
            ::core::concat!(
                "a `Result` of `predict_step` must be written as `Result`, found `",
                $name,
                "`\n= help: write `Result<T>`: the predictions are of type `T`, and an error ends the run"
            )
        )
    }};
}

/// Requires that a module field is not a bare tensor. [`NotTensor`] must be in scope.
#[doc(hidden)]
#[macro_export]
macro_rules! __assert_not_tensor {
    ($ty:ty, $field:literal) => {{
        type Asserted = $ty;
        ::core::assert!(
            !<$crate::__private::TensorProbe<Asserted>>::IS_TENSOR,
            ::core::concat!(
                "field `",
                $field,
                "` must not be a bare tensor, which is neither trained nor saved\n= help: write \
                 `#[buffer(expr)]` for a tensor that is saved but not trained, or the type `Param<Tensor<D>>` for one \
                 that is trained"
            )
        )
    }};
}
