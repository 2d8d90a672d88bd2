"""Group `mex`: the MEX router, by the case numbers of the specification's list.

Case 23 (a packet after End.DT6, a packet before H.Encaps) and the SID part of 15 are in srv6/mexes.py.
"""

import struct

from lib import (
    AP, DSTOPT, FRAGMENT, HBH, ICMP6, ROUTING, UDP_NH, Case, action, ap, dest_options, fragment, hi, hop,
    hop_by_hop, icmp6, ip6, join, mex, ports, rotate, set_destination, srh, udp, via,
)

SRC, HOST = "2001:db8:1::1", "2001:db8:a:1:a:b:c:d"
A, B, C, D = "2001:db8:a:1::", "2001:db8:b:1::", "2001:db8:c:1::", "2001:db8:d:1::"
DATA = b"MEX-VECTOR-01\n"
HEADERS = dict(tc=0, fl=0x12345)
BACK = via("2001:db8:1::/48", "up")
TO_A, TO_B, TO_C = (via(f"2001:db8:{x}::/48", f"isp-{x}") for x in "abc")

V0 = bytes.fromhex(
    "60012345002efd4020010db800010000000000000000000120010db8000a0001000a000b000c000d"
    "110202104d58000020010db8000b000120010db8000c00011234567800164ed04d45582d564543544f522d30310a"
)
V1 = bytes.fromhex(
    "60012345002efd3f20010db800010000000000000000000120010db8000b0001000a000b000c000d"
    "110201104d58000020010db8000a000120010db8000c00011234567800164ed04d45582d564543544f522d30310a"
)
V2 = bytes.fromhex(
    "60012345002efd3f20010db800010000000000000000000120010db8000c0001000a000b000c000d"
    "110200104d58000020010db8000a000120010db8000b00011234567800164ed04d45582d564543544f522d30310a"
)


def packet(alternatives, k=0, original=A, hlim=64, data=DATA, upper=None, nh=UDP_NH, fl=0x12345, **header):
    """The specification's UDP packet with a header of these prefixes, after k exchanges of all of them."""
    dst = join(original, HOST)
    upper = udp(SRC, dst, data) if upper is None else upper
    now, cells = rotate(original, alternatives, k)
    pleft = header.pop("pleft", len(alternatives) - k)
    return ip6(SRC, join(now, HOST), AP, ap(nh, cells, pleft, **header) + upper, hlim=hlim, fl=fl)


def plain(dst=HOST, hlim=64, data=DATA, fl=0x12345):
    return ip6(SRC, dst, UDP_NH, udp(SRC, dst, data), hlim=hlim, fl=fl)


def check_vectors():
    assert packet([B, C]) == V0
    assert packet([B, C], 1, hlim=63) == V1
    assert packet([B, C], 2, hlim=63) == V2


def case(name, clause, routes, *tables, names=("up", "isp-a", "isp-b", "isp-c"), **keys):
    return Case("mex", name, clause, ports(*names, **keys), [BACK, *routes], *(tables or (mex(),)))


def build():
    check_vectors()
    made = []
    for part in (route_exists, exchanges, refusals_by_header, slots, destinations, truncation, header_orders,
                 late_commit, own_and_egress, bounded_work, fragments_and_errors, absent, next_hop_down,
                 vrf, triggers, policy, mixed):
        made += part()
    return made


# ---- 1: a route exists -----------------------------------------------------------------------------------


def route_exists():
    text = "Case 1: a route exists, the header is present: forwarded unchanged but for the hop limit."
    good = case("01-route-exists", text, [TO_A, TO_B, TO_C])
    for sent in (V0, V1, V2, packet([B]), packet([B, C], flags=15, reserved=0xBEEF)):
        good.packet("up", sent).to(f"isp-{'abc'[sent[29] - 10]}", hop(sent))
    bad = case("01-route-exists-malformed", text + " Malformed headers are not looked at either.", [TO_A, TO_B])
    malformed = [packet([B, C], pleft=3), packet([B], pleft=255), packet([B], n=255), packet([], pleft=1),
                 packet([B], version=2), packet([B], experiment=0x1234), packet(["ff0e::"]), packet([A])]
    malformed += [ip6(SRC, HOST, AP, V0[40 : 40 + octets]) for octets in range(0, 25)]
    for sent in malformed:
        bad.packet("up", sent).to("isp-a", hop(sent))
    return [good, bad]


# ---- 2 to 4, 8, 14: exchanges ----------------------------------------------------------------------------


