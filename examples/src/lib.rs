//! What the example programs share: their data, a classifier and a generator of digits, and grids of images.

pub mod classifier;
pub mod data;
pub mod generator;
pub mod grid;
