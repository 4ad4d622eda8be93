//! The hooks of a run as data: one enum, one bit set.
//!
//! The table of hooks is in `lightning-macros/src/hooks.rs`: `with_hooks!` calls a macro of this
//! crate with its rows.

macro_rules! define_hook {
    ($({
        $name:ident = $variant:ident, $doc:literal,
        module: $module:literal, callbacks: $callbacks:literal, end: $end:literal, in_batch: $in_batch:literal
    })*) => {
        /// A point of a run at which callbacks and the module are called.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum Hook {
            $(
                #[doc = concat!("`", stringify!($name), "`: ", $doc)]
                $variant,
            )*
        }

        impl Hook {
            /// Every hook, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Returns the name of the hook's method.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($name),)*
                }
            }

            /// Whether only callbacks are called. A module adds to a checkpoint by methods that are
            /// not hooks, so this includes `on_save_checkpoint` and `on_load_checkpoint`.
            pub const fn is_for_callbacks_alone(self) -> bool {
                match self {
                    $(Self::$variant => !$module,)*
                }
            }

            /// Whether only the module is called: callbacks have no such hook.
            pub(crate) const fn is_for_module_alone(self) -> bool {
                match self {
                    $(Self::$variant => !$callbacks,)*
                }
            }

            /// Whether it closes what an earlier hook opened, so that it runs whatever failed
            /// before, for every callback and for the module.
            pub(crate) const fn is_end(self) -> bool {
                match self {
                    $(Self::$variant => $end,)*
                }
            }

            /// Whether it runs for each batch, so that an error in it is located at that batch.
            pub(crate) const fn is_in_batch(self) -> bool {
                match self {
                    $(Self::$variant => $in_batch,)*
                }
            }
        }
    };
}

lightning_macros::with_hooks!(define_hook);

/// The set of hooks that a module implements; a lookup is one bit test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HookSet(u64);

impl HookSet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// Returns the set with the hook added.
    #[must_use]
    pub const fn with(self, hook: Hook) -> Self {
        Self(self.0 | (1 << hook as u8))
    }

    /// Whether the hook is in the set.
    pub const fn contains(self, hook: Hook) -> bool {
        self.0 & (1 << hook as u8) != 0
    }
}

/// One of the four steps of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Step {
    /// `training_step`
    Training,
    /// `validation_step`
    Validation,
    /// `test_step`
    Test,
    /// `predict_step`
    Predict,
}

impl Step {
    /// All four steps, in the order of a run.
    pub const ALL: [Self; 4] = [Self::Training, Self::Validation, Self::Test, Self::Predict];

    /// Returns the name of the step's method.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Training => "training_step",
            Self::Validation => "validation_step",
            Self::Test => "test_step",
            Self::Predict => "predict_step",
        }
    }
}

/// The set of steps that a module implements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepSet(u8);

impl StepSet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// Returns the set with the step added.
    #[must_use]
    pub const fn with(self, step: Step) -> Self {
        Self(self.0 | (1 << step as u8))
    }

    /// Returns the set, with the step added if `written`.
    #[must_use]
    pub(crate) const fn with_if(self, step: Step, written: bool) -> Self {
        if written { self.with(step) } else { self }
    }

    /// Whether the step is in the set.
    pub const fn contains(self, step: Step) -> bool {
        self.0 & (1 << step as u8) != 0
    }
}
