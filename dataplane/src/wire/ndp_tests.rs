//! The frames in hex were made with scapy 2.5, and are what `bytes(frame).hex()` prints, where M is
//! `02:00:00:00:00:0a`, N `02:00:00:00:00:0b`, S `2001:db8::a` and T `2001:db8::1:2:3`:
//! `Ether(dst=…, src=…)/IPv6(src=…, dst=…, hlim=255)/` and the layers that each test names.

use super::*;

const M: Mac = Mac([2, 0, 0, 0, 0, 0x0a]);
const N: Mac = Mac([2, 0, 0, 0, 0, 0x0b]);
const S: u128 = 0x2001_0db8 << 96 | 0xa;
const T: u128 = 0x2001_0db8 << 96 | 0x0001_0002_0003;
const ROUTER: u128 = 0xfe80 << 112 | 0xb;

fn hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2));
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

// ICMPv6ND_NS(tgt=T)/ICMPv6NDOptSrcLLAddr(lladdr=M), to the group of T.
const NS_MULTICAST: &str = "3333ff02000302000000000a86dd6000000000203aff20010db800000000000000000000000aff0200000000000000000001ff02000387001c0e0000000020010db8000000000000000100020003010102000000000a";
// The same to T at N.
const NS_UNICAST: &str = "02000000000b02000000000a86dd6000000000203aff20010db800000000000000000000000a20010db80000000000000001000200038700ec580000000020010db8000000000000000100020003010102000000000a";
// ICMPv6ND_NS(tgt=T) from ::.
const NS_DAD: &str = "3333ff02000302000000000a86dd6000000000183aff00000000000000000000000000000000ff0200000000000000000001ff02000387004ce40000000020010db8000000000000000100020003";
// ICMPv6ND_NS(tgt=S)/ICMPv6NDOptMTU(mtu=1500)/ICMPv6NDOptSrcLLAddr(lladdr=N), from T.
const NS_TWO_OPTIONS: &str = "3333ff00000a02000000000b86dd6000000000283aff20010db8000000000000000100020003ff0200000000000000000001ff00000a870011230000000020010db800000000000000000000000a05010000000005dc010102000000000b";
// ICMPv6ND_NA(tgt=S, R=1, S=1, O=1)/ICMPv6NDOptDstLLAddr(lladdr=M), from S to T at N.
const NA_SOLICITED: &str = "02000000000b02000000000a86dd6000000000203aff20010db800000000000000000000000a20010db800000000000000010002000388000a54e000000020010db800000000000000000000000a020102000000000a";
// ICMPv6ND_NA(tgt=S, R=1, S=0, O=1)/ICMPv6NDOptDstLLAddr(lladdr=M), from S to ff02::1.
const NA_ALL_NODES: &str = "33330000000102000000000a86dd6000000000203aff20010db800000000000000000000000aff0200000000000000000000000000018800790fa000000020010db800000000000000000000000a020102000000000a";
// ICMPv6ND_NA(tgt=T, R=0, S=1, O=0), from T to S.
const NA_NO_OPTION: &str = "02000000000a02000000000b86dd6000000000183aff20010db800000000000000010002000320010db800000000000000000000000a8800ae6b4000000020010db8000000000000000100020003";
// ICMPv6ND_RS()/ICMPv6NDOptSrcLLAddr(lladdr=N), from fe80::b to ff02::2.
const RS: &str = "33330000000202000000000b86dd6000000000103afffe80000000000000000000000000000bff02000000000000000000000000000285007a1800000000010102000000000b";
// ICMPv6ND_RA()/ICMPv6NDOptSrcLLAddr(lladdr=N)/ICMPv6NDOptMTU(mtu=1500), from fe80::b to ff02::1.
const RA: &str = "33330000000102000000000b86dd6000000000203afffe80000000000000000000000000000bff0200000000000000000000000000018600671c000807080000000000000000010102000000000b05010000000005dc";
// ICMPv6ND_Redirect(tgt="fe80::c", dst="2001:db8:9::1"), from fe80::b to S.
const REDIRECT: &str = "02000000000a02000000000b86dd6000000000283afffe80000000000000000000000000000b20010db800000000000000000000000a89001dfe00000000fe80000000000000000000000000000c20010db8000900000000000000000001";

const ALL: [&str; 10] = [
    NS_MULTICAST,
    NS_UNICAST,
    NS_DAD,
    NS_TWO_OPTIONS,
    NA_SOLICITED,
    NA_ALL_NODES,
    NA_NO_OPTION,
    RS,
    RA,
    REDIRECT,
];

