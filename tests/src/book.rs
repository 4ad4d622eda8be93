//! The chapters of the book as documentation tests: every Rust block under `docs/src` is compiled,
//! and most are run.

#[cfg(doctest)]
mod getting_started {
    #![doc = include_str!("../../docs/src/01-getting-started.md")]
}

#[cfg(doctest)]
mod fields_and_hyperparameters {
    #![doc = include_str!("../../docs/src/02-fields-and-hyperparameters.md")]
}

#[cfg(doctest)]
mod steps_hooks_and_log {
    #![doc = include_str!("../../docs/src/03-steps-hooks-and-log.md")]
}

#[cfg(doctest)]
mod optimizers_and_schedules {
    #![doc = include_str!("../../docs/src/04-optimizers-and-schedules.md")]
}

#[cfg(doctest)]
mod data {
    #![doc = include_str!("../../docs/src/05-data.md")]
}

#[cfg(doctest)]
mod trainer_settings {
    #![doc = include_str!("../../docs/src/06-trainer-settings.md")]
}

#[cfg(doctest)]
mod checkpoints_and_resuming {
    #![doc = include_str!("../../docs/src/07-checkpoints-and-resuming.md")]
}

#[cfg(doctest)]
mod metrics_and_loggers {
    #![doc = include_str!("../../docs/src/08-metrics-and-loggers.md")]
}

#[cfg(doctest)]
mod callbacks {
    #![doc = include_str!("../../docs/src/09-callbacks.md")]
}

#[cfg(doctest)]
mod precision_and_speed {
    #![doc = include_str!("../../docs/src/10-precision-and-speed.md")]
}

#[cfg(doctest)]
mod coming_from_pytorch_lightning {
    #![doc = include_str!("../../docs/src/11-coming-from-pytorch-lightning.md")]
}

#[cfg(doctest)]
mod compiler_errors {
    #![doc = include_str!("../../docs/src/12-compiler-errors.md")]
}

#[cfg(doctest)]
mod command_line {
    #![doc = include_str!("../../docs/src/16-command-line.md")]
}
