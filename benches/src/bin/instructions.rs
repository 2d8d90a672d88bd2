//! Sends bursts of one workload through the graph, for a tool that counts instructions: `scripts/bench instructions`.

use std::process::ExitCode;

use benches::srv6::WORKLOADS;

/// Packets of a burst.
const BURST: u32 = 64;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(name), Some(turns)) = (arguments.next(), arguments.next().and_then(|turns| turns.parse().ok()))
    else {
        for workload in WORKLOADS {
            println!("{}", workload.name);
        }
        return ExitCode::SUCCESS;
    };
    let Some(workload) = WORKLOADS.iter().find(|workload| workload.name == name) else {
        eprintln!("instructions: no workload is called '{name}' (without arguments the names are listed)");
        return ExitCode::from(2);
    };
    let mut bench = workload.bench(BURST);
    let sent: usize = (0..turns).map(|_: u32| bench.turn()).sum();
    println!("{sent}");
    ExitCode::SUCCESS
}
