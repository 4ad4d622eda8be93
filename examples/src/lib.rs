//! Code shared by the example programs: data sets, a classifier and a generator of digits, and
//! grids of images.

pub mod classifier;
pub mod data;
pub mod generator;
pub mod grid;
