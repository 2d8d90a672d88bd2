"""MEX and SRv6 in one node (the MEX specification, cases 15 and 23): the packet inside, never the one outside."""

from lib import ROUTING, ap, dest_options, hop, hop_by_hop, ip6, join, mex
from lib import AP, HBH, DSTOPT, UDP_NH, udp
from router import A, B, C, HOST, SRC, packet, plain
from srv6.case import SrCase, into, to
from srv6.entries import Policy, Sid
from srv6.packets import IP6_NH, TLVS, routing, segment, segment_list, sr_packet

SID = "fc00:0:1:100::"
BACK = [to("fc00::/16", "east"), to("2001:db8:1::/48", "core")]
B48, C48 = "2001:db8:b::/48", "2001:db8:c::/48"


def build():
    return [after_decapsulation(), after_usd(), before_encapsulation(), first_segment(), candidates(), outer()]


def inside(octets, at, **keys):
    return sr_packet(at, segment_list(2, at, 0), 0, IP6_NH, octets, src="2001:db8:1::99", **keys)


def after_decapsulation():
    sids = [Sid("fc00:0:1:d6::", "End.DT6", vrf="default"), Sid("fc00:0:1:e46::", "End.DT46", vrf="red"),
            Sid("fc00:0:1:c6::", "End.DX6", via="east")]
    c = SrCase("mex-after-decapsulation", "Case 23: the packet inside, after End.DT6 and End.DT46, is exchanged like any other, in the "
               "table that the SID names; after End.DX6 there is a way, so it is not.", sids,
               [*BACK, to("2001:db8:1::/48", "red", vrf="red"), to(B48, "ce"), to(C48, "red", vrf="red")],
               names=("core", "east", "ce", "red"), tables=[mex()])
    for tlvs in (b"", TLVS):
        for alternatives in ([B], [B, C], [C, B]):
            c.packet("core", inside(packet(alternatives), "fc00:0:1:d6::", tlvs=tlvs))
            c.to("ce", packet(alternatives, alternatives.index(B) + 1, hlim=63))
            if C in alternatives:
                c.packet("core", inside(packet(alternatives), "fc00:0:1:e46::", tlvs=tlvs))
                c.to("red", packet(alternatives, alternatives.index(C) + 1, hlim=63))
        c.packet("core", inside(packet([B, C]), "fc00:0:1:c6::", tlvs=tlvs)).to("east", packet([B, C], hlim=63))
    dead = packet([B], original="2001:db8:d:1::")
    c.packet("core", inside(dead, "fc00:0:1:e46::")).error(1, 0, 0, "no-route", out="red", to=dead)
    dead = packet([B], hlim=1)
    c.packet("core", inside(dead, "fc00:0:1:d6::")).error(3, 0, 0, "hop-limit", to=dead)
    c.mex = {"exchanged": 10}
    return c


def after_usd():
    c = SrCase("mex-after-usd", "Case 23, with USD: what End decapsulates is exchanged like any other.",
               [Sid(SID, "End", "USD")], [*BACK, to(B48, "ce")], tables=[mex()])
    c.packet("core", inside(packet([B]), SID)).to("ce", packet([B], 1, hlim=63))
    c.packet("core", ip6("2001:db8:1::99", SID, IP6_NH, packet([C, B]))).to("ce", packet([C, B], 2, hlim=63))
    c.mex = {"exchanged": 2}
    return c


def pushed(octets, policy, label):
    """H.Encaps by hand, with a placeholder for the flow label."""
    entries, left = policy.srh_list()
    return ip6(policy.source, policy.segments[0], ROUTING, routing(IP6_NH, entries, left) + octets, hlim=64, fl=label)


