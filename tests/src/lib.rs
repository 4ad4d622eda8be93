//! Integration tests of the trainer; see `it/main.rs`, `ui.rs` and `pass/main.rs`.
#![forbid(unsafe_code)]

#[cfg(doctest)]
mod book;
pub mod damaged;
pub mod documented;