def exchanges():
    made = []
    c = case("02-one-alternative", "Case 2: n=1, the alternative is reachable: one exchange.", [TO_B])
    c.packet("up", packet([B])).to("isp-b", packet([B], 1, hlim=63))
    c.packet("up", packet([B], flags=15, reserved=0xBEEF)).to(
        "isp-b", packet([B], 1, hlim=63, flags=15, reserved=0xBEEF))
    c.mex = {"exchanged": 2}
    made.append(c)

    c = case("02-vector-v1", "Vector V1: n=2, the first alternative is reachable.", [TO_B, TO_C])
    c.packet("up", V0).to("isp-b", V1)
    c.mex = {"exchanged": 1}
    made.append(c)

    c = case("03-vector-v2", "Case 3 and vector V2: n=2, first dead, second reachable.", [TO_C])
    c.packet("up", V0).to("isp-c", V2)
    made.append(c)

    clause = "Case 4: two MEX routers, one exchange each: the {}."
    first = case("04-first-router", clause.format("first"), [TO_B])
    first.packet("up", V0).to("isp-b", V1)
    second = case("04-second-router", clause.format("second, fed with what the first sent"), [TO_C])
    second.packet("up", V1).to("isp-c", hop(V2))
    second.mex = {"exchanged": 1}
    made += [first, second]

    c = case("04-many-exchanges", "Every start k and end of n=8: exchanges k+1..8 in one router give the rotation.",
             [TO_C])
    prefixes = [f"2001:db8:d:{i:x}::" for i in range(1, 8)] + [C]
    for k in range(8):
        c.packet("up", packet(prefixes, k)).to("isp-c", packet(prefixes, 8, hlim=63))
    made.append(c)

    c = case("08-own-prefix", "Case 8: A1 equals the destination prefix: the slot is used up, the next one taken.",
             [TO_B, TO_C])
    c.packet("up", packet([A, B])).to("isp-b", packet([A, B], 2, hlim=63))
    c.packet("up", packet([A, A, C])).to("isp-c", packet([A, A, C], 3, hlim=63))
    made.append(c)
    c = case("08-own-prefix-alone", "Case 8: nothing but the destination prefix is listed: no loop, no route.", [])
    for prefixes in ([A], [A] * 8):
        c.packet("up", packet(prefixes)).no_route()
    made.append(c)

    c = case("14-sink-loop", "Case 14: the sink's default leads back to it: the packet is exchanged once, then dies "
             "by the hop limit; the errors are limited (burst 2, 1 a second).",
             [action("2001:db8:a::/48", "mex"), via("::/0", "isp-b")], mex(), "[icmp]\nrate = 1\nburst = 2\n")
    c.packet("up", packet([B], hlim=6)).to("isp-b", packet([B], 1, hlim=5))
    for hlim in (4, 2):  # the neighbor sends it back, one hop less
        c.packet("isp-b", packet([B], 1, hlim=hlim)).to("isp-b", packet([B], 1, hlim=hlim - 1))
    for _ in range(2):
        c.packet("isp-b", packet([B], 1, hlim=1)).error(3, 0, 0, "hop-limit", out="up")
    for _ in range(3):
        c.packet("isp-b", packet([B], 1, hlim=1)).dropped("hop-limit")
    c.mex = {"exchanged": 1}
    made.append(c)
    return made


# ---- 5 to 7: no exchange is possible ---------------------------------------------------------------------


def refusals_by_header():
    made = []
    c = case("05-pleft-zero", "Case 5: Pleft=0: ordinary no-route handling, whatever the used slots hold.",
             [TO_B, TO_C])
    for sent in (packet([D], 1, original=C), packet([B], pleft=0), packet([])):
        c.packet("up", sent).no_route()
    made.append(c)

    c = case("06-vector-v3", "Case 6 and vector V3: Pleft > n: ICMPv6 (4,0), pointer 42.", [TO_B, TO_C])
    v3 = V0[:42] + b"\x03" + V0[43:]
    for sent in (v3, V0[:42] + b"\xff" + V0[43:], packet([], pleft=1), packet([B], pleft=2)):
        c.packet("up", sent).error(4, 0, 42, "mex-header")
    c.mex = {"malformed": 4}
    made.append(c)
    c = case("06-pointer-behind-headers", "Case 6: the pointer counts from the packet's first octet.", [TO_B])
    head = hop_by_hop(DSTOPT) + dest_options(AP, 16)
    sent = ip6(SRC, HOST, HBH, head + ap(UDP_NH, [B], 2) + udp(SRC, HOST, DATA))
    c.packet("up", sent).error(4, 0, 40 + 24 + 2, "mex-header")
    made.append(c)

    c = case("07-all-dead", "Case 7: every alternative is dead: ICMPv6 (1,0), the quote unmodified.", [])
    for sent in (V0, V1, packet([B]), packet([B, C, D] * 2)):
        c.packet("up", sent).no_route()
    c.mex = {"exhausted": 4}
    made.append(c)
    c = case("07-candidates-that-do-not-count", "Case 7: a candidate whose own lookup ends in unreachable, "
             "blackhole or mex is not reachable.",
             [action("2001:db8:b::/48", "unreachable"), action("2001:db8:c::/48", "blackhole"),
              action("2001:db8:d::/48", "mex"), via("2001:db8:e::/48", "isp-c")])
    c.packet("up", packet([B, C, D])).no_route()
    c.packet("up", packet([B, C, D, "2001:db8:e:1::"])).to(
        "isp-c", packet([B, C, D, "2001:db8:e:1::"], 4, hlim=63))
    made.append(c)
    return made


