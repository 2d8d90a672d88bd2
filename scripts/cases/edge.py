"""Groups `mex-peer` and `mex-site`: the static MEX edges, which legacy hosts on both ends do not notice."""

from lib import (
    AP, DSTOPT, FRAGMENT, HBH, ICMP6, ROUTING, UDP_NH, Case, ap, dest_options, edge, fragment, hop,
    hop_by_hop, icmp6, ip6, join, mex, ports, rotate, srh, udp, via,
)

SRC, IID = "2001:db8:1::1", "::a:b:c:d"
SITE = [f"2001:db8:{provider:x}:1::" for provider in range(0xA, 0xA + 9)]
DATA = b"MEX-VECTOR-01\n"
FL = 0x12345


def build():
    return [*insertion(), *insertion_orders(), *insertion_errors(), *not_inserted(), *quoted(), *restored(),
            *refused(), *untouched()]


def plain(prefix, nh=UDP_NH, head=b"", upper=None, hlim=64, data=DATA):
    """What the host behind the correspondent's edge sends, and the host in the site gets."""
    dst = join(prefix, IID)
    upper = udp(SRC, dst, data) if upper is None else upper
    return ip6(SRC, dst, nh, head + upper, hlim=hlim, fl=FL)


def others(prefixes, prefix):
    return [p for p in prefixes if p != prefix]


def carried(prefix, alternatives, k=0, nh=AP, head=b"", after=UDP_NH, upper=None, hlim=64, data=DATA, **header):
    """The same packet on its way: with the AP header behind `head`, after k exchanges."""
    now, cells = rotate(prefix, alternatives, k)
    upper = udp(SRC, join(prefix, IID), data) if upper is None else upper
    pleft = header.pop("pleft", len(alternatives) - k)
    body = head + ap(after, cells, pleft, **header) + upper
    return ip6(SRC, join(now, IID), nh, body, hlim=hlim, fl=FL)


# ---- the correspondent's edge ----------------------------------------------------------------------------


def peer(name, clause, n=2, routes=None, tables=(), **keys):
    routes = [via("::/0", "isp-c")] if routes is None else routes
    return Case("mex-peer", name, clause, ports("lan", "isp-b", "isp-c", **keys),
                [via("2001:db8:1::/48", "lan"), *routes], mex(), edge("peer", "lan", SITE[: n + 1]), *tables)


def insertion():
    made = []
    for n in (1, 2, 3, 8):
        prefixes = SITE[: n + 1]
        c = peer(f"01-insert-n{n}", f"A site of {n + 1} prefixes: the header lists the {n} others, in the order of "
                 "the configuration; payload length and next header are patched.", n)
        for prefix in prefixes:
            c.packet("lan", plain(prefix)).to("isp-c", carried(prefix, others(prefixes, prefix), hlim=63))
        c.mex = {"inserted": n + 1}
        made.append(c)
    c = peer("02-every-upper-layer", "Insertion does not look at the upper layer, and patches no checksum.")
    for nh in (6, UDP_NH, ICMP6, 50, 51, 59, 132, 254):
        upper = bytes(range(nh % 7, 40))
        c.packet("lan", plain(SITE[0], nh=nh, upper=upper)).to(
            "isp-c", carried(SITE[0], SITE[1:3], after=nh, upper=upper, hlim=63))
    c.packet("lan", ip6(SRC, join(SITE[0], IID), 59, b"")).to(
        "isp-c", ip6(SRC, join(SITE[0], IID), AP, ap(59, SITE[1:3]), hlim=63))
    made.append(c)
    c = peer("06-then-exchanged", "The edge inserts, has no route itself, and exchanges right away.",
             routes=[via("2001:db8:b::/48", "isp-b")])
    c.packet("lan", plain(SITE[0])).to("isp-b", carried(SITE[0], SITE[1:3], 1, hlim=63))
    c.mex = {"inserted": 1, "exchanged": 1}
    made.append(c)
    return made


