//! Pools, packets, ports and queues on virtual devices that need nothing but memory and files.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock};

use common::{PATIENCE, frame, frames_of_pcap, pcap, pool, receive, send};
use dpdk::{
    Eal, Error, HEADROOM_BYTES, Mbuf, MbufBurst, Mempool, MempoolConfig, Port, PortConfig, Shortfall,
};

/// EAL, and the right to use it: tests take turns, so that pools can be counted.
fn eal() -> (Eal, MutexGuard<'static, ()>) {
    static EAL: OnceLock<Eal> = OnceLock::new();
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    (EAL.get_or_init(|| Eal::init(&common::options().vdev("net_ring2")).unwrap()).clone(), turn)
}

fn started(eal: &Eal, devargs: &str, config: &PortConfig, pool: &Mempool) -> Port {
    let mut port = Port::attach(eal, devargs).unwrap();
    port.configure(config, pool).unwrap();
    port.start().unwrap();
    port
}

fn temporary(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("dpdk-test-{}-{name}", std::process::id()))
}

#[test]
fn a_packet_is_a_pointer_wide() {
    assert_eq!(size_of::<Option<Mbuf>>(), size_of::<usize>());
}

#[test]
fn eal_starts_once() {
    let (_eal, _turn) = eal();
    assert_eq!(Eal::init(&common::options()).unwrap_err(), Error::AlreadyInitialised);
    assert!(Eal::version().starts_with("DPDK "), "{}", Eal::version());
    assert!(dpdk::tsc_hz() > 1_000_000);
    let before = dpdk::tsc();
    std::thread::sleep(std::time::Duration::from_millis(20));
    let elapsed_ms = (dpdk::tsc() - before) / (dpdk::tsc_hz() / 1000);
    assert!((20..1000).contains(&elapsed_ms), "{elapsed_ms} ms");
}

