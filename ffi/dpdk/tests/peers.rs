//! Ports that meet DPDK in another process: vhost with virtio_user, and memif; without hugepages, and with them
//! where there are any.
#![allow(clippy::unwrap_used, clippy::doc_markdown)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use common::{PATIENCE, frame, is_ours, options, pool, receive, send};
use dpdk::{Eal, EalOptions, MbufBurst, Port, PortConfig, free_hugepages_mb};

/// How many frames pass each way.
const FRAMES: u8 = 200;

/// Memory in hugepages that one end takes, in MiB.
const HUGE_MB: u32 = 192;

/// A pair of devices: this process's and the other's.
struct Case {
    name: &'static str,
    ours: &'static str,
    theirs: &'static str,
}

const CASES: [Case; 2] = [
    Case {
        name: "vhost and virtio_user",
        ours: "net_vhost0,iface=SOCKET",
        theirs: "net_virtio_user0,path=SOCKET,queue_size=1024",
    },
    Case {
        name: "memif",
        ours: "net_memif0,role=server,socket-abstract=no,socket=SOCKET",
        theirs: "net_memif0,role=client,socket-abstract=no,socket=SOCKET",
    },
];

/// The program runs once for each case and memory, as `case NUMBER huge|ordinary SOCKET`: EAL is one per process.
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["case" | "echo", number, memory, socket] = words[..] {
        let case = &CASES[number.parse::<usize>().unwrap()];
        match words[0] {
            "case" => exchange(case, number, memory, socket),
            _ => echo(case, memory, socket),
        }
        return;
    }
    for (number, case) in CASES.iter().enumerate() {
        for memory in ["ordinary", "huge"] {
            if memory == "huge" && free_hugepages_mb() < 2 * u64::from(HUGE_MB) {
                println!(
                    "peers: {} with hugepages: SKIPPED: {} MiB of them are needed",
                    case.name,
                    2 * HUGE_MB
                );
                continue;
            }
            let socket = std::env::temp_dir().join(format!("dpdk-test-{}-{number}.sock", std::process::id()));
            let status = run("case", &number.to_string(), memory, &socket).wait().unwrap();
            let _ = fs::remove_file(&socket);
            assert!(status.success(), "{} in {memory} memory: {status}", case.name);
            println!("peers: {} in {memory} memory: ok", case.name);
        }
    }
}

fn run(role: &str, number: &str, memory: &str, socket: &Path) -> Child {
    let program: PathBuf = std::env::current_exe().unwrap();
    Command::new(program).args([role, number, memory]).arg(socket).spawn().unwrap()
}

fn environment(memory: &str) -> EalOptions {
    match memory {
        "huge" => options().no_huge(false).single_file_segments(true).memory_mb(HUGE_MB),
        _ => options(),
    }
}

fn exchange(case: &Case, number: &str, memory: &str, socket: &str) {
    let eal = Eal::init(&environment(memory)).unwrap();
    let pool = pool(&eal, 4095);
    let mut port = Port::attach(&eal, &case.ours.replace("SOCKET", socket)).unwrap();
    port.configure(&PortConfig::default(), &pool).unwrap();
    port.start().unwrap();
    assert!(!port.link().unwrap().up, "nobody is there yet");
    let (mut rx, mut tx) = (port.take_rx_queue(0).unwrap(), port.take_tx_queue(0).unwrap());
    let mut child = run("echo", number, memory, Path::new(socket));
    let deadline = Instant::now() + PATIENCE;
    while !port.link().unwrap().up {
        assert!(Instant::now() < deadline, "the link does not come up");
        std::thread::sleep(Duration::from_millis(10));
    }
    let frames: Vec<Vec<u8>> =
        (0..FRAMES).map(|number| frame(number, 60 + 7 * usize::from(number))).collect();
    let mut expected = frames.clone();
    for frame in &mut expected {
        frame[5] = 0x99;
    }
    let mut echoed = Vec::new();
    for frames in frames.chunks(20) {
        for frame in frames {
            send(&mut tx, pool.alloc_from(frame).unwrap());
        }
        echoed.extend(receive(&mut [&mut rx], frames.len()));
    }
    assert_eq!(echoed, expected);
    assert!(child.wait().unwrap().success());
    let deadline = Instant::now() + PATIENCE;
    while port.link().unwrap().up {
        assert!(Instant::now() < deadline, "the link stays up without its peer");
        std::thread::sleep(Duration::from_millis(10));
    }
    drop((rx, tx, port));
    assert_eq!(pool.in_use(), 0);
}

/// The other end: returns every frame with one octet changed.
fn echo(case: &Case, memory: &str, socket: &str) {
    let eal = Eal::init(&environment(memory)).unwrap();
    let pool = pool(&eal, 4095);
    let mut port = Port::attach(&eal, &case.theirs.replace("SOCKET", socket)).unwrap();
    port.configure(&PortConfig::default(), &pool).unwrap();
    port.start().unwrap();
    let (mut rx, mut tx) = (port.take_rx_queue(0).unwrap(), port.take_tx_queue(0).unwrap());
    let mut burst = MbufBurst::new();
    let (mut count, deadline) = (0, Instant::now() + PATIENCE);
    while count < usize::from(FRAMES) && Instant::now() < deadline {
        rx.receive(&mut burst);
        for mut mbuf in burst.as_mut_slice().iter_mut().filter_map(Option::take) {
            if is_ours(mbuf.bytes()) {
                mbuf.bytes_mut()[5] = 0x99;
                send(&mut tx, mbuf);
                count += 1;
            }
        }
        burst.clear();
    }
    // What was sent last is still on its way to the other process, in memory of this one.
    std::thread::sleep(Duration::from_millis(500));
    drop((rx, tx, port));
    assert_eq!((count, pool.in_use()), (usize::from(FRAMES), 0));
}
