//! Octets as scapy writes them, and the properties of the checksum.

use super::*;
use proptest::prelude::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap()).collect()
}

/// 192.0.2.1 > 198.51.100.7, TOS 0xb8, DF, id 0x1c46: UDP with two octets.
fn plain() -> Vec<u8> {
    hex("45b8001e1c46400040113195c0000201c6336407 0001 0002 000a b238 6162")
}

/// A fragment with a Router Alert option: MF, offset 185 * 8, TTL 2.
fn with_options() -> Vec<u8> {
    hex("4600001b000720b9021116d2c0000201c633640794040000 78797a")
}

#[test]
fn fields_are_where_rfc_791_puts_them() {
    let packet = plain();
    let h = Header::of(&packet).unwrap();
    assert_eq!((h.version(), h.header_len(), h.options_len(), h.tos()), (4, 20, 0, 0xb8));
    assert_eq!((h.total_len(), h.identification(), h.ttl(), h.protocol()), (30, 0x1c46, 64, 17));
    assert_eq!((h.dont_fragment(), h.more_fragments(), h.fragment_offset()), (true, false, 0));
    assert_eq!((h.source(), h.destination(), h.checksum()), (0xc000_0201, 0xc633_6407, 0x3195));
    assert!(!h.is_fragment());
    assert_eq!(payload(&packet), &packet[20..]);

    let packet = with_options();
    let h = Header::of(&packet).unwrap();
    assert_eq!((h.header_len(), h.options_len(), h.total_len()), (24, 4, 27));
    assert_eq!((h.dont_fragment(), h.more_fragments(), h.fragment_offset()), (false, true, 1480));
    assert!(h.is_fragment());
    assert_eq!(payload(&packet), b"xyz");
    assert_eq!(check(&packet), Ok(Lengths { header_len: 24, total_len: 27 }));
}

#[test]
fn emitted_octets_are_scapys() {
    let repr = Repr {
        tos: 0xb8,
        total_len: 30,
        identification: 0x1c46,
        dont_fragment: true,
        ttl: 64,
        protocol: 17,
        source: 0xc000_0201,
        destination: 0xc633_6407,
    };
    let mut octets = [0xaa; 22];
    repr.emit(&mut Header::of_mut(&mut octets).unwrap());
    assert_eq!(octets[..20], plain()[..20]);
    assert_eq!(octets[20..], [0xaa, 0xaa]);
}

#[test]
fn setters_and_a_new_checksum_make_scapys_octets() {
    let mut packet = with_options();
    let expected = packet.clone();
    let mut h = Header::of_mut(&mut packet).unwrap();
    h.set_tos(0xff);
    h.set_total_len(9);
    h.set_fragment(true, false, 0);
    h.set_ttl(77);
    h.set_source(1);
    h.set_destination(2);
    assert_eq!(packet[..20], hex("46ff0009 00074000 4d1116d2 00000001 00000002"));
    let mut h = Header::of_mut(&mut packet).unwrap();
    h.set_tos(0);
    h.set_total_len(27);
    h.set_fragment(false, true, 1480);
    h.set_ttl(2);
    h.set_source(0xc000_0201);
    h.set_destination(0xc633_6407);
    h.set_checksum(0x1111);
    fill_checksum(&mut packet);
    assert_eq!(packet, expected);
}

#[test]
fn every_test_of_rfc_1812_is_made() {
    let fault = |at: usize, octet: u8| {
        let mut packet = plain();
        packet[at] = octet;
        fill_checksum(&mut packet);
        check(&packet).unwrap_err()
    };
    assert_eq!(fault(0, 0x65), Fault::Version);
    assert_eq!(fault(0, 0x44), Fault::Length);
    assert_eq!(fault(3, 19), Fault::Length);
    assert_eq!(fault(3, 31), Fault::Truncated);
    assert_eq!(fault(0, 0x48), Fault::Length, "options beyond the total length");
    for at in 0..20 {
        for bit in 0..8 {
            let mut packet = plain();
            packet[at] ^= 1 << bit;
            assert!(check(&packet).is_err(), "bit {bit} of octet {at}");
        }
    }
    for packet in [plain(), with_options()] {
        for cut in 0..packet.len() {
            assert_eq!(check(&packet[..cut]), Err(Fault::Truncated), "cut at {cut}");
        }
        let mut padded = packet.clone();
        padded.extend([0; 16]);
        assert_eq!(check(&padded).map(|l| l.total_len), Ok(packet.len()));
    }
}

#[test]
fn one_hop_less_is_scapys_octets() {
    // scapy: the same packets with one hop less.
    let mut packet = plain();
    Header::of_mut(&mut packet).unwrap().decrement_ttl();
    assert_eq!(packet[8..12], [63, 17, 0x32, 0x95]);
    let mut packet = with_options();
    Header::of_mut(&mut packet).unwrap().decrement_ttl();
    assert_eq!(packet[8..12], [1, 17, 0x17, 0xd2]);
    let mut packet = plain();
    packet[8] = 0;
    let before = packet.clone();
    Header::of_mut(&mut packet).unwrap().decrement_ttl();
    assert_eq!(packet, before);
}

#[test]
fn kinds_of_address() {
    let parse = |s: &str| u32::from(s.parse::<std::net::Ipv4Addr>().unwrap());
    for unicast in ["1.0.0.0", "10.0.0.1", "126.255.255.255", "128.0.0.0", "223.255.255.255", "240.0.0.1"] {
        assert!(is_unicast(parse(unicast)), "{unicast}");
    }
    for other in ["0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.0", "239.255.255.255", "255.255.255.255"] {
        assert!(!is_unicast(parse(other)), "{other}");
    }
    let address: std::net::Ipv4Addr = "192.0.2.33".parse().unwrap();
    assert_eq!(mapped(u32::from(address)), u128::from(address.to_ipv6_mapped()));
    assert_eq!(unmapped(mapped(7)), Some(7));
    assert_eq!(unmapped(7), None, "IPv4-compatible is something else");
    assert_eq!(unmapped(1 << 127 | mapped(7)), None);
}

proptest! {
    /// Hop by hop, the updated checksum is the one computed anew, whatever the header.
    #[test]
    fn updated_is_computed_anew(mut octets in proptest::collection::vec(any::<u8>(), 60), ihl in 5u8..=15) {
        octets[0] = 0x40 | ihl;
        fill_checksum(&mut octets);
        while octets[TTL_AT] > 0 {
            Header::of_mut(&mut octets).unwrap().decrement_ttl();
            let mut anew = octets.clone();
            fill_checksum(&mut anew);
            prop_assert_eq!(&octets, &anew);
        }
    }

    /// A wrong checksum stays wrong: corruption is not hidden by a hop.
    #[test]
    fn wrong_stays_wrong(mut octets in proptest::collection::vec(any::<u8>(), 20), error in 1u16..0xffff) {
        octets[0] = 0x45;
        octets[TTL_AT] |= 1;
        fill_checksum(&mut octets);
        let mut header = Header::of_mut(&mut octets).unwrap();
        let right = header.checksum();
        header.set_checksum(right.wrapping_add(error));
        let was_wrong = checksum::plain(&octets) != 0;
        Header::of_mut(&mut octets).unwrap().decrement_ttl();
        prop_assert_eq!(checksum::plain(&octets) != 0, was_wrong);
    }
}