# ---- 9: prefixes that are not usable ---------------------------------------------------------------------

REFUSED = {
    "multicast": ["ff00::", "ff0e:0:0:1::", "ffff:ffff:ffff:ffff::"],
    "link-local": ["fe80::", "febf:ffff:ffff:ffff::"],
    "site-local": ["fec0::", "feff:ffff:ffff:ffff::"],
    "zero": ["::"],
    "srv6-sids": ["5f00::", "5f00:ffff:ffff:ffff::"],
}
USABLE = ["0:0:0:1::", "5eff:ffff:ffff:ffff::", "5f01::", "fe7f:ffff:ffff:ffff::"]


def slots():
    made = []
    dead = [action("2001:db8:a::/48", "unreachable"), via("::/0", "isp-b"), TO_C]
    for kind, prefixes in REFUSED.items():
        c = case(f"09-refused-{kind}", f"Case 9: a {kind} prefix, for which a route exists: the slot is skipped.", dead)
        for prefix in prefixes:
            c.packet("up", packet([prefix, C])).to("isp-c", packet([prefix, C], 2, hlim=63))
            c.packet("up", packet([prefix])).no_route("unreachable")
        c.mex = {"refused": 2 * len(prefixes), "exchanged": len(prefixes)}
        made.append(c)
    c = case("09-refused-denied", "Case 9: a prefix of the operator's deny list: the slot is skipped.", dead,
             mex(deny=["2001:db8:ffff::/48", "2001:db8:d:1::/64", "2001:db8:e::/65"]))
    for prefix in ("2001:db8:ffff::", "2001:db8:ffff:ffff::", D):
        c.packet("up", packet([prefix, C])).to("isp-c", packet([prefix, C], 2, hlim=63))
    for prefix in ("2001:db8:fffe::", "2001:db8:d:2::"):
        c.packet("up", packet([prefix, C])).to("isp-b", packet([prefix, C], 1, hlim=63))
    c.mex = {"refused": 3, "exchanged": 5}
    made.append(c)
    c = case("09-usable-neighbors", "Case 9, the other side: prefixes right beside the refused ranges are used.", dead)
    for prefix in USABLE:
        c.packet("up", packet([prefix])).to("isp-b", packet([prefix], 1, hlim=63))
    made.append(c)
    return made


# ---- 10: destinations that never trigger -----------------------------------------------------------------


def destinations():
    made = []
    # With the sink at ::/0 every such destination would find the header, were it looked at.
    sink = [action("::/0", "mex"), TO_B]
    c = case("10-multicast-destination", "Case 10: multicast destination: never, and no error.", sink)
    for dst, mac in (("ff0e::4d58", "33:33:00:00:4d:58"), ("ff05::1:4d58", "33:33:00:01:4d:58")):
        c.packet("up", set_destination(packet([B]), dst), dst=mac).dropped("multicast")
    made.append(c)
    c = case("10-link-local-destination", "Case 10: link-local destination: never.", sink)
    for dst in ("fe80::4d58", "febf:ffff::4d58"):
        c.packet("up", set_destination(packet([B]), dst)).dropped("link-local")
    made.append(c)
    c = case("10-loopback-unspecified", "Trigger: never for a loopback or unspecified destination.", sink)
    for dst in ("::1", "::"):
        c.packet("up", set_destination(packet([B]), dst)).dropped("destination-address")
    made.append(c)
    c = case("10-denied-destination", "Security: denied prefixes are refused both ways: as a destination too.",
             [TO_B], mex(deny=["2001:db8:a::/48"]))
    c.packet("up", packet([B])).no_route()
    made.append(c)
    at_edge = case("10-sid-destination-at-the-edge", "RFC 9602: 5f00::/16 does not enter the SR domain.", [TO_B])
    at_edge.packet("up", packet([B], original="5f00:a::")).dropped("sr-domain")
    made.append(at_edge)
    c = case("10-sid-destination", "Security: SID space is refused both ways: 5f00::/16 as a destination.",
             [TO_B], mex(), "[srv6]\nedge-filter = []\n")
    c.packet("up", packet([B], original="5f00:a::")).no_route()
    c.packet("up", packet([B], original="5f01:a::")).to("isp-b", packet([B], 1, "5f01:a::", hlim=63))
    made.append(c)
    return made


