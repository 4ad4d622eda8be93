//! What the example programs share: their data.

pub mod data;
