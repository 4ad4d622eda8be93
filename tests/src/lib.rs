//! Integration tests of the trainer; see `it/main.rs`, `ui/main.rs` and `pass/main.rs`.
#![forbid(unsafe_code)]

#[cfg(doctest)]
mod book;
pub mod damaged;
pub mod documented;
pub mod libraries;
