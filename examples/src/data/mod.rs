//! The data sets of the examples.

pub mod digits;
pub mod mnist;
pub mod penguins;
pub mod translations;
