//! What the untyped part of the command line asks of the typed one.

use std::path::PathBuf;

use serde_json::Value;

use super::{about::About, command::Command};
use crate::{
    checkpoint::Resume,
    error::{Error, ErrorKind, Result},
};

/// What is to be done.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) command: Command,
    pub(super) seed: Option<u64>,
    /// Where `fit` starts.
    pub(super) resume: Resume,
    /// The checkpoint that is evaluated.
    pub(super) path: Option<PathBuf>,
    pub(super) model: Value,
    pub(super) data: Value,
    pub(super) trainer: Value,
    /// The options of the subcommand.
    pub(super) options: Value,
    /// The whole configuration, as `--print-config` prints it.
    pub(super) text: String,
}

/// What a checkpoint says of itself.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) path: PathBuf,
    pub(super) module: String,
    pub(super) hparams: Value,
    /// Whether a run can continue from it.
    pub(super) resumable: bool,
}

/// Why a run ended.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    /// Whether arguments or configuration are at fault, and nothing was written.
    pub(super) is_usage: bool,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, is_usage: false }
    }
}

/// An error before a run has started: of a setting, or of something else.
pub(super) fn usage(error: Error) -> Failure {
    let is_usage = matches!(error.kind(), ErrorKind::Config | ErrorKind::Checkpoint);
    Failure { error, is_usage }
}

/// A program.
pub(super) trait Runner {
    fn about(&self) -> About;

    /// Reads hyperparameters as their type.
    fn check_model(&self, value: &Value) -> Result<()>;

    /// Reads the settings of the data as their type.
    fn check_data(&self, value: &Value) -> Result<()>;

    /// Finds a checkpoint, with these settings of the trainer.
    fn locate(&self, trainer: &Value, resume: &Resume) -> Result<Option<Stored>>;

    fn run(&self, job: &Job) -> Result<(), Failure>;

    /// The seed of a run without one.
    fn drawn_seed(&self) -> u64;
}
