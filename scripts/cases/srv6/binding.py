"""End.B6.Encaps, End.B6.Encaps.Red (RFC 8986, 4.13, 4.14) and End.B6.Insert, End.B6.Insert.Red (the draft of H.Insert)."""

from lib import DSTOPT, HBH, ROUTING, UDP_NH, dest_options, hop_by_hop, ip6, udp
from srv6.case import SrCase
from srv6.ends import COUNTS, lefts
from srv6.entries import Policy, Sid
from srv6.packets import (
    ETHERNET_NH, IP4_NH, IP6_NH, MANY_TLVS, SRC, TLVS, frame, inners, plain4, plain6, segment, segment_list, sr_packet,
)

MODES = ("encap", "encap-red", "insert", "insert-red")
SID = "fc00:0:1:b000::"


def build():
    made = []
    for mode in MODES:
        made += [by_binding_sid(mode), hop_and_mtu(mode)]
    made += [by_sid_entry(mode) for mode in MODES[:2]]
    made += [by_next_csid(mode) for mode in MODES[:2]]
    return made


def path(count):
    return [segment(0x100 + i) for i in range(count)]


def binding(count):
    return f"fc00:0:1:b0{count:02x}::"


def by_binding_sid(mode):
    """Policies of 1, 2, 3 and 10 segments, each with its binding SID, and every packet to each."""
    policies = [Policy(f"p{n}", mode, path(n), binding=binding(n)) for n in COUNTS]
    c = SrCase(f"b6-{mode}", f"RFC 8986, 4.13, 4.14: the binding SID of a policy of mode {mode}: the next segment becomes the "
               "destination, then the policy's header is pushed or inserted; without segments left, the upper-layer rule.",
               policies)
    for number in COUNTS:
        sid = binding(number)
        for count in COUNTS:
            for left in lefts(count):
                tlvs = (b"", TLVS, MANY_TLVS)[(count + left) % 3]
                nh, payload = inners()[(number + left) % 4]
                packet = sr_packet(sid, segment_list(count, sid, left), left, nh, payload, tlvs=tlvs, tc=0x42)
                c.feed("core", packet, "east" if left else "(4,4)")
        for nh, payload in inners():
            c.feed("core", ip6(SRC, sid, nh, payload), "(4,4)")
            for tlvs in (b"", TLVS):
                packet = sr_packet(sid, segment_list(2, sid, 1), 1, nh, payload, tlvs=tlvs)
                c.feed("core", packet, "east")
        for before, first in ((hop_by_hop(ROUTING), HBH), (dest_options(ROUTING, 16), DSTOPT)):
            packet = sr_packet(sid, segment_list(3, sid, 2), 2, IP6_NH, plain6(), before=before, first=first)
            c.feed("core", packet, "east")
    return c


def by_sid_entry(mode):
    name = "End.B6.Encaps" + (".Red" if mode.endswith("red") else "")
    c = SrCase(f"b6-{mode}-by-entry", f"A SID of behavior {name} names the policy; several SIDs may.",
               [Sid(SID, name, policy="gold"), Sid("fc00:0:1:b100::/64", name, policy="gold"),
                Policy("gold", mode, path(3), source="2001:db8::77")])
    for sid in (SID, "fc00:0:1:b100::", "fc00:0:1:b100::abcd"):
        for left in (0, 1, 2):
            packet = sr_packet(sid, segment_list(2, sid, left), left, IP4_NH, plain4())
            c.feed("core", packet, "east" if left else "(4,4)")
    return c


def hop_and_mtu(mode):
    c = SrCase(f"b6-{mode}-errors", "Hop limit, Segments Left and Last Entry as at End; too big: (2,0) with the MTU less the "
               "overhead, quoting the packet as received.", [Policy("gold", mode, path(2), binding=SID)])
    entries = segment_list(2, SID, 1)
    for hlim in (255, 2):
        c.feed("core", sr_packet(SID, entries, 1, IP6_NH, plain6(), hlim=hlim), "east")
    for hlim in (1, 0):
        c.feed("core", sr_packet(SID, entries, 1, IP6_NH, plain6(), hlim=hlim), "(3,0)")
    c.feed("core", sr_packet(SID, entries, 3, IP6_NH, plain6()), "(4,0)")
    c.feed("core", sr_packet(SID, entries, 1, IP6_NH, plain6(), last=2), "(4,0)")
    overhead = {"encap": 40 + 8 + 32, "encap-red": 40 + 8 + 16, "insert": 8 + 48, "insert-red": 8 + 32}[mode]
    fixed = 40 + 8 + 32 + 14
    for octets, says in ((1500 - overhead, "east"), (1501 - overhead, "(2,0)"), (1500, "(2,0)")):
        packet = sr_packet(SID, entries, 1, ETHERNET_NH, frame(bytes(octets - fixed), kind=0x88B5))
        c.feed("core", packet, says)
    return c


def by_next_csid(mode):
    """A binding SID as a CSID: the container shifts, then the policy's header goes on."""
    name = "End.B6.Encaps" + (".Red" if mode.endswith("red") else "")
    c = SrCase(f"b6-{mode}-next-csid", "RFC 9800, 4.1: a behavior bound to a policy with NEXT-CSID: an argument shifts the "
               "container, none is as without the flavor.",
               [Sid("fc00:0:b::/48", name, "NEXT-CSID", policy="gold"), Policy("gold", mode, path(2))])
    for at in ("fc00:0:b:20:21:22:23:24", "fc00:0:b:20::", "fc00:0:b::1"):
        c.feed("core", ip6(SRC, at, UDP_NH, udp(SRC, "fc00:0:24::", b"no header")), "east")
        c.feed("core", sr_packet(at, [segment(1), at], 1, IP6_NH, plain6(), tlvs=TLVS), "east")
        c.feed("core", sr_packet(at, [at], 0, IP6_NH, plain6()), "east")
        c.feed("core", sr_packet(at, [at], 0, IP6_NH, plain6(), hlim=1), "(3,0)")
    c.feed("core", sr_packet("fc00:0:b::", [segment(1), "fc00:0:b::"], 1, IP6_NH, plain6()), "east")
    c.feed("core", sr_packet("fc00:0:b::", ["fc00:0:b::"], 0, IP6_NH, plain6()), "(4,4)")
    return c
