//! Requests from one stream, replies to another.

use std::io::{BufRead, Write};

use super::engine::Engine;
use super::trial::{Reply, Request, WorkloadRequest, read_destinations};
use super::workload::{self, Plan, Stations, Wanted, Workload};

/// Answers requests until the stream ends. The first reply, [`Reply::Ready`], comes before any request.
///
/// # Errors
/// A stream fails. What a request asks wrongly is answered with [`Reply::Error`].
pub fn serve(
    engine: &mut Engine,
    stations: Stations,
    requests: impl BufRead,
    mut replies: impl Write,
) -> std::io::Result<()> {
    let mut workload = None;
    send(&mut replies, &Reply::Ready)?;
    for line in requests.lines() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let reply = answer(engine, stations, &mut workload, &line).unwrap_or_else(Reply::Error);
        send(&mut replies, &reply)?;
    }
    Ok(())
}

fn answer(
    engine: &mut Engine,
    stations: Stations,
    workload: &mut Option<Workload>,
    line: &str,
) -> Result<Reply, String> {
    match serde_json::from_str(line).map_err(|error| error.to_string())? {
        Request::Workload(request) => {
            *workload = Some(make(&request, stations)?);
            Ok(Reply::Ready)
        }
        Request::Load(load) => {
            let workload = workload.as_ref().ok_or("no workload yet")?;
            engine.run(workload, &load).map(|outcome| Reply::Outcome(Box::new(outcome)))
        }
    }
}

fn make(request: &WorkloadRequest, stations: Stations) -> Result<Workload, String> {
    let destinations = match &request.destinations {
        Some(path) => read_destinations(path)?,
        None => workload::destinations(request.flows),
    };
    let wanted = if request.unchanged { Wanted::Unchanged } else { Wanted::Forwarded };
    let (kind, frame_bytes) = (request.kind.parse()?, request.frame_bytes);
    Workload::new(&Plan { kind, frame_bytes, destinations, stations, wanted })
}

fn send(replies: &mut impl Write, reply: &Reply) -> std::io::Result<()> {
    serde_json::to_writer(&mut *replies, reply)?;
    replies.write_all(b"\n")?;
    replies.flush()
}
