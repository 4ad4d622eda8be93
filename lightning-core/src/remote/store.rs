//! A folder in object storage, by calls that wait.

use std::{
    fs::{self, File},
    future::Future,
    io::{self, Read, Write as _},
    path::{Component, Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use object_store::{
    MultipartUpload as _, ObjectStore, ObjectStoreExt as _, PutPayload, RetryConfig, aws::AmazonS3Builder,
    azure::MicrosoftAzureBuilder, gcp::GoogleCloudStorageBuilder, local::LocalFileSystem, path::Path as Key,
};
use tokio::runtime::Runtime;

use super::{SCHEMES, http::Connector};
use crate::{
    error::{Error, ErrorKind, Result},
    os::files::{create_folder, write_atomic},
    outbox::Fault,
};

/// The size of the parts that a file is sent and received in. S3 has at most 10,000 parts.
const PART: u64 = 16 << 20;

/// The largest file that is sent at once.
const AT_ONCE: u64 = 8 << 20;

/// An address in object storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Location {
    scheme: String,
    /// Empty for `file`.
    bucket: String,
    /// Without slashes at either end.
    path: String,
}

impl Location {
    /// Reads an address; `None` for a path of this machine.
    ///
    /// # Errors
    /// If it has no bucket, or `.` or `..` in its path.
    pub(super) fn read(path: &Path) -> Result<Option<Self>> {
        let Some((scheme, rest)) = path.to_str().and_then(|text| text.split_once("://")) else { return Ok(None) };
        if !SCHEMES.contains(&scheme) {
            return Ok(None);
        }
        let (bucket, inside) = rest.split_once('/').unwrap_or((rest, ""));
        let inside = inside.trim_matches('/');
        let wrong = |what: &str, help: &str| {
            Err(Error::config(format!("the address `{}` {what}", path.display())).help(help.to_owned()))
        };
        if scheme == "file" && (!bucket.is_empty() || inside.is_empty()) {
            return wrong("must have a whole path", "write it as `file:///path/to/folder`");
        }
        if scheme != "file" && bucket.is_empty() {
            return wrong("must have a bucket", "write it as `s3://bucket/path`");
        }
        if inside.split('/').any(|part| matches!(part, "." | "..")) || (inside.contains("//")) {
            return wrong("must have a plain path, without `.`, `..` and empty names", "write the path that is meant");
        }
        Ok(Some(Self { scheme: scheme.to_owned(), bucket: bucket.to_owned(), path: inside.to_owned() }))
    }

    /// The file or folder of this machine that stands for it.
    pub(super) fn local(&self) -> PathBuf {
        let root = std::env::var_os("LIGHTNING_REMOTE_DIR").map_or_else(|| "lightning_remote".into(), PathBuf::from);
        let root = root.join(&self.scheme);
        let root = if self.bucket.is_empty() { root } else { root.join(&self.bucket) };
        let path = root.join(&self.path);
        // The working folder may change.
        std::path::absolute(&path).unwrap_or(path)
    }

    /// The address of the folder that it is in, and its name there.
    pub(super) fn split(&self) -> (Self, String) {
        let (folder, name) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        (Self { path: folder.to_owned(), ..self.clone() }, name.to_owned())
    }
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}/{}", self.scheme, self.bucket, self.path)
    }
}

/// What a storage says of a file.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    /// The path in the folder, with `/`.
    pub(super) path: String,
    pub(super) size: u64,
    pub(super) modified: SystemTime,
}

/// A folder in object storage.
#[derive(Debug)]
pub(super) struct Store {
    location: Location,
    store: Arc<dyn ObjectStore>,
    /// Before every key: the path of the folder, except for `file`, whose store begins there.
    prefix: String,
    runtime: Runtime,
}

impl Store {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// If the account in the environment is not one.
    pub(super) fn new(location: &Location) -> Result<Self> {
        Self::with(location, Duration::from_secs(30), 2)
    }

    /// As [`new`](Self::new), with little patience: for what is not needed.
    ///
    /// # Errors
    /// As of [`new`](Self::new).
    pub(super) fn quick(location: &Location) -> Result<Self> {
        Self::with(location, Duration::from_secs(5), 0)
    }

