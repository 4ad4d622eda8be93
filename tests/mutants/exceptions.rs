//! Mutants that are no error, and mutants whose error is elsewhere, with the reasons.

/// Program (or `any`), mutant, reason: these compile and do what was written.
pub(crate) const HARMLESS: &[(&str, &str, &str)] = &[];

/// Program (or `any`), mutant, reason: these are errors, at another place.
pub(crate) const ELSEWHERE: &[(&str, &str, &str)] = &[];