def before_encapsulation():
    policy = Policy("gold", "encap", [segment(1), segment(2)])
    c = SrCase("mex-before-encapsulation", "Case 23: before H.Encaps, MEX comes first: the exchanged packet is steered by its new "
               "destination; a packet whose destination is steered has a way and is not exchanged.", [policy],
               [*BACK, into(B48, "gold"), to(C48, "ce")], tables=[mex()])
    from srv6.headend import LABEL_BASE
    for number, (alternatives, times, original) in enumerate((
        ([B], 1, A), ([B, C], 1, A), (["2001:db8:e:1::", B], 2, A), ([C], 0, B), ([A], 0, B),
    )):
        sent = packet(alternatives, original=original)
        leaves = packet(alternatives, times, original=original, hlim=63)
        c.packet("core", sent).to("east", pushed(leaves, policy, LABEL_BASE + number))
    c.packet("core", packet([C, B])).to("ce", packet([C, B], 1, hlim=63))
    late = packet([B], hlim=1)
    c.packet("core", late).error(3, 0, 0, "hop-limit")
    c.mex = {"exchanged": 4}
    c.more["flow-labels"] = 5
    return c


def first_segment():
    """A policy without a way is no way; but the outer header is never exchanged."""
    policy = Policy("gold", "encap", ["2001:db8:dead::1", segment(2)])
    c = SrCase("mex-not-the-outer", "MEX never looks at a header that was pushed: no route to the first segment is (1,0) to the "
               "source inside.", [policy], [*BACK, into(B48, "gold")], tables=[mex()])
    for sent in (plain(join(B, HOST)), packet([A], original=B)):
        c.packet("core", sent).error(1, 0, 0, "policy-down")
    c.mex = {}
    return c


def candidates():
    """Case 15, the SID half."""
    sids = [Sid(join("2001:db8:e:1::", HOST), "End"), Sid("2001:db8:f:1::/64", "End", "NEXT-CSID"),
            Sid("2001:db8:9:1::/64", "End.DT6", vrf="default")]
    c = SrCase("mex-15-local-sid", "Case 15: the exchange leads to a local SID: refused, the next one is taken.", sids,
               [*BACK, to(C48, "ce"), to("2001:db8:e::/48", "east")], locator=False, tables=[mex()])
    for prefix in ("2001:db8:e:1::", "2001:db8:f:1::", "2001:db8:9:1::"):
        c.packet("core", packet([prefix, C])).to("ce", packet([prefix, C], 2, hlim=63))
        c.packet("core", packet([prefix])).error(1, 0, 0, "no-route")
    # Right beside them there is no SID.
    c.packet("core", packet(["2001:db8:e:2::"])).to("east", packet(["2001:db8:e:2::"], 1, hlim=63))
    c.mex = {"exchanged": 4}
    return c


def outer():
    """An SR packet under way and an encapsulation are left alone."""
    c = SrCase("mex-never-outer", "MEX is never applied to an outer header or while segments are left: no route is (1,0).",
               [Sid(SID, "End"), Sid("fc00:0:1:200::", "End", "PSP")], [*BACK, to(B48, "ce")], tables=[mex()])
    dst = HOST
    tail = ap(UDP_NH, [B]) + udp(SRC, dst, b"under way")
    for left in (1, 2):
        # In transit, beside any SID.
        c.packet("core", sr_packet(dst, segment_list(3, dst, left), left, AP, tail)).error(1, 0, 0, "no-route")
    for before, first in ((b"", ROUTING), (hop_by_hop(ROUTING), HBH), (dest_options(ROUTING), DSTOPT)):
        # At a SID, and the next segment cannot be reached.
        sent = sr_packet(SID, [segment(0), dst, SID], 2, AP, tail, before=before, first=first)
        c.packet("core", sent).error(1, 0, 0, "no-route")
    # The packet outside of an encapsulation, with a header inside.
    c.packet("core", ip6(SRC, dst, IP6_NH, packet([B]))).error(1, 0, 0, "no-route")
    c.mex = {}
    # Segments are used up, and the header stands behind: an ordinary packet again.
    sent = sr_packet(dst, segment_list(2, dst, 0), 0, AP, tail)
    got = sent[:24] + ip6(SRC, join(B, HOST), 0, b"")[24:40] + sent[40:]
    got = got.replace(ap(UDP_NH, [B]), ap(UDP_NH, [A], 0))
    c.packet("core", sent).to("ce", hop(got))
    c.mex = {"exchanged": 1}
    return c
