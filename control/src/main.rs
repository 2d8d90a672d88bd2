//! `mexfwd`: a forwarder for IPv6 with alternative prefixes. The commands are in `cli`.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
