//! What a configuration can name.

/// What a configuration can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Callback,
    Logger,
}

impl Kind {
    pub(super) const fn noun(self) -> &'static str {
        match self {
            Self::Callback => "callback",
            Self::Logger => "logger",
        }
    }
}
