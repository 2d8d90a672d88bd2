"""REPLACE-CSID (RFC 9800, 4.2): CSIDs of 32 and of 16 bits at every position of a container, to exhaustion."""

from itertools import combinations

from lib import DSTOPT, HBH, ROUTING, UDP_NH, dest_options, hop_by_hop, ip6, udp
from srv6.case import SrCase
from srv6.ends import FLAVORS, at_the_end
from srv6.entries import Sid, raw, text_of
from srv6.packets import IP4_NH, IP6_NH, SRC, TLVS, inners, plain4, plain6, routing, sr_packet

BLOCK = 0xFC000000
KINDS = {
    "end": (dict(behavior="End"), ("core", "east", "ce"), "east", "ce"),
    "end-x": (dict(behavior="End.X", via="west"), ("core", "west", "ce"), "west", "west"),
    "end-t": (dict(behavior="End.T", vrf="red"), ("core", "ce", "red"), "red", "red"),
}
HERE = {32: 0x0001_0E00, 16: 0x0E01}


def build():
    made = []
    for size in (32, 16):
        for count in range(len(FLAVORS) + 1):
            made += [behavior("end", size, flavors) for flavors in combinations(FLAVORS, count)]
        for kind in ("end-x", "end-t"):
            made += [behavior(kind, size, flavors) for flavors in ((), ("PSP",), ("PSP", "USP", "USD"))]
        made += [walk(size, flavors) for flavors in ((), ("PSP",))]
    return [*made, whole_entry_follows(32), whole_entry_follows(16)]


def csid(size, number):
    """Some other node's CSID."""
    return (0x20 + number) << 16 | 0xE00 + number if size == 32 else 0x100 + number


def address(size, value, index=0):
    """Block, CSID, and the index in the lowest bits."""
    return text_of((BLOCK << 96 | value << (96 - size) | index).to_bytes(16, "big"))


def container(size, values):
    """Position k counts from the most significant bits; the path runs from the highest k down."""
    count = 128 // size
    made = 0
    for k in range(count):
        made = made << size | (values[count - 1 - k] if count - 1 - k < len(values) else 0)
    return text_of(made.to_bytes(16, "big"))


def entry(kind, size, flavors, value=None):
    keys = dict(KINDS[kind][0])
    value = HERE[size] if value is None else value
    return Sid(f"{address(size, value)}/{32 + size}", keys.pop("behavior"), "REPLACE-CSID", *flavors,
               csid=None if size == 32 else size, **keys)


