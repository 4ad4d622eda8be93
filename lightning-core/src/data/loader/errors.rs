//! All errors in the settings of a loader, reported together.

use std::fmt;

use crate::error::{Error, Result};

/// The errors in the settings of a loader.
#[derive(Default)]
pub(super) struct LoaderErrors {
    messages: Vec<String>,
    help: Vec<String>,
    /// The first error of user code. If it is the only one, it is returned as it is.
    first: Option<Error>,
}

impl LoaderErrors {
    pub(super) fn push(&mut self, message: impl Into<String>, help: impl Into<String>) {
        self.messages.push(message.into());
        let help = help.into();
        if !self.help.contains(&help) {
            self.help.push(help);
        }
    }

    /// Adds an error of user code.
    pub(super) fn push_error(&mut self, error: Error) {
        self.messages.push(error.to_string());
        self.first.get_or_insert(error);
    }

    /// # Errors
    /// If any was added: all of them, as one error.
    pub(super) fn into_result(self) -> Result<()> {
        let Self { messages, help, first } = self;
        match (messages.len(), first) {
            (0, _) => Ok(()),
            (1, Some(error)) => Err(error),
            _ if help.is_empty() => Err(Error::data(messages.join("; "))),
            _ => Err(Error::data(messages.join("; ")).help(help.join("; "))),
        }
    }
}

impl fmt::Debug for LoaderErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.messages).finish()
    }
}
