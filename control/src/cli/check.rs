//! `mexfwd check`: what a configuration says, or everything that is wrong with it.

use std::path::PathBuf;

use control::config::{self, Config, Problem};
use serde_json::{Value, json};

use super::failure::{BAD_INPUT, Failure};
use super::output;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The configuration
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
    /// Print JSON on standard output
    #[arg(long)]
    json: bool,
}

/// Checks; warnings and problems go to standard error, one line each.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let file = arguments.config.display().to_string();
    let (config, warnings) = match config::load(&arguments.config) {
        Ok(loaded) => loaded,
        Err(problems) => {
            if arguments.json {
                let problems: Vec<_> = problems.iter().map(problem_json).collect();
                output::print_json(&json!({ "file": file, "ok": false, "problems": problems }))?;
            }
            let lines: Vec<_> = problems.iter().map(Problem::to_string).collect();
            return Err(Failure::with_lines(lines.join("\n"), BAD_INPUT));
        }
    };
    for warning in &warnings {
        eprintln!("{warning}");
    }
    // Good for `replay`, but not for `run`: worth a word, not a refusal.
    let run_only = config.problems_for_run();
    for Problem { file, line, column, message } in &run_only {
        eprintln!("{file}:{line}:{column}: warning: `run` will refuse this: {message}");
    }
    if arguments.json {
        let warnings = warnings.iter().map(|w| place_json(&w.file, w.line, w.column, &w.message));
        return output::print_json(&json!({
            "file": file,
            "ok": true,
            "problems": [],
            "problems-for-run": run_only.iter().map(problem_json).collect::<Vec<_>>(),
            "warnings": warnings.collect::<Vec<_>>(),
            "ports": config.ports.len(),
            "neighbors": config.neighbors.len(),
            "routes": config.routes.len(),
            "vrfs": config.vrfs(),
            "sids": config.srv6.sids.len(),
            "policies": config.srv6.policies.len(),
            "mex": {
                "triggers": config.mex.effective_triggers().names().collect::<Vec<_>>(),
                "sites": config.mex.sites.len(),
                "peers": config.mex.peers.len(),
            },
        }));
    }
    output::print(&format!("{file}: ok: {}\n", summary(&config)))
}

fn place_json(file: &str, line: usize, column: usize, message: &str) -> Value {
    json!({ "file": file, "line": line, "column": column, "message": message })
}

fn problem_json(problem: &Problem) -> Value {
    place_json(&problem.file, problem.line, problem.column, &problem.message)
}

fn count(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

fn summary(config: &Config) -> String {
    let mut parts = vec![
        count(config.ports.len(), "port"),
        count(config.routes.len(), "route"),
        count(config.neighbors.len(), "neighbor"),
        count(config.vrfs().len(), "VRF"),
    ];
    let triggers: Vec<_> = config.mex.effective_triggers().names().collect();
    parts.push(if triggers.is_empty() {
        "mex off".to_owned()
    } else {
        format!("mex on {}", triggers.join("+"))
    });
    for (n, name) in [(config.mex.sites.len(), "mex site"), (config.mex.peers.len(), "mex peer")] {
        if n > 0 {
            parts.push(count(n, name));
        }
    }
    let srv6 = &config.srv6;
    if !srv6.sids.is_empty() || !srv6.policies.is_empty() {
        parts.push(count(srv6.sids.len(), "SID"));
        let policies = srv6.policies.len();
        parts.push(if policies == 1 { "1 policy".to_owned() } else { format!("{policies} policies") });
    }
    parts.join(", ")
}
