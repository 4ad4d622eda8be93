//! Configuration files of `lightning-core`: YAML, JSON and TOML as one tree of values, each with the
//! place where it is written, and mistakes that show that place.
//!
//! `lightning-core` reads the files of `--config` with it when a program starts, and `lightning-macros`
//! those of `include_config!` when it is compiled: a mistake has the same text in both.
#![forbid(unsafe_code)]

mod node;
mod read;
mod source;

pub use self::{
    node::{Content, Key, Node},
    read::{parse, parse_value, read_file, read_text},
    source::{Place, Problem, Problems, Source, nearest},
};
