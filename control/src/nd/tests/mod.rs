//! The frames in hex were made with scapy 2.5: `bytes(frame).hex()` of
//! `Ether(dst=…, src=…)/IPv6(src=…, dst=…, hlim=255)/` and the layers that each one names, where M is
//! `02:00:00:00:00:0a`, N `02:00:00:00:00:0b`, S `2001:db8::a` and T `2001:db8::1:2:3`.

mod addresses;
mod appendix_c;
mod arp;
mod limits;
mod property;
mod watched;

use super::*;
use dataplane::wire::ndp::{Advertisement, FRAME_LEN_MAX, Flags, Solicitation};
use dataplane::wire::{checksum, ethernet};

pub const M: Mac = Mac([2, 0, 0, 0, 0, 0x0a]);
pub const N: Mac = Mac([2, 0, 0, 0, 0, 0x0b]);
pub const OTHER: Mac = Mac([2, 0, 0, 0, 0, 0x0c]);
pub const S: u128 = 0x2001_0db8 << 96 | 0xa;
pub const T: u128 = 0x2001_0db8 << 96 | 0x0001_0002_0003;
/// The link-local address of M.
pub const LINK_LOCAL: u128 = 0xfe80 << 112 | 0xff_fe00_000a;
pub const PORT: u16 = 1;

// ICMPv6ND_NS(tgt=T)/ICMPv6NDOptSrcLLAddr(lladdr=M), from S to the group of T.
pub const NS_MULTICAST: &str = "3333ff02000302000000000a86dd6000000000203aff20010db800000000000000000000000aff0200000000000000000001ff02000387001c0e0000000020010db8000000000000000100020003010102000000000a";
// The same to T at N.
pub const NS_UNICAST: &str = "02000000000b02000000000a86dd6000000000203aff20010db800000000000000000000000a20010db80000000000000001000200038700ec580000000020010db8000000000000000100020003010102000000000a";
// ICMPv6ND_NS(tgt=T), from :: at M.
pub const NS_DAD: &str = "3333ff02000302000000000a86dd6000000000183aff00000000000000000000000000000000ff0200000000000000000001ff02000387004ce40000000020010db8000000000000000100020003";
// ICMPv6ND_NA(tgt=S, R=1, S=1, O=1)/ICMPv6NDOptDstLLAddr(lladdr=M), from S to T at N.
pub const NA_SOLICITED: &str = "02000000000b02000000000a86dd6000000000203aff20010db800000000000000000000000a20010db800000000000000010002000388000a54e000000020010db800000000000000000000000a020102000000000a";
// ICMPv6ND_NA(tgt=S, R=1, S=0, O=1)/ICMPv6NDOptDstLLAddr(lladdr=M), from S to ff02::1.
pub const NA_ALL_NODES: &str = "33330000000102000000000a86dd6000000000203aff20010db800000000000000000000000aff0200000000000000000000000000018800790fa000000020010db800000000000000000000000a020102000000000a";

pub type Actions = Vec<Action<u32>>;

pub fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

pub fn transmit(text: &str) -> Action<u32> {
    Action::Transmit { port: PORT, frame: hex(text) }
}

pub fn resolved(mac: Mac) -> Action<u32> {
    Action::Resolved { port: PORT, address: T, mac }
}

pub fn release(packet: u32) -> Action<u32> {
    Action::Release { port: PORT, address: T, packet }
}

pub fn fail(packet: u32, why: Why) -> Action<u32> {
    Action::Fail { port: PORT, address: T, packet, why }
}

pub const UNREACHABLE: Action<u32> = Action::Unreachable { port: PORT, address: T };
pub const REMOVED: Action<u32> = Action::Removed { port: PORT, address: T };

/// A machine with one port that is up, M with S/64, at 0 ns and without duplicate address detection.
pub fn machine() -> Machine<u32> {
    let mut machine = Machine::new(Settings { seed: 1, dup_addr_detect_transmits: 0 });
    machine.add_port(PORT, M, &[(S, 64)], 0);
    machine.link_up(PORT, 0);
    let ready = [S, LINK_LOCAL].map(|address| Action::AddressReady { port: PORT, address });
    assert_eq!(drain(&mut machine), ready);
    machine
}

pub fn drain(machine: &mut Machine<u32>) -> Actions {
    std::iter::from_fn(|| machine.next_action()).collect()
}

pub fn neighbor(machine: &Machine<u32>, address: u128) -> Option<NeighborInfo> {
    machine.neighbors(0).find(|info| info.address == address)
}

pub fn state(machine: &Machine<u32>) -> Option<(State, Option<Mac>)> {
    neighbor(machine, T).map(|info| (info.state, info.mac))
}

/// Lets the time of the next deadline come; gives that time.
pub fn timeout(machine: &mut Machine<u32>) -> u64 {
    let at = machine.next_deadline().expect("a deadline");
    machine.tick(at);
    at
}

/// The IPv6 packet of a neighbor's advertisement for `target`, to S.
pub fn advertisement(target: u128, flags: Flags, option: Option<Mac>) -> Vec<u8> {
    let mut frame = [0; FRAME_LEN_MAX];
    let mac = option.unwrap_or(N);
    let na = Advertisement { mac, to_mac: M, source: target, destination: S, target, flags };
    let packet = na.emit(&mut frame)[ethernet::LEN..].to_vec();
    if option.is_some() { packet } else { without_option(packet) }
}

/// The IPv6 packet of a solicitation for `target` from a neighbor.
pub fn solicitation(source: u128, target: u128, option: Option<Mac>) -> Vec<u8> {
    let mut frame = [0; FRAME_LEN_MAX];
    let ns = Solicitation { mac: option.unwrap_or(N), source, target, probe: None };
    let packet = ns.emit(&mut frame)[ethernet::LEN..].to_vec();
    if option.is_some() || source == 0 { packet } else { without_option(packet) }
}

fn without_option(mut packet: Vec<u8>) -> Vec<u8> {
    packet.truncate(ipv6::LEN + 24);
    packet[4..6].copy_from_slice(&[0, 24]);
    packet[42..44].copy_from_slice(&[0, 0]);
    let header = ipv6::Header::<&[u8; ipv6::LEN]>::of(&packet).unwrap();
    let sum = checksum::upper_layer(header.source(), header.destination(), 58, &packet[ipv6::LEN..]);
    packet[42..44].copy_from_slice(&sum.to_be_bytes());
    packet
}

pub const CONFIRMING: Flags = Flags { router: true, solicited: true, override_cached: true };

/// Resolves T at N with a confirming advertisement.
pub fn make_reachable(machine: &mut Machine<u32>, now: u64) {
    machine.hold(PORT, T, 0, S, now);
    machine.receive(PORT, &advertisement(T, CONFIRMING, Some(N)), N, now).unwrap();
    drain(machine);
}
