"""Errors at a SID (RFC 8986, 4.1, RFC 4443), and Segment Routing Headers that are malformed in every way."""

import struct

from lib import DSTOPT, FRAGMENT, HBH, ICMP6, ROUTING, UDP_NH, action, dest_options, fragment, hop_by_hop, ip6, udp
from srv6.case import ROUTES, SrCase
from srv6.entries import Sid
from srv6.packets import (
    ETHERNET_NH, IP4_NH, IP6_NH, MANY_TLVS, SRC, TLVS, echo6, frame, inners, plain4, plain6, routing, segment,
    segment_list, sr_packet, tlv,
)

SIDS = {
    "end": (Sid("fc00:0:1:1::", "End"), "east"), "psp": (Sid("fc00:0:1:2::", "End", "PSP"), "east"),
    "all": (Sid("fc00:0:1:3::", "End", "PSP", "USP", "USD"), "east"),
    "x": (Sid("fc00:0:1:4::", "End.X", via="west"), "west"), "t": (Sid("fc00:0:1:5::", "End.T", vrf="default"), "east"),
    "un": (Sid("fc00:0:6::/48", "End", "NEXT-CSID"), "east"),
    "replace": (Sid("fc00:0:1:7::/64", "End", "REPLACE-CSID"), "east"),
}
DECAPS = {
    "dx6": Sid("fc00:0:1:d6::", "End.DX6", via="west"), "dx4": Sid("fc00:0:1:d4::", "End.DX4", via="west"),
    "dx2": Sid("fc00:0:1:d2::", "End.DX2", port="tap"), "dt6": Sid("fc00:0:1:e6::", "End.DT6", vrf="default"),
    "dt4": Sid("fc00:0:1:e4::", "End.DT4", vrf="default"), "dt46": Sid("fc00:0:1:e46::", "End.DT46", vrf="default"),
}
ALL = [entry for entry, _ in SIDS.values()] + list(DECAPS.values())
NAMES = ("core", "east", "west", "ce", "tap")


def build():
    return [segments_left(), wrong_upper_layer(), upper_layers(), next_segment(), too_big(), about_errors(),
            routing_types(), own_address(), fragments(), *truncated(), lengths(), tlvs()]


def case(name, clause, **keys):
    return SrCase(name, clause, ALL, names=NAMES, **keys)


def segments_left():
    c = case("error-segments-left", "RFC 8986, 4.1, S08 to S10: Last Entry beyond the header or Segments Left beyond Last Entry + "
             "1: (4,0), pointer at Segments Left, wherever the SRH stands.")
    for entry, onward in SIDS.values():
        at = entry.address
        entries = segment_list(3, at, 1)
        for left, last, says in (
            (1, 2, onward), (3, 2, onward), (4, 2, "(4,0)"), (255, 2, "(4,0)"), (1, 3, "(4,0)"), (1, 255, "(4,0)"),
            (1, 0, onward), (2, 0, "(4,0)"), (2, 1, onward), (3, 1, "(4,0)"), (255, 255, "(4,0)"),
        ):
            for before, first in ((b"", ROUTING), (hop_by_hop(ROUTING, 16), HBH), (dest_options(ROUTING), DSTOPT),
                                  (hop_by_hop(DSTOPT) + dest_options(ROUTING, 32), HBH)):
                c.feed("core", sr_packet(at, entries, left, IP6_NH, plain6(), last=last, before=before, first=first), says)
        # The TLVs make room for another entry as far as Hdr Ext Len goes: RFC 8986 asks no more of it.
        c.feed("core", sr_packet(at, entries, 1, IP6_NH, plain6(), last=3, tlvs=TLVS + TLVS[:-6] + bytes(6)), onward)
        c.feed("core", sr_packet(at, entries, 4, IP6_NH, plain6(), tlvs=TLVS), "(4,0)")
        # S05 comes before S09.
        c.feed("core", sr_packet(at, entries, 9, IP6_NH, plain6(), hlim=1), "(3,0)")
    for entry in DECAPS.values():
        for left in (1, 2, 3, 4, 255):
            for before, first in ((b"", ROUTING), (hop_by_hop(ROUTING, 16), HBH)):
                packet = sr_packet(entry.address, segment_list(3, entry.address, left), left, IP6_NH, plain6(), before=before,
                                   first=first, hlim=1)
                c.feed("core", packet, "(4,0)")
    return c


