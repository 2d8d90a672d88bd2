"""H.Encaps, H.Encaps.Red, H.Encaps.L2, H.Encaps.L2.Red (RFC 8986, 5) and H.Insert, H.Insert.Red (its draft)."""

from lib import AP, DSTOPT, FRAGMENT, HBH, ICMP6, ROUTING, UDP_NH, ap, dest_options, fragment, hop_by_hop, ip6, udp
from srv6.case import SrCase, into, links, to
from srv6.entries import Link, Policy, Sid
from srv6.packets import (
    INNER_SRC, IP4_NH, IP6_NH, TLVS, arp_frame, echo6, frame, is_v4, ping4, plain4, plain6, routing, segment,
    segment_list, sr_packet,
)

COUNTS = (1, 2, 3, 10, 16, 64)
KEYS = {1: "a secret that is long enough", 7: "another one"}


def build():
    made = []
    for mode in ("encap", "encap-red", "insert", "insert-red"):
        made += [steering(mode), upper_layers(mode), errors(mode)]
    made += [frames(mode) for mode in ("l2-encap", "l2-encap-red")]
    made += [too_big_frames(), empty_frames(), *options(), signed(), no_way(), own_sid_first(), four_in_pieces(), steered_vrf()]
    return made


def path(count, base=0x200):
    return [segment(base + i) for i in range(count)]


def destination(number, four=False):
    return f"10.{100 + number}.3.4" if four else f"2001:db8:{0xB00 + number:x}::4"


def prefix(number, four=False):
    return f"10.{100 + number}.0.0/16" if four else f"2001:db8:{0xB00 + number:x}::/48"


BACK = [to("fc00::/16", "east"), to("2001:db8:1::/48", "core"), to("10.1.0.0/16", "core")]


def policies(mode, counts=COUNTS, **keys):
    """A policy for each number of segments, with the routes that steer into it."""
    families = (False,) if mode.startswith("insert") else (False, True)
    made = [Policy(f"gold-{n}", mode, path(n), **keys) for n in counts]
    return made, [into(prefix(n, four), f"gold-{n}") for n in counts for four in families]


def steering(mode):
    entries, routes = policies(mode)
    c = SrCase(f"h-{mode}", f"RFC 8986, 5 and 6: mode {mode} with 1, 2, 3, 10, 16 and 64 segments: inner hop limit or TTL one "
               "less, outer hop limit 64, traffic class copied, flow label from the flow inside, tag and flags 0.", entries,
               [*BACK, *routes])
    for count in COUNTS:
        for turn in range(8):
            src = f"2001:db8:1::{turn + 0x10:x}"
            tc, hlim = (0, 0xB8, 0xFF, 3)[turn % 4], (255, 64, 2)[turn % 3]
            c.feed("core", plain6(src=src, dst=destination(count), hlim=hlim, tc=tc, fl=turn * 0x1111), "east")
            # The same flow again, with other hops, class and length.
            c.feed("core", plain6(src=src, dst=destination(count), hlim=77, tc=5, fl=turn * 0x1111, data=b"again"), "east")
            if not mode.startswith("insert"):
                src = f"10.1.2.{turn + 1}"
                c.feed("core", plain4(src=src, dst=destination(count, True), ttl=hlim, tos=tc, df=turn % 2 == 0), "east")
                c.feed("core", plain4(src=src, dst=destination(count, True), ttl=77, tos=5, data=b"again", ident=turn), "east")
    return c


