"""NEXT-CSID (RFC 9800, 4.1): uN, uA, uDT, and a path of 12 uSIDs walked to its end."""

from itertools import combinations

from lib import DSTOPT, HBH, ROUTING, UDP_NH, dest_options, hop_by_hop, ip6, udp
from srv6 import decap
from srv6.case import SrCase, to
from srv6.ends import COUNTS, FLAVORS, at_the_end, lefts
from srv6.entries import Sid
from srv6.packets import (
    IP6_NH, MANY_TLVS, SRC, TLVS, inners, plain4, plain6, segment_list, sr_packet,
)

# Name, SID, keys, ports, where it goes on, where a decapsulated packet goes, carriers with an argument, one without.
KINDS = {
    "un": ("fc00:0:1::/48", dict(behavior="End"), ("core", "east", "ce"), "east", "ce"),
    "ua-48": ("fc00:0:e001::/48", dict(behavior="End.X", via="west"), ("core", "west", "ce"), "west", "west"),
    "ua-64": ("fc00:0:1:e001::/64", dict(behavior="End.X", via="west"), ("core", "west", "ce"), "west", "west"),
    "ut": ("fc00:0:1:7::/64", dict(behavior="End.T", vrf="red"), ("core", "ce", "red"), "red", "red"),
}
CARRIERS = {
    "un": ("fc00:0:1:2::", "fc00:0:1:2:3:4:5:6", "fc00:0:1:0:0:0:0:1", "fc00:0:1:2:d46::"),
    "ua-48": ("fc00:0:e001:2::", "fc00:0:e001:2:3:4:5:6", "fc00:0:e001:0:0:0:0:1"),
    "ua-64": ("fc00:0:1:e001:2::", "fc00:0:1:e001:2:3:4:5", "fc00:0:1:e001::1"),
    "ut": ("fc00:0:1:7:2::", "fc00:0:1:7:2:3:4:5", "fc00:0:1:7::8000"),
}


def build():
    made = []
    for kind in KINDS:
        for count in range(len(FLAVORS) + 1):
            made += [usid(kind, flavors) for flavors in combinations(FLAVORS, count)]
    return [*made, *decapsulating(), lengths(), nested(), *walk()]


def usid(kind, flavors):
    sid, keys, names, onward, inside = KINDS[kind]
    keys = dict(keys)
    entry = Sid(sid, keys.pop("behavior"), "NEXT-CSID", *flavors, **keys)
    suffix = "".join(f"-{f.lower()}" for f in flavors)
    c = SrCase(f"{kind}{suffix}", f"RFC 9800, 4.1: {entry.behavior} with NEXT-CSID {' '.join(flavors)} on {sid}: an argument "
               "shifts the destination, whatever Segments Left is and with or without an SRH; none is as without the flavor.",
               [entry], names=names)
    at = entry.address
    for count in COUNTS:
        for left in lefts(count):
            tlvs = (b"", TLVS, MANY_TLVS)[(count + left) % 3]
            for nh, payload in inners():
                plain = sr_packet(at, segment_list(count, at, left), left, nh, payload, tlvs=tlvs)
                c.feed("core", plain, onward if left else at_the_end(flavors, nh, inside))
            for carrier in CARRIERS[kind]:
                nh, payload = inners()[(count + left) % 4]
                c.feed("core", sr_packet(carrier, segment_list(count, carrier, left), left, nh, payload, tlvs=tlvs), onward)
    for nh, payload in inners():
        c.feed("core", ip6(SRC, at, nh, payload), at_the_end(flavors, nh, inside))
        for carrier in CARRIERS[kind]:
            c.feed("core", ip6(SRC, carrier, nh, payload, tc=3, fl=0xABCDE), onward)
            c.feed("core", ip6(SRC, carrier, DSTOPT, dest_options(nh, 16) + payload), onward)
    carrier = CARRIERS[kind][1]
    packet = sr_packet(carrier, segment_list(3, carrier, 1), 1, IP6_NH, plain6(), before=hop_by_hop(ROUTING), first=HBH)
    c.feed("core", packet, onward)
    for hlim, says in ((255, onward), (2, onward), (1, "(3,0)"), (0, "(3,0)")):
        c.feed("core", ip6(SRC, carrier, UDP_NH, udp(SRC, carrier, b"hops"), hlim=hlim), says)
        c.feed("core", sr_packet(carrier, segment_list(2, carrier, 1), 1, IP6_NH, plain6(), hlim=hlim), says)
    # The shift looks at nothing in the SRH; ordinary processing does.
    for dst, says in ((carrier, onward), (at, "(4,0)")):
        c.feed("core", sr_packet(dst, segment_list(2, dst, 1), 1, IP6_NH, plain6(), last=7), says)
        c.feed("core", sr_packet(dst, segment_list(2, dst, 1), 9, IP6_NH, plain6()), says)
    return c