# ---- 11: the end of the packet ---------------------------------------------------------------------------


def truncation():
    made = []
    c = case("11-truncated-fixed-part", "Case 11: the packet ends inside the header's first 8 octets: without an "
             "Experiment ID and a whole fixed part it is not our header.", [TO_B, TO_C])
    for octets in range(0, 8):
        c.packet("up", ip6(SRC, HOST, AP, V0[40 : 40 + octets], **HEADERS)).no_route()
    made.append(c)
    c = case("11-truncated-prefixes", "Case 11: the packet ends inside the prefixes: ICMPv6 (4,0), pointer 41.",
             [TO_B, TO_C])
    for octets in range(8, 24):
        c.packet("up", ip6(SRC, HOST, AP, V0[40 : 40 + octets], **HEADERS)).error(4, 0, 41, "mex-header")
    for sent in (packet([B], n=255), packet([B], n=255, pleft=0), packet([B], n=7, pleft=9)):
        c.packet("up", sent).error(4, 0, 41, "mex-header")
    c.mex = {"malformed": 19}
    made.append(c)
    c = case("11-truncated-upper-layer", "Case 11: the packet ends behind the header: exchanged.", [TO_B, TO_C])
    for octets in range(24, 47):
        head = ip6(SRC, HOST, AP, V0[40 : 40 + octets], **HEADERS)
        done = ip6(SRC, join(B, HOST), AP, V1[40 : 40 + octets], hlim=63, **HEADERS)
        c.packet("up", head).to("isp-b", done)
    made.append(c)
    c = case("11-frame-too-short", "Case 11: the frame ends before the payload length does, at every octet.",
             [TO_B, TO_C])
    for octets in range(0, len(V0)):
        c.packet("up", V0[:octets]).dropped("ip6-length")
    made.append(c)
    c = case("11-padding-is-no-header", "Case 11: a header whose rest lies in the Ethernet padding is past the end; "
             "the quote has no padding.", [TO_B, TO_C])
    short = ip6(SRC, HOST, AP, V0[40:56], **HEADERS)
    c.packet("up", short + V0[56:64]).error(4, 0, 41, "mex-header", to=short)
    made.append(c)
    c = case("11-walk-past-the-end", "Case 11: a header on the way ends past the packet: absent.", [TO_B])
    for nh, head in ((HBH, hop_by_hop(AP)), (DSTOPT, dest_options(AP)), (ROUTING, srh(AP, [HOST], 0))):
        for length in (1, 4, 255):
            tail = head[:1] + bytes([length]) + head[2:8]
            c.packet("up", ip6(SRC, HOST, nh, tail)).no_route()
        for octets in range(0, 8):
            c.packet("up", ip6(SRC, HOST, nh, head[:octets])).no_route()
    made.append(c)
    return made


# ---- 12: where the header is found -----------------------------------------------------------------------


def chain(nh, head, prefixes=(B,), k=0, hlim=64, upper=None, upper_nh=UDP_NH):
    """The packet with header octets before the AP header (the last of them says next header 253)."""
    upper = udp(SRC, HOST, DATA) if upper is None else upper
    now, cells = rotate(A, list(prefixes), k)
    body = head + ap(upper_nh, cells, len(cells) - k) + upper
    return ip6(SRC, join(now, HOST), nh, body, hlim=hlim, fl=0x12345)