    fn with(location: &Location, answer: Duration, max_retries: usize) -> Result<Self> {
        let wrong = |error: object_store::Error| {
            Error::config(format!("`{location}` cannot be used: {error}")).help(account_help(&location.scheme))
        };
        let url = format!("{}://{}", location.scheme, location.bucket);
        let retry = RetryConfig { max_retries, retry_timeout: Duration::from_secs(20), ..RetryConfig::default() };
        let mut prefix = location.path.clone();
        let store: Arc<dyn ObjectStore> = match location.scheme.as_str() {
            "s3" => {
                let builder = AmazonS3Builder::from_env().with_url(url).with_retry(retry).with_allow_http(true);
                Arc::new(builder.with_http_connector(Connector(answer)).build().map_err(wrong)?)
            }
            "gs" => {
                let builder = GoogleCloudStorageBuilder::from_env().with_url(url).with_retry(retry);
                Arc::new(builder.with_http_connector(Connector(answer)).build().map_err(wrong)?)
            }
            "az" => {
                let builder = MicrosoftAzureBuilder::from_env().with_url(url).with_retry(retry).with_allow_http(true);
                Arc::new(builder.with_http_connector(Connector(answer)).build().map_err(wrong)?)
            }
            _ => {
                let root = Path::new("/").join(std::mem::take(&mut prefix));
                create_folder(&root)?;
                Arc::new(LocalFileSystem::new_with_prefix(root).map_err(wrong)?.with_fsync(true))
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(|error| Error::io("start a runtime for", url_path(location), error))?;
        Ok(Self { location: location.clone(), store, prefix, runtime })
    }

    fn key(&self, path: &str) -> Key {
        if self.prefix.is_empty() { Key::from(path) } else { Key::from(format!("{}/{path}", self.prefix)) }
    }

    fn wait<T>(&self, future: impl Future<Output = object_store::Result<T>>) -> Result<T, Fault> {
        self.runtime.block_on(future).map_err(|error| self.fault(error))
    }

    /// Sends a file: it is there whole or not at all.
    ///
    /// # Errors
    /// If it cannot be read, or the storage does not take it.
    pub(super) fn put_file(&self, path: &str, file: &Path) -> Result<(), Fault> {
        let unreadable = |error| Fault::Away(Error::io("read", file, error));
        let mut opened = File::open(file).map_err(unreadable)?;
        let size = opened.metadata().map_err(unreadable)?.len();
        if size <= AT_ONCE {
            let mut bytes = Vec::new();
            opened.read_to_end(&mut bytes).map_err(unreadable)?;
            return self.put_bytes(path, bytes);
        }
        let key = self.key(path);
        let mut upload = self.wait(self.store.put_multipart(&key))?;
        loop {
            let mut part = Vec::new();
            let read = Read::by_ref(&mut opened).take(PART).read_to_end(&mut part).map_err(unreadable);
            let sent = match read {
                Ok(0) => break,
                Ok(_) => self.wait(upload.put_part(PutPayload::from(part))),
                Err(error) => Err(error),
            };
            if let Err(fault) = sent {
                // The parts would be paid for; a storage that is away keeps them until its own rule.
                let _ = self.wait(upload.abort());
                return Err(fault);
            }
        }
        self.wait(upload.complete()).map(drop)
    }

    /// # Errors
    /// If the storage does not take them.
    pub(super) fn put_bytes(&self, path: &str, bytes: Vec<u8>) -> Result<(), Fault> {
        self.wait(self.store.put(&self.key(path), PutPayload::from(bytes))).map(drop)
    }

    /// Removes a file, if there is one.
    ///
    /// # Errors
    /// If the storage does not remove it.
    pub(super) fn delete(&self, path: &str) -> Result<(), Fault> {
        match self.runtime.block_on(self.store.delete(&self.key(path))) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.fault(error)),
        }
    }

    /// What the storage says of a file; `None` if there is none.
    ///
    /// # Errors
    /// If the storage does not answer.
    pub(super) fn head(&self, path: &str) -> Result<Option<Stored>, Fault> {
        match self.runtime.block_on(self.store.head(&self.key(path))) {
            Ok(meta) => {
                Ok(Some(Stored { path: path.to_owned(), size: meta.size, modified: meta.last_modified.into() }))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.fault(error)),
        }
    }

