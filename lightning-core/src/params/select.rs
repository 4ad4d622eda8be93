//! Selects parameters for the groups of an optimizer.
//!
//! ```
//! use burn::{nn::LinearConfig, optim::AdamWConfig, prelude::*};
//! use lightning_core::{optim::ParameterGroup, prelude::*};
//!
//! // Biases and norms: in `#[optimizer(…)]`, `group(params::rank_below(2), weight_decay = 0.0)`
//! // trains them without weight decay.
//! let group = ParameterGroup::new(params::rank_below(2));
//! # let _ = group;
//! ```

use std::fmt;

use burn::module::ParamGroup;

use super::{field_key::FieldKey, names::ParamInfo, path::is_below};
use crate::error::{Error, Result};

/// A selection of the parameters of a module.
#[derive(Clone)]
pub struct ParamSelector {
    rule: Rule,
    text: String,
}

#[derive(Clone)]
enum Rule {
    Below(String),
    RankBelow(usize),
    Burn(ParamGroup),
    Invalid(String),
}

impl ParamSelector {
    /// Returns whether a parameter is selected.
    pub(crate) fn matches(&self, param: &ParamInfo<'_>) -> bool {
        match &self.rule {
            Rule::Below(path) => is_below(param.path, path),
            Rule::RankBelow(rank) => param.rank < *rank,
            Rule::Burn(group) => group.matches(&param.id, Some(param.path)),
            Rule::Invalid(_) => false,
        }
    }

    /// Checks the selector.
    ///
    /// # Errors
    /// If its regular expression is invalid.
    pub(crate) fn check(&self) -> Result<()> {
        match &self.rule {
            Rule::Invalid(what) => {
                Err(Error::config(format!("{self}: {what}")).help("write a valid regular expression"))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for ParamSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ParamSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Selects parameters with fewer dimensions than `rank`: `rank_below(2)` selects biases and the
/// weights of norms.
pub fn rank_below(rank: usize) -> ParamSelector {
    ParamSelector { rule: Rule::RankBelow(rank), text: format!("params::rank_below({rank})") }
}

/// Selects parameters whose path (`blocks.0.norm.gamma`) contains a match of the regular
/// expression. An invalid expression is an error of `fit`.
pub fn regex(pattern: &str) -> ParamSelector {
    let rule = match ParamGroup::from_regex(pattern) {
        Ok(group) => Rule::Burn(group),
        Err(error) => Rule::Invalid(format!("{error:?}")),
    };
    ParamSelector { rule, text: format!("params::regex({pattern:?})") }
}

/// Selects parameters at or below a path: `below("blocks.0")`.
pub fn below(path: &str) -> ParamSelector {
    ParamSelector { rule: Rule::Below(path.to_owned()), text: format!("params::below({path:?})") }
}

/// The first argument of `group(…)`: a field, [`rank_below`], [`regex`](regex()), [`below`] or
/// Burn's `ParamGroup`.
#[diagnostic::on_unimplemented(
    message = "a parameter group needs a field or a selector, found `{Self}`",
    label = "expected a field, or a selector such as `params::rank_below(2)`",
    note = "write `group(field, …)`, `group(params::rank_below(n), …)`, \
            `group(params::regex(\"…\"), …)` or `group(ParamGroup, …)`",
    note = "C13 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait IntoParamSelector {
    /// Converts it.
    #[doc(hidden)]
    fn into_selector(self) -> ParamSelector;
}

impl IntoParamSelector for ParamSelector {
    fn into_selector(self) -> ParamSelector {
        self
    }
}

impl IntoParamSelector for ParamGroup {
    fn into_selector(self) -> ParamSelector {
        ParamSelector { text: format!("{self:?}"), rule: Rule::Burn(self) }
    }
}

impl<M, O> IntoParamSelector for FieldKey<M, O> {
    fn into_selector(self) -> ParamSelector {
        ParamSelector { rule: Rule::Below(self.name().to_owned()), text: format!("`{}`", self.name()) }
    }
}
