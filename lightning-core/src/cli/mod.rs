//! The command line of a program: subcommands, flags, configuration files.
//!
//! [`run`] or [`Cli`] makes a program of a module and its data. Everything that it accepts is known
//! already: types, defaults and documentation of the hyperparameters from the structs, the settings of
//! the trainer, callbacks and loggers by name.
//!
//! ```text
//! digits fit --config base.yaml --model.lr 3e-4 --data.batch_size 128 --trainer.max_epochs 5
//! digits fit --trainer.callbacks+=EarlyStopping --trainer.callbacks.patience 5 --seed 7
//! digits test --ckpt best
//! digits tune --trials 50 --monitor val_acc --space.lr 'log(1e-5..1e-1)'
//! digits fit --print-config > config.yaml
//! ```
//!
//! A configuration has five keys, `seed`, `ckpt`, `model`, `data` and `trainer`. It comes in layers, of
//! which the last wins: the program ([`Cli::model`], [`Cli::trainer`]), the checkpoint of `--ckpt`, the
//! files of `--config` in order (YAML, JSON or TOML), the environment (`LIGHTNING_TRAINER__MAX_EPOCHS`)
//! and flags. `fit` writes the result beside its logs as `config.yaml`, which `--config` accepts again.
//!
//! Unknown keys, wrong types and duplicates are refused, all at once and each with its place, before
//! anything is written. The exit code is then 2; it is 1 if the run itself fails.

mod about;
mod args;
mod check;
mod command;
mod emit;
mod env;
mod export;
mod finders;
mod help;
#[doc(hidden)]
pub mod include;
mod kind;
mod lightning;
mod main;
mod program;
mod registry;
mod runner;
mod save;
mod schema;
mod settings;
mod shape;
mod spec;
mod stages;
mod trace;
mod tune;

/// Makes a function that returns a [`Cli`] the `main` of a program, with exit code 0, 1 after an error
/// of the run, or 2 for wrong arguments and configurations.
///
/// ```no_run
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// use lightning_core::{cli::{Cli, lightning_main}, prelude::*};
/// # #[lightning_module]
/// # #[optimizer(SgdConfig::new(), lr = 0.1)]
/// # struct Net {
/// #     #[init(LinearConfig::new(4, 1).init(device))]
/// #     layer: Linear,
/// # }
/// # #[lightning_module]
/// # impl Net {
/// #     fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
/// #         self.layer.forward(batch).square().mean()
/// #     }
/// # }
/// # #[data_module]
/// # struct Points {}
/// # #[data_module]
/// # impl Points {
/// #     fn train_dataloader(&self) -> Vec<Tensor<2>> {
/// #         vec![Tensor::ones([2, 4], &Device::default()); 4]
/// #     }
/// # }
///
/// #[lightning_main]
/// fn main() -> Cli<Net, Points> {
///     Cli::new().trainer(|trainer| trainer.max_epochs(10))
/// }
/// ```
#[doc(inline)]
pub use lightning_macros::lightning_main;

pub use self::{
    include::ConfigFile,
    program::Cli,
    stages::{FitsOn, Pair, PredictsOn, RunsOn, TestsOn, ValidatesOn},
};
/// Includes a configuration file in the program, and checks it when the program is compiled.
///
/// `include_config!("digits.yaml" for Digits, DigitsData)` is a [`ConfigFile`] for [`Cli::config`]. The
/// path is relative to the source file, as that of `include_str!`, and the program is compiled again
/// when the file changes. YAML, JSON and TOML are read, by the file's extension, in the form that
/// `--print-config` writes.
///
/// An unknown key, a value of the wrong type, a callback or metric that does not exist is an error of
/// the compiler, with the line of the file:
///
/// ```text
/// error[E0080]: evaluation panicked: unknown key `model.hiden`
///                 --> src/digits.yaml:3:3
///                  |
///               3  |   hiden: 64
///                  |   ^^^^^
///                  = help: did you mean `model.hidden`?
/// ```
///
/// A type that the macro does not know, such as an enum of the program, is checked when the program
/// starts.
#[doc(inline)]
pub use crate::__include_config as include_config;
/// Includes a file of hyperparameters in the program, and checks it when the program is compiled.
///
/// `include_hparams!("digits.yaml" for Digits)` is a `Result<DigitsHparams>`: the values of the file,
/// and the defaults of the others. `Digits` is a module or a data module. The file is a table of
/// hyperparameters, `hidden: 64`; see [`include_config!`](crate::cli::include_config) for paths, formats
/// and errors.
///
/// # Errors
/// If a value does not fit a type that the compiler cannot check, such as an enum of the program.
#[doc(inline)]
pub use crate::__include_hparams as include_hparams;
use std::process::ExitCode;