def decapsulating():
    """uDX and uDT: the rest of the address is no argument to them."""
    made = []
    for kind, (opened, _, names, inside) in decap.KINDS.items():
        for prefix, at in (("fc00:0:d000::/48", "fc00:0:d000::"), ("fc00:0:1:d000::/64", "fc00:0:1:d000::")):
            length = prefix.split("/")[1]
            c = SrCase(f"u{kind}-{length}", f"RFC 9800, 4.1: {kind.upper()} with NEXT-CSID on {prefix}: as without it, whatever "
                       "the argument.", [decap.entry(kind, prefix, "NEXT-CSID")], names=names)
            for dst in (at, at + "1", at[:-1] + "5:6:7:8" if length == "64" else at[:-1] + "4:5:6:7:8"):
                for nh, payload in inners():
                    says = decap.verdict(opened, nh, inside)
                    c.feed("core", ip6(SRC, dst, nh, payload), says)
                    for count in COUNTS:
                        for tlvs in (b"", TLVS):
                            c.feed("core", sr_packet(dst, segment_list(count, dst, 0), 0, nh, payload, tlvs=tlvs), says)
                    c.feed("core", sr_packet(dst, segment_list(2, dst, 1), 1, nh, payload), "(4,0)")
            made.append(c)
    return made


def lengths():
    """Blocks and CSIDs of other lengths: block-length says where the argument goes."""
    c = SrCase("un-lengths", "RFC 9800, 4.1: block-length: the argument is copied right behind the block.", [
        Sid("fd12:3456:789a:1::/64", "End", "NEXT-CSID", block=48),  # F4816
        Sid("fd20:1::/32", "End", "NEXT-CSID", block=16),
        Sid("fd00:3400::/24", "End", "NEXT-CSID", block=16),
        Sid("fd30:0:1:2::/64", "End", "NEXT-CSID", block=32),
        Sid("fd40:0:0:1:0:1::/96", "End", "NEXT-CSID", block=64),
    ], routes=[to("fd00::/8", "east"), to("2001:db8:1::/48", "core")], locator=False)
    for dst in ("fd12:3456:789a:1:2:3:4:5", "fd12:3456:789a:1::1", "fd20:1:2:3:4:5:6:7", "fd00:3456:789a::bcde",
                "fd30:0:1:2:3:4:5:6", "fd40:0:0:1:0:1:2:3"):
        c.feed("core", ip6(SRC, dst, UDP_NH, udp(SRC, dst, b"lengths")), "east")
        c.feed("core", sr_packet(dst, segment_list(2, dst, 1), 1, IP6_NH, plain6()), "east")
    return c


