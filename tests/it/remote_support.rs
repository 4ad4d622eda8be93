//! A real S3 server: moto, whose Python is in `MOTO_PYTHON`.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// A server whose buckets end with it.
pub struct Server(Child, u16);

impl Server {
    /// Starts a server that every account may use.
    pub fn start(python: &Path, folder: &Path) -> Self {
        Self::with(python, folder, None)
    }

    /// Starts a server that refuses all requests after the first `requests`.
    pub fn refusing_after(python: &Path, folder: &Path, requests: usize) -> Self {
        Self::with(python, folder, Some(requests))
    }

    fn with(python: &Path, folder: &Path, refuses_after: Option<usize>) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(python.with_file_name("moto_server"));
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]).current_dir(folder);
        if let Some(requests) = refuses_after {
            command.env("INITIAL_NO_AUTH_ACTION_COUNT", requests.to_string());
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let server = Self(child, port);
        let until = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "moto does not listen");
            thread::sleep(Duration::from_millis(50));
        }
        server
    }

    pub fn port(&self) -> u16 {
        self.1
    }

    /// The body of an answer.
    pub fn request(&self, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.1)).unwrap();
        let len = body.len();
        let text = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {len}\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, \
             Signature=0\r\n\r\n"
        );
        stream.write_all(text.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let head = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        let text = String::from_utf8_lossy(&answer[..head]).into_owned();
        assert!(text.contains(" 200 "), "{method} {path}: {text}");
        answer[head + 4..].to_vec()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = (self.0.kill(), self.0.wait());
    }
}

/// Gives a program an account of the server at a port, and a folder for what it downloads.
pub fn account(command: &mut Command, port: u16, local: &Path) {
    command.env("AWS_ENDPOINT", format!("http://127.0.0.1:{port}")).env("AWS_REGION", "us-east-1");
    command.env("AWS_ACCESS_KEY_ID", "a").env("AWS_SECRET_ACCESS_KEY", "b").env("LIGHTNING_REMOTE_DIR", local);
}
