"""End.DX6, DX4, DX2, DT6, DT4 and DT46: RFC 8986, 4.4 to 4.9."""

from lib import DSTOPT, HBH, ICMP6, ROUTING, dest_options, hop_by_hop, ip6
from srv6.case import SrCase, to
from srv6.ends import COUNTS
from srv6.entries import Sid
from srv6.packets import (
    ETHERNET_NH, INNER_DST, INNER_SRC, IP4_NH, IP6_NH, MANY_TLVS, SRC, TLVS, arp_frame, echo6, frame,
    inners, ping4, plain4, plain6, routing, segment_list, set4, sr_packet, sum4, with_options,
)

SID = "fc00:0:1:d000::"
# What a behavior opens, how it is configured, the ports, where the packet inside goes.
KINDS = {
    "dx6": ((IP6_NH,), dict(behavior="End.DX6", via="west"), ("core", "east", "west"), "west"),
    "dx4": ((IP4_NH,), dict(behavior="End.DX4", via="west"), ("core", "east", "west"), "west"),
    "dx2": ((ETHERNET_NH,), dict(behavior="End.DX2", port="tap"), ("core", "east", "tap"), "tap"),
    "dt6": ((IP6_NH,), dict(behavior="End.DT6", vrf="red"), ("core", "ce", "red"), "red"),
    "dt4": ((IP4_NH,), dict(behavior="End.DT4", vrf="red"), ("core", "ce", "red"), "red"),
    "dt46": ((IP6_NH, IP4_NH), dict(behavior="End.DT46", vrf="red"), ("core", "ce", "red"), "red"),
    "dt46-default": ((IP6_NH, IP4_NH), dict(behavior="End.DT46", vrf="default"), ("core", "ce", "red"), "ce"),
}


def build():
    made = [behavior(kind) for kind in KINDS]
    return [*made, *inner_errors(), inner_headers(), frames(), tunnel_hop_limit(), to_this_node()]


def entry(kind, sid=SID, *flavors):
    keys = dict(KINDS[kind][1])
    return Sid(sid, keys.pop("behavior"), *flavors, **keys)


def behavior(kind):
    opened, keys, names, inside = KINDS[kind]
    c = SrCase(kind, f"RFC 8986, 4.4 to 4.9: {keys['behavior']}: the outer header with all its extension headers goes, the "
               "packet inside is forwarded; Segments Left is 0 or the packet is a parameter problem; another upper layer "
               "is (4,4).", [entry(kind)], names=names)
    every_list(c, opened, inside)
    for octets in (b"", TLVS):
        for nh, payload in inners():
            chain = dest_options(nh, 16) if octets else b""
            c.feed("core", ip6(SRC, SID, DSTOPT if chain else nh, chain + payload), verdict(opened, nh, inside))
    for before, first in ((hop_by_hop(ROUTING), HBH), (dest_options(ROUTING, 24), DSTOPT)):
        for nh, payload in inners():
            behind = dest_options(nh) + payload
            c.feed("core", sr_packet(SID, segment_list(2, SID, 0), 0, DSTOPT, behind, before=before, first=first),
                   verdict(opened, nh, inside))
    # Two used-up headers, and one that is not used up behind one that is.
    nh, payload = next(i for i in inners() if i[0] in opened)
    second = routing(nh, segment_list(3, SID, 0), 0) + payload
    c.feed("core", sr_packet(SID, segment_list(1, SID, 0), 0, ROUTING, second), inside)
    second = routing(nh, segment_list(3, SID, 1), 1) + payload
    c.feed("core", sr_packet(SID, segment_list(1, SID, 0), 0, ROUTING, second), "(4,0)")
    return c


def verdict(opened, nh, inside):
    return inside if nh in opened else "(4,4)"


