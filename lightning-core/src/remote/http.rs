//! Requests of the crate `object_store` by a client that blocks: they run on threads that do nothing
//! else, and it has a tenth of the dependencies.

use std::{future::Future, pin::Pin, time::Duration};

use object_store::{
    ClientOptions,
    client::{HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService},
};

/// How long the connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// How long a part of a file may take.
const PART: Duration = Duration::from_secs(300);

/// The largest answer: a part of a file, or a page of a list.
const LARGEST: u64 = 256 << 20;

/// Makes [`Blocking`] clients, whose server has this time to answer.
#[derive(Debug)]
pub(super) struct Connector(pub(super) Duration);

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_send_request(Some(self.0))
            .timeout_send_body(Some(PART))
            .timeout_recv_response(Some(self.0))
            .timeout_recv_body(Some(PART))
            .allow_non_standard_methods(true)
            .build();
        Ok(HttpClient::new(Blocking(config.new_agent())))
    }
}

#[derive(Debug)]
struct Blocking(ureq::Agent);

type Answer<'a> = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'a>>;

impl HttpService for Blocking {
    fn call<'life, 'answer>(&'life self, request: HttpRequest) -> Answer<'answer>
    where
        'life: 'answer,
        Self: 'answer,
    {
        Box::pin(async move { self.answer(request) })
    }
}

impl Blocking {
    fn answer(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let has_no_body = body.is_empty() && !matches!(parts.method.as_str(), "POST" | "PUT" | "PATCH");
        let answer = if has_no_body {
            self.0.run(ureq::http::Request::from_parts(parts, ()))
        } else {
            let bytes = body.as_bytes().cloned().unwrap_or_default();
            if bytes.len() != body.content_length() {
                let error = std::io::Error::other("a request in several pieces");
                return Err(HttpError::new(HttpErrorKind::Unknown, error));
            }
            self.0.run(ureq::http::Request::from_parts(parts, &*bytes))
        };
        let (parts, mut body) = answer.map_err(failed)?.into_parts();
        let bytes = body.with_config().limit(LARGEST).read_to_vec().map_err(failed)?;
        Ok(HttpResponse::from_parts(parts, bytes.into()))
    }
}

fn failed(error: ureq::Error) -> HttpError {
    let kind = match &error {
        ureq::Error::Timeout(_) => HttpErrorKind::Timeout,
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => HttpErrorKind::Connect,
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => HttpErrorKind::Connect,
        ureq::Error::Io(_) => HttpErrorKind::Interrupted,
        _ => HttpErrorKind::Unknown,
    };
    HttpError::new(kind, error)
}
