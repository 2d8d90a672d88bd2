//! The loop that accepts connections and gives each one its time.

use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{
    ApiError, CLOSING_LIMIT, CONNECTION_LIMIT, Listener, MAX_CONNECTIONS, MAX_HEADER_BYTES, Request, routes,
};

/// How long to wait after a failed accept: the usual cause is that no file descriptor is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves the API until the receiver of `requests` is gone; open connections then have [`CLOSING_LIMIT`] to end, and the
/// socket file is removed. Dropping the future ends all at once.
///
/// # Errors
/// The socket cannot be used with this runtime.
pub async fn serve(listener: Listener, requests: mpsc::Sender<Request>) -> Result<(), ApiError> {
    serve_within(listener, requests, CONNECTION_LIMIT).await
}

pub(super) async fn serve_within(
    listener: Listener,
    requests: mpsc::Sender<Request>,
    connection_limit: Duration,
) -> Result<(), ApiError> {
    let Listener { socket, file } = listener;
    let socket = tokio::net::UnixListener::from_std(socket).map_err(|error| ApiError::Io {
        path: file.path().to_owned(),
        what: "cannot listen",
        error,
    })?;
    let router = routes::router(requests.clone());
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            // One that has ended makes room for the next.
            Some(_) = connections.join_next() => continue,
            accepted = socket.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!("API: a connection cannot be accepted: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            () = requests.closed() => break,
        };
        let router = router.clone();
        connections.spawn(async move {
            if tokio::time::timeout(connection_limit, converse(stream, router)).await.is_err() {
                tracing::debug!("API: a connection took longer than {} s", connection_limit.as_secs());
            }
        });
    }
    let last_answers = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(CLOSING_LIMIT, last_answers).await;
    Ok(())
}

/// One connection, one request.
async fn converse(stream: UnixStream, router: axum::Router) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(false)
        .max_buf_size(MAX_HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
    if let Err(error) = served {
        tracing::debug!("API: {error}");
    }
}
