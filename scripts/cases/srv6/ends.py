"""End, End.X and End.T with every subset of PSP, USP and USD: RFC 8986, 4.1 to 4.3 and 4.16."""

from itertools import combinations

from lib import DSTOPT, HBH, ROUTING, UDP_NH, dest_options, hop_by_hop, ip6, udp
from srv6.case import SrCase
from srv6.entries import Sid
from srv6.packets import (
    IP4_NH, IP6_NH, MANY_TLVS, SRC, TLVS, inners, plain4, plain6, routing, segment, segment_list, sr_packet,
)

COUNTS = (1, 2, 3, 10)
SID = "fc00:0:1:100::"
FLAVORS = ("PSP", "USP", "USD")
KINDS = {
    "end": (dict(behavior="End"), ("core", "east", "ce"), "east", "ce"),
    "end-x": (dict(behavior="End.X", via="west"), ("core", "east", "west", "ce"), "west", "west"),
    "end-t": (dict(behavior="End.T", vrf="red"), ("core", "east", "ce", "red"), "red", "red"),
}


def build():
    made = []
    for kind in KINDS:
        for count in range(len(FLAVORS) + 1):
            made += [behavior(kind, flavors) for flavors in combinations(FLAVORS, count)]
    return made


def lefts(count):
    """Segments Left worth trying: none, last, middle, first, and one above the list (reduced)."""
    return sorted({0, 1, count // 2, count - 1, count})


def behavior(kind, flavors):
    keys, names, onward, inside = KINDS[kind]
    suffix = "-".join(f.lower() for f in flavors)
    c = SrCase(f"{kind}-{suffix}" if suffix else kind,
               f"RFC 8986, 4.1 to 4.3 and 4.16: {keys['behavior']} with {', '.join(flavors) or 'no flavor'}: 1, 2, 3 and "
               "10 segments, with and without TLVs, every Segments Left that matters, IPv6, IPv4, Ethernet and none of "
               "them inside.", [Sid(SID, keys["behavior"], *flavors, **{k: v for k, v in keys.items() if k != "behavior"})],
               names=names)
    every_list(c, flavors, onward, inside)
    without_header(c, flavors, inside)
    other_headers(c, flavors, onward)
    two_headers(c, flavors, onward)
    hop_limits(c, onward)
    return c


def at_the_end(flavors, kind, inside):
    """What becomes of a packet whose upper layer is at the SID."""
    return inside if "USD" in flavors and kind in (IP6_NH, IP4_NH) else "(4,4)"


def every_list(c, flavors, onward, inside):
    for count in COUNTS:
        for left in lefts(count):
            for tlvs in (b"", MANY_TLVS if left % 2 else TLVS):
                for kind, octets in inners():
                    packet = sr_packet(SID, segment_list(count, SID, left), left, kind, octets, tlvs=tlvs,
                                       tag=0x1234, tc=0xB9)
                    c.feed("core", packet, onward if left else at_the_end(flavors, kind, inside))


def without_header(c, flavors, inside):
    for kind, octets in inners():
        c.feed("core", ip6(SRC, SID, kind, octets), at_the_end(flavors, kind, inside))
        c.feed("core", ip6(SRC, SID, DSTOPT, dest_options(kind, 16) + octets), at_the_end(flavors, kind, inside))


def other_headers(c, flavors, onward):
    """Headers before and behind the SRH: what PSP and USP patch is the header right before it."""
    kind, octets = UDP_NH, udp(SRC, segment(0), b"behind options")
    for before, first in (
        (hop_by_hop(ROUTING), HBH), (dest_options(ROUTING, 24), DSTOPT),
        (hop_by_hop(DSTOPT, 16) + dest_options(ROUTING), HBH),
    ):
        for left in (0, 1, 2):
            entries = segment_list(3, SID, left)
            for tlvs in (b"", TLVS):
                c.feed("core", sr_packet(SID, entries, left, kind, octets, before=before, first=first, tlvs=tlvs),
                       onward if left else "(4,4)")
            options = dest_options(kind) + octets
            c.feed("core", sr_packet(SID, entries, left, DSTOPT, options, before=before, first=first),
                   onward if left else "(4,4)")


def two_headers(c, flavors, onward):
    """A used-up SRH before another one, as an insertion leaves it: the first is done (and USP removes it)."""
    for count in COUNTS:
        first = routing(ROUTING, segment_list(count, SID, 0), 0, tlvs=TLVS if count % 2 else b"")
        for left in (1, 2):
            second = routing(IP6_NH, segment_list(2, SID, left), left)
            c.feed("core", ip6(SRC, SID, ROUTING, first + second + plain6()), onward)


def hop_limits(c, onward):
    """S05 to S12: at 1 or 0 the packet dies, at 2 it leaves with 1; a packet that ends here is not asked."""
    entries = segment_list(2, SID, 1)
    for hlim in (255, 2):
        c.feed("core", sr_packet(SID, entries, 1, IP6_NH, plain6(), hlim=hlim), onward)
    for hlim in (1, 0):
        c.feed("core", sr_packet(SID, entries, 1, IP6_NH, plain6(), hlim=hlim), "(3,0)")
        c.feed("core", sr_packet(SID, entries, 1, IP4_NH, plain4(), hlim=hlim, tlvs=TLVS), "(3,0)")
        c.feed("core", ip6(SRC, SID, UDP_NH, udp(SRC, SID, b"here"), hlim=hlim), "(4,4)")