def upper_layers(mode):
    """Whatever the packet holds, it is not looked at; what is inserted stands behind a Hop-by-Hop header."""
    entries, routes = policies(mode, (2,))
    c = SrCase(f"h-{mode}-inside", f"Mode {mode}: extension headers, fragments, other SR packets and other protocols inside; "
               "an insertion stands behind a Hop-by-Hop header and before everything else.", entries, [*BACK, *routes])
    dst = destination(2)
    data = udp(INNER_SRC, dst, b"inside")
    for first, octets in (
        (59, b""), (ICMP6, echo6(INNER_SRC, dst)), (99, bytes(5)), (HBH, hop_by_hop(UDP_NH) + data),
        (HBH, hop_by_hop(DSTOPT, 24) + dest_options(UDP_NH) + data), (DSTOPT, dest_options(UDP_NH, 16) + data),
        (FRAGMENT, fragment(UDP_NH, 0, 1, 5) + data), (FRAGMENT, fragment(UDP_NH, 100, 0, 5) + bytes(33)),
        (ROUTING, routing(UDP_NH, segment_list(2, dst, 1), 1, tlvs=TLVS) + data),
        (HBH, hop_by_hop(ROUTING) + routing(UDP_NH, segment_list(3, dst, 2), 2) + data),
        (ROUTING, routing(UDP_NH, segment_list(1, dst, 0), 0) + data), (AP, ap(UDP_NH, ["2001:db8:b:1::"]) + data),
        (IP6_NH, plain6()), (IP4_NH, plain4()),
    ):
        c.feed("core", ip6(INNER_SRC, dst, first, octets, tc=1, fl=0x54321), "east")
    # Padding on the wire is no part of the packet.
    c.feed_frame("core", c.ports["core"].received(plain6(dst=dst) + bytes(6)), "east")
    if not mode.startswith("insert"):
        four = destination(2, True)
        for packet in (plain4(dst=four, options=bytes([7, 7, 4, 0, 0, 0, 0, 1])), ping4(four), plain4(dst=four, flags="MF"),
                       plain4(dst=four, flags=0, frag=50), plain4(dst=four, tos=0xFF, ident=0)):
            c.feed("core", packet, "east")
    return c


def overhead(mode, count):
    entries = count + mode.startswith("insert") - mode.endswith("-red")
    return (0 if mode.startswith("insert") else 40) + (8 + 16 * entries if entries else 0)


def errors(mode):
    counts = (1, 2, 3, 10)
    entries, routes = policies(mode, counts)
    c = SrCase(f"h-{mode}-errors", f"Mode {mode}: hop limit or TTL at 1 or 0 dies before; too big says the MTU ahead less the "
               "overhead; both to the source inside, quoting what was received.", entries, [*BACK, *routes])
    for count in counts:
        room = 1500 - overhead(mode, count)
        for four in (False,) if mode.startswith("insert") else (False, True):
            dst = destination(count, four)
            make, fixed = (plain4, 28) if four else (plain6, 48)
            hops = (lambda n, four=four: {"ttl": n} if four else {"hlim": n})
            for hop in (1, 0):
                c.feed("core", make(dst=dst, **hops(hop)), "(11,0)" if four else "(3,0)")
            c.feed("core", make(dst=dst, **hops(2)), "east")
            for octets, says in ((room, "east"), (room + 1, "big"), (1500, "big")):
                says = says if says == "east" else "(3,4)" if four else "(2,0)"
                c.feed("core", make(dst=dst, data=bytes(i & 0xFF for i in range(octets - fixed))), says)
    error = ip6(INNER_SRC, destination(2), ICMP6, echo6(INNER_SRC, destination(2), kind=3), hlim=1)
    c.feed("core", error, "silent")
    return c


def four_in_pieces():
    entries, routes = policies("encap", (3,))
    c = SrCase("h-encap-fragments", "RFC 8986, 5.1 and RFC 791, 3.2: IPv4 without DF that does not fit with the header pushed "
               "is fragmented first; every piece is encapsulated.", entries, [*BACK, *routes])
    c.feed("core", plain4(dst=destination(3, True), df=False, data=bytes(i & 0xFF for i in range(1460))), "fragments")
    return c


# ---- Ethernet --------------------------------------------------------------------------------------------


def taps(mode, mtu=1500):
    return [Link(f"tap-{n}", 0x20 + i, domain=False, policy=f"gold-{n}", mtu=mtu) for i, n in enumerate(COUNTS)]