def header_orders():
    made = []
    other = "2001:db8:99::1"
    routing = lambda left: srh(AP, [HOST, other], left)  # noqa: E731
    frag = fragment(AP, 0, 0, 7)
    orders = {
        "hop-by-hop": (HBH, hop_by_hop(AP), True),
        "destination-options": (DSTOPT, dest_options(AP, 24), True),
        "hop-by-hop-and-options": (HBH, hop_by_hop(DSTOPT, 16) + dest_options(AP), True),
        "srh-left-0": (ROUTING, routing(0), True),
        "all-three": (HBH, hop_by_hop(DSTOPT) + dest_options(ROUTING) + routing(0), True),
        "srh-left-1": (ROUTING, routing(1), False),
        "fragment-first": (FRAGMENT, frag, False),
        "hop-by-hop-second": (DSTOPT, dest_options(HBH) + hop_by_hop(AP), False),
        "authentication-first": (51, bytes([AP, 4]) + bytes(22), False),
        "esp-first": (50, bytes(16), False),
        "unknown-first": (254, bytes([AP, 0]) + bytes(6), False),
        "udp-first": (UDP_NH, udp(SRC, HOST, DATA), False),
        "behind-options-and-fragment": (DSTOPT, dest_options(FRAGMENT) + frag, False),
        "five-headers-before": (DSTOPT, dest_options(DSTOPT) * 4 + dest_options(AP), False),
        "four-headers-before": (DSTOPT, dest_options(DSTOPT) * 3 + dest_options(AP), True),
        "256-octets-before": (DSTOPT, dest_options(AP, 256), True),
        "264-octets-before": (DSTOPT, dest_options(AP, 264), False),
    }
    for name, (nh, head, found) in orders.items():
        verdict = "exchanged" if found else "absent"
        c = case(f"12-{name}", f"Case 12: the order {name.replace('-', ' ')}: {verdict}.", [TO_B])
        sent = chain(nh, head)
        if found:
            c.packet("up", sent).to("isp-b", chain(nh, head, k=1, hlim=63))
            c.mex = {"exchanged": 1}
        else:
            c.packet("up", sent).no_route()
        made.append(c)
    c = case("12-what-follows-is-free", "Case 12: what follows the header does not matter: every next header.", [TO_B])
    for nh in range(256):
        if nh != ICMP6:
            c.packet("up", chain(AP, b"", upper=bytes(range(nh % 40)), upper_nh=nh)).to(
                "isp-b", chain(AP, b"", k=1, hlim=63, upper=bytes(range(nh % 40)), upper_nh=nh))
    made.append(c)
    return made


# ---- 13 and "commit late" --------------------------------------------------------------------------------


def late_commit():
    made = []
    c = case("13-hop-limit", "Case 13: hop limit 1 (and 0): ICMPv6 (3,0), the quote unmodified; 2 still passes.",
             [TO_B])
    for hlim in (1, 0):
        c.packet("up", packet([B], hlim=hlim)).error(3, 0, 0, "hop-limit")
    c.packet("up", packet([B], hlim=2)).to("isp-b", packet([B], 1, hlim=1))
    made.append(c)
    c = case("13-too-big", "Commit late: too big for the new way: ICMPv6 (2,0), the quote unmodified.", [TO_B],
             isp_b=dict(mtu=1280))
    fits = bytes(1280 - 40 - 16 - 8)
    c.packet("up", packet([B], data=fits)).to("isp-b", packet([B], 1, hlim=63, data=fits))
    c.packet("up", packet([B], data=fits + b"x")).error(2, 0, 1280, "too-big")
    made.append(c)
    return made


# ---- 15 and 16: own addresses, egress --------------------------------------------------------------------


def own_and_egress():
    made = []
    own = {"isp_b": dict(addresses=["2001:db8:0:b::1/64", join(B, HOST) + "/64"])}
    c = case("15-own-address", "Case 15: the candidate is this router's own address: refused, the next one is taken.",
             [TO_C], **own)
    c.packet("up", V0).to("isp-c", V2)
    c.packet("up", packet([B])).no_route()
    made.append(c)

    deny = {"isp_b": dict(egress_deny=["2001:db8:b::/48"])}
    c = case("16-egress-filter", "Case 16: the new destination hits the egress filter: dropped there, silently; no "
             "other alternative is tried.", [TO_B, TO_C], **deny)
    c.packet("up", V0).dropped("egress-filter")
    c.packet("up", plain(join(B, HOST))).dropped("egress-filter")
    c.packet("up", plain(join(C, HOST))).to("isp-c", hop(plain(join(C, HOST))))
    made.append(c)
    return made


# ---- 17: bounded work ------------------------------------------------------------------------------------


