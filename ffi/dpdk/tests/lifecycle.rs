//! The beginning and the end of EAL, each in a process of its own, since there is only one in a process.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::process::Command;

use common::{frame, options, pool, receive, send};
use dpdk::{Eal, Error, Port, PortConfig};

const TESTS: [(&str, fn()); 3] = [
    ("all-dropped-in-any-order", all_dropped_in_any_order),
    ("packet-outlives-everything", packet_outlives_everything),
    ("failed-start", failed_start),
];

fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    if let Some((_, test)) = TESTS.iter().find(|(test, _)| *test == name) {
        return test();
    }
    for (name, _) in TESTS {
        let status = Command::new(std::env::current_exe().unwrap()).arg(name).status().unwrap();
        assert!(status.success(), "{name}: {status}");
        println!("lifecycle: {name}: ok");
    }
}

/// Whether EAL's main thread still runs.
fn eal_runs() -> bool {
    fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .any(|name| name.trim() == "eal-main")
}

fn all_dropped_in_any_order() {
    let eal = Eal::init(&options()).unwrap();
    let pool = pool(&eal, 1023);
    let mut port = Port::attach(&eal, "net_ring0").unwrap();
    port.configure(&PortConfig::default(), &pool).unwrap();
    port.start().unwrap();
    let (mut rx, mut tx) = (port.take_rx_queue(0).unwrap(), port.take_tx_queue(0).unwrap());
    let registration = eal.register_thread().unwrap();
    let mbuf = pool.alloc_from(&frame(1, 60)).unwrap();
    drop((eal, pool, port));
    send(&mut tx, mbuf);
    assert_eq!(receive(&mut [&mut rx], 1), [frame(1, 60)], "queues alone keep everything alive");
    drop(tx);
    assert!(eal_runs());
    drop(rx);
    assert!(eal_runs(), "a registered thread keeps EAL");
    drop(registration);
    assert!(!eal_runs(), "and nothing else does");
    assert_eq!(Eal::init(&options()).unwrap_err(), Error::AlreadyInitialised);
}

fn packet_outlives_everything() {
    let eal = Eal::init(&options()).unwrap();
    let pool = pool(&eal, 1023);
    let mut mbuf = pool.alloc_from(&frame(7, 1000)).unwrap();
    drop((eal, pool));
    assert_eq!(mbuf.bytes(), frame(7, 1000));
    mbuf.bytes_mut().fill(9);
    assert!(mbuf.prepend(100) && mbuf.len() == 1100);
    drop(mbuf);
}

fn failed_start() {
    let nul = options().vdev("net_null0\0");
    assert!(matches!(Eal::init(&nul), Err(Error::InvalidOption(_))));
    let error = Eal::init(&options().memory_mb(u32::MAX)).unwrap_err();
    let Error::Dpdk { call: "rte_eal_init", message, .. } = &error else { panic!("{error:?}") };
    assert!(message.contains("memory"), "says what is wrong: {message}");
    assert_eq!(Eal::init(&options()).unwrap_err(), Error::AlreadyInitialised);
}
