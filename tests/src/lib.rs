//! Integration tests of the trainer; see `it/main.rs`.
#![forbid(unsafe_code)]