def wrong_upper_layer():
    c = case("error-upper-layer", "RFC 8986, 4.1.1: an upper layer that is not allowed: (4,4), pointer at its first octet, wherever "
             "it stands.")
    for key, entry in [*((k, e) for k, (e, _) in SIDS.items()), *DECAPS.items()]:
        at = entry.address
        opened = {"all": (41, 4), "dx6": (41,), "dx4": (4,), "dx2": (143,), "dt6": (41,), "dt4": (4,), "dt46": (41, 4)}
        for nh, payload in [*inners(), (6, bytes(20)), (132, bytes(12)), (99, b""), (50, bytes(16))]:
            if nh in opened.get(key, ()):
                continue
            for before, first in ((b"", nh), (dest_options(nh, 16), DSTOPT), (hop_by_hop(nh), HBH)):
                c.feed("core", ip6(SRC, at, first, before + payload), "(4,4)")
            for tail in (b"", TLVS):
                c.feed("core", sr_packet(at, segment_list(2, at, 0), 0, nh, payload, tlvs=tail), "(4,4)")
            packet = sr_packet(at, segment_list(1, at, 0), 0, DSTOPT, dest_options(nh, 24) + payload)
            c.feed("core", packet, "(4,4)")
    return c


def upper_layers():
    c = case("error-upper-layer-allowed", "[srv6] upper-layer: UDP and TCP are served as for an address of this node: nobody "
             "listens; ICMPv6 is not in the list.", upper_layer=["udp", "tcp"])
    for key in ("end", "psp", "un"):
        at = SIDS[key][0].address
        c.feed("core", ip6(SRC, at, UDP_NH, udp(SRC, at, b"anyone?")), "(1,4)")
        c.feed("core", sr_packet(at, [at], 0, UDP_NH, udp(SRC, at, b"anyone?")), "(1,4)")
        c.feed("core", ip6(SRC, at, ICMP6, echo6(SRC, at)), "(4,4)")
        c.feed("core", ip6(SRC, at, 6, bytes(20)), "silent")
        c.feed("core", ip6(SRC, at, 99, bytes(20)), "(4,4)")
    return c


def next_segment():
    routes = [*ROUTES, action("fc00:0:5::/48", "unreachable"), action("fc00:0:6::/48", "blackhole")]
    routes = [r for r in routes if r[0] != "fc00::/16"] + [("fc00:0:2::/48", ("east",), None)]
    entries = [e for e in ALL if e.address != "fc00:0:6::"]
    c = SrCase("error-next-segment", "No route to the next segment: (1,0) to the packet's source, quoting what was received at the "
               "SID: nothing of it has changed.", entries, routes, names=NAMES)
    for key in ("end", "psp", "all", "t"):
        at = SIDS[key][0].address
        for following, says in (("fc00:0:3::1", "(1,0)"), ("2001:db8:f::1", "(1,0)"), ("fc00:0:5::1", "(1,0)"),
                                ("fc00:0:6::1", "silent"), ("fc00:0:2::1", "east")):
            for tail in (b"", TLVS):
                packet = sr_packet(at, [segment(0), following, at], 2, IP6_NH, plain6(), tlvs=tail)
                c.feed("core", packet, says)
            c.feed("core", sr_packet(at, [following, at], 1, IP4_NH, plain4()), says)
    # Two SIDs of this node, and the second finds no way: its packet is quoted as it was there.
    one, two = SIDS["end"][0].address, SIDS["psp"][0].address
    c.feed("core", sr_packet(one, ["fc00:0:3::1", two, one], 2, IP6_NH, plain6()), "(1,0)")
    c.feed("core", sr_packet(one, ["fc00:0:3::1", two, one], 2, IP6_NH, plain6(), hlim=2), "(3,0)")
    return c


def too_big():
    c = case("error-too-big", "Longer than the MTU ahead: (2,0) with that MTU, quoting what was received at the SID; PSP counts.",
             east=dict(mtu=1400), west=dict(mtu=1400))
    for key in ("end", "psp", "x", "t", "un"):
        entry, onward = SIDS[key]
        at = entry.address
        for octets in (1400, 1401, 1440, 1441, 1500):
            inside = frame(bytes(octets - 40 - 40 - 14), kind=0x88B5)
            packet = sr_packet(at, segment_list(2, at, 1), 1, ETHERNET_NH, inside)
            assert len(packet) == octets
            gone = 40 if key == "psp" else 0
            c.feed("core", packet, onward if octets - gone <= 1400 else "(2,0)")
    return c