def bounded_work():
    made = []
    jumbo = {p: dict(mtu=9000) for p in ("up", "isp_a", "isp_b", "isp_c")}
    many = [f"2001:db8:d:{i:x}::" for i in range(1, 256)]
    ninth, eighth = many[:8] + [C] + many[9:], many[:7] + [C] + many[8:]
    c = case("17-eight-tried", "Case 17: n=255: the 8 first alternatives are tried and no more.", [TO_C], **jumbo)
    c.packet("up", packet(ninth)).no_route()
    c.packet("up", packet(eighth)).to("isp-c", packet(eighth, 8, hlim=63))
    # The next MEX router goes on where this one stopped.
    c.packet("up", packet(ninth, 8)).to("isp-c", packet(ninth, 9, hlim=63))
    made.append(c)
    c = case("17-max-prefixes", "Case 17: max-prefixes bounds the alternatives tried; skipped ones count.",
             [TO_B, TO_C],
             mex(max_prefixes=2))
    c.packet("up", packet([D, C])).to("isp-c", packet([D, C], 2, hlim=63))
    c.packet("up", packet([D, D, C])).no_route()
    c.packet("up", packet([A, "ff0e::", C])).no_route()
    made.append(c)
    c = case("17-all-255", "Case 17: n=255 with max-prefixes 255: the last one is found.", [TO_C],
             mex(max_prefixes=255), **jumbo)
    last = many[:254] + [C]
    c.packet("up", packet(last)).to("isp-c", packet(last, 255, hlim=63))
    made.append(c)
    return made


# ---- 18 and 19: fragments, errors about errors -----------------------------------------------------------


def fragments_and_errors():
    made = []
    c = case("18-fragments", "Case 18: every fragment carries the header and is exchanged alike, on its own.",
             [TO_B, TO_C])
    whole = udp(SRC, HOST, bytes(i & 0xFF for i in range(2000)))
    pieces = [(0, 1, whole[:1000]), (125, 1, whole[1000:1800]), (225, 0, whole[1800:])]
    for offset, more, piece in pieces[::-1] + pieces:
        upper = fragment(UDP_NH, offset, more, 0x4D58) + piece
        keys = dict(upper=upper, nh=FRAGMENT)
        c.packet("up", packet([B, C], **keys)).to("isp-b", packet([B, C], 1, hlim=63, **keys))
    made.append(c)

    clause = "Case 19: an ICMPv6 error (or redirect) that carries the header, exhausted: no error is sent. "
    c = case("19-error-about-an-error", clause + "Informational messages: one is.", [])
    quote = bytes(4) + plain()[:64]
    for kind in (1, 2, 3, 4, 100, 127, 137):
        c.packet("up", packet([B], upper=icmp6(SRC, HOST, kind, 0, quote), nh=ICMP6)).dropped("no-route")
    for kind in (128, 129, 255):
        c.packet("up", packet([B], upper=icmp6(SRC, HOST, kind, 0, quote), nh=ICMP6)).no_route()
    made.append(c)
    c = case("19-malformed-and-behind-headers", clause + "Neither (4,0) nor (3,0), and behind other headers too.",
             [TO_C])
    error = icmp6(SRC, HOST, 1, 0, quote)
    c.packet("up", packet([B], pleft=2, upper=error, nh=ICMP6)).dropped("mex-header")
    c.packet("up", packet([C], upper=error, nh=ICMP6, hlim=1)).dropped("hop-limit")
    c.packet("up", chain(HBH, hop_by_hop(AP), upper=error, upper_nh=ICMP6)).dropped("no-route")
    c.packet("up", packet([B], upper=dest_options(ICMP6) + error, nh=DSTOPT)).dropped("no-route")
    c.packet("up", packet([C], upper=error, nh=ICMP6)).to("isp-c", packet([C], 1, hlim=63, upper=error, nh=ICMP6))
    made.append(c)
    return made


# ---- 20: another experiment ------------------------------------------------------------------------------


def absent():
    made = []
    c = case("20-another-experiment", "Case 20: Ver or Experiment ID differs: absent, ordinary no-route handling.",
             [TO_B])
    others = [dict(version=v) for v in (0, 2, 15)] + [dict(experiment=e) for e in (0, 0x4D59, 0x584D, 0xFFFF)]
    others += [dict(version=2, pleft=9), dict(experiment=0x4D59, n=200)]
    for keys in others:
        c.packet("up", packet([B], **keys)).no_route()
    c.mex = {"absent": len(others)}
    made.append(c)
    c = case("20-no-header", "No header at all: ordinary no-route handling.", [TO_B])
    c.packet("up", plain()).no_route()
    made.append(c)
    c = case("20-other-next-header", "next-header is configurable: 254 is ours here, 253 is not.", [TO_B],
             mex(next_header=254))
    ours = lambda p: p[:6] + b"\xfe" + p[7:]  # noqa: E731
    c.packet("up", ours(packet([B]))).to("isp-b", ours(packet([B], 1, hlim=63)))
    c.packet("up", packet([B])).no_route()
    made.append(c)
    return made


# ---- 21: next hop down -----------------------------------------------------------------------------------