def nested():
    """A uN with a uA and a uDT inside its prefix: the longest prefix decides."""
    c = SrCase("un-nested", "A uN /48 with a uA /64, a uDT46 /64 and a full End inside it: the longest prefix decides; a "
               "packet that visits two of them counts two hops.",
               [Sid("fc00:0:1::/48", "End", "NEXT-CSID", "PSP", "USD"),
                Sid("fc00:0:1:e001::/64", "End.X", "NEXT-CSID", via="west"),
                Sid("fc00:0:1:d46::/64", "End.DT46", "NEXT-CSID", vrf="red"),
                Sid("fc00:0:d46::/48", "End.DT46", "NEXT-CSID", vrf="red"),
                Sid("fc00:0:1:100::", "End")], names=("core", "east", "west", "ce", "red"))
    for dst, says in (
        ("fc00:0:1:2:3::", "east"), ("fc00:0:1:e001:2::", "west"), ("fc00:0:1:d46::", "red"), ("fc00:0:1:d46:9::", "red"),
        # Shifted, it is the uDT46 of the block: two visits, one hop and a decapsulation.
        ("fc00:0:1:e002::", "east"), ("fc00:0:1:1:1:2::", "east"), ("fc00:0:1:1:1:1:1:1", "ce"),
    ):
        for hlim in (64, 9):
            c.feed("core", ip6(SRC, dst, IP6_NH, plain6(), hlim=hlim), says)
            c.feed("core", sr_packet(dst, [dst], 0, IP6_NH, plain6(), hlim=hlim), says)
    # Three visits, and the third kills it: the quote is the packet as the third found it.
    c.feed("core", ip6(SRC, "fc00:0:1:1:1:2::", IP6_NH, plain6(), hlim=3), "(3,0)")
    c.feed("core", ip6(SRC, "fc00:0:1:1:1:2::", IP6_NH, plain6(), hlim=4), "east")
    c.feed("core", sr_packet("fc00:0:1:100::", ["fc00:0:d46::", "fc00:0:1:100::"], 1, IP6_NH, plain6()), "red")
    return c


# ---- 12 uSIDs --------------------------------------------------------------------------------------------

HOPS = 12


def containers(numbers, block="fc00:0"):
    """F3216: six uSIDs in a container."""
    return [block + "".join(f":{n:x}" for n in numbers[i : i + 6]) + "::" * (len(numbers[i : i + 6]) < 6)
            for i in range(0, len(numbers), 6)]


def walk():
    """The path of 12 nodes and a uDT46: one node that is all of them, and 12 nodes, each fed what the last one sent."""
    nodes = [0x100 + n for n in range(HOPS)]
    path = containers([*nodes, 0xD46])
    entries = path[::-1]
    everyone = [Sid(f"fc00:0:{n:x}::/48", "End", "NEXT-CSID") for n in nodes]
    last = Sid("fc00:0:d46::/48", "End.DT46", "NEXT-CSID", vrf="red")
    sent = [sr_packet(path[0], entries, 2, nh, octets, tlvs=tlvs)
            for tlvs in (b"", TLVS) for nh, octets in inners()[:2]]
    one = SrCase("walk-usid-one-node", "RFC 9800: a path of 12 uSIDs and a uDT46, all on one node: walked to the end.",
                 [*everyone, last], names=("core", "east", "ce", "red"))
    for packet in sent:
        one.feed("core", packet, "red")
    made = [one]
    for number, sid in enumerate([*everyone, last], 1):
        is_last = sid is last
        c = SrCase(f"walk-usid-{number:02}", f"RFC 9800: the path of 12 uSIDs and a uDT46, node {number}: fed with what node "
                   f"{number - 1} sent." if number > 1 else "RFC 9800: a path of 12 uSIDs and a uDT46, node 1.", [sid],
                   names=("core", "east", "ce", "red"))
        events = [c.feed("core", packet, "red" if is_last else "east") for packet in sent]
        sent = [event[0][2][14:] for event in events]
        made.append(c)
    want = [plain6(hlim=32), plain4(ttl=32)] * 2
    assert sent == want, "the path does not end with the packet that went in"
    return made