use crate::{
    data::{DataModule, DataStruct},
    error::{Error, Result},
};

/// Runs the command line of a program that trains `M` on `D`, without settings of its own.
///
/// ```no_run
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// use lightning_core::{cli, prelude::*};
/// # #[lightning_module]
/// # #[optimizer(SgdConfig::new(), lr = 0.1)]
/// # struct Net {
/// #     #[init(LinearConfig::new(4, 1).init(device))]
/// #     layer: Linear,
/// # }
/// # #[lightning_module]
/// # impl Net {
/// #     fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
/// #         self.layer.forward(batch).square().mean()
/// #     }
/// # }
/// # #[data_module]
/// # struct Points {}
/// # #[data_module]
/// # impl Points {
/// #     fn train_dataloader(&self) -> Vec<Tensor<2>> {
/// #         vec![Tensor::ones([2, 4], &Device::default()); 4]
/// #     }
/// # }
///
/// fn main() -> lightning_core::Result<()> {
///     cli::run::<Net, Points>()
/// }
/// ```
///
/// # Errors
/// Those of the run; see [`Cli::run`].
pub fn run<M: RunsOn<D>, D: DataModule + DataStruct>() -> Result<()> {
    Cli::<M, D>::new().run()
}

/// What a function with `#[lightning_main]` returns: a [`Cli`], or a `Result` with one.
#[diagnostic::on_unimplemented(
    message = "`main` must return a `Cli`, found `{Self}`",
    label = "expected `Cli<Net, Data>`",
    note = "write `fn main() -> Cli<Net, Data>`, with `lightning_core::cli::Cli`, or remove `#[lightning_main]`"
)]
pub trait MainOutput {
    /// Runs it.
    #[doc(hidden)]
    fn exit_code(self) -> ExitCode;
}

impl<M: RunsOn<D>, D: DataModule + DataStruct> MainOutput for Cli<M, D> {
    fn exit_code(self) -> ExitCode {
        Self::exit_code(self)
    }
}

impl<M: RunsOn<D>, D: DataModule + DataStruct, E: Into<Error>> MainOutput for std::result::Result<Cli<M, D>, E> {
    fn exit_code(self) -> ExitCode {
        match self {
            Ok(cli) => cli.exit_code(),
            Err(error) => {
                let error: Error = error.into();
                eprintln!("Error: {error:?}");
                ExitCode::FAILURE
            }
        }
    }
}

/// Expands to the checks and the text of a file.
#[doc(hidden)]
#[macro_export]
macro_rules! __include_config {
    ($($input:tt)*) => {
        $crate::__private::include_config!($crate, $($input)*)
    };
}

/// Expands to the checks and the values of a file.
#[doc(hidden)]
#[macro_export]
macro_rules! __include_hparams {
    ($($input:tt)*) => {
        $crate::__private::include_hparams!($crate, $($input)*)
    };
}

/// What `#[lightning_main]` calls.
#[doc(hidden)]
pub fn exit_code(output: impl MainOutput) -> ExitCode {
    output.exit_code()
}
