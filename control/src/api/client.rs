//! The other end of the socket: what `show`, `lookup` and the changes use.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Method, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

use crate::ask::{Answer, Ask, AskError};

/// How long an answer may take to arrive in full: longer than the server gives the daemon, so that its word comes first.
const LIMIT: Duration = Duration::from_secs(70);

/// Asks the daemon at `socket`.
///
/// # Errors
/// What the daemon says, or that none answers.
pub fn ask(socket: &Path, ask: &Ask) -> Answer {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| AskError::failed(format!("no event loop: {error}")))?;
    runtime.block_on(async {
        let conversation = tokio::time::timeout(LIMIT, converse(socket, ask));
        let late =
            |_| AskError::failed(format!("{}: no answer within {} s", socket.display(), LIMIT.as_secs()));
        conversation.await.map_err(late)?
    })
}

async fn converse(socket: &Path, ask: &Ask) -> Answer {
    let stream = UnixStream::connect(socket).await.map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
            AskError::failed(format!("no mexfwd answers at {}: is it running?", socket.display()))
        }
        ErrorKind::PermissionDenied => AskError::failed(format!(
            "{}: permission denied: only the socket's owner and group may ask",
            socket.display()
        )),
        _ => AskError::failed(format!("{}: {error}", socket.display())),
    })?;
    let broken = |error: &dyn std::fmt::Display| AskError::failed(format!("{}: {error}", socket.display()));
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| broken(&e))?;
    let exchange = async {
        let response = sender.send_request(request(ask)?).await.map_err(|e| broken(&e))?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(|e| broken(&e))?.to_bytes();
        understand(status, &body).map_err(|error| match error {
            Some(error) => error,
            None => broken(&format_args!("this is not the API of mexfwd (status {status})")),
        })
    };
    // The connection makes progress only while it is polled; an end of it shows in the exchange.
    let (answer, _) = tokio::join!(exchange, connection);
    answer
}

#[derive(serde::Serialize)]
struct BatchBody<'a> {
    commands: &'a [crate::command::Command],
    force: bool,
}

fn request(ask: &Ask) -> Result<hyper::Request<Full<Bytes>>, AskError> {
    let (method, path, body) = match ask {
        Ask::Show(what) => (Method::GET, format!("/v1/show/{}", percent_encoded(what)), Bytes::new()),
        Ask::Lookup { address, vrf } => {
            (Method::GET, format!("/v1/lookup?address={address}&vrf={}", percent_encoded(vrf)), Bytes::new())
        }
        Ask::Fib { vrf, stats } => {
            let vrf = vrf.as_ref().map(|vrf| format!("&vrf={}", percent_encoded(vrf))).unwrap_or_default();
            (Method::GET, format!("/v1/fib?stats={stats}{vrf}"), Bytes::new())
        }
        Ask::Batch { commands, force } => {
            let body = serde_json::to_vec(&BatchBody { commands: commands.as_slice(), force: *force });
            let body = body.map_err(|error| AskError::failed(error.to_string()))?;
            (Method::POST, "/v1/batch".to_owned(), Bytes::from(body))
        }
        Ask::Change(command) => {
            let body = serde_json::to_vec(command).map_err(|error| AskError::failed(error.to_string()))?;
            (Method::POST, "/v1/change".to_owned(), Bytes::from(body))
        }
    };
    let request = hyper::Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "mexfwd")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(body));
    request.map_err(|error| AskError::bad_input(error.to_string()))
}

/// RFC 3986, 2.1: everything but the unreserved characters.
fn percent_encoded(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(text.len());
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
            encoded.push(char::from(octet));
        } else {
            for digit in [b'%', HEX[usize::from(octet >> 4)], HEX[usize::from(octet & 0xf)]] {
                encoded.push(char::from(digit));
            }
        }
    }
    encoded
}

/// The answer in a response; `Err(None)`: whoever sent it is not ours.
fn understand(status: StatusCode, body: &[u8]) -> Result<Value, Option<AskError>> {
    let value: Value = serde_json::from_slice(body).map_err(|_| None)?;
    if status.is_success() {
        return Ok(value);
    }
    let message = value.get("error").and_then(Value::as_str).ok_or(None)?;
    Err(Some(if status.is_client_error() { AskError::bad_input(message) } else { AskError::failed(message) }))
}