def frames(mode):
    entries = [Policy(f"gold-{n}", mode, path(n)) for n in COUNTS]
    c = SrCase(f"h-{mode}", f"RFC 8986, 5.3, 5.4: mode {mode}: every frame that the port receives, as it is, behind next header "
               "143; traffic class 0.", entries, BACK, ports=[*ports(), *taps(mode)])
    for count in COUNTS:
        for turn in range(8):
            inside = plain6(src=f"2001:db8:1::{turn:x}", hlim=1 + turn, tc=0xB8)
            for octets in (frame(inside), frame(inside[:7] + b"\x09" + inside[8:])):
                c.feed_frame(f"tap-{count}", octets, "east")
            inside = plain4(src=f"10.1.2.{turn + 1}", tos=0xB8)
            c.feed_frame(f"tap-{count}", frame(inside, kind=0x0800), "east")
            c.feed_frame(f"tap-{count}", frame(inside, kind=0x0800, vlan=100), "east")
        for octets in (arp_frame(), frame(bytes(46), kind=0x88B5), frame(b"\x01", kind=0x88B5), frame(plain6(), vlan=9),
                       frame(b"\x5a" * 300, kind=0x88B5), frame(bytes(46), kind=0x002E)):
            c.feed_frame(f"tap-{count}", octets, "east")
    return c


def ports():
    return links("core", "east")


def empty_frames():
    entries = [Policy("gold-1", "l2-encap", path(1)), Policy("gold-2", "l2-encap-red", path(1))]
    own = [Link(f"tap-{n}", 0x20 + n, domain=False, policy=f"gold-{n}") for n in (1, 2)]
    c = SrCase("h-l2-encap-empty-frame", "A frame of an Ethernet header and nothing else is a frame; anything shorter is none.", entries,
               BACK, ports=[*ports(), *own])
    for port in ("tap-1", "tap-2"):
        c.feed_frame(port, frame(b"", kind=0x88B5), "east")
        c.feed_frame(port, frame()[:13], "silent")
        c.feed_frame(port, frame()[:1], "silent")
    return c


def too_big_frames():
    counts = (1, 2, 3, 10)
    entries = [Policy(f"gold-{n}", "l2-encap", path(n)) for n in COUNTS]
    c = SrCase("h-l2-encap-too-big", "A frame that does not fit with the header pushed is dropped: there is no source to tell.",
               entries, BACK, ports=[*ports(), *taps("l2-encap", mtu=1600)])
    for count in counts:
        room = 1500 - overhead("l2-encap", count)
        c.feed_frame(f"tap-{count}", frame(bytes(room - 14), kind=0x88B5), "east")
        c.feed_frame(f"tap-{count}", frame(bytes(room - 13), kind=0x88B5), "silent")
        c.feed_frame(f"tap-{count}", frame(plain6(data=bytes(room - 13 - 48))), "silent")
    return c


# ---- options of a policy ---------------------------------------------------------------------------------


def options():
    made = []
    for name, keys in (
        ("hop-limit-7", dict(hop_limit=7)), ("hop-limit-copy", dict(hop_limit="copy")),
        ("class-fixed", dict(traffic_class=0x2E)), ("label-copy", dict(flow_label="copy")),
        ("label-fixed", dict(flow_label=0xABCDE)),
        ("uniform", dict(hop_limit="copy", traffic_class="copy", flow_label="copy")),
    ):
        entries, routes = policies("encap", (1, 3), **keys)
        reduced = Policy("red", "encap-red", path(2), **keys)
        c = SrCase(f"h-encap-{name}", "RFC 8986, 5.1, RFC 2473, 6: fields of the outer header as the policy says; a copied hop "
                   "limit is the one that the packet inside leaves with.", [*entries, reduced],
                   [*BACK, *routes, into(prefix(2), "red"), into(prefix(2, True), "red")])
        for count in (1, 2, 3):
            for hlim, tc, fl in ((255, 0, 1), (64, 0xB8, 0xFFFFF), (2, 0xFF, 0x12345)):
                c.feed("core", plain6(dst=destination(count), hlim=hlim, tc=tc, fl=fl), "east")
                if "label-copy" not in name and name != "uniform":  # IPv4 has none to copy
                    c.feed("core", plain4(dst=destination(count, True), ttl=hlim, tos=tc), "east")
        made.append(c)
    return made