def insertion_orders():
    made = []
    host = join(SITE[0], IID)
    done = srh(UDP_NH, [host, "2001:db8:99::1"], 0)
    done_ap = srh(AP, [host, "2001:db8:99::1"], 0)
    piece = fragment(UDP_NH, 0, 1, 9) + udp(SRC, host, DATA) + b"xx"
    assert len(piece) % 8 == 0
    frag = {"nh": FRAGMENT, "upper": piece}
    orders = {
        "fragment": (FRAGMENT, b"", piece, AP, b"", FRAGMENT),
        "hop-by-hop": (HBH, hop_by_hop(UDP_NH), None, HBH, hop_by_hop(AP), UDP_NH),
        "hop-by-hop-fragment": (HBH, hop_by_hop(FRAGMENT), piece, HBH, hop_by_hop(AP), FRAGMENT),
        "srh-left-0": (ROUTING, done, None, ROUTING, done_ap, UDP_NH),
        "options-srh-left-0": (DSTOPT, dest_options(ROUTING) + done, None,
                               DSTOPT, dest_options(ROUTING) + done_ap, UDP_NH),
        "last-destination-options": (DSTOPT, b"", dest_options(UDP_NH) + udp(SRC, host, DATA), AP, b"", DSTOPT),
    }
    for name, (nh, head, upper, new_nh, new_head, after) in orders.items():
        c = peer(f"03-order-{name}", f"Header order: where the header goes in a packet with {name.replace('-', ' ')}.")
        sent = plain(SITE[0], nh=nh, head=head, upper=upper)
        c.packet("lan", sent).to(
            "isp-c", carried(SITE[0], SITE[1:3], nh=new_nh, head=new_head, after=after, upper=upper, hlim=63))
        made.append(c)
    c = peer("03-every-fragment", "Every fragment carries the header.")
    for offset in (0, 100, 200):
        upper = fragment(UDP_NH, offset, offset < 200, 9) + bytes(800)
        c.packet("lan", plain(SITE[1], **(frag | {"upper": upper}))).to(
            "isp-c", carried(SITE[1], [SITE[0], SITE[2]], after=FRAGMENT, upper=upper, hlim=63))
    made.append(c)
    return made


def insertion_errors():
    made = []
    full = 1500 - 40 - 8
    c = peer("04-too-big", "Too big after insertion: ICMPv6 (2,0) with the MTU less 8+8n octets; the quote is the "
             "packet as received. A packet just as long as that MTU says passes.")
    for data in (full, full - 23):
        c.packet("lan", plain(SITE[0], data=bytes(data))).error(2, 0, 1500 - 24, "too-big")
    c.packet("lan", plain(SITE[0], data=bytes(full - 24))).to(
        "isp-c", carried(SITE[0], SITE[1:3], data=bytes(full - 24), hlim=63))
    outside = ip6(SRC, "2001:db8:99::1", UDP_NH, udp(SRC, "2001:db8:99::1", bytes(full)))
    c.packet("lan", outside).to("isp-c", hop(outside))
    made.append(c)
    c = peer("04-too-big-n8", "The overhead grows with the number of prefixes: 8+8n = 72 octets.", 8)
    c.packet("lan", plain(SITE[3], data=bytes(full - 71))).error(2, 0, 1500 - 72, "too-big")
    c.packet("lan", plain(SITE[3], data=bytes(full - 72))).to(
        "isp-c", carried(SITE[3], others(SITE, SITE[3]), data=bytes(full - 72), hlim=63))
    made.append(c)
    least = 1280 - 40 - 8
    c = peer("04-least-mtu", "A link of 1280 octets: what fits with the header gets it; what does not goes without, for "
             "no host can be asked for less than 1280 octets; what is longer than the link's MTU: (2,0) with that MTU.",
             isp_c=dict(mtu=1280))
    c.packet("lan", plain(SITE[0], data=bytes(least - 24))).to(
        "isp-c", carried(SITE[0], SITE[1:3], data=bytes(least - 24), hlim=63))
    for data in (least - 23, least):
        c.packet("lan", plain(SITE[0], data=bytes(data))).to("isp-c", hop(plain(SITE[0], data=bytes(data))))
    c.packet("lan", plain(SITE[0], data=bytes(least + 1))).error(2, 0, 1280, "too-big")
    c.mex = {"inserted": 1, "not-inserted": 3}
    made.append(c)
    c = peer("05-no-route", "No route and no alternative either: ICMPv6 (1,0), the quote has no AP header.",
             routes=[via("2001:db8:c::/48", "isp-c")], n=1)
    c.packet("lan", plain(SITE[0])).no_route()
    made.append(c)
    c = peer("05-hop-limit", "Hop limit 1 at the inserting edge: ICMPv6 (3,0), the quote has no AP header.")
    c.packet("lan", plain(SITE[0], hlim=1)).error(3, 0, 0, "hop-limit")
    made.append(c)
    return made


