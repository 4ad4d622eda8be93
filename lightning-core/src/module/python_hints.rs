//! Hints for users of PyTorch Lightning who call its methods on `self`.
//!
//! The macro brings these methods into scope where one of them is called. No module implements the
//! trait that a method requires, so that the compiler prints the hint of the trait. Fields are read
//! through a trait that only a module with such a field implements. The user's own methods and
//! fields take precedence.

use super::traits::LightningStruct;

macro_rules! python_hints {
    ($($trait:ident $method:ident($($argument:ident: $type:ident),*), $message:literal, $label:literal, $note:literal;)*) => {
        $(
            #[doc = concat!("The trait that `", stringify!($method), "` requires.")]
            #[diagnostic::on_unimplemented(
                message = $message,
                label = $label,
                note = $note,
                note = "C3 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
            )]
            pub trait $trait {
                /// The return type.
                type Value;
                /// Returns the value. It is never called.
                fn value() -> Self::Value;
            }
        )*

        /// The methods.
        pub trait PythonHints {
            $(
                #[doc = $note]
                fn $method<$($type),*>(&self, $($argument: $type),*) -> <Self as $trait>::Value
                where
                    Self: $trait;
            )*
        }

        impl<M: LightningStruct> PythonHints for M {
            $(
                fn $method<$($type),*>(&self, $($argument: $type),*) -> <Self as $trait>::Value
                where
                    Self: $trait,
                {
                    let _ = ($($argument,)*);
                    <Self as $trait>::value()
                }
            )*
        }
    };
}

python_hints! {
    Logs log(_name: N, _value: V),
        "`{Self}` has no method `log`",
        "use `#[log]` or the function `log`",
        "write `#[log] let val_loss = …;` for a metric with a key, or `log(\"val_loss\", &value)`";
    LogsDict log_dict(_values: V),
        "`{Self}` has no method `log_dict`",
        "use `#[log]` or the function `log_dict`",
        "write `#[log]` above each `let`, or `log_dict([(\"a\", a), (\"b\", b)])`";
    Prints print(_text: T),
        "`{Self}` has no method `print`",
        "use the context of a hook",
        "add the parameter `cx: &mut HookContext` to the hook and write `cx.print(\"…\")`";
    SavesHyperparameters save_hyperparameters(),
        "`{Self}` has no method `save_hyperparameters`",
        "hyperparameters are saved automatically",
        "write `#[hparam]` on the fields: they are saved in each checkpoint and sent to each logger";
    ManualBackward manual_backward(_loss: L),
        "`{Self}` has no method `manual_backward`",
        "`Optimizers` has the method `backward`",
        "write `#[manual_optimization]` above `training_step` and add the parameter `optimizers: \
         &mut Optimizers<Self>`";
    HoldsOptimizers optimizers(),
        "`{Self}` has no method `optimizers`",
        "the optimizers are a parameter of a `training_step` with manual optimization",
        "write `#[manual_optimization]` above `training_step` and add the parameter `optimizers: \
         &mut Optimizers<Self>`";
    HoldsSchedulers lr_schedulers(),
        "`{Self}` has no method `lr_schedulers`",
        "the schedule is the learning rate of its optimizer",
        "write `#[optimizer(config, lr = schedule, interval = step)]`; with \
         `#[manual_optimization]` write `optimizers.scheduler(KEY)`";
    CurrentEpoch current_epoch(),
        "`{Self}` has no method `current_epoch`",
        "read it from the context",
        "add the parameter `cx: &StepContext` to a step, or `cx: &mut HookContext` to a hook, and \
         write `cx.current_epoch()`";
    GlobalStep global_step(),
        "`{Self}` has no method `global_step`",
        "read it from the context",
        "add the parameter `cx: &StepContext` to a step, or `cx: &mut HookContext` to a hook, and \
         write `cx.global_step()`";
    RunsOnDevice device(),
        "`{Self}` has no method `device`",
        "batches and parameters are already on the device of the run",
        "write `tensor.device()` with a tensor of the batch, or add the parameter `cx` and write `cx.device()`";
    HoldsLogger logger(),
        "`{Self}` has no method `logger`",
        "the trainer has the loggers",
        "write `#[log]` above a `let`, or `log(\"name\", &value)`";
}

macro_rules! fields {
    ($($trait:ident, $message:literal, $label:literal, $note:literal;)*) => {
        $(
            /// A module with a field of this name. Implemented by the macro on the struct.
            #[diagnostic::on_unimplemented(
                message = $message,
                label = $label,
                note = $note,
                note = "C3 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
            )]
            pub trait $trait {
                /// The field's type.
                type Value;
                /// The field.
                fn read(&self) -> &Self::Value;
            }
        )*
    };
}

fields! {
    CurrentEpochField,
        "`{Self}` has no field `current_epoch`",
        "read it from the context",
        "add the parameter `cx: &StepContext` to a step, or `cx: &mut HookContext` to a hook, and \
         write `cx.current_epoch()`";
    GlobalStepField,
        "`{Self}` has no field `global_step`",
        "read it from the context",
        "add the parameter `cx: &StepContext` to a step, or `cx: &mut HookContext` to a hook, and \
         write `cx.global_step()`";
    DeviceField,
        "`{Self}` has no field `device`",
        "batches and parameters are already on the device of the run",
        "write `tensor.device()` with a tensor of the batch, or add the parameter `cx` and write `cx.device()`";
    LoggerField,
        "`{Self}` has no field `logger`",
        "the trainer has the loggers",
        "write `#[log]` above a `let`, or `log(\"name\", &value)`";
    TrainerField,
        "`{Self}` has no field `trainer`",
        "a module has no reference to its trainer",
        "steps and hooks read the state of the run from `cx`: `cx.current_epoch()`, `cx.global_step()`, `cx.device()`";
}
