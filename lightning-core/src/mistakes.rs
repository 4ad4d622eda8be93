//! The compiler's messages for wrong programs, and the correct programs.
//!
//! One page for each class of mistake that `#[lightning_module]`, `#[data_module]` and
//! `#[derive(Batch)]` report: a minimal program with the mistake, the message, and the correct
//! program.
//!
//! | | |
//! |---|---|
//! | C1 | [a misspelled hook](unknown_hook) |
//! | C2 | [wrong receivers, `async`, `unsafe`, generics](receiver) |
//! | C3 | [unknown parameters and borrowed batches](parameters) |
//! | C4 | [a step that returns the wrong type](output) |
//! | C5 | [a missing step or optimizer](missing_step) |
//! | C6 | [validation batches without a `validation_step`](validation_loader) |
//! | C7 | [a loader with the wrong batch type](batch_type) |
//! | C8 | [monitoring an unknown metric](unknown_key) |
//! | C9 | [monitoring a metric of another stage](key_at_wrong_stage) |
//! | C10 | [one name for two metrics](names_twice) |
//! | C11 | [`#[log]` in the wrong place](log) |
//! | C12 | [optimizers that do not fit the module](optimizers) |
//! | C13 | [options of `#[optimizer]`](optimizer_options) |
//! | C14 | [a field with no role or two roles](fields) |
//! | C15 | [a hyperparameter of the wrong type](hyperparameters) |
//! | C16 | [a batch without a size](batch_size) |
//! | C17 | [an attribute on the wrong item](wrong_item) |
//! | C18 | [types of an older Burn version](older_burn) |
//! | C19 | [a hook that never runs](never_runs) |
//! | C20 | [parts of two modules in one trainer](mixed_up) |
//! | C21 | [a syntax error](syntax) |
//! | C22 | [a mistake in a file of the program](files) |

#[doc = include_str!("../docs/mistakes/unknown_hook.md")]
pub mod unknown_hook {}
#[doc = include_str!("../docs/mistakes/receiver.md")]
pub mod receiver {}
#[doc = include_str!("../docs/mistakes/parameters.md")]
pub mod parameters {}
#[doc = include_str!("../docs/mistakes/output.md")]
pub mod output {}
#[doc = include_str!("../docs/mistakes/missing_step.md")]
pub mod missing_step {}
#[doc = include_str!("../docs/mistakes/validation_loader.md")]
pub mod validation_loader {}
#[doc = include_str!("../docs/mistakes/batch_type.md")]
pub mod batch_type {}
#[doc = include_str!("../docs/mistakes/unknown_key.md")]
pub mod unknown_key {}
#[doc = include_str!("../docs/mistakes/key_at_wrong_stage.md")]
pub mod key_at_wrong_stage {}
#[doc = include_str!("../docs/mistakes/names_twice.md")]
pub mod names_twice {}
#[doc = include_str!("../docs/mistakes/log.md")]
pub mod log {}
#[doc = include_str!("../docs/mistakes/optimizers.md")]
pub mod optimizers {}
#[doc = include_str!("../docs/mistakes/optimizer_options.md")]
pub mod optimizer_options {}
#[doc = include_str!("../docs/mistakes/fields.md")]
pub mod fields {}
#[doc = include_str!("../docs/mistakes/hyperparameters.md")]
pub mod hyperparameters {}
#[doc = include_str!("../docs/mistakes/batch_size.md")]
pub mod batch_size {}
#[doc = include_str!("../docs/mistakes/wrong_item.md")]
pub mod wrong_item {}
#[doc = include_str!("../docs/mistakes/older_burn.md")]
pub mod older_burn {}
#[doc = include_str!("../docs/mistakes/never_runs.md")]
pub mod never_runs {}
#[doc = include_str!("../docs/mistakes/mixed_up.md")]
pub mod mixed_up {}
#[doc = include_str!("../docs/mistakes/syntax.md")]
pub mod syntax {}
#[doc = include_str!("../docs/mistakes/files.md")]
pub mod files {}
