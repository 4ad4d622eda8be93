//! What the example programs share: their data, and how well a translation matches.

pub mod bleu;
pub mod data;