fn parse_frame(text: &str) -> Result<Message, Invalid> {
    parse(&hex(text)[ethernet::LEN..])
}

/// `text`'s packet changed by `change` (offsets from the IPv6 header), with the checksum made right again.
fn parse_changed(text: &str, change: impl FnOnce(&mut Vec<u8>)) -> Result<Message, Invalid> {
    let mut packet = hex(text)[ethernet::LEN..].to_vec();
    change(&mut packet);
    let payload_len = (packet.len() - ipv6::LEN) as u16;
    packet[4..6].copy_from_slice(&payload_len.to_be_bytes());
    if packet.len() >= 44 {
        packet[42..44].copy_from_slice(&[0, 0]);
        let header = ipv6::Header::<&[u8; ipv6::LEN]>::of(&packet).unwrap();
        let sum = checksum::upper_layer(header.source(), header.destination(), 58, &packet[40..]);
        packet[42..44].copy_from_slice(&sum.to_be_bytes());
    }
    parse(&packet)
}

#[test]
fn emitted_frames_are_scapys() {
    let mut frame = [0xaa; FRAME_LEN_MAX];
    let resolve = Solicitation { mac: M, source: S, target: T, probe: None };
    assert_eq!(resolve.emit(&mut frame), hex(NS_MULTICAST));
    assert_eq!(Solicitation { probe: Some(N), ..resolve }.emit(&mut frame), hex(NS_UNICAST));
    assert_eq!(Solicitation { source: 0, ..resolve }.emit(&mut frame), hex(NS_DAD));

    let flags = Flags { router: true, solicited: true, override_cached: true };
    let answer = Advertisement { mac: M, to_mac: N, source: S, destination: T, target: S, flags };
    assert_eq!(answer.emit(&mut frame), hex(NA_SOLICITED));
    let to_all = Advertisement {
        to_mac: Mac::for_multicast(ipv6::ALL_NODES),
        destination: ipv6::ALL_NODES,
        flags: Flags { solicited: false, ..flags },
        ..answer
    };
    assert_eq!(to_all.emit(&mut frame), hex(NA_ALL_NODES));
}

#[test]
fn scapys_frames_are_read() {
    let ns = |source, destination, target, source_mac| {
        Ok(Message::NeighborSolicitation { source, destination, target, source_mac })
    };
    assert_eq!(parse_frame(NS_MULTICAST), ns(S, ipv6::solicited_node(T), T, Some(M)));
    assert_eq!(parse_frame(NS_UNICAST), ns(S, T, T, Some(M)));
    assert_eq!(parse_frame(NS_DAD), ns(0, ipv6::solicited_node(T), T, None));
    assert_eq!(parse_frame(NS_TWO_OPTIONS), ns(T, ipv6::solicited_node(S), S, Some(N)));

    let flags = Flags { router: true, solicited: true, override_cached: true };
    let na = |source, destination, target, flags, target_mac| {
        Ok(Message::NeighborAdvertisement { source, destination, target, flags, target_mac })
    };
    assert_eq!(parse_frame(NA_SOLICITED), na(S, T, S, flags, Some(M)));
    let flags = Flags { solicited: false, ..flags };
    assert_eq!(parse_frame(NA_ALL_NODES), na(S, ipv6::ALL_NODES, S, flags, Some(M)));
    let flags = Flags { router: false, solicited: true, override_cached: false };
    assert_eq!(parse_frame(NA_NO_OPTION), na(T, S, T, flags, None));

    assert_eq!(parse_frame(RS), Ok(Message::RouterSolicitation { source: ROUTER, source_mac: Some(N) }));
    assert_eq!(parse_frame(RA), Ok(Message::RouterAdvertisement { source: ROUTER, source_mac: Some(N) }));
    assert_eq!(parse_frame(REDIRECT), Ok(Message::Redirect { source: ROUTER }));
}

#[test]
fn padding_after_the_payload_is_not_read() {
    for text in ALL {
        let frame = hex(text);
        let mut packet = frame[ethernet::LEN..].to_vec();
        packet.extend([0; 7]);
        assert_eq!(parse(&packet), parse_frame(text));
        assert!(parse(&packet).is_ok());
    }
}