def about_errors():
    c = case("error-about-an-error", "RFC 4443, 2.4 (e): no error about an ICMPv6 error, also behind an SRH; about other messages "
             "there is one.")
    at = SIDS["end"][0].address
    for kind in (1, 2, 3, 4, 127, 137):
        message = echo6(SRC, at, kind=kind)
        c.feed("core", sr_packet(at, segment_list(2, at, 1), 1, ICMP6, message, hlim=1), "silent")
        c.feed("core", sr_packet(at, segment_list(2, at, 1), 4, ICMP6, message), "silent")
    for kind in (128, 129, 200):
        message = echo6(SRC, at, kind=kind)
        c.feed("core", sr_packet(at, segment_list(2, at, 1), 1, ICMP6, message, hlim=1), "(3,0)")
        c.feed("core", sr_packet(at, segment_list(2, at, 1), 4, ICMP6, message), "(4,0)")
    # Inside a tunnel it is nobody's message.
    inside = ip6(SRC, segment(1), ICMP6, echo6(SRC, segment(1), kind=1))
    c.feed("core", sr_packet(at, segment_list(2, at, 1), 1, IP6_NH, inside, hlim=1), "(3,0)")
    # As much as fits: the error has 1280 octets.
    for octets in (1231, 1232, 1233, 1500):
        packet = sr_packet(at, segment_list(10, at, 1), 12, 99, bytes(i & 0xFF for i in range(octets - 208)), tlvs=b"")
        assert len(packet) == octets
        c.feed("core", packet, "(4,0)")
    return c


def other_routing(kind, left, nh=UDP_NH, units=2):
    return bytes([nh, units, kind, left]) + bytes(4) + bytes(8 * units)


def routing_types():
    c = case("error-routing-type", "RFC 8200, 4.4: a Routing header of another type: passed over with Segments Left 0, else (4,0), "
             "pointer at the Routing Type.")
    data = udp(SRC, segment(0), b"behind")
    for key in ("end", "all", "un", "replace", "dt46"):
        at = (SIDS.get(key) or (DECAPS.get(key),))[0].address
        for kind in (0, 2, 3, 5, 253, 255):
            c.feed("core", ip6(SRC, at, ROUTING, other_routing(kind, 1) + data), "(4,0)")
            c.feed("core", ip6(SRC, at, HBH, hop_by_hop(ROUTING, 16) + other_routing(kind, 7) + data), "(4,0)")
            c.feed("core", ip6(SRC, at, ROUTING, other_routing(kind, 0) + data), "(4,4)")
            srh = routing(UDP_NH, segment_list(2, at, 1), 1)
            says = "(4,0)" if key == "dt46" else "east"
            c.feed("core", ip6(SRC, at, ROUTING, other_routing(kind, 0, ROUTING, 0) + srh + data), says)
    return c


def own_address():
    c = case("error-no-sid", "RFC 8754, 4.3.2: at an address of this node that is no SID: an SRH with Segments Left 0 is passed over, "
             "another is (4,0), pointer at the Routing Type.")
    for port in ("core", "east"):
        at = c.ports[port].address
        for count in (1, 2, 10):
            c.feed("core", sr_packet(at, segment_list(count, at, 1), 1, ICMP6, echo6(SRC, at)), "(4,0)")
            c.feed("core", sr_packet(at, segment_list(count, at, 0), 0, ICMP6, echo6(SRC, at)), "reply")
    return c


def fragments():
    c = case("error-fragments", "A fragment is forwarded as any other packet while segments are left; where its upper layer is "
             "needed, this node does not reassemble.")
    for key, (entry, onward) in SIDS.items():
        at = entry.address
        for offset, more in ((0, 1), (64, 1), (128, 0)):
            piece = fragment(UDP_NH, offset, more, 0x1234) + bytes(64)
            c.feed("core", sr_packet(at, segment_list(2, at, 1), 1, FRAGMENT, piece), onward)
            c.feed("core", sr_packet(at, segment_list(2, at, 0), 0, FRAGMENT, piece), "silent")
            c.feed("core", ip6(SRC, at, FRAGMENT, piece), "silent")
    for offset, more in ((0, 1), (64, 0)):
        # A container that is not used up is no end: the pieces go on, with an SRH or without.
        piece = fragment(UDP_NH, offset, more, 7) + bytes(64)
        at = "fc00:0:6:10:20::"
        c.feed("core", ip6(SRC, at, FRAGMENT, piece), "east")
        c.feed("core", sr_packet(at, [at], 0, FRAGMENT, piece), "east")
    for entry in DECAPS.values():
        piece = fragment(IP6_NH, 0, 1, 0x1234) + plain6()
        c.feed("core", ip6(SRC, entry.address, FRAGMENT, piece), "silent")
    return c