def quoted():
    """Errors from the network about packets that got the header at this edge."""
    router = "2001:db8:99::9"
    site = [SITE[0], SITE[1], SITE[2]]

    def report(kind, code, word, quote):
        return ip6(router, SRC, ICMP6, icmp6(router, SRC, kind, code, word.to_bytes(4, "big") + quote))

    c = peer("08-error-quotes", "ICMP errors received: the host behind the edge sees its own packet quoted, whatever was "
             "exchanged; a Packet Too Big tells it what it may send, a pointer behind the header moves with it.")
    data = bytes(range(64)) * 16
    sent = plain(site[0], hlim=60, data=data)
    for k in (0, 1, 2):
        quote = carried(site[0], site[1:], k, hlim=60, data=data)
        for kind, code, word, told in (
            (2, 0, 1400, 1376), (2, 0, 1290, 1280), (1, 0, 0, 0), (3, 0, 0, 0), (4, 0, 68, 44), (4, 0, 42, 42)
        ):
            c.packet("isp-c", report(kind, code, word, quote)).to("lan", hop(report(kind, code, told, sent)))
    # What a router may cut: all behind the AP header.
    cut = carried(site[0], site[1:], 1, hlim=60, data=data)[:64]
    c.packet("isp-c", report(1, 0, 0, cut)).to("lan", hop(report(1, 0, 0, sent[:40])))
    c.mex = {"quotes-restored": 19}
    made = [c]
    c = peer("08-other-quotes", "Left alone: a quote without the header, cut within it, of a packet to somebody else, an "
             "error with a wrong checksum, and what is no error.")
    quote = carried(site[0], site[1:], 1, hlim=60)
    foreign = ip6(SRC, "2001:db8:77::1", AP, ap(UDP_NH, site[1:]) + udp(SRC, "2001:db8:77::1", DATA), hlim=60)
    wrong = bytearray(report(2, 0, 1400, quote))
    wrong[-1] ^= 1
    for packet in (report(2, 0, 1400, plain(site[0])), report(2, 0, 1400, quote[:63]), report(1, 0, 0, foreign),
                   bytes(wrong), report(129, 0, 0, quote)):
        c.packet("isp-c", packet).to("lan", hop(packet))
    c.mex = {"quotes-restored": 0}
    made.append(c)
    return made


def not_inserted():
    made = []
    c = peer("07-left-alone", "Packets that get no header: one that has it already, one under a segment list, one "
             "for elsewhere (also a neighbor of the site), one that did not come from inside.")
    there = carried(SITE[0], SITE[1:3])
    used = carried(SITE[0], SITE[1:3], 1)
    behind = carried(SITE[0], SITE[1:3], nh=HBH, head=hop_by_hop(AP))
    under_way = plain(SITE[0], nh=ROUTING, head=srh(UDP_NH, ["2001:db8:99::1", join(SITE[0], IID)], 1))
    elsewhere = [plain("2001:db8:a:2::"), plain("2001:db8:a::"), plain(SITE[3]), plain("2001:db8:99::")]
    for sent in (there, used, behind, under_way, *elsewhere):
        c.packet("lan", sent).to("isp-c", hop(sent))
    for sent in (plain(SITE[0]), plain(SITE[1])):
        c.packet("isp-b", sent).to("isp-c", hop(sent))
    c.mex = {"inserted": 0}
    made.append(c)
    return made