def signed():
    """RFC 8754, 2.1.2: the policy adds the HMAC TLV."""
    entries, routes = [], []
    for number, (mode, count) in enumerate((m, n) for m in ("encap", "encap-red", "insert", "insert-red") for n in (1, 2, 3, 10)):
        if mode == "encap-red" and count == 1:
            continue  # no SRH to put it in
        entries.append(Policy(f"p{number}", mode, path(count), hmac_key=1 if number % 2 else 7))
        routes.append(into(prefix(number), f"p{number}"))
        if not mode.startswith("insert"):
            routes.append(into(prefix(number, True), f"p{number}"))
    c = SrCase("h-hmac", "RFC 8754, 2.1.2: a policy with a key adds the HMAC TLV: SHA-256 over source, Last Entry, flags, key ID "
               "and the Segment List; the D flag is set for a reduced list.", entries, [*BACK, *routes], keys=KEYS)
    for where, _, _ in routes:
        number = int(where.split(".")[1]) - 100 if is_v4(where) else int(where.split(":")[2], 16) - 0xB00
        for turn in range(2):
            if is_v4(where):
                c.feed("core", plain4(src=f"10.1.9.{turn + 1}", dst=destination(number, True)), "east")
            else:
                c.feed("core", plain6(src=f"2001:db8:1::9{turn}", dst=destination(number)), "east")
    return c


# ---- where it goes ---------------------------------------------------------------------------------------


def no_way():
    modes = ("encap", "encap-red", "insert", "insert-red")
    entries = [Policy(f"p{i}", mode, ["2001:db8:dead::1", segment(1)]) for i, mode in enumerate(modes)]
    routes = [into(prefix(i), f"p{i}") for i in range(4)] + [into(prefix(i, True), f"p{i}") for i in range(2)]
    c = SrCase("h-no-route", "No route to the first segment: (1,0), for IPv4 (3,0), to the source inside, quoting what was "
               "received.", entries, [*BACK, *routes])
    for number in range(4):
        c.feed("core", plain6(dst=destination(number)), "(1,0)")
        if number < 2:
            c.feed("core", plain4(dst=destination(number, True)), "(3,0)")
    return c


def own_sid_first():
    """The first segment is this node's own: its SID counts a hop of the header that was pushed."""
    sid = "fc00:0:1:100::"
    entries = [Policy(f"p{i}", mode, [sid, segment(1)]) for i, mode in enumerate(("encap", "encap-red", "insert"))]
    c = SrCase("h-own-sid-first", "A policy whose first segment is a SID of this node: visited at once, and counted as one hop of "
               "the outer header.", [Sid(sid, "End"), *entries],
               [*BACK, *(into(prefix(i), f"p{i}") for i in range(3)), *(into(prefix(i, True), f"p{i}") for i in range(2))])
    for number in range(3):
        c.feed("core", plain6(dst=destination(number)), "east")
        if number < 2:
            c.feed("core", plain4(dst=destination(number, True)), "east")
    return c


def steered_vrf():
    """Steering out of a VRF: the outer header is looked up in the default one."""
    entries, routes = policies("encap", (2,))
    routes = [(where, target, "red") for where, target, _ in routes]
    c = SrCase("h-encap-vrf", "Steering by a route of another VRF: the outer header is looked up in the default table; at the far "
               "end of the VPN, a packet of SR comes back into it.",
               [*entries, Sid("fc00:0:1:d46::", "End.DT46", vrf="red")],
               [*BACK, *routes, to("2001:db8:a::/48", "red", vrf="red"), to("10.2.0.0/16", "red", vrf="red")],
               names=("core", "east", "red"))
    c.feed("red", plain6(dst=destination(2)), "east")
    c.feed("red", plain4(dst=destination(2, True)), "east")
    c.feed("core", plain6(dst=destination(2)), "(1,0)")
    at = "fc00:0:1:d46::"
    c.feed("core", sr_packet(at, [at], 0, IP6_NH, plain6()), "red")
    c.feed("core", sr_packet(at, [at], 0, IP4_NH, plain4()), "red")
    return c