def cut(packet, octets):
    """The packet with so many octets behind the IPv6 header, and a payload length that says so."""
    return packet[:4] + struct.pack("!H", octets) + packet[6 : 40 + octets]


def truncated():
    made = []
    for key in ("end", "un", "dt46"):
        at = (SIDS.get(key) or (DECAPS.get(key),))[0].address
        c = case(f"malformed-truncated-{key}", "The packet ends inside the SRH, at every octet: nothing is read beyond the end, and "
                 "nobody is told.")
        for left in (0, 1):
            packet = sr_packet(at, segment_list(2, at, left), left, IP6_NH, plain6(), tlvs=TLVS)
            whole = len(packet) - 40 - len(plain6())
            for octets in range(whole):
                c.feed("core", cut(packet, octets), "silent")
        packet = sr_packet(at, segment_list(2, at, 0), 0, UDP_NH, b"", before=dest_options(ROUTING, 16), first=DSTOPT)
        for octets in range(17):
            c.feed("core", cut(packet, octets), "silent")
        made.append(c)
    return made


def lengths():
    c = case("malformed-lengths", "Hdr Ext Len that does not fit the list: 0, odd, too short, longer than the packet. Segments Left "
             "0: passed over by its length.")
    data = udp(SRC, segment(0), b"0123456789abcdef" * 4)
    for key in ("end", "psp", "x", "replace"):
        entry, onward = SIDS[key]
        at = entry.address
        for count in (1, 2, 3):
            entries = segment_list(count, at, 1)
            exact = 2 * count
            for units in range(exact + 4):
                # Odd: half an entry is none. More: the octets behind the list count as TLVs.
                fits = count - 1 <= units // 2 - 1
                c.feed("core", sr_packet(at, entries, 1, UDP_NH, data, units=units), onward if fits else "(4,0)")
            c.feed("core", sr_packet(at, entries, 1, UDP_NH, data, units=200), "silent")
            c.feed("core", sr_packet(at, entries, 1, UDP_NH, data, units=255), "silent")
            c.feed("core", sr_packet(at, entries, 0, UDP_NH, data, units=255), "silent")
        c.feed("core", ip6(SRC, at, ROUTING, bytes([UDP_NH, 0, 4, 0, 0, 0, 0, 0]) + data), "(4,4)")
        c.feed("core", ip6(SRC, at, ROUTING, bytes([UDP_NH, 0, 4, 1, 0, 0, 0, 0]) + data), "(4,0)")
        c.feed("core", ip6(SRC, at, ROUTING, bytes([UDP_NH, 1, 4, 1, 0, 0, 0, 0]) + bytes(8) + data), "(4,0)")
        c.feed("core", ip6(SRC, at, ROUTING, bytes([UDP_NH, 0, 4, 1, 255, 0, 0, 0]) + data), "(4,0)")
    return c


def tlvs():
    c = case("malformed-tlvs", "TLVs that overrun the header, odd ones, flags and tag of any value: End does not look at them, and "
             "they leave as they came.")
    for key, (entry, onward) in SIDS.items():
        at = entry.address
        for tail in (b"\x04\xff" + bytes(6), b"\x7c\x07" + bytes(6), bytes(7) + b"\x7c", b"\x05\x26" + bytes(6), bytes(8),
                     b"\xff" * 16, MANY_TLVS[:8], tlv(5, bytes(38)), tlv(5, bytes(6))):
            c.feed("core", sr_packet(at, segment_list(2, at, 1), 1, IP6_NH, plain6(), tlvs=tail), onward)
        for flags, tag in ((0xFF, 0xFFFF), (0x20, 1), (8, 0x8000)):
            c.feed("core", sr_packet(at, segment_list(2, at, 1), 1, IP6_NH, plain6(), flags=flags, tag=tag), onward)
    return c
