//! Readers of files. Each returns host data, and reports the file, line and column that it cannot
//! read.

#[cfg(feature = "csv")]
pub mod csv;
#[cfg(feature = "csv")]
mod csv_row;
pub mod idx;
#[cfg(feature = "images")]
mod image_file;
#[cfg(feature = "images")]
pub mod image_folder;
#[cfg(feature = "parquet")]
pub mod parquet;
#[cfg(feature = "parquet")]
mod parquet_row;
pub mod sentences;
pub mod text;
pub mod tokenizer;
