"""OAM (RFC 9259): ping and traceroute to a SID and through a segment list; several SIDs of one node in a row."""

import struct

from lib import DSTOPT, HBH, ICMP6, ROUTING, UDP_NH, dest_options, hop_by_hop, icmp6, ip6, udp
from srv6.case import SrCase
from srv6.ends import COUNTS
from srv6.entries import Policy, Sid
from srv6.packets import IP6_NH, SRC, TLVS, echo6, ping6, plain6, segment, segment_list, sr_packet

SIDS = {
    "end": Sid("fc00:0:1:1::", "End"), "usp": Sid("fc00:0:1:2::", "End", "PSP", "USP", "USD"),
    "x": Sid("fc00:0:1:4::", "End.X", via="west"), "t": Sid("fc00:0:1:5::", "End.T", vrf="default"),
    "un": Sid("fc00:0:6::/48", "End", "NEXT-CSID"), "ua": Sid("fc00:0:6:e001::/64", "End.X", "NEXT-CSID", via="west"),
    "replace": Sid("fc00:0:1:7::/64", "End", "REPLACE-CSID"),
    "dx6": Sid("fc00:0:1:d6::", "End.DX6", via="west"), "dx4": Sid("fc00:0:1:d4::", "End.DX4", via="west"),
    "dx2": Sid("fc00:0:1:d2::", "End.DX2", port="tap"), "dt6": Sid("fc00:0:1:e6::", "End.DT6", vrf="default"),
    "dt4": Sid("fc00:0:1:e4::", "End.DT4", vrf="default"), "dt46": Sid("fc00:0:1:e46::/64", "End.DT46", vrf="default"),
    "gold": Sid("fc00:0:1:b::", "End.B6.Encaps", policy="gold"),
}
NAMES = ("core", "east", "west", "ce", "tap")


def build():
    return [to_a_sid(), through_a_list(), in_a_row(), traceroute()]


def case(name, clause):
    return SrCase(name, clause, [*SIDS.values(), Policy("gold", "encap", [segment(7)])], names=NAMES)


def to_a_sid():
    c = case("ping-sid", "RFC 9259, 3.1.1 and 3.2.1: an echo request to a SID of any behavior is answered from the address that was "
             "asked; hop limit 1 is enough to arrive.")
    for sid in SIDS.values():
        for data in (b"", b"ping", bytes(range(256)) * 4):
            c.feed("core", ping6(sid.address, data=data), "reply")
        c.feed("core", ping6(sid.address, hlim=1), "reply")
        c.feed("core", ping6(sid.address, kind=129), "consumed")
        at, message = sid.address, echo6(SRC, sid.address)
        c.feed("core", ip6(SRC, at, DSTOPT, dest_options(ICMP6, 16) + message, tc=7, fl=7), "reply")
        spoiled = message[:2] + bytes([message[2] ^ 1]) + message[3:]
        c.feed("core", ip6(SRC, at, ICMP6, spoiled), "silent")
    # Behind the prefix of a SID that is one.
    for at in ("fc00:0:1:e46:1:2:3:4", "fc00:0:1:7::5"):
        c.feed("core", ping6(at), "reply")
    return c


def through_a_list():
    c = case("ping-through-a-list", "RFC 9259, 3.1.2 and 3.2.2: an echo request whose segment list ends here is answered without an SRH; "
             "one under way goes on.")
    for key, sid in SIDS.items():
        at = sid.address
        for count in COUNTS:
            for tlvs in (b"", TLVS):
                packet = sr_packet(at, segment_list(count, at, 0), 0, ICMP6, echo6(SRC, at), tlvs=tlvs)
                c.feed("core", packet, "reply")
        packet = sr_packet(at, segment_list(2, at, 0), 0, ICMP6, echo6(SRC, at), before=hop_by_hop(ROUTING), first=HBH)
        c.feed("core", packet, "reply")
        onward = "(4,0)" if key[:2] in ("dx", "dt") else "west" if key in ("x", "ua") else "east"
        packet = sr_packet(at, segment_list(3, at, 2), 2, ICMP6, echo6(SRC, segment(0)))
        c.feed("core", packet, onward)
        # The reply is routed by its destination, whatever the request came through.
        c.feed("east", sr_packet(at, segment_list(2, at, 0), 0, ICMP6, echo6(SRC, at)), "reply")
    return c


def in_a_row():
    c = case("several-sids", "Several SIDs of this node in a row: each is visited and counts one hop, whatever their behaviors.")
    end, usp, t, x, dt6 = (SIDS[k].address for k in ("end", "usp", "t", "x", "dt6"))
    for path, says in (
        ([end, usp, segment(1)], "east"), ([usp, end, segment(1)], "east"), ([t, end, usp, x, segment(1)], "west"),
        ([end, end, end, segment(1)], "east"), ([end, t, dt6], "ce"), ([usp, end, dt6], "ce"),
        ([end, "fc00:0:6:6:6:6::", segment(1)], "east"), ([end, usp, t, end, usp, t, end, dt6], "ce"),
    ):
        for tlvs in (b"", TLVS):
            for hlim in (64, len(path) + 3):
                packet = sr_packet(path[0], path[::-1], len(path) - 1, IP6_NH, plain6(), hlim=hlim, tlvs=tlvs)
                c.feed("core", packet, says)
    # It dies at the SID at which its hops run out, and is quoted as it came there.
    path = [end, t, end, segment(1)]
    for hlim, says in ((4, "east"), (3, "(3,0)"), (2, "(3,0)"), (1, "(3,0)")):
        c.feed("core", sr_packet(path[0], path[::-1], 3, IP6_NH, plain6(), hlim=hlim), says)
    # The last one is pinged.
    path = [end, t, usp]
    c.feed("core", sr_packet(path[0], path[::-1], 2, ICMP6, echo6(SRC, usp)), "reply")
    # A binding SID behind an End.
    path = [end, SIDS["gold"].address, segment(1)]
    c.feed("core", sr_packet(path[0], path[::-1], 2, IP6_NH, plain6()), "east")
    # The quote of a problem at the second is the packet that the second received.
    path = [end, dt6, segment(1)]
    c.feed("core", sr_packet(path[0], path[::-1], 2, IP6_NH, plain6()), "(4,0)")
    path = [end, usp]
    c.feed("core", sr_packet(path[0], path[::-1], 1, UDP_NH, udp(SRC, usp, b"x")), "(4,4)")
    return c


def traceroute():
    c = case("traceroute", "RFC 9259, 3.2: the probes of a traceroute: UDP to a SID is (4,4), which ends it; on the way (3,0).")
    for key in ("end", "un", "dt46", "x"):
        at = SIDS[key].address
        for port in (33434, 33435):
            probe = udp(SRC, at, bytes(12), sport=50000, dport=port)
            c.feed("core", ip6(SRC, at, UDP_NH, probe, hlim=1), "(4,4)")
            c.feed("core", sr_packet(at, segment_list(2, at, 0), 0, UDP_NH, probe, hlim=1), "(4,4)")
            if key != "dt46":
                c.feed("core", sr_packet(at, segment_list(2, at, 1), 1, UDP_NH, probe, hlim=1), "(3,0)")
        message = icmp6(SRC, at, 128, 0, struct.pack("!HH", 1, 1))
        c.feed("core", ip6(SRC, at, ICMP6, message, hlim=1), "reply")
    c.feed("core", ip6(SRC, segment(1), UDP_NH, udp(SRC, segment(1), b"probe", dport=33434), hlim=1), "(3,0)")
    return c