def every_list(c, opened, inside):
    for count in COUNTS:
        for tlvs in (b"", TLVS, MANY_TLVS):
            for nh, payload in inners():
                keys = dict(tlvs=tlvs, tc=0x2C)
                c.feed("core", sr_packet(SID, segment_list(count, SID, 0), 0, nh, payload, **keys),
                       verdict(opened, nh, inside))
                for left in sorted({1, count // 2, count} - {0}):
                    c.feed("core", sr_packet(SID, segment_list(count, SID, left), left, nh, payload, **keys), "(4,0)")


def carry(inside, nh=None, count=2, **keys):
    """An SR packet at its last segment with this inside."""
    nh = nh or {6: IP6_NH, 4: IP4_NH}[inside[0] >> 4]
    return sr_packet(SID, segment_list(count, SID, 0), 0, nh, inside, **keys)


def inner_errors():
    made = []
    for kind in ("dt46", "dx6", "dx4"):
        opened, _, names, inside = KINDS[kind]
        c = SrCase(f"{kind}-inner-errors", "Errors about the packet inside go to its own source and quote it as it was "
                   "inside: hop limit or TTL, MTU, no route; IPv4 without DF is fragmented.", [entry(kind)],
                   names=names, **{inside: dict(mtu=1400)})
        tables = kind == "dt46"
        if IP6_NH in opened:
            for hlim in (1, 0):
                c.feed("core", carry(plain6(hlim=hlim)), "(3,0)")
            c.feed("core", carry(plain6(hlim=2)), inside)
            c.feed("core", carry(plain6(data=bytes(1400 - 48))), inside)
            c.feed("core", carry(plain6(data=bytes(1401 - 48))), "(2,0)")
            if tables:
                c.feed("core", carry(plain6(dst="2001:db8:f::1")), "(1,0)")
                c.feed("core", carry(ip6(INNER_SRC, "2001:db8:f::1", ICMP6, echo6(INNER_SRC, INNER_DST, kind=1))), "silent")
        if IP4_NH in opened:
            for ttl in (1, 0):
                c.feed("core", carry(plain4(ttl=ttl)), "(11,0)")
            c.feed("core", carry(plain4(ttl=2)), inside)
            c.feed("core", carry(plain4(data=bytes(1400 - 28))), inside)
            c.feed("core", carry(plain4(data=bytes(1401 - 28))), "(3,4)")
            if tables:
                c.feed("core", carry(plain4(dst="10.9.0.1")), "(3,0)")
        made.append(c)
    c = SrCase("dt4-fragments", "RFC 791, 3.2: what is inside, without DF and longer than the MTU ahead, leaves in pieces.",
               [entry("dt4")], names=KINDS["dt4"][2], red=dict(mtu=1280))
    c.feed("core", carry(plain4(data=bytes(i & 0xFF for i in range(1380)), df=False)), "fragments")
    made.append(c)
    return made


def inner_headers():
    c = SrCase("dt46-inner-headers", "The packet inside is checked as one that a port receives: version, lengths, the IPv4 "
               "header checksum; what follows its end is cut; options stay.", [entry("dt46")], names=KINDS["dt46"][2])
    six, four = plain6(), plain4()
    c.feed("core", carry(six + b"beyond"), "red")
    c.feed("core", carry(four + b"beyond"), "red")
    c.feed("core", carry(plain4(options=bytes([7, 7, 4, 0, 0, 0, 0, 1]))), "red")
    c.feed("core", carry(plain6(hlim=255, tc=0xFF, fl=0xFFFFF)), "red")
    c.feed("core", carry(plain4(ttl=255, tos=0xFF, df=False, ident=0xFFFF)), "red")
    for octets in (0, 1, 39, 40, len(six) - 1):
        c.feed("core", carry(six[:octets], nh=IP6_NH), "silent")
    for octets in (0, 1, 19, 20, len(four) - 1):
        c.feed("core", carry(four[:octets], nh=IP4_NH), "silent")
    c.feed("core", carry(four, nh=IP6_NH), "silent")
    c.feed("core", carry(six, nh=IP4_NH), "silent")
    c.feed("core", carry(set4(four, 10, b"\x12\x34")), "silent")
    c.feed("core", carry(sum4(set4(four, 0, b"\x44"))), "silent")
    c.feed("core", carry(sum4(set4(four, 0, b"\x4f"))), "silent")
    c.feed("core", carry(sum4(set4(four, 12, b"\x7f\x00\x00\x01"))), "silent")
    c.feed("core", carry(with_options(four, b"\x94\x04\x00\x00")), "red")
    return c


def frames():
    c = SrCase("dx2-frames", "RFC 8986, 4.9: End.DX2: any frame leaves by the port as it was, whatever it holds; shorter "
               "than an Ethernet header it is none.", [entry("dx2")], names=KINDS["dx2"][2])
    for octets in (frame(), frame(plain4(), kind=0x0800), frame(vlan=7), arp_frame(), frame(bytes(46), kind=0x88B5),
                   frame(bytes(1300), kind=0x88B5), frame(b"", kind=0x88B5), frame(plain6(hlim=1))):
        c.feed("core", carry(octets, nh=ETHERNET_NH), "tap")
        c.feed("core", ip6(SRC, SID, ETHERNET_NH, octets), "tap")
    for octets in (0, 1, 13):
        c.feed("core", carry(frame()[:octets], nh=ETHERNET_NH), "silent")
    return c


def tunnel_hop_limit():
    c = SrCase("dt46-outer-hop-limit", "RFC 8986, 4.6 to 4.8: the outer hop limit is not looked at where the packet is "
               "decapsulated.", [entry("dt46")], names=KINDS["dt46"][2])
    for hlim in (255, 2, 1, 0):
        c.feed("core", carry(plain6(), hlim=hlim), "red")
        c.feed("core", carry(plain4(), hlim=hlim), "red")
    return c


def to_this_node():
    own = ("2001:db8:0:5::1", "192.0.5.1")
    c = SrCase("dt46-to-this-node", "What is inside may be for this node itself: echo is answered from the address that "
               "was asked.", [entry("dt46-default")], names=("core", "ce"),
               routes=[to("2001:db8:1::/48", "core"), to("10.1.0.0/16", "core")])
    c.feed("core", carry(ip6(INNER_SRC, own[0], ICMP6, echo6(INNER_SRC, own[0]))), "reply")
    c.feed("core", carry(ping4(own[1], tos=0x10)), "reply")
    return c
