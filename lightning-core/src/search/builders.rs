//! The functions that say what a hyperparameter may be.

use std::{
    marker::PhantomData,
    ops::{Range, RangeInclusive},
};

use serde::Serialize;
use serde_json::Value;

use super::{
    distribution::Distribution,
    parameter::{Condition, Parameter},
};
use crate::params::to_json;

/// What a hyperparameter of type `T` may be: `uniform`, `log_uniform`, `int`, `choice`, `boolean`,
/// or the space of a nested module.
#[diagnostic::on_unimplemented(
    message = "a hyperparameter of type `{T}` cannot be chosen by `{Self}`",
    label = "expected a distribution of `{T}`",
    note = "floats: `uniform(0.0..1.0)`, `log_uniform(1e-5..1e-1)`; integers: `int(1..=8)`",
    note = "any type: `choice([a, b])`; `bool`: `boolean()`; a nested module: its space"
)]
pub trait IntoDistribution<T> {
    /// Returns the parameters: one, or those of a nested space.
    fn into_parameters(self) -> Vec<Parameter>;
}

/// The floats that [`uniform`] and [`log_uniform`] take.
pub trait Real: Copy {
    /// Returns the number with the same decimal digits.
    fn to_f64(self) -> f64;
}

impl Real for f64 {
    fn to_f64(self) -> f64 {
        self
    }
}

impl Real for f32 {
    fn to_f64(self) -> f64 {
        // 0.1_f32 is meant as 0.1, not as 0.10000000149.
        self.to_string().parse().unwrap_or(f64::from(self))
    }
}

/// The integers that [`int`] takes.
pub trait Integer: Copy {
    /// Returns the number, or the nearest one that fits.
    fn to_i64(self) -> i64;
}

macro_rules! integers {
    ($($type:ty)*) => {
        $(impl Integer for $type {
            fn to_i64(self) -> i64 {
                #[allow(unused_comparisons, reason = "unsigned types are never below 0")]
                let far = if self < 0 { i64::MIN } else { i64::MAX };
                i64::try_from(self).unwrap_or(far)
            }
        })*
    };
}
integers!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);

macro_rules! conditional {
    ($($type:ident),*) => {
        $(impl<T> $type<T> {
            /// Makes the parameter a conditional one: it is only there while the parameter `path`
            /// has this value. Otherwise the hyperparameter has the value of the base.
            ///
            /// ```
            /// use lightning_core::search::uniform;
            ///
            /// let momentum = uniform(0.0..0.99).when("optimizer", "sgd");
            /// ```
            #[must_use]
            pub fn when(mut self, path: &str, value: impl Serialize) -> Self {
                self.condition = Some(Condition::new(path, &value));
                self
            }
        }

        #[diagnostic::do_not_recommend]
        impl<T> IntoDistribution<T> for $type<T> {
            fn into_parameters(self) -> Vec<Parameter> {
                let Self { distribution, condition, fault, .. } = self;
                vec![Parameter { path: String::new(), distribution, condition, fault }]
            }
        })*
    };
}
conditional!(Uniform, LogUniform, Int, Choice);

macro_rules! builders {
    ($($(#[$doc:meta])* $name:ident)*) => {
        $($(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name<T> {
            distribution: Distribution,
            condition: Option<Condition>,
            /// What is wrong with its values.
            fault: Option<String>,
            marker: PhantomData<fn() -> T>,
        }

        impl<T> $name<T> {
            fn of(distribution: Distribution) -> Self {
                Self { distribution, condition: None, fault: None, marker: PhantomData }
            }
        })*
    };
}
builders! {
    /// Real numbers of a range, all equally likely; from [`uniform`].
    Uniform
    /// Real numbers of a range whose logarithms are equally likely; from [`log_uniform`].
    LogUniform
    /// Integers of a range; from [`int`].
    Int
    /// One of some values; from [`choice`] and [`boolean`].
    Choice
}

/// Real numbers of a range, all equally likely.
///
/// ```
/// use lightning_core::search::uniform;
///
/// let dropout = uniform(0.0..0.5).step(0.1);
/// ```
pub fn uniform<T: Real>(range: Range<T>) -> Uniform<T> {
    Uniform::of(Distribution::Float { low: range.start.to_f64(), high: range.end.to_f64(), log: false, step: None })
}

impl<T: Real> Uniform<T> {
    /// Only every multiple of `step` from the start of the range.
    #[must_use]
    pub fn step(mut self, size: T) -> Self {
        if let Distribution::Float { step, .. } = &mut self.distribution {
            *step = Some(size.to_f64());
        }
        self
    }
}

/// Real numbers of a range whose logarithms are equally likely, such as learning rates. The range
/// starts above 0.
///
/// ```
/// use lightning_core::search::log_uniform;
///
/// let lr = log_uniform(1e-5..1e-1);
/// ```
pub fn log_uniform<T: Real>(range: Range<T>) -> LogUniform<T> {
    LogUniform::of(Distribution::Float { low: range.start.to_f64(), high: range.end.to_f64(), log: true, step: None })
}

/// Integers of a range, both ends included.
///
/// ```
/// use lightning_core::search::int;
///
/// let layers = int(1..=4);
/// let width = int(32..=1024).log();
/// let epochs = int(10..=50).step(10);
/// ```
pub fn int<T: Integer>(range: RangeInclusive<T>) -> Int<T> {
    let (low, high) = range.into_inner();
    Int::of(Distribution::Int { low: low.to_i64(), high: high.to_i64(), log: false, step: 1 })
}

impl<T: Integer> Int<T> {
    /// Only every `size`-th integer from the start of the range.
    #[must_use]
    pub fn step(mut self, size: T) -> Self {
        if let Distribution::Int { step, .. } = &mut self.distribution {
            *step = size.to_i64();
        }
        self
    }

    /// Makes the logarithms of the integers equally likely. The range starts at 1 or above.
    #[must_use]
    pub fn log(mut self) -> Self {
        if let Distribution::Int { log, .. } = &mut self.distribution {
            *log = true;
        }
        self
    }
}

/// One of some values of any type, from an array or a vector.
///
/// ```
/// use lightning_core::search::choice;
///
/// let batch_size = choice([32, 64, 128]);
/// let activation = choice(["relu", "gelu"].map(str::to_owned));
/// ```
pub fn choice<T: Serialize>(values: impl IntoIterator<Item = T>) -> Choice<T> {
    let (mut choices, mut fault) = (Vec::new(), None);
    for value in values {
        match to_json(&value) {
            Ok(value) => choices.push(value),
            Err(error) => {
                choices.push(Value::Null);
                fault.get_or_insert(format!("a value of the choice cannot be written as JSON: {error}"));
            }
        }
    }
    Choice { fault, ..Choice::of(Distribution::Categorical { choices }) }
}

/// `false` or `true`.
pub fn boolean() -> Choice<bool> {
    choice([false, true])
}
