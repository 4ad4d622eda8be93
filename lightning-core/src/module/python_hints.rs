//! What a user of PyTorch Lightning writes on `self`, answered in our words: the macro brings these methods into scope where one of
//! them is called, and no module has the trait that the method asks for. Fields are read through a trait that only a module with
//! such a field has. A method or field of the user's own comes first.

use super::traits::LightningStruct;

macro_rules! habits {
    ($($trait:ident $method:ident($($argument:ident: $type:ident),*), $message:literal, $label:literal, $note:literal;)*) => {
        $(
            #[doc = concat!("What `", stringify!($method), "` asks for.")]
            #[diagnostic::on_unimplemented(message = $message, label = $label, note = $note)]
            pub trait $trait {
                /// What would come of it.
                type Value;
                /// Nobody makes one.
                fn value() -> Self::Value;
            }
        )*

        /// The methods.
        pub trait Habits {
            $(
                #[doc = $note]
                fn $method<$($type),*>(&self, $($argument: $type),*) -> <Self as $trait>::Value
                where
                    Self: $trait;
            )*
        }

        impl<M: LightningStruct> Habits for M {
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

habits! {
    Logs log(_name: N, _value: V),
        "`{Self}` has no method `log`",
        "values are logged by an attribute or by a function",
        "write `#[log] let val_loss = …;` for a metric with a key, or `log(\"val_loss\", &value)`";
    LogsDict log_dict(_values: V),
        "`{Self}` has no method `log_dict`",
        "values are logged by an attribute or by a function",
        "write `#[log]` above each `let`, or `log_dict([(\"a\", a), (\"b\", b)])`";
    Prints print(_text: T),
        "`{Self}` has no method `print`",
        "the context of a hook prints",
        "give the hook the parameter `cx: &mut HookContext`, and write `cx.print(\"…\")`";
    SavesHyperparameters save_hyperparameters(),
        "`{Self}` has no method `save_hyperparameters`",
        "they are saved already",
        "mark the fields with `#[hparam]`: those are part of every checkpoint, and every logger gets them";
    ManualBackward manual_backward(_loss: L),
        "`{Self}` has no method `manual_backward`",
        "the optimizers of a step by hand do this",
        "write `#[manual_optimization]` above `training_step` and give it `optimizers: &mut Optimizers<Self>`";
    HoldsOptimizers optimizers(),
        "`{Self}` has no method `optimizers`",
        "a step by hand is given them",
        "write `#[manual_optimization]` above `training_step` and give it `optimizers: &mut Optimizers<Self>`";
    HoldsSchedulers lr_schedulers(),
        "`{Self}` has no method `lr_schedulers`",
        "a schedule is the optimizer's learning rate",
        "write `#[optimizer(config, lr = schedule, interval = step)]`; a step by hand has `optimizers.scheduler(KEY)`";
    CurrentEpoch current_epoch(),
        "`{Self}` has no `current_epoch`",
        "the context has it",
        "add the parameter `cx`, of type `&StepContext` in a step and `&mut HookContext` in a hook, and write `cx.current_epoch()`";
    GlobalStep global_step(),
        "`{Self}` has no `global_step`",
        "the context has it",
        "add the parameter `cx`, of type `&StepContext` in a step and `&mut HookContext` in a hook, and write `cx.global_step()`";
    RunsOnDevice device(),
        "`{Self}` has no `device`",
        "batches and parameters are on the run's device already",
        "write `batch.device()` of a tensor, or add the parameter `cx` and write `cx.device()`";
    HoldsLogger logger(),
        "`{Self}` has no `logger`",
        "the trainer has the loggers",
        "write `#[log]` above a `let`, or `log(\"name\", &value)`: every logger of the trainer gets the value";
}

macro_rules! fields {
    ($($trait:ident, $message:literal, $label:literal, $note:literal;)*) => {
        $(
            /// A module with a field of this name, which the macro on the struct says.
            #[diagnostic::on_unimplemented(message = $message, label = $label, note = $note)]
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
        "the context has it",
        "add the parameter `cx`, of type `&StepContext` in a step and `&mut HookContext` in a hook, and write `cx.current_epoch()`";
    GlobalStepField,
        "`{Self}` has no field `global_step`",
        "the context has it",
        "add the parameter `cx`, of type `&StepContext` in a step and `&mut HookContext` in a hook, and write `cx.global_step()`";
    DeviceField,
        "`{Self}` has no field `device`",
        "batches and parameters are on the run's device already",
        "write `batch.device()` of a tensor, or add the parameter `cx` and write `cx.device()`";
    LoggerField,
        "`{Self}` has no field `logger`",
        "the trainer has the loggers",
        "write `#[log]` above a `let`, or `log(\"name\", &value)`: every logger of the trainer gets the value";
    TrainerField,
        "`{Self}` has no field `trainer`",
        "a module has no trainer",
        "what a step or hook may know of the run is in its parameter `cx`: `cx.current_epoch()`, `cx.global_step()`, `cx.device()`";
}
