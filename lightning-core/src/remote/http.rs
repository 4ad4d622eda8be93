//! Requests of the crate `object_store` by a client that blocks: they run on threads that do nothing
//! else, and it has a tenth of the dependencies.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    time::Duration,
};

use http_body::Body as _;
use object_store::{
    ClientOptions,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse, HttpService,
    },
};
use ureq::http::{Request, request::Parts};

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
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let bytes = collect(body).await?;
            self.answer(parts, &bytes)
        })
    }
}

/// The pieces of a body as one: those of a part of a file are as large as the part.
async fn collect(body: HttpRequestBody) -> Result<Vec<u8>, HttpError> {
    let mut bytes = Vec::with_capacity(body.content_length());
    let mut body = pin!(body);
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        if let Ok(piece) = frame?.into_data() {
            bytes.extend_from_slice(&piece);
        }
    }
    Ok(bytes)
}

impl Blocking {
    fn answer(&self, parts: Parts, bytes: &[u8]) -> Result<HttpResponse, HttpError> {
        let has_no_body = bytes.is_empty() && !matches!(parts.method.as_str(), "POST" | "PUT" | "PATCH");
        let answer = match has_no_body {
            true => self.0.run(Request::from_parts(parts, ())),
            false => self.0.run(Request::from_parts(parts, bytes)),
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