#[test]
fn what_is_true_of_every_type_is_checked() {
    for text in ALL {
        assert_eq!(parse_changed(text, |p| p[7] = 254), Err(Invalid::HopLimit));
        assert_eq!(parse_changed(text, |p| p[41] = 1), Err(Invalid::Code));
        assert_eq!(parse_changed(text, |p| p[0] = 0x40), Err(Invalid::Version));
        assert_eq!(parse_changed(text, |p| p[6] = 44), Err(Invalid::NotIcmpv6));
        assert_eq!(parse_changed(text, |p| p[40] = 128), Err(Invalid::OtherType));
        assert_eq!(parse_changed(text, |p| p[8] = 0xff), Err(Invalid::MulticastSource));
        assert_eq!(parse_changed(text, |p| p.extend([14, 0, 0, 0, 0, 0, 0, 0])), Err(Invalid::OptionLength));
        assert_eq!(parse_changed(text, |p| p.extend([14, 2, 0, 0, 0, 0, 0, 0])), Err(Invalid::OptionLength));
        assert_eq!(parse_changed(text, |p| p.push(14)), Err(Invalid::OptionLength));
        assert_eq!(parse_changed(text, |p| p.truncate(47)), Err(Invalid::Length));
        let mut wrong_sum = hex(text)[ethernet::LEN..].to_vec();
        wrong_sum[43] ^= 1;
        assert_eq!(parse(&wrong_sum), Err(Invalid::Checksum));
        for len in 0..wrong_sum.len() {
            assert_eq!(parse(&wrong_sum[..len]), Err(Invalid::Truncated));
        }
    }
    assert_eq!(parse_changed(NS_DAD, |p| p.truncate(63)), Err(Invalid::Length));
    assert_eq!(parse_changed(NA_NO_OPTION, |p| p.truncate(63)), Err(Invalid::Length));
    assert_eq!(parse_changed(REDIRECT, |p| p.truncate(79)), Err(Invalid::Length));
    assert_eq!(parse_changed(RA, |p| p.truncate(55)), Err(Invalid::Length));
}

#[test]
fn rules_of_7_1_1_and_7_1_2() {
    assert_eq!(parse_changed(NS_MULTICAST, |p| p[48] = 0xff), Err(Invalid::MulticastTarget));
    assert_eq!(parse_changed(NA_SOLICITED, |p| p[48] = 0xff), Err(Invalid::MulticastTarget));
    let to_unicast = |p: &mut Vec<u8>| p[24..40].copy_from_slice(&T.to_be_bytes());
    assert_eq!(parse_changed(NS_DAD, to_unicast), Err(Invalid::UnspecifiedToUnicast));
    let from_nobody = |p: &mut Vec<u8>| p[8..24].fill(0);
    assert_eq!(parse_changed(NS_MULTICAST, from_nobody), Err(Invalid::UnspecifiedWithLinkLayerAddress));
    assert_eq!(parse_changed(NA_ALL_NODES, |p| p[44] |= 0x40), Err(Invalid::SolicitedToMulticast));
}

#[test]
fn rules_of_6_1_and_8_1() {
    assert_eq!(parse_changed(RS, |p| p[8..24].fill(0)), Err(Invalid::UnspecifiedWithLinkLayerAddress));
    assert_eq!(parse_changed(RA, |p| p[8] = 0x20), Err(Invalid::NotLinkLocal));
    assert_eq!(parse_changed(REDIRECT, |p| p[8] = 0x20), Err(Invalid::NotLinkLocal));
}

#[test]
fn link_layer_addresses_are_ethernet_stations() {
    for text in [NS_MULTICAST, NA_SOLICITED] {
        assert_eq!(parse_changed(text, |p| p[66] = 0x33), Err(Invalid::LinkLayerAddress));
        let longer = |p: &mut Vec<u8>| {
            p[65] = 2;
            p.extend([0; 8]);
        };
        assert_eq!(parse_changed(text, longer), Err(Invalid::LinkLayerAddress));
    }
    // Of two options of the kind the first counts; one of the other kind has no meaning there.
    let second = |p: &mut Vec<u8>| p.extend([1, 1, 2, 0, 0, 0, 0, 0x0c]);
    assert_eq!(parse_changed(NS_MULTICAST, second), parse_frame(NS_MULTICAST));
    let other = |p: &mut Vec<u8>| p.extend([2, 1, 2, 0, 0, 0, 0, 0x0c]);
    assert_eq!(parse_changed(NS_MULTICAST, other), parse_frame(NS_MULTICAST));
}
