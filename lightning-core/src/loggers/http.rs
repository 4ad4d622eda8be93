//! Requests in JSON to the server of a tracker, and what their failures mean.

use std::time::Duration;
#[cfg(feature = "mlflow")]
use std::{fs::File, path::Path};

use serde_json::Value;

use crate::{
    error::{Error, ErrorKind, Result},
    outbox::Fault,
};

/// How long the connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// How long a file may take.
const UPLOAD: Duration = Duration::from_secs(600);

/// The server of a tracker.
pub(super) struct Server {
    /// What it is called in messages.
    name: &'static str,
    /// The address without a slash at its end.
    address: String,
    agent: ureq::Agent,
    /// The header `Authorization`.
    authorization: Option<String>,
    /// What to do if the account is refused.
    account_help: &'static str,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the key.
        f.debug_struct("Server").field("name", &self.name).field("address", &self.address).finish_non_exhaustive()
    }
}

impl Server {
    /// A server that has `timeout` to answer.
    ///
    /// # Errors
    /// If the address is not one of HTTP, or is `https` without the feature.
    pub(super) fn new(
        name: &'static str,
        address: &str,
        timeout: Duration,
        authorization: Option<String>,
        account_help: &'static str,
    ) -> Result<Self> {
        if !address.starts_with("http://") && !address.starts_with("https://") {
            let text = format!("the address of the {name} server must begin with `http://`, found `{address}`");
            return Err(Error::config(text).help("write it as `http://127.0.0.1:5000`"));
        }
        if cfg!(not(feature = "https")) && address.starts_with("https://") {
            let text = format!("the address `{address}` of the {name} server needs the feature `https`, which is off");
            return Err(Error::config(text).help("write `lightning-core = { features = [\"https\"] }` in `Cargo.toml`"));
        }
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_send_request(Some(timeout))
            .timeout_send_body(Some(UPLOAD))
            .timeout_recv_response(Some(timeout))
            .timeout_recv_body(Some(timeout))
            .user_agent(concat!("lightning-core/", env!("CARGO_PKG_VERSION")))
            .build();
        let address = address.trim_end_matches('/').to_owned();
        Ok(Self { name, address, agent: config.new_agent(), authorization, account_help })
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, Fault> {
        let request = self.agent.post(self.url(path)).header("Content-Type", "application/json");
        let request = match &self.authorization {
            Some(value) => request.header("Authorization", value),
            None => request,
        };
        self.answer(request.send(body.to_string()))
    }

    #[cfg(feature = "mlflow")]
    pub(super) fn get(&self, path: &str) -> Result<Value, Fault> {
        let request = self.agent.get(self.url(path));
        let request = match &self.authorization {
            Some(value) => request.header("Authorization", value),
            None => request,
        };
        self.answer(request.call())
    }

    /// Sends a file.
    #[cfg(feature = "mlflow")]
    pub(super) fn put(&self, path: &str, file: &Path) -> Result<(), Fault> {
        let opened = File::open(file).map_err(|error| Fault::Refused(Error::io("read", file, error)))?;
        let request = self.agent.put(self.url(path)).header("Content-Type", "application/octet-stream");
        let request = match &self.authorization {
            Some(value) => request.header("Authorization", value),
            None => request,
        };
        self.answer(request.send(&opened)).map(drop)
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.address)
    }

    fn answer(&self, answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Value, Fault> {
        let Self { name, address, .. } = self;
        let mut response = answer.map_err(|error| {
            let text = format!("the {name} server at `{address}` does not answer");
            Fault::Away(Error::new(ErrorKind::Io, text).help("start it, or check the address").caused_by(error))
        })?;
        let status = response.status().as_u16();
        let text = response.body_mut().read_to_string().map_err(|error| {
            let text = format!("the {name} server at `{address}` stopped in the middle of an answer");
            Fault::Away(Error::new(ErrorKind::Io, text).caused_by(error))
        })?;
        if (200..300).contains(&status) {
            // Some answers have no content.
            return Ok(serde_json::from_str(&text).unwrap_or(Value::Null));
        }
        let said = message_of(&text);
        let failed = |what: &str| Error::new(ErrorKind::Io, format!("the {name} server at `{address}` {what}{said}"));
        Err(match status {
            401 | 403 => Fault::Away(
                failed(&format!("does not accept the account, with status {status}")).help(self.account_help),
            ),
            // Not of this server, but of what stands before it or in its place.
            404 | 405 if serde_json::from_str::<Value>(&text).is_err() => Fault::Away(
                failed(&format!("answers with status {status}"))
                    .help(format!("check that `{address}` is a {name} server")),
            ),
            408 | 425 | 429 | 500.. => {
                Fault::Away(failed(&format!("fails with status {status}")).help("look into its log"))
            }
            _ => Fault::Refused(failed(&format!("refuses a request with status {status}"))),
        })
    }
}

/// What an answer says of a failure, as the end of a sentence.
fn message_of(text: &str) -> String {
    const LONGEST: usize = 300;
    let value: Value = serde_json::from_str(text).unwrap_or(Value::Null);
    let said = ["message", "error", "detail", "error_code"].iter().find_map(|key| value.get(*key)?.as_str());
    match said {
        Some(said) => format!(": {}", said.chars().take(LONGEST).collect::<String>()),
        None => String::new(),
    }
}
