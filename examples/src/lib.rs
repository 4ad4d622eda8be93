//! What the example programs share: their data, a classifier and a generator of digits, grids of images, and how well a translation matches.

pub mod bleu;
pub mod classifier;
pub mod data;
pub mod generator;
pub mod grid;