def next_hop_down():
    made = []
    opt_in = mex(("no-route", "unreachable", "blackhole", "mex", "next-hop-down"))

    def through(c, alternatives, lost):
        for index in range(12):
            if index == 4:
                c.run("port set isp-a down")
            if index == 9:
                c.run("port set isp-a up")
            data = DATA + bytes([index])
            c.packet("up", packet(alternatives, data=data))
            if 4 <= index < 9:
                lost(c, data)
            else:
                c.to("isp-a", hop(packet(alternatives, data=data)))
        return c

    exchanged = lambda c, data: c.to("isp-b", packet([B, C], 1, hlim=63, data=data))  # noqa: E731
    c = case("21-next-hop-down", "Case 21: the link fails and comes back under load: exchanged from the next packet "
             "on (trigger next-hop-down).", [TO_A, TO_B, TO_C], opt_in)
    made.append(through(c, [B, C], exchanged))
    c = case("21-route-withdrawn", "Case 21, without next-hop-down: the route is withdrawn, the sink takes over.",
             [TO_A, TO_B, TO_C, action("::/0", "mex")])
    made.append(through(c, [B, C], exchanged))
    c = case("21-no-route-left", "Case 21, without next-hop-down and a sink: no route is left, which triggers too.",
             [TO_A, TO_B, TO_C])
    made.append(through(c, [B, C], exchanged))
    c = case("21-candidate-down", "Trigger: a candidate whose next hop is down is not reachable.",
             [TO_A, TO_B, TO_C], opt_in)
    c.run("port set isp-a down")
    c.run("port set isp-b down")
    c.packet("up", V0).to("isp-c", V2)
    c.packet("up", packet([B])).no_route("next-hop-down")
    made.append(c)
    c = case("21-route-deleted", "Case 21: the route is deleted and added again by command.", [TO_A, TO_B])
    c.packet("up", packet([B])).to("isp-a", hop(packet([B])))
    c.run("route del 2001:db8:a::/48")
    c.packet("up", packet([B])).to("isp-b", packet([B], 1, hlim=63))
    c.run("route add 2001:db8:a::/48 via 2001:db8:0:c::2 dev isp-c")
    c.packet("up", packet([B])).to("isp-c", hop(packet([B])))
    made.append(c)
    return made


# ---- 22: VRFs --------------------------------------------------------------------------------------------


def vrf():
    red = {"red_up": dict(vrf="red"), "red_b": dict(vrf="red")}
    names = ("up", "isp-b", "isp-c", "red-up", "red-b")
    back_red, b_red = via("2001:db8:1::/48", "red-up", vrf="red"), via("2001:db8:b::/48", "red-b", vrf="red")
    c = case("22-vrf", "Case 22: candidates are looked up in the table of the receiving port only.",
             [TO_C, back_red, b_red], names=names, **red)
    c.packet("up", V0).to("isp-c", V2)
    c.packet("red-up", V0).to("red-b", V1)
    c.packet("up", packet([B])).no_route()
    c.packet("red-up", packet([C])).no_route()
    return [c]


# ---- triggers and switches -------------------------------------------------------------------------------

ORDINARY = {"no-route": None, "unreachable": "unreachable", "blackhole": "blackhole", "mex": "mex"}


def triggers():
    made = []
    for trigger, kind in ORDINARY.items():
        dead = [action("2001:db8:a::/48", kind)] if kind else []
        reason = {"mex": "mex-route"}.get(trigger, trigger)

        def ordinary(c, sent, kind=kind, reason=reason):
            c.packet("up", sent)
            c.dropped(reason) if kind == "blackhole" else c.no_route(reason)

        c = case(f"30-trigger-{trigger}", f"Trigger: {trigger}, alone: exchanged; exhausted or absent: ordinary "
                 "handling, with the packet as received.", [*dead, TO_B], mex((trigger,)))
        c.packet("up", V0).to("isp-b", V1)
        ordinary(c, packet([C, D]))
        ordinary(c, plain())
        made.append(c)
        if kind != "mex":
            others = [t for t in ORDINARY if t != trigger]
            c = case(f"30-no-trigger-{trigger}", f"Trigger: everything but {trigger}: the header is not looked at.",
                     [*dead, TO_B], mex(others))
            ordinary(c, V0)
            c.mex = {"examined": 0, "exchanged": 0}
            made.append(c)
    c = case("31-sink-default", "P6: the sink at ::/0 takes what no more-specific route has.",
             [action("::/0", "mex"), TO_B], mex(("mex",)))
    c.packet("up", V0).to("isp-b", V1)
    c.packet("up", packet([B], original=B)).to("isp-b", hop(packet([B], original=B)))
    c.packet("up", packet([C])).no_route("mex-route")
    made.append(c)
    for name, table in (("32-disabled", mex(enabled=False)), ("32-not-configured", "[icmp]\nrate = 1000\n")):
        c = case(name, "Security: off unless configured: ordinary no-route handling.", [TO_B], table)
        c.packet("up", V0).no_route()
        made.append(c)
    return made


