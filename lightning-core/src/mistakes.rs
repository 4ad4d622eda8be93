//! What the compiler says to a wrong program, and what to write instead.
//!
//! One page for each class of mistake that `#[lightning_module]`, `#[data_module]` and `#[derive(Batch)]` make into an error:
//! the smallest program with the mistake, the compiler's words, and the program mended.
//!
//! | | |
//! |---|---|
//! | C1 | [a name that is nearly a hook](unknown_hook) |
//! | C2 | [another receiver, `async`, `unsafe`, generic](receiver) |
//! | C3 | [an unknown parameter, a borrowed batch, none at all](parameters) |
//! | C4 | [a loss that is no loss, a step that returns too much](output) |
//! | C5 | [no step, or no optimizer, for what the trainer is asked to do](missing_step) |
//! | C6 | [validation batches and no `validation_step`](validation_loader) |
//! | C7 | [a loader of other batches](batch_type) |
//! | C8 | [monitoring what nobody logs](unknown_key) |
//! | C9 | [monitoring what is logged at another stage](key_at_wrong_stage) |
//! | C10 | [one name for two things](names_twice) |
//! | C11 | [`#[log]` on what cannot be logged](log) |
//! | C12 | [optimizers that do not fit the module](optimizers) |
//! | C13 | [options of `#[optimizer]`](optimizer_options) |
//! | C14 | [a field without a role, or with two](fields) |
//! | C15 | [a hyperparameter of a wrong type](hyperparameters) |
//! | C16 | [a batch that cannot be counted](batch_size) |
//! | C17 | [an attribute on the wrong item, or on one of two](wrong_item) |
//! | C18 | [types of an older Burn](older_burn) |
//! | C19 | [a hook that nobody would call](never_runs) |
//! | C20 | [parts of two modules in one trainer](mixed_up) |

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