# ---- the site's edge -------------------------------------------------------------------------------------


def site(name, clause, count=3, **keys):
    prefixes = SITE[:count]
    routes = [via("::/0", "isp-c"), *(via(p + "/64", "lan") for p in prefixes)]
    return Case("mex-site", name, clause, ports("lan", "isp-b", "isp-c", **keys), routes, mex(),
                edge("site", "lan", prefixes, announce=False))


def restored():
    made = []
    for n in range(1, 9):
        c = site(f"01-restore-n{n}", f"n={n}: after k=0..n exchanges, to each first choice: restored, stripped, "
                 "delivered inside as the host had sent it.", n + 1)
        for prefix in (SITE[0], SITE[n]):
            for k in range(n + 1):
                alternatives = others(SITE[: n + 1], prefix)
                c.packet("isp-b", carried(prefix, alternatives, k)).to("lan", plain(prefix, hlim=63))
        c.mex = {"restored": 2 * (n + 1)}
        made.append(c)
    c = site("02-some-of-the-prefixes", "The sender need not list every prefix of the site.")
    c.packet("isp-b", carried(SITE[0], [SITE[2]], 1)).to("lan", plain(SITE[0], hlim=63))
    c.packet("isp-b", carried(SITE[1], [], 0)).to("lan", plain(SITE[1], hlim=63))
    c.packet("isp-c", carried(SITE[2], [SITE[1]], 0, flags=15, reserved=0xBEEF)).to("lan", plain(SITE[2], hlim=63))
    made.append(c)

    c = site("03-fragments", "Fragments are restored and stripped each on its own, before reassembly.")
    for offset in (200, 0, 100):
        upper = fragment(UDP_NH, offset, offset < 200, 9) + bytes([offset]) * 800
        c.packet("isp-b", carried(SITE[0], SITE[1:3], 1, after=FRAGMENT, upper=upper)).to(
            "lan", plain(SITE[0], nh=FRAGMENT, upper=upper, hlim=63))
    made.append(c)

    c = site("03-header-orders", "The header before it is told what follows, once the AP header is gone.")
    host, mid = join(SITE[0], IID), "2001:db8:99::1"
    heads = [(HBH, hop_by_hop), (DSTOPT, dest_options), (ROUTING, lambda nh: srh(nh, [host, mid], 0)),
             (HBH, lambda nh: hop_by_hop(DSTOPT) + dest_options(ROUTING) + srh(nh, [host, mid], 0))]
    for nh, head in heads:
        c.packet("isp-b", carried(SITE[0], SITE[1:3], 2, nh=nh, head=head(AP))).to(
            "lan", plain(SITE[0], nh=nh, head=head(UDP_NH), hlim=63))
    tail = dest_options(UDP_NH) + udp(SRC, host, DATA)
    c.packet("isp-b", carried(SITE[0], SITE[1:3], 2, after=DSTOPT, upper=tail)).to(
        "lan", plain(SITE[0], nh=DSTOPT, upper=tail, hlim=63))
    made.append(c)

    c = site("04-whole-way", "Case 4, the receiver: what two MEX routers made of V0 is restored: the UDP checksum "
             "is right again.")
    c.packet("isp-c", carried(SITE[0], SITE[1:3], 2, hlim=62)).to("lan", plain(SITE[0], hlim=61))
    made.append(c)
    gateway = join(SITE[0], "::fe")
    c = site("06-own-address", "An address of the edge in the site's prefix is restored like a host's: its echo reply comes "
             "from the address that was asked for.", lan=dict(addresses=["2001:db8:0:5::1/64", gateway + "/128"]))
    for k in (0, 1, 2):
        now, cells = rotate(SITE[0], SITE[1:3], k)
        ask = icmp6(SRC, gateway, 128, 0, b"\x00\x07\x00\x01ping")
        c.packet("isp-b", ip6(SRC, join(now, "::fe"), AP, ap(ICMP6, cells, 2 - k) + ask)).consumed()
        c.made("isp-c", ip6(gateway, SRC, ICMP6, icmp6(gateway, SRC, 129, 0, b"\x00\x07\x00\x01ping")))
    c.mex = {"restored": 3}
    made.append(c)
    c = site("05-hop-limit", "Hop limit 1 at the site's edge: ICMPv6 (3,0), the quote as received.")
    c.packet("isp-c", carried(SITE[0], SITE[1:3], 2, hlim=1)).error(3, 0, 0, "hop-limit")
    made.append(c)
    c = site("05-mtu-inside", "The MTU inside applies to the packet without the header.", lan=dict(mtu=1400))
    data = bytes(1400 - 48)
    c.packet("isp-c", carried(SITE[0], SITE[1:3], 1, data=data)).to("lan", plain(SITE[0], data=data, hlim=63))
    made.append(c)
    return made