def behavior(kind, size, flavors):
    keys, names, onward, inside = KINDS[kind]
    suffix = "".join(f"-{f.lower()}" for f in flavors)
    c = SrCase(f"replace-{size}-{kind}{suffix}", f"RFC 9800, 4.2: {keys['behavior']} with REPLACE-CSID {' '.join(flavors)}, CSIDs of "
               f"{size} bits: every index at every Segments Left.", [entry(kind, size, flavors)], names=names)
    per = 128 // size
    for containers in (1, 2, 3, 10):
        entries = [container(size, [csid(size, 16 * e + k) for k in range(per)]) for e in range(containers)]
        for left in sorted({0, 1, containers // 2, containers - 1, containers}):
            for index in range(per):
                at = address(size, HERE[size], index)
                nh, payload = inners()[(left + index) % 4]
                packet = sr_packet(at, entries, left, nh, payload, tlvs=TLVS if index % 2 else b"")
                if left == 0 and index == 0:
                    says = at_the_end(flavors, nh, inside)
                elif index and left >= containers:
                    says = "(4,0)"  # S10: no such entry
                else:
                    says = onward
                c.feed("core", packet, says)
    short_containers(c, size, flavors, onward, inside)
    edges(c, size, flavors, onward, inside)
    return c


def short_containers(c, size, flavors, onward, inside):
    """A container that is not full ends at its first zero: S02 in the last one, S14 in another."""
    per = 128 // size
    for held in range(1, per):
        entries = [container(size, [csid(size, e * 16 + k) for k in range(held)]) for e in range(2)]
        for index in range(per):
            at = address(size, HERE[size], index)
            for left in (0, 1):
                # What follows is at index - 1; the path has filled the indexes from the top.
                follows = index > per - held
                if left and index and not follows:
                    continue  # S14: see whole_entry_follows
                nh, payload = inners()[index % 2]
                ends = left == 0 and not follows
                c.feed("core", sr_packet(at, entries, left, nh, payload),
                       at_the_end(flavors, nh, inside) if ends else onward)


def edges(c, size, flavors, onward, inside):
    per = 128 // size
    entries = [container(size, [csid(size, e * 16 + k) for k in range(per)]) for e in range(2)]
    for index, left, last, says in (
        (0, 3, 1, "(4,0)"), (0, 2, 1, onward), (1, 2, 1, "(4,0)"), (1, 1, 2, "(4,0)"), (0, 1, 2, "(4,0)"),
        (1, 1, 0, "(4,0)"), (0, 1, 0, onward),
    ):
        at = address(size, HERE[size], index)
        c.feed("core", sr_packet(at, entries, left, IP6_NH, plain6(), last=last), says)
    for index in (0, 1, per - 1):
        at = address(size, HERE[size], index)
        for hlim, says in ((255, onward), (2, onward), (1, "(3,0)"), (0, "(3,0)")):
            c.feed("core", sr_packet(at, entries, 1, IP4_NH, plain4(), hlim=hlim), says)
        # No SRH: nothing to replace with.
        for nh, payload in inners():
            c.feed("core", ip6(SRC, at, nh, payload), at_the_end(flavors, nh, inside))
        for before, first in ((hop_by_hop(ROUTING), HBH), (dest_options(ROUTING, 16), DSTOPT)):
            c.feed("core", sr_packet(at, entries, 1, UDP_NH, udp(SRC, at, b"x"), before=before, first=first), onward)
        # Bits between the CSID and the index are kept as they are.
        middle = text_of((int.from_bytes(bytes.fromhex("00" * 12 + "0055aa50"), "big")
                          | int.from_bytes(raw(at), "big")).to_bytes(16, "big"))
        c.feed("core", sr_packet(middle, entries, 1, IP6_NH, plain6()), onward)
    first = routing(ROUTING, [address(size, HERE[size])], 0)
    c.feed("core", ip6(SRC, address(size, HERE[size]), ROUTING,
                       first + routing(IP6_NH, entries, 1) + plain6()), onward)




def whole_entry_follows(size):
    """S14 to S18: after a container that is not full, the next entry is a SID of its own, taken whole."""
    c = SrCase(f"replace-{size}-whole-entry", "RFC 9800, 4.2, S14 to S18: behind a container that is not full, the next entry is "
               "a whole SID, whatever its lowest bits say; with PSP the SRH goes when that was the last.",
               [entry("end", size, ("PSP",)), entry("end", size, (), HERE[size] + 1)], names=("core", "east", "ce"))
    per = 128 // size
    for value in (HERE[size], HERE[size] + 1):
        for held in range(1, per):
            short = container(size, [csid(size, k) for k in range(held)])
            for whole in ("fc00:0:77:d46::", "fc00:0:77:d46::3", "fc00:0:77:d46:ffff:ffff:ffff:ffff"):
                at = address(size, value, per - held)
                c.feed("core", sr_packet(at, [whole, short], 1, IP6_NH, plain6()), "east")
                c.feed("core", sr_packet(at, [whole, whole, short], 2, IP6_NH, plain6(), tlvs=TLVS), "east")
    return c


def walk(size, flavors):
    """A first SID, two full containers, and one that is not full: all on one node, the last a DT46."""
    per = 128 // size
    suffix = "".join(f"-{f.lower()}" for f in flavors)
    numbers = list(range(1 + 2 * per + per // 2))
    values = [csid(size, n) for n in numbers]
    sids = [entry("end", size, flavors, value) for value in values[:-1]]
    sids.append(Sid(f"{address(size, values[-1])}/{32 + size}", "End.DT46", vrf="red"))
    c = SrCase(f"walk-replace-{size}{suffix}", f"RFC 9800, 4.2: a path of {len(values)} CSIDs of {size} bits, all on one node, is "
               "walked until the last container is exhausted; each counts one hop.", sids,
               names=("core", "east", "ce", "red"))
    rest = values[1:]
    entries = [container(size, rest[i : i + per]) for i in range(0, len(rest), per)][::-1]
    first = address(size, values[0])
    for nh, payload in inners()[:2]:
        for tlvs in (b"", TLVS):
            c.feed("core", sr_packet(first, [*entries, first], len(entries), nh, payload, tlvs=tlvs), "red")
            c.feed("core", sr_packet(first, entries, len(entries), nh, payload, tlvs=tlvs), "red")
    hops = len(values) - 1
    c.feed("core", sr_packet(first, entries, len(entries), IP6_NH, plain6(), hlim=hops + 1), "red")
    c.feed("core", sr_packet(first, entries, len(entries), IP6_NH, plain6(), hlim=hops), "(3,0)")
    return c
