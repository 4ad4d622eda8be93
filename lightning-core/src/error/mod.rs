//! The one error type of the library: what happened, where in the run, and what to do about it.

mod config_errors;

use std::{
    error::Error as StdError,
    fmt,
    path::{Path, PathBuf},
};

use crate::stage::Stage;

pub(crate) use self::config_errors::ConfigErrors;
/// The result of everything in this library that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of thing went wrong, for programs that react to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting, or a combination of settings, that cannot work.
    Config,
    /// A dataset, loader or batch that cannot be used.
    Data,
    /// A step or hook of the module, or a callback, returned an error.
    Hook,
    /// A step or hook panicked.
    Panic,
    /// A file could not be read or written.
    Io,
    /// A checkpoint that cannot be found, read or applied.
    Checkpoint,
    /// A metric that was asked for and is not there.
    Metric,
    /// A device that cannot do what is asked.
    Device,
    /// A loss or gradient that is not finite, found by `detect_anomaly`.
    Anomaly,
    /// A signal ended the run.
    Interrupted,
    /// A step that cannot be recorded as a graph, or exported.
    Export,
    /// Anything else, usually an error of the user's own code.
    Other,
}

/// Where in a run an error happened; every part is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Location {
    /// The stage of the run.
    pub stage: Option<Stage>,
    /// The epoch, from 0.
    pub epoch: Option<u64>,
    /// The batch inside the epoch, from 0.
    pub batch: Option<u64>,
    /// Optimizer steps taken before.
    pub global_step: Option<u64>,
    /// The step, hook or callback that was running.
    pub hook: Option<String>,
    /// The file or folder concerned.
    pub path: Option<PathBuf>,
}

/// An error: what happened, where in the run, and what to do about it.
///
/// ```
/// use lightning_core::{Error, ErrorKind};
///
/// let error = Error::data("the dataset is empty").help("give the loader at least one item");
/// assert_eq!(error.kind(), ErrorKind::Data);
/// assert_eq!(error.to_string(), "the dataset is empty; help: give the loader at least one item");
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    help: Option<String>,
    location: Location,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of the given kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), help: None, location: Location::default(), source: None }))
    }

    /// An error of the user's own code, from a text.
    pub fn msg(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Other, message)
    }

    /// A wrong setting.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    /// Wrong data.
    pub fn data(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Data, message)
    }

    /// A file that could not be read or written: `action` as in "read", "create the folder".
    pub fn io(action: &str, path: impl AsRef<Path>, source: std::io::Error) -> Self {
        let path = path.as_ref();
        Self::new(ErrorKind::Io, format!("cannot {action} `{}`", path.display())).at_path(path).caused_by(source)
    }

    /// A checkpoint that cannot be used.
    pub fn checkpoint(path: impl AsRef<Path>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Checkpoint, message).at_path(path)
    }

    /// Adds what the reader can do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// Adds the underlying error.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds the file or folder concerned.
    #[must_use]
    pub fn at_path(mut self, path: impl AsRef<Path>) -> Self {
        self.0.location.path = Some(path.as_ref().to_path_buf());
        self
    }

    /// Fills the parts of the location that are not known yet.
    #[must_use]
    pub fn at(mut self, location: Location) -> Self {
        let Location { stage, epoch, batch, global_step, hook, path } = location;
        let known = &mut self.0.location;
        known.stage = known.stage.or(stage);
        known.epoch = known.epoch.or(epoch);
        known.batch = known.batch.or(batch);
        known.global_step = known.global_step.or(global_step);
        known.hook = known.hook.take().or(hook);
        known.path = known.path.take().or(path);
        self
    }

    /// What kind of error this is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What happened, without place and help.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What the reader can do about it.
    pub fn remedy(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// Where in the run it happened.
    pub fn location(&self) -> &Location {
        &self.0.location
    }

    /// Whether it says that memory did not suffice.
    pub(crate) fn is_out_of_memory(&self) -> bool {
        let text = self.to_string().to_lowercase();
        ["out of memory", "out_of_memory", "outofmemory", "memory allocation", "cannot allocate memory"]
            .iter()
            .any(|words| text.contains(words))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some(hook) = &self.hook {
            parts.push(format!("in `{hook}`"));
        }
        if let Some(stage) = self.stage {
            parts.push(format!("stage {stage}"));
        }
        if let Some(epoch) = self.epoch {
            parts.push(format!("epoch {epoch}"));
        }
        if let Some(batch) = self.batch {
            parts.push(format!("batch {batch}"));
        }
        if let Some(step) = self.global_step {
            parts.push(format!("global step {step}"));
        }
        f.write_str(&parts.join(", "))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { message, help, location, source, .. } = &*self.0;
        f.write_str(message)?;
        if let Some(path) = &location.path {
            let path = path.display().to_string();
            let told = source.as_ref().is_some_and(|source| source.to_string().contains(&path));
            if !message.contains(&path) && !told {
                write!(f, " (`{path}`)")?;
            }
        }
        if let Some(source) = source {
            write!(f, ": {source}")?;
        }
        let place = location.to_string();
        if !place.is_empty() {
            write!(f, " ({place})")?;
        }
        if let Some(help) = help {
            write!(f, "; help: {help}")?;
        }
        Ok(())
    }
}

/// The same text as `Display`, on several lines: it is what `fn main() -> Result<()>` prints.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { message, help, location, source, .. } = &*self.0;
        f.write_str(message)?;
        if let Some(path) = &location.path
            && !message.contains(&*path.to_string_lossy())
        {
            write!(f, "\n  path: {}", path.display())?;
        }
        let place = location.to_string();
        if !place.is_empty() {
            write!(f, "\n  where: {place}")?;
        }
        let mut cause: Option<&dyn StdError> = source.as_deref().map(|source| source as _);
        while let Some(error) = cause {
            write!(f, "\n  cause: {error}")?;
            cause = error.source();
        }
        if let Some(help) = help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<std::io::Error> for Error {
    fn from(source: std::io::Error) -> Self {
        Self::new(ErrorKind::Io, "an input or output operation failed")
            .caused_by(source)
            .help("to name the file, write `.map_err(|error| Error::io(\"read\", path, error))?`")
    }
}

macro_rules! from_errors {
    ($($source:ty = $message:literal),* $(,)?) => {
        $(impl From<$source> for Error {
            fn from(source: $source) -> Self {
                Self::msg($message).caused_by(source)
            }
        })*
    };
}

#[cfg(feature = "csv")]
from_errors!(csv::Error = "cannot read or write CSV");

from_errors!(
    serde_json::Error = "cannot convert to or from JSON",
    std::num::ParseFloatError = "this is not a number",
    std::num::ParseIntError = "this is not an integer",
    std::num::TryFromIntError = "this integer does not fit",
    std::str::Utf8Error = "this is not UTF-8",
    std::string::FromUtf8Error = "this is not UTF-8",
    fmt::Error = "cannot format",
    burn::tensor::DataError = "this tensor data cannot be read so",
);

impl From<Box<dyn StdError + Send + Sync>> for Error {
    fn from(source: Box<dyn StdError + Send + Sync>) -> Self {
        match source.downcast::<Error>() {
            Ok(error) => *error,
            Err(source) => Self::msg("the program failed").caused_by(source),
        }
    }
}

impl From<String> for Error {
    fn from(message: String) -> Self {
        Self::msg(message)
    }
}

impl From<&str> for Error {
    fn from(message: &str) -> Self {
        Self::msg(message)
    }
}