    /// Receives a file, whose place has the old contents or all of the new.
    ///
    /// # Errors
    /// If the storage does not answer, or the file cannot be written.
    pub(super) fn get_file(&self, stored: &Stored, file: &Path) -> Result<(), Fault> {
        if let Some(folder) = file.parent() {
            create_folder(folder).map_err(Fault::Away)?;
        }
        let key = self.key(&stored.path);
        write_atomic(file, |writer| {
            let mut at = 0;
            while at < stored.size {
                let end = stored.size.min(at + PART);
                let bytes = self.wait(self.store.get_range(&key, at..end));
                let bytes = bytes.map_err(|fault| io::Error::other(fault.into_error()))?;
                writer.write_all(&bytes)?;
                at = end;
            }
            Ok(())
        })
        .map_err(Fault::Away)
    }

    /// All files of the folder.
    ///
    /// # Errors
    /// If the storage does not answer.
    pub(super) fn list(&self) -> Result<Vec<Stored>, Fault> {
        let prefix = (!self.prefix.is_empty()).then(|| Key::from(&*self.prefix));
        let found = self.wait(async {
            let mut found = Vec::new();
            let mut pages = self.store.list(prefix.as_ref());
            while let Some(meta) = std::future::poll_fn(|cx| pages.as_mut().poll_next(cx)).await {
                found.push(meta?);
            }
            Ok(found)
        })?;
        let inside = |meta: object_store::ObjectMeta| {
            let key = meta.location.as_ref();
            let path = if self.prefix.is_empty() { key } else { key.strip_prefix(&*self.prefix)?.strip_prefix('/')? };
            let is_plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
            let stored = Stored { path: path.to_owned(), size: meta.size, modified: meta.last_modified.into() };
            is_plain.then_some(stored)
        };
        Ok(found.into_iter().filter_map(inside).collect())
    }

    fn fault(&self, error: object_store::Error) -> Fault {
        let location = &self.location;
        let of = |what: String, help: &str| Error::new(ErrorKind::Io, what).help(help.to_owned());
        let told = of_storage(&error);
        let error = match (&error, told.status) {
            (object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. }, _)
            | (_, Some(401 | 403)) => {
                of(format!("`{location}` may not be used with this account"), account_help(&location.scheme))
            }
            (object_store::Error::NotFound { .. }, _) | (_, Some(404)) => {
                of(format!("`{location}` does not exist"), "create the bucket, or correct its name")
            }
            _ => of(
                format!("the storage of `{location}` does not answer as expected"),
                "check the network, the account, the address in `AWS_ENDPOINT` and the clock of this machine",
            ),
        };
        Fault::Away(error.caused_by(io::Error::other(told.text)))
    }
}

/// What a storage has answered.
struct Told {
    /// The innermost message: the others repeat it.
    text: String,
    /// The status of HTTP, which is only in the text where files are listed.
    status: Option<u16>,
}

fn of_storage(error: &object_store::Error) -> Told {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    let after = text.split_once("status code: ").map(|(_, after)| after);
    let status = after.and_then(|after| after.get(..3)).and_then(|digits| digits.parse().ok());
    Told { text, status }
}

fn url_path(location: &Location) -> PathBuf {
    PathBuf::from(location.to_string())
}

/// Where the account comes from.
fn account_help(scheme: &str) -> &'static str {
    match scheme {
        "s3" => {
            "set `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_REGION`, and `AWS_ENDPOINT` for a storage that is not Amazon's; the account must have the right to read and write, and the clock of this machine must be right"
        }
        "gs" => "set `GOOGLE_SERVICE_ACCOUNT` to the file of a service account",
        "az" => "set `AZURE_STORAGE_ACCOUNT_NAME` and `AZURE_STORAGE_ACCOUNT_KEY`",
        _ => "choose a folder that can be written to",
    }
}

/// Whether a file of this machine is as the storage has it: by its size, and by its age.
pub(super) fn is_current(file: &Path, stored: &Stored) -> bool {
    fs::metadata(file).is_ok_and(|metadata| {
        metadata.len() == stored.size && metadata.modified().is_ok_and(|modified| modified >= stored.modified)
    })
}