#[test]
fn a_packet_grows_and_shrinks_within_its_buffer() {
    let (eal, _turn) = eal();
    let pool = pool(&eal, 127);
    let mut mbuf = pool.alloc().unwrap();
    assert_eq!((mbuf.len(), mbuf.headroom(), mbuf.tailroom()), (0, HEADROOM_BYTES, 2048));
    assert!(mbuf.is_empty() && mbuf.is_contiguous() && mbuf.port().is_none());

    assert!(!mbuf.extend(2049) && mbuf.is_empty(), "a refused extension changes nothing");
    assert!(mbuf.extend(4));
    mbuf.bytes_mut().copy_from_slice(&[5, 6, 7, 8]);
    assert!(!mbuf.prepend(HEADROOM_BYTES + 1) && mbuf.len() == 4);
    assert!(mbuf.prepend(4));
    mbuf.bytes_mut()[..4].copy_from_slice(&[1, 2, 3, 4]);
    assert_eq!(mbuf.bytes(), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!((mbuf.headroom(), mbuf.tailroom()), (HEADROOM_BYTES - 4, 2044));

    assert!(!mbuf.trim_front(9) && mbuf.len() == 8);
    assert!(mbuf.trim_front(3));
    mbuf.truncate(100);
    assert_eq!(mbuf.bytes(), [4, 5, 6, 7, 8]);
    mbuf.truncate(2);
    assert_eq!((mbuf.bytes(), mbuf.len()), (&[4, 5][..], 2));
    assert!(mbuf.trim_front(2) && mbuf.is_empty());

    assert!(mbuf.prepend(mbuf.headroom()) && mbuf.extend(mbuf.tailroom()));
    assert_eq!((mbuf.len(), mbuf.headroom(), mbuf.tailroom()), (HEADROOM_BYTES + 2048, 0, 0));
    assert!(mbuf.linearize());
    assert!(pool.alloc_from(&[0; 2049]).is_none());
    assert_eq!(pool.alloc_from(b"octets").unwrap().bytes(), b"octets");
    drop(mbuf);
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn a_pool_gives_what_it_has_and_gets_all_back() {
    let (eal, _turn) = eal();
    let pool = pool(&eal, 127);
    let taken: Vec<Mbuf> = std::iter::from_fn(|| pool.alloc()).collect();
    assert_eq!((taken.len(), pool.available(), pool.in_use()), (127, 0, 127));
    let mut burst = MbufBurst::new();
    for mbuf in taken {
        burst.push(mbuf).unwrap();
    }
    drop(burst.take(3));
    assert_eq!((burst.len(), pool.in_use()), (127, 126));
    burst.compact();
    assert_eq!(burst.len(), 126);
    burst.clear();
    assert_eq!((burst.len(), pool.in_use()), (0, 0));

    for config in [
        MempoolConfig { count: 0, ..MempoolConfig::default() },
        MempoolConfig { cache: 513, ..MempoolConfig::default() },
        MempoolConfig { count: 300, cache: 256, ..MempoolConfig::default() },
        MempoolConfig { data_room_bytes: 0, ..MempoolConfig::default() },
        MempoolConfig { data_room_bytes: u16::MAX - 7, ..MempoolConfig::default() },
    ] {
        assert!(matches!(Mempool::new(&eal, &config), Err(Error::InvalidOption(_))), "{config:?}");
    }
    let huge = MempoolConfig { count: 1 << 20, ..MempoolConfig::default() };
    let error = Mempool::new(&eal, &huge).unwrap_err();
    // ENOMEM, or ENOBUFS, as memory happens to be in pieces.
    assert!(matches!(error, Error::Dpdk { code: 12 | 105, .. }), "{error}");
}

/// The memory of pools goes back: a thousand pools of 4 MiB each fit, one after the other, into 192 MiB; also
/// when the last packet outlives the pool's last handle, or is freed by another thread that has a cache.
#[test]
fn a_pool_is_freed_after_its_last_packet() {
    let (eal, _turn) = eal();
    for round in 0..1000_u32 {
        let pool = pool(&eal, 2047);
        let mbuf = pool.alloc_from(&[round as u8; 64]).unwrap();
        drop(pool);
        let eal = eal.clone();
        let other = move || {
            let _registration = (round % 2 == 0).then(|| eal.register_thread().unwrap());
            assert_eq!(mbuf.bytes(), [round as u8; 64]);
            drop(mbuf);
        };
        std::thread::spawn(other).join().unwrap();
    }
}

/// Through the caches and past them (bursts of more than 48 go to the ring at once), nothing is lost.
#[test]
fn threads_have_caches_of_their_own() {
    let (eal, _turn) = eal();
    let pool = pool(&eal, 1023);
    let registration = eal.register_thread().unwrap();
    assert_eq!(eal.register_thread().unwrap_err(), Error::ThreadRegistered);
    drop(registration);
    let workers: Vec<_> = (0..3)
        .map(|_| {
            let (eal, pool) = (eal.clone(), pool.clone());
            std::thread::spawn(move || {
                let _registration = eal.register_thread().unwrap();
                for round in 0..3_000 {
                    let mut burst = MbufBurst::new();
                    for _ in 0..round % 64 {
                        burst.push(pool.alloc().unwrap()).unwrap();
                    }
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().unwrap();
    }
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn a_ring_carries_packets_in_order_and_keeps_ownership_straight() {
    let (eal, _turn) = eal();
    let pool = pool(&eal, 4095);
    let mut port = started(&eal, "net_ring0", &PortConfig::default(), &pool);
    let (mut receive, mut transmit) = (port.take_rx_queue(0).unwrap(), port.take_tx_queue(0).unwrap());
    let mut burst = MbufBurst::new();
    for number in 0..100 {
        burst.push(pool.alloc_from(&frame(number, 60)).unwrap()).unwrap();
    }
    drop(burst.take(50));
    assert_eq!(transmit.transmit(burst.as_mut_slice()), 50, "up to the empty slot");
    assert!(burst.as_slice()[..51].iter().all(Option::is_none));
    assert_eq!(burst.as_slice()[51].as_ref().unwrap().bytes(), frame(51, 60), "what is not sent stays");
    burst.clear();
    assert_eq!(pool.in_use(), 50);

    let mut slots: [Option<Mbuf>; 64] = [const { None }; 64];
    slots[20] = pool.alloc();
    assert_eq!(receive.receive_into(&mut slots), 20, "up to the slot in use");
    assert!(slots[20].as_ref().unwrap().is_empty());
    assert_eq!(receive.receive(&mut burst), 30);
    let arrived = slots[..20].iter().chain(burst.as_slice()).flatten();
    for (number, mbuf) in arrived.enumerate() {
        assert_eq!(mbuf.bytes(), frame(number as u8, 60));
    }
    drop((slots, burst));
    assert_eq!(pool.in_use(), 0);

    // More than the ring holds: the rest stays with the sender.
    let mut sent = 0;
    let mut left = loop {
        let mut slots: Vec<_> = (0..64).map(|_| pool.alloc_from(&frame(0, 60))).collect();
        let count = transmit.transmit(&mut slots);
        sent += count;
        if count < 64 {
            break slots;
        }
    };
    assert_eq!(left.iter().flatten().count(), 64 - sent % 64);
    left.clear();
    assert_eq!(pool.in_use(), sent);
    drop((receive, transmit));
    port.stop().unwrap();
    drop(port);
    let kept = pool.in_use();
    assert_eq!(kept, sent, "the ring of net_ring outlives its port, and keeps the packets");
}

#[test]
fn queues_are_taken_once_and_keep_the_port_started() {
    let (eal, _turn) = eal();
    let pool = pool(&eal, 1023);
    let mut port = Port::attach(&eal, "net_null0").unwrap();
    assert_eq!(Port::attach(&eal, "net_null0").unwrap_err(), Error::AlreadyAttached("net_null0".into()));
    assert_eq!(port.start().unwrap_err(), Error::NotConfigured);
    assert_eq!(port.take_rx_queue(0).unwrap_err(), Error::NotStarted);
    let two = PortConfig { rx_queues: 2, tx_queues: 2, ..PortConfig::default() };
    port.configure(&two, &pool).unwrap();
    assert_eq!(port.take_rx_queue(0).unwrap_err(), Error::NotStarted);
    port.start().unwrap();
    assert_eq!(port.start().unwrap_err(), Error::Started);
    assert_eq!(port.configure(&two, &pool).unwrap_err(), Error::Started);
    let first = port.take_rx_queue(0).unwrap();
    let second = port.take_rx_queue(1).unwrap();
    assert_eq!(port.take_rx_queue(0).unwrap_err(), Error::QueueTaken(0));
    assert_eq!(port.take_rx_queue(2).unwrap_err(), Error::NoSuchQueue(2));
    assert_eq!((first.id(), second.id(), second.port()), (0, 1, port.id()));
    assert_eq!(port.stop().unwrap_err(), Error::QueuesInUse);
    drop(first);
    let first = port.take_rx_queue(0).unwrap();
    drop((first, second));
    port.stop().unwrap();
    assert_eq!(port.stop().unwrap_err(), Error::NotStarted);
    port.start().unwrap();

    // The queue alone keeps the device; without it, the name is free again.
    let mut receive = port.take_rx_queue(0).unwrap();
    let handle = port.handle();
    drop(port);
    let mut burst = MbufBurst::new();
    assert_eq!(receive.receive(&mut burst), 256, "net_null always has packets");
    assert_eq!(burst.as_slice()[0].as_ref().unwrap().port(), Some(handle.id()));
    assert_eq!(handle.statistics().unwrap().rx_packets, 256);
    handle.reset_statistics().unwrap();
    assert_eq!(handle.statistics().unwrap().rx_packets, 0);
    drop((receive, handle, burst));
    drop(Port::attach(&eal, "net_null0").unwrap());
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn a_worker_polls_while_control_asks() {
    let (eal, _turn) = eal();
    let pool = pool(&eal, 1023);
    let mut port = started(&eal, "net_null1,size=100", &PortConfig::default(), &pool);
    let (mut receive, mut transmit) = (port.take_rx_queue(0).unwrap(), port.take_tx_queue(0).unwrap());
    let worker = std::thread::spawn(move || {
        let mut total = 0;
        let mut burst = MbufBurst::new();
        while total < 1_000_000 {
            total += receive.receive(&mut burst);
            assert_eq!(transmit.transmit(burst.as_mut_slice()), burst.len());
            burst.clear();
        }
        total as u64
    });
    while !worker.is_finished() {
        assert!(port.link().unwrap().up);
        port.statistics().unwrap();
    }
    let total = worker.join().unwrap();
    let statistics = port.statistics().unwrap();
    assert_eq!((statistics.rx_packets, statistics.tx_packets), (total, total));
    drop(port);
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn what_a_device_lacks_is_reported() {
    let (eal, _turn) = eal();
    let pool = pool(&eal, 1023);
    let mut port = Port::attach(&eal, "net_ring1").unwrap();
    let info = port.info().unwrap();
    assert_eq!((info.driver.as_str(), info.interface_index), ("net_ring", None));
    let config = PortConfig {
        rx_queues: info.max_rx_queues + 1,
        tx_queues: 1,
        mtu: Some(9000),
        promiscuous: true,
        ..PortConfig::default()
    };
    let got = port.configure(&config, &pool).unwrap();
    assert_eq!(got.rx_queues, info.max_rx_queues);
    let asked = config.rx_queues;
    assert!(got.shortfalls.contains(&Shortfall::RxQueues { asked, got: asked - 1 }), "{got:?}");
    let mtu = |shortfall: &Shortfall| matches!(shortfall, Shortfall::Mtu { asked: 9000, .. });
    assert!(got.shortfalls.iter().any(mtu), "9000 octets do not fit into a buffer: {got:?}");
    assert_eq!(got.mtu, 2048 - 18);
    assert!(matches!(port.set_mtu(1400), Err(Error::Unsupported(_))));
    assert!(matches!(
        port.configure(&PortConfig { rx_queues: 0, ..config }, &pool),
        Err(Error::InvalidOption(_))
    ));

    assert!(matches!(Port::attach(&eal, ""), Err(Error::NoSuchDevice(_))));
    assert!(matches!(Port::attach(&eal, "net_null\0"), Err(Error::NoSuchDevice(_))));
    for nonsense in ["no_such_driver0", "net_af_packet9,iface=no-such-if", "net_pcap9,rx_pcap=/nonexistent"] {
        let error = Port::attach(&eal, nonsense).unwrap_err();
        let Error::Dpdk { call: "rte_dev_probe", message, .. } = &error else { panic!("{error:?}") };
        assert!(message.contains('('), "with what the driver logged: {message}");
    }
}

#[test]
fn captures_are_played_and_recorded() {
    let (eal, _turn) = eal();
    let pool = pool(&eal, 1023);
    let frames: Vec<Vec<u8>> = (0..200).map(|number| frame(number, 60 + 7 * usize::from(number))).collect();
    let (input, output) = (temporary("in.pcap"), temporary("out.pcap"));
    fs::write(&input, pcap(&frames)).unwrap();
    let devargs = format!("net_pcap0,rx_pcap={},tx_pcap={}", input.display(), output.display());
    let mut port = started(&eal, &devargs, &PortConfig::default(), &pool);
    let (mut rx, mut tx) = (port.take_rx_queue(0).unwrap(), port.take_tx_queue(0).unwrap());
    let mut burst = MbufBurst::new();
    while rx.receive(&mut burst) > 0 {}
    assert_eq!(burst.len(), frames.len());
    for mbuf in burst.as_mut_slice().iter_mut().flatten() {
        mbuf.bytes_mut()[0] ^= 4;
        assert!(mbuf.prepend(2));
        mbuf.bytes_mut().copy_within(2..14, 0);
    }
    assert_eq!(tx.transmit(burst.as_mut_slice()), frames.len());
    drop((rx, tx, burst));
    drop(port);
    let sent = frames_of_pcap(&fs::read(&output).unwrap());
    assert_eq!(sent.len(), frames.len());
    for (sent, frame) in sent.iter().zip(&frames) {
        assert_eq!((sent[0], &sent[1..12], &sent[12..14]), (frame[0] ^ 4, &frame[1..12], &frame[10..12]));
        assert_eq!(sent[14..], frame[12..]);
    }
    assert_eq!(pool.in_use(), 0);
    let _ = (fs::remove_file(input), fs::remove_file(output));
}

/// A frame longer than a buffer arrives in several segments; transmitted, it is one frame again.
#[test]
fn packets_of_several_segments() {
    let (eal, _turn) = eal();
    let pool = Mempool::new(
        &eal,
        &MempoolConfig { count: 255, cache: 0, data_room_bytes: 512, ..MempoolConfig::default() },
    )
    .unwrap();
    let frames: Vec<Vec<u8>> = (0..4).map(|number| frame(number, 1400)).collect();
    let (input, output) = (temporary("long.pcap"), temporary("long-out.pcap"));
    fs::write(&input, pcap(&frames)).unwrap();
    let devargs = format!("net_pcap1,rx_pcap={},tx_pcap={}", input.display(), output.display());
    let mut port = started(&eal, &devargs, &PortConfig::default(), &pool);
    let (mut rx, mut tx) = (port.take_rx_queue(0).unwrap(), port.take_tx_queue(0).unwrap());
    let mut burst = MbufBurst::new();
    assert_eq!(rx.receive(&mut burst), 4);
    let segments = 4 * 3;
    assert_eq!(pool.in_use(), segments);
    let mut mbufs = burst.as_mut_slice().iter_mut().flatten();
    let first = mbufs.next().unwrap();
    assert!(!first.is_contiguous() && first.len() == 1400 && first.bytes() == &frames[0][..512]);
    assert!(first.tailroom() == 0 && !first.extend(1) && !first.extend(0) && !first.linearize());
    let second = mbufs.next().unwrap();
    second.truncate(1000);
    assert!(second.len() == 1000 && !second.is_contiguous());
    let third = mbufs.next().unwrap();
    third.truncate(512);
    assert!(third.len() == 512 && third.is_contiguous());
    let fourth = mbufs.next().unwrap();
    assert!(!fourth.trim_front(513) && fourth.trim_front(14) && fourth.len() == 1386);
    assert_eq!(pool.in_use(), segments - 1 - 2);
    assert_eq!(tx.transmit(burst.as_mut_slice()), 4);
    drop((rx, tx, port));
    let expected = [&frames[0][..], &frames[1][..1000], &frames[2][..512], &frames[3][14..]];
    assert_eq!(frames_of_pcap(&fs::read(&output).unwrap()), expected);
    assert_eq!(pool.in_use(), 0);
    let _ = (fs::remove_file(input), fs::remove_file(output));
}

#[test]
fn a_capture_can_be_played_for_ever() {
    let (eal, _turn) = eal();
    let pool = pool(&eal, 4095);
    let frames: Vec<Vec<u8>> = (0..3).map(|number| frame(number, 100)).collect();
    let input = temporary("loop.pcap");
    fs::write(&input, pcap(&frames)).unwrap();
    let devargs = format!("net_pcap2,rx_pcap={},infinite_rx=1", input.display());
    let mut port = started(&eal, &devargs, &PortConfig::default(), &pool);
    let mut rx = port.take_rx_queue(0).unwrap();
    let received = receive(&mut [&mut rx], 1000);
    assert!(received.len() >= 1000, "{} frames within {PATIENCE:?}", received.len());
    for (index, octets) in received.iter().enumerate() {
        assert_eq!(octets, &frames[index % 3]);
    }
    drop((rx, port));
    assert_eq!(pool.in_use(), 0);
    let _ = fs::remove_file(input);
}

#[test]
fn a_device_made_at_start_can_be_attached() {
    let (eal, _turn) = eal();
    let pool = pool(&eal, 255);
    let mut port = started(&eal, "net_ring2", &PortConfig::default(), &pool);
    let (mut rx, mut tx) = (port.take_rx_queue(0).unwrap(), port.take_tx_queue(0).unwrap());
    send(&mut tx, pool.alloc_from(&frame(9, 64)).unwrap());
    assert_eq!(receive(&mut [&mut rx], 1), [frame(9, 64)]);
}
