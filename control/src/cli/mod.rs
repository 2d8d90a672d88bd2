//! The command line: what there is, and where each command goes.
//!
//! Exit status: 0, 1 for a failure at run time, 2 for bad input. What goes wrong is one line on standard error, or one
//! for each problem of a configuration.

mod batch;
mod change;
mod check;
mod failure;
mod fib;
mod output;
mod replay;
mod run;
mod show;
mod srv6;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};

use failure::Failure;

/// Where the daemon listens unless `--socket` says otherwise.
const DEFAULT_SOCKET: &str = "/run/mexfwd.sock";

/// A DPDK forwarder for IPv6 that re-routes packets by the alternative prefixes they carry (MEX).
#[derive(Parser, Debug)]
#[command(name = "mexfwd", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Where the daemon answers.
#[derive(Args, Debug)]
struct Socket {
    /// The daemon's Unix socket
    #[arg(long = "socket", value_name = "PATH", env = "MEXFWD_SOCKET", default_value = DEFAULT_SOCKET)]
    path: PathBuf,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Forward packets until SIGTERM; SIGHUP reads the configuration again
    Run(run::Arguments),
    /// Validate a configuration and print every problem found
    Check(check::Arguments),
    /// Forward packets of capture files through the same packet graph: no NIC, no root, no hugepages
    Replay(replay::Arguments),
    /// Show the state of the running daemon
    Show(show::Arguments),
    /// Show which route, next hop and rewrite a destination gets
    Lookup(show::LookupArguments),
    /// Change routes of the running daemon
    #[command(after_help = "route add|replace PREFIX via ADDRESS [dev PORT] [weight N] [vrf VRF]\n\
        route add|replace PREFIX dev PORT [vrf VRF]\n\
        route add|replace PREFIX [vrf VRF] nexthop via ADDRESS dev PORT [weight N] nexthop ...\n\
        route add|replace blackhole|unreachable|mex PREFIX [vrf VRF]\n\
        route add|replace PREFIX policy NAME [vrf VRF]\n\
        route del PREFIX [vrf VRF]")]
    Route(change::Arguments),
    /// Change static neighbors of the running daemon
    #[command(alias = "neigh")]
    #[command(after_help = "neighbor add|replace ADDRESS lladdr MAC dev PORT\n\
        neighbor del ADDRESS dev PORT")]
    Neighbor(change::Arguments),
    /// Change `SRv6` SIDs of the running daemon
    #[command(
        after_help = "sid add|replace SID behavior B [flavors F,F] [via ADDRESS] [dev PORT] [vrf VRF]\n\
        \x20   [policy NAME] [hmac ignore|verify|require] [block-length N] [csid-length N]\n\
        sid del SID"
    )]
    Sid(change::Arguments),
    /// Change `SRv6` policies of the running daemon
    #[command(
        after_help = "policy add|replace NAME mode M [source ADDRESS] [binding-sid SID] [hmac-key N]\n\
        \x20   [hop-limit N|copy] [traffic-class N|copy] [flow-label N|flow|copy]\n\
        \x20   segments SID,SID,... [weight N] [preference N] segments ...\n\
        policy del NAME"
    )]
    Policy(change::Arguments),
    /// Change ports of the running daemon
    #[command(after_help = "port set PORT up|down\nport set PORT mtu OCTETS")]
    Port(change::Arguments),
    /// Carry out many changes, one a line of a file
    #[command(after_help = "Lines are changes: route add 2001:db8::/32 via fe80::1 dev isp-a\n\
        What follows a word that begins with # means nothing.")]
    Batch(batch::Arguments),
    /// Change MEX settings of the running daemon
    #[command(after_help = "mex set enabled on|off\nmex set max-prefixes N")]
    Mex(change::Arguments),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(error) => return refuse(&error),
    };
    let done = match command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Replay(arguments) => replay::run(arguments),
        Command::Show(arguments) => show::show(&arguments),
        Command::Lookup(arguments) => show::lookup(&arguments),
        Command::Route(arguments) => change::run("route", &arguments),
        Command::Neighbor(arguments) => change::run("neighbor", &arguments),
        Command::Sid(arguments) => change::run("sid", &arguments),
        Command::Policy(arguments) => change::run("policy", &arguments),
        Command::Port(arguments) => change::run("port", &arguments),
        Command::Batch(arguments) => batch::run(&arguments),
        Command::Mex(arguments) => change::run("mex", &arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Help and version as clap prints them; an error as one line.
fn refuse(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A reader that has seen enough of the help is no failure.
            let _ = error.print();
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::from(failure::BAD_INPUT)
        }
        _ => Failure::bad_input(one_line(&error.to_string())).report(),
    }
}

/// What clap says before it repeats the usage, on one line.
fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("For more information"));
    let joined = lines.collect::<Vec<_>>().join(" ");
    joined.strip_prefix("error: ").unwrap_or(&joined).to_owned()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_clap_says_fits_one_line() {
        let error = Cli::try_parse_from(["mexfwd", "show", "port"]).unwrap_err();
        let line = one_line(&error.to_string());
        assert!(line.starts_with("invalid value 'port'") && line.contains("neighbors"), "{line}");
        assert!(!line.contains('\n') && !line.contains("Usage"), "{line}");
    }

    #[test]
    fn options_stand_before_or_after_the_words_of_a_change() {
        for words in [
            ["mexfwd", "port", "--socket", "s", "set", "isp-a", "down"],
            ["mexfwd", "port", "set", "isp-a", "down", "--socket", "s"],
        ] {
            let Command::Port(arguments) = Cli::try_parse_from(words).unwrap().command else {
                panic!("not the port command")
            };
            assert_eq!(arguments.words, ["set", "isp-a", "down"]);
            assert_eq!(arguments.socket.path, PathBuf::from("s"));
        }
    }
}
