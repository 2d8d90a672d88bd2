//! `mexfwd run`: the daemon and its API in one thread; the workers are threads of `control::run`.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use control::api::{self, ApiError, Listener};
use control::config::{self, Config, Problem};
use control::run::{self, RunError};
use tokio::sync::mpsc;
use tracing::level_filters::LevelFilter;

use super::Socket;
use super::failure::{BAD_INPUT, Failure};

/// How long connections may take to get their last answer when the daemon ends.
const GRACE: Duration = Duration::from_secs(2);

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The configuration
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    socket: Socket,
    /// What to write to standard error
    #[arg(long, value_name = "LEVEL", default_value = "info", value_parser = level_parser())]
    log: LevelFilter,
}

fn level_parser() -> impl TypedValueParser<Value = LevelFilter> {
    PossibleValuesParser::new(["error", "warn", "info", "debug", "trace"])
        .try_map(|level| level.parse::<LevelFilter>())
}

/// Runs until SIGTERM or SIGINT.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = load(arguments)?;
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_max_level(arguments.log)
        .init();
    // Before anything of DPDK: a second daemon is told so, and takes nothing from the first.
    let listener = Listener::bind(&arguments.socket.path).map_err(|error| match error {
        ApiError::NotASocket(_) => Failure::bad_input(error),
        ApiError::InUse(_) | ApiError::Io { .. } => Failure::failed(error),
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("no event loop: {error}")))?;
    runtime.block_on(serve(config, arguments.config.clone(), listener)).map_err(|error| match error {
        RunError::Config(_) | RunError::Cores(_) | RunError::Memory { .. } => Failure::bad_input(error),
        _ => Failure::failed(error),
    })
}

/// The configuration, when it is good for more than `replay`.
fn load(arguments: &Arguments) -> Result<Config, Failure> {
    let refuse = |problems: &[Problem]| {
        let lines: Vec<_> = problems.iter().map(Problem::to_string).collect();
        Failure::with_lines(lines.join("\n"), BAD_INPUT)
    };
    let (config, warnings) = config::load(&arguments.config).map_err(|problems| refuse(&problems))?;
    for warning in warnings {
        eprintln!("{warning}");
    }
    let problems = config.problems_for_run();
    if problems.is_empty() { Ok(config) } else { Err(refuse(&problems)) }
}

async fn serve(config: Config, path: PathBuf, listener: Listener) -> Result<(), RunError> {
    let daemon = run::start(config, path).await?;
    let (requests, asked) = mpsc::channel(api::MAX_WAITING_REQUESTS);
    let server = tokio::spawn(async move {
        if let Err(error) = api::serve(listener, requests).await {
            tracing::error!("API: {error}");
        }
    });
    let ended = Box::pin(daemon.serve(asked)).await;
    // Nobody answers any more: the server sees that, lets its connections finish, and removes the socket.
    let _ = tokio::time::timeout(GRACE, server).await;
    ended
}
