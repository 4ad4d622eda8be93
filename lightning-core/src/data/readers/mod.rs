//! Readers of files: each gives host data, and says file, line and column of what it cannot read.

pub mod csv;
mod csv_row;
pub mod idx;
#[cfg(feature = "images")]
mod image_file;
#[cfg(feature = "images")]
pub mod image_folder;
pub mod sentences;
pub mod text;
pub mod tokenizer;