# ---- policy ----------------------------------------------------------------------------------------------


def policy():
    made = []
    allow = lambda *pairs: [{"from": f, "to": t} for f, t in pairs]  # noqa: E731
    c = case("33-permit", "Policy: with permit pairs, only a listed pair (prefix as received, new prefix) is exchanged.",
             [TO_B, TO_C], mex(permit=allow(("2001:db8:a::/48", "2001:db8:c::/48"),
                                            ("2001:db8:d::/48", "2001:db8:b::/48"))))
    c.packet("up", V0).to("isp-c", V2)
    c.packet("up", packet([B])).no_route()
    c.packet("up", packet([B, C], original=D)).to("isp-b", packet([B, C], 1, D, hlim=63))
    c.packet("up", packet([C], original=D)).no_route()
    c.packet("up", packet([C], original="2001:db8:e:1::")).no_route()
    c.mex = {"exchanged": 2}
    made.append(c)
    c = case("33-deny-before-permit", "Policy: a denied prefix stays denied whatever permit says.", [TO_B, TO_C],
             mex(deny=["2001:db8:b::/48"], permit=allow(("::/0", "::/0"))))
    c.packet("up", V0).to("isp-c", V2)
    c.packet("up", packet([B])).no_route()
    made.append(c)
    c = case("34-policer", "Security: the exchange's own policer: burst 3, then 1 a second; beyond it, dropped "
             "silently; plain forwarding is not touched.", [TO_B, TO_C], mex(rate=1, burst=3))
    for index in range(6):
        c.packet("up", V0)
        c.to("isp-b", V1) if index < 3 else c.dropped("mex-policed")
        c.packet("up", plain(join(C, HOST))).to("isp-c", hop(plain(join(C, HOST))))
    c.now_us += 1_500_000
    c.packet("up", V0).to("isp-b", V1)
    c.packet("up", V0).dropped("mex-policed")
    c.mex = {"policed": 4, "exchanged": 4}
    made.append(c)
    c = case("35-walk-bounds", "The walk's bounds are configurable: 1 header, 16 octets.", [TO_B],
             mex(max_headers=1, max_octets=16))
    c.packet("up", chain(HBH, hop_by_hop(AP, 16))).to("isp-b", chain(HBH, hop_by_hop(AP, 16), k=1, hlim=63))
    c.packet("up", chain(HBH, hop_by_hop(AP, 24))).no_route()
    c.packet("up", chain(HBH, hop_by_hop(DSTOPT) + dest_options(AP))).no_route()
    made.append(c)
    return made


# ---- 24: a mixed batch -----------------------------------------------------------------------------------


def mixed():
    c = case("24-mixed-batch", "Case 24: plain, exchanged, exhausted, malformed and dying packets of many flows in one "
             "burst: the order of each flow is kept.", [TO_B, TO_C, action("2001:db8:f::/48", "blackhole")],
             mex(), "[icmp]\nrate = 100000\nburst = 10000\n")
    c.step_us = 1
    for index in range(400):
        data, flow = struct.pack("!I", index), 0x1000 + index % 7
        keys = dict(data=data, fl=flow)
        what = (index * 7 + index // 5) % 8
        if what in (0, 1):
            sent = plain(join(B, HOST), **keys)
            c.packet("up", sent).to("isp-b", hop(sent))
        elif what in (2, 3):
            c.packet("up", packet([B, C], **keys)).to("isp-b", packet([B, C], 1, hlim=63, **keys))
        elif what == 4:
            c.packet("up", packet([D, C], **keys)).to("isp-c", packet([D, C], 2, hlim=63, **keys))
        elif what == 5:
            c.packet("up", packet([D], **keys)).no_route()
        elif what == 6:
            c.packet("up", packet([B], hlim=1, **keys)).error(3, 0, 0, "hop-limit")
        else:
            c.packet("up", packet([B], original="2001:db8:f:1::", pleft=index % 3, **keys))
            if index % 3 == 2:
                c.error(4, 0, 42, "mex-header")
            elif index % 3 == 1:
                c.to("isp-b", packet([B], 1, "2001:db8:f:1::", hlim=63, **keys))
            else:
                c.dropped("blackhole")
    return [c]
