//! `mexfwd replay`: the arguments; the work is in `control::replay`.

use std::path::PathBuf;

use control::replay::{self, Options};

use super::failure::Failure;
use super::output;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The configuration
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
    /// Captures of what ports receive, pcap or pcapng; packets of the same time in the order given here
    #[arg(long = "in", value_name = "PORT=FILE", num_args = 1.., value_parser = port_and_file)]
    inputs: Vec<(String, PathBuf)>,
    /// Where to write what ports send (pcap, microseconds)
    #[arg(long = "out", value_name = "PORT=FILE", num_args = 1.., value_parser = port_and_file)]
    outputs: Vec<(String, PathBuf)>,
    /// Lines `N COMMAND`: run the command before the N-th input packet
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Packets that go through the graph together
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=256))]
    burst: u16,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
    /// Print the way of each packet through the graph on standard error
    #[arg(long)]
    trace: bool,
}

fn port_and_file(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((port, file)) if !port.is_empty() && !file.is_empty() => {
            Ok((port.to_owned(), PathBuf::from(file)))
        }
        _ => Err("PORT=FILE is needed, as in isp-a=a.pcap".to_owned()),
    }
}

/// Replays and prints the summary.
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { config, inputs, outputs, script, burst, json, trace } = arguments;
    let options = Options { config, inputs, outputs, script, burst: usize::from(burst), trace };
    let summary = replay::run(&options).map_err(|error| match &error {
        replay::ReplayError::Problems(_) => Failure::with_lines(error.to_string(), error.exit_status()),
        _ => Failure::with_lines(format!("mexfwd: {error}"), error.exit_status()),
    })?;
    if json {
        return output::print_json(&summary);
    }
    output::print(&replay::summary_text(&summary))
}
