//! Names of inputs, outputs and values.

use std::collections::HashSet;

use crate::error::{Error, ErrorKind, Result};

/// The name of an input: a batch that is a tensor has none.
pub(crate) fn input_name(part: &str) -> &str {
    if part == "batch" { "input" } else { part }
}

/// The names of the outputs: those that were given, or those of the step's results.
///
/// # Errors
/// If there are fewer or more names than results.
pub(crate) fn output_names(results: &[String], given: &[String]) -> Result<Vec<String>> {
    if !given.is_empty() && given.len() != results.len() {
        let (names, results) = (given.len(), results.len());
        return Err(Error::new(
            ErrorKind::Export,
            format!("`outputs` must name each result of the step, found {names} names for {results} results"),
        ));
    }
    let name = |result: &String| match result.as_str() {
        "batch" => "output".to_owned(),
        // The members of a tuple have numbers.
        member if member.starts_with(|c: char| c.is_ascii_digit()) => format!("output.{member}"),
        field => field.to_owned(),
    };
    Ok(if given.is_empty() { results.iter().map(name).collect() } else { given.to_vec() })
}

/// The names that are taken.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<String>);

impl Names {
    /// Returns the name, with a number if it is taken.
    pub(super) fn unique(&mut self, name: &str) -> String {
        let mut unique = name.to_owned();
        let mut number = 1;
        while !self.0.insert(unique.clone()) {
            unique = format!("{name}_{number}");
            number += 1;
        }
        unique
    }
}
