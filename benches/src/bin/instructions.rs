//! Counts the instructions that a packet spends in the graph: `scripts/bench instructions`.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use benches::instructions::{self, BURST, Cost, Expected, Finding};
use benches::workloads;
use clap::Parser;

/// Instructions a packet spends in the graph, plain, MEX and SRv6, counted by callgrind: no noise. The nodes that
/// they were written in are listed, and other modules in brackets.
///
/// Exit status 1 when a check fails.
#[derive(Parser, Debug)]
#[command(name = "scripts/bench instructions")]
struct Options {
    /// Results as JSON
    #[arg(long)]
    json: bool,
    /// Compare with the counts in this file: 3 % more are accepted
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
    /// Write the counts to this file
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    write: Option<PathBuf>,
    /// Only this workload (--list names them)
    #[arg(long, value_name = "NAME", conflicts_with_all = ["check", "write"])]
    workload: Option<String>,
    /// The workloads
    #[arg(long)]
    list: bool,
    /// Send so many bursts of one workload and end: what is run under callgrind
    #[arg(hide = true, num_args = 2, value_names = ["WORKLOAD", "BURSTS"])]
    run: Vec<String>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match options.run.as_slice() {
        [workload, turns] => send(workload, turns).map(|()| true),
        _ => run(&options),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench instructions: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What is counted.
fn send(workload: &str, turns: &str) -> Result<(), String> {
    let turns: u32 = turns.parse().map_err(|_| format!("{turns}: not a number of bursts"))?;
    let mut bench = workloads::bench(workload, BURST).ok_or_else(|| unknown(workload))?;
    // Without frames lost on the way every burst is like the others.
    for _ in 0..turns {
        let sent = bench.turn();
        if sent != BURST as usize {
            return Err(format!("{workload}: {sent} of {BURST} packets were sent"));
        }
    }
    Ok(())
}

fn unknown(workload: &str) -> String {
    format!("no workload is called '{workload}'; there are {}", workloads::names().join("; "))
}

/// False when a check fails.
fn run(options: &Options) -> Result<bool, String> {
    let mut names = workloads::names();
    if options.list {
        println!("{}", names.join("\n"));
        return Ok(true);
    }
    if let Some(only) = &options.workload {
        names.retain(|name| name == only);
        if names.is_empty() {
            return Err(unknown(only));
        }
    }
    // What is expected must be readable before minutes are spent.
    let expected = options.check.as_deref().map(read).transpose()?;
    let program = std::env::current_exe().map_err(|error| format!("this program: {error}"))?;
    let mut costs = Vec::with_capacity(names.len());
    for (number, name) in (1..).zip(&names) {
        eprintln!("[{number}/{}] {name}", names.len());
        costs.push(instructions::measure(&program, name)?);
    }
    if options.json {
        println!("{:#}", instructions::json(&costs));
    } else {
        print!("{}", instructions::text(&costs));
    }
    if let Some(path) = &options.write {
        write(path, &costs)?;
    }
    Ok(match expected {
        Some(expected) => is_accepted(&expected, &costs)?,
        None => true,
    })
}

fn compiler() -> Result<String, String> {
    let said = Command::new("rustc").arg("--version").output().map_err(|error| format!("rustc: {error}"))?;
    Ok(String::from_utf8_lossy(&said.stdout).trim().to_owned())
}

fn read(path: &Path) -> Result<Expected, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
    serde_json::from_str(&text).map_err(|error| failed(&error))
}

fn write(path: &Path, costs: &[Cost]) -> Result<(), String> {
    let expected = Expected::of(&compiler()?, costs);
    let text = serde_json::to_string_pretty(&expected).map_err(|error| error.to_string())?;
    std::fs::write(path, text + "\n").map_err(|error| format!("{}: {error}", path.display()))
}

fn is_accepted(expected: &Expected, costs: &[Cost]) -> Result<bool, String> {
    let findings = instructions::compare(expected, &compiler()?, costs);
    for finding in &findings {
        eprintln!("{finding}");
    }
    Ok(!findings.iter().any(Finding::is_failure))
}
