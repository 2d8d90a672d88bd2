//! What the tests share. EAL is one per process, so each file of tests has one, and shares it.
#![allow(dead_code, clippy::unwrap_used)] // no file uses all of it

use std::time::{Duration, Instant};

use dpdk::{Eal, EalOptions, Mbuf, MbufBurst, Mempool, MempoolConfig, RxQueue, TxQueue};

/// How long a packet may take.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// EAL in ordinary memory, leaving no files.
pub fn options() -> EalOptions {
    EalOptions::new().in_memory(true).no_huge(true).no_pci(true).iova_va(true).memory_mb(192)
}

pub fn pool(eal: &Eal, count: u32) -> Mempool {
    Mempool::new(eal, &MempoolConfig { count, cache: 32, ..MempoolConfig::default() }).unwrap()
}

/// An Ethernet frame of an experimental type, whose payload tells it from all others.
pub fn frame(number: u8, len: usize) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5];
    frame.extend((frame.len()..len).map(|at| number.wrapping_mul(31).wrapping_add(at as u8)));
    frame
}

pub fn is_ours(bytes: &[u8]) -> bool {
    bytes.get(12..14) == Some(&[0x88, 0xb5])
}

/// Transmits one packet, however busy the queue is.
pub fn send(queue: &mut TxQueue, mbuf: Mbuf) {
    let mut slots = [Some(mbuf)];
    let deadline = Instant::now() + PATIENCE;
    while queue.transmit(&mut slots) == 0 {
        assert!(Instant::now() < deadline, "the queue takes nothing");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(slots[0].is_none());
}

/// Waits for `count` frames of the tests' own type, and returns their octets.
pub fn receive(queues: &mut [&mut RxQueue], count: usize) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut burst = MbufBurst::new();
    let deadline = Instant::now() + PATIENCE;
    while frames.len() < count && Instant::now() < deadline {
        for queue in &mut *queues {
            queue.receive(&mut burst);
        }
        let mbufs = burst.as_slice().iter().flatten();
        frames.extend(mbufs.map(|mbuf| mbuf.bytes().to_vec()).filter(|bytes| is_ours(bytes)));
        burst.clear();
    }
    frames
}

/// A capture file of Ethernet frames, in libpcap's own format.
pub fn pcap(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65535, 1] {
        file.extend(word.to_le_bytes());
    }
    for (second, frame) in frames.iter().enumerate() {
        for word in [second as u32, 0, frame.len() as u32, frame.len() as u32] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}

/// The frames of a capture file.
pub fn frames_of_pcap(file: &[u8]) -> Vec<Vec<u8>> {
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    assert!([0xa1b2_c3d4, 0xa1b2_3c4d].contains(&word(0)), "not a capture file");
    let (mut frames, mut at) = (Vec::new(), 24);
    while at < file.len() {
        let len = word(at + 8);
        assert_eq!(len, word(at + 12), "truncated in the capture");
        frames.push(file[at + 16..at + 16 + len].to_vec());
        at += 16 + len;
    }
    frames
}