def refused():
    made = []
    c = site("06-foreign-prefix", "A listed prefix is not the site's (in any slot, used or not): dropped silently.")
    foreign = "2001:db8:bad:1::"
    for slot in range(3):
        listed = [*SITE[1:3]]
        listed.insert(slot, foreign)
        for k in range(4):
            if rotate(SITE[0], listed, k)[0] != foreign:
                c.packet("isp-c", carried(SITE[0], listed, k)).dropped("mex-site-verify")
    c.packet("isp-c", carried(foreign, SITE[:2], 1)).dropped("mex-site-verify")
    c.packet("isp-c", carried(SITE[0], ["2001:db8:b:2::"])).dropped("mex-site-verify")
    c.mex = {"verify-failed": c.counts["dropped"], "restored": 0}
    made.append(c)
    c = site("06-malformed", "Pleft > n, or a header past the end of the packet: dropped silently at the site.")
    c.packet("isp-c", carried(SITE[0], SITE[1:3], pleft=3)).dropped("mex-site-verify")
    c.packet("isp-c", carried(SITE[0], [], pleft=255)).dropped("mex-site-verify")
    c.packet("isp-c", carried(SITE[0], SITE[1:3], n=200, pleft=2)).dropped("mex-site-verify")
    made.append(c)
    return made


def untouched():
    made = []
    c = site("07-left-alone", "Not the site's edge's business: a destination that is not the site's, no header, "
             "another experiment, a segment list under way.")
    outward = ip6(join(SITE[0], IID), "2001:db8:99::1", AP, ap(UDP_NH, ["2001:db8:98::"])
                  + udp(join(SITE[0], IID), "2001:db8:99::1", DATA))
    transit = carried("2001:db8:99::", SITE[1:3])
    c.packet("lan", outward).to("isp-c", hop(outward))
    c.packet("isp-b", transit).to("isp-c", hop(transit))
    under_way = carried(SITE[0], SITE[1:3], nh=ROUTING, head=srh(AP, ["2001:db8:99::1", join(SITE[0], IID)], 1))
    error = plain(SITE[0], nh=ICMP6, upper=icmp6(SRC, join(SITE[0], IID), 3, 0, bytes(4) + bytes(48)))
    for sent in (plain(SITE[0]), error, carried(SITE[0], SITE[1:3], version=2),
                 carried(SITE[0], SITE[1:3], experiment=0x1234), under_way):
        c.packet("isp-c", sent).to("lan", hop(sent))
    c.mex = {"restored": 0}
    made.append(c)
    return made
