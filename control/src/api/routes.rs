//! What is served at which path.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use hyper::body::Body as _;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::{ANSWER_LIMIT, MAX_BATCH_BYTES, MAX_BODY_BYTES, Request, metrics};
use crate::ask::{Ask, AskError, AskErrorKind};
use crate::command::Command;
use crate::config::DEFAULT_VRF;
use crate::config::address::parse_destination;

/// Every path, as the `OpenAPI` document writes it.
#[cfg(test)]
pub(super) const PATHS: [&str; 7] = [SHOW, FIB, LOOKUP, CHANGE, BATCH, METRICS, OPENAPI];

const SHOW: &str = "/v1/show/{what}";
const FIB: &str = "/v1/fib";
const LOOKUP: &str = "/v1/lookup";
const CHANGE: &str = "/v1/change";
const BATCH: &str = "/v1/batch";
const METRICS: &str = "/metrics";
const OPENAPI: &str = "/v1/openapi.json";

/// What the API says about itself (OpenAPI 3.1).
pub(super) const OPENAPI_DOCUMENT: &str = include_str!("openapi.json");

/// The media type of OpenMetrics 1.0.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Requests = State<mpsc::Sender<Request>>;

pub(super) fn router(requests: mpsc::Sender<Request>) -> Router {
    Router::new()
        .route(SHOW, get(show))
        .route(FIB, get(fib))
        .route(LOOKUP, get(lookup))
        .route(CHANGE, post(change))
        .route(BATCH, post(batch))
        .route(METRICS, get(metrics_page))
        .route(OPENAPI, get(openapi))
        .fallback(|| async {
            Refusal::new(StatusCode::NOT_FOUND, "there is nothing at this path; see /v1/openapi.json")
        })
        .method_not_allowed_fallback(|| async {
            Refusal::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "this path does not take this method; see /v1/openapi.json",
            )
        })
        .with_state(requests)
}

/// An error as it is answered.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, message: impl Into<String>) -> Refusal {
        Refusal { status, message: message.into() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, axum::Json(json!({ "error": self.message }))).into_response()
    }
}

impl From<AskError> for Refusal {
    fn from(error: AskError) -> Refusal {
        let status = match error.kind {
            AskErrorKind::BadInput => StatusCode::BAD_REQUEST,
            AskErrorKind::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Refusal::new(status, error.message)
    }
}

/// Puts a question to the daemon.
async fn put(requests: &mpsc::Sender<Request>, ask: Ask) -> Result<Value, Refusal> {
    let unavailable = |why| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why);
    let (reply, answer) = oneshot::channel();
    requests.try_send((ask, reply)).map_err(|error| match error {
        mpsc::error::TrySendError::Full(_) => {
            unavailable("the daemon is busy with other requests; try again")
        }
        mpsc::error::TrySendError::Closed(_) => unavailable("the daemon is ending"),
    })?;
    match tokio::time::timeout(ANSWER_LIMIT, answer).await {
        Ok(Ok(answer)) => Ok(answer?),
        Ok(Err(_)) => Err(unavailable("the daemon ended before it answered")),
        Err(_) => {
            let limit = ANSWER_LIMIT.as_secs();
            Err(Refusal::new(
                StatusCode::GATEWAY_TIMEOUT,
                format!("the daemon did not answer within {limit} s"),
            ))
        }
    }
}

async fn show(
    State(requests): Requests,
    what: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    let Path(what) = what.map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.body_text()))?;
    Ok(axum::Json(put(&requests, Ask::Show(what)).await?).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FibQuery {
    vrf: Option<String>,
    #[serde(default)]
    stats: bool,
}

async fn fib(
    State(requests): Requests,
    query: Result<Query<FibQuery>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(FibQuery { vrf, stats }) =
        query.map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.body_text()))?;
    Ok(axum::Json(put(&requests, Ask::Fib { vrf, stats }).await?).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LookupQuery {
    address: String,
    #[serde(default = "default_vrf")]
    vrf: String,
}

fn default_vrf() -> String {
    DEFAULT_VRF.to_owned()
}

async fn lookup(
    State(requests): Requests,
    query: Result<Query<LookupQuery>, QueryRejection>,
) -> Result<Response, Refusal> {
    let bad = |why: String| Refusal::new(StatusCode::BAD_REQUEST, why);
    let Query(LookupQuery { address, vrf }) = query.map_err(|error| bad(error.body_text()))?;
    let address = parse_destination(&address).map_err(bad)?;
    Ok(axum::Json(put(&requests, Ask::Lookup { address, vrf }).await?).into_response())
}

async fn change(State(requests): Requests, body: Body) -> Result<Response, Refusal> {
    let octets = read(body, MAX_BODY_BYTES).await?;
    let command: Command =
        serde_json::from_slice(&octets).map_err(|error| bad(format!("the body is no command: {error}")))?;
    command.check().map_err(bad)?;
    tracing::info!("API: {command}");
    Ok(axum::Json(put(&requests, Ask::Change(command)).await?).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    commands: Vec<Command>,
    #[serde(default)]
    force: bool,
}

async fn batch(State(requests): Requests, body: Body) -> Result<Response, Refusal> {
    let octets = read(body, MAX_BATCH_BYTES).await?;
    let Batch { commands, force } =
        serde_json::from_slice(&octets).map_err(|error| bad(format!("the body is no batch: {error}")))?;
    // Not each of them: so many lines would be the greater part of the work.
    tracing::info!("API: a batch of {} changes", commands.len());
    Ok(axum::Json(put(&requests, Ask::Batch { commands, force }).await?).into_response())
}

fn bad(why: String) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, why)
}

/// The octets of a body.
async fn read(body: Body, max_bytes: usize) -> Result<hyper::body::Bytes, Refusal> {
    let too_large = || {
        let why = format!("the body is too large; at most {max_bytes} octets are possible");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, why)
    };
    // What Content-Length announces is refused before the first octet of it.
    if body.size_hint().lower() > max_bytes as u64 {
        return Err(too_large());
    }
    to_bytes(body, max_bytes).await.map_err(|error| {
        let is_too_long = std::error::Error::source(&error)
            .is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>);
        if is_too_long { too_large() } else { bad(format!("the body cannot be read: {error}")) }
    })
}

async fn metrics_page(State(requests): Requests) -> Result<Response, Refusal> {
    let counters = put(&requests, Ask::Show("counters".to_owned())).await?;
    let ports = put(&requests, Ask::Show("ports".to_owned())).await?;
    let page = metrics::page(counters, ports)
        .map_err(|_| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written"))?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static(OPENMETRICS))], page).into_response())
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], OPENAPI_DOCUMENT).into_response()
}
