"""The edge of the SR domain (RFC 8754, 5.1; RFC 9602, 5) and the HMAC (RFC 8754, 2.1.2)."""

from lib import UDP_NH, ip6, udp
from srv6.case import ROUTES, SrCase, to
from srv6.entries import Policy, Sid
from srv6.packets import (
    INNER_SRC, IP4_NH, IP6_NH, PADN, SRC, TLVS, hmac_tlv, padded, ping6, plain4, plain6, segment, segment_list,
    sr_packet, tlv,
)

KEYS = {1: "a secret that is long enough", 7: "another one", 4294967295: "the largest key ID"}
SID = "fc00:0:1:100::"


def build():
    return [domain_edge(), without_locator(), edge_filter(), port_address(), *verified(), by_port(), with_flavors()]


def domain_edge():
    """The same packets from inside, where they are welcome, and from outside."""
    sids = [Sid(SID, "End"), Sid("fc00:0:1:d6::", "End.DT6", vrf="default"), Sid("fc00:0:a::/48", "End", "NEXT-CSID")]
    c = SrCase("security-domain", "RFC 8754, 5.1: packets to a local SID or into a locator are dropped at ports that are not marked as "
               "inside the SR domain, in silence; transit is none of that.", [*sids, Policy("gold", "encap", [segment(9)],
                                                                                         binding="fc00:0:1:b::")])
    for dst, says in ((SID, "east"), ("fc00:0:a:2:3::", "east"), ("fc00:0:1:b::", "east")):
        packet = sr_packet(dst, segment_list(2, dst, 1), 1, IP6_NH, plain6())
        c.feed("core", packet, says)
        c.feed("ce", packet, "silent")
        c.feed("east", packet, says)
    inside = ip6(SRC, "fc00:0:1:d6::", IP6_NH, plain6())
    c.feed("core", inside, "ce")
    c.feed("ce", inside, "silent")
    for dst in (SID, "fc00:0:1:d6::", "fc00:0:a::"):
        c.feed("core", ping6(dst), "reply")
        c.feed("ce", ping6(dst), "silent")
        c.feed("ce", ping6(dst, hlim=1), "silent")
    # In the locator, but no SID: from outside it is dropped all the same.
    c.feed("core", ip6(SRC, "fc00:0:1:ffff::", UDP_NH, udp(SRC, "fc00:0:1:ffff::", b"x")), "east")
    c.feed("ce", ip6(SRC, "fc00:0:1:ffff::", UDP_NH, udp(SRC, "fc00:0:1:ffff::", b"x")), "silent")
    # Other SIDs, other nodes' business.
    for dst in ("fc00:0:2::1", segment(3)):
        c.feed("ce", sr_packet(dst, segment_list(2, dst, 1), 1, IP6_NH, plain6()), "east")
    return c


def without_locator():
    c = SrCase("security-no-locator", "A SID in no locator is a SID all the same: dropped from outside; its neighbors are not.",
               [Sid("2001:db8:51d::1", "End"), Sid("2001:db8:51e::/48", "End", "NEXT-CSID", block=32)],
               [*ROUTES, to("2001:db8:51c::/46", "east")], locator=False)
    for dst in ("2001:db8:51d::1", "2001:db8:51e:1::"):
        packet = sr_packet(dst, segment_list(2, dst, 1), 1, IP6_NH, plain6())
        c.feed("core", packet, "core" if dst.endswith("1::") else "east")
        c.feed("ce", packet, "silent")
    c.feed("ce", ip6(SRC, "2001:db8:51d::2", 59, b""), "east")
    return c


def edge_filter():
    c = SrCase("security-edge-filter", "RFC 9602, 5: 5f00::/16 is filtered at the edge by default, as a destination and as a source, in "
               "and out; inside the domain it is forwarded.", [Sid(SID, "End")],
               [*ROUTES, to("5f00::/16", "east"), to("5f00:ce::/32", "ce"), to("5eff::/16", "east"), to("5f01::/16", "ce")])
    for dst, inside, outside in (("5f00::1", "east", "silent"), ("5f00:ce::1", "silent", "silent"),
                                 ("5f00:ffff:ffff::1", "east", "silent"), ("5eff:ffff::1", "east", "east"),
                                 ("5f01::1", "ce", "ce")):
        c.feed("core", ip6(SRC, dst, UDP_NH, udp(SRC, dst, b"x")), inside)
        c.feed("ce", ip6(SRC, dst, UDP_NH, udp(SRC, dst, b"x")), outside)
    for src, outside in (("5f00::1", "silent"), ("5f00:1:2::3", "silent"), ("5f01::1", "east")):
        dst = segment(1)
        c.feed("core", ip6(src, dst, UDP_NH, udp(src, dst, b"x")), "east")
        c.feed("ce", ip6(src, dst, UDP_NH, udp(src, dst, b"x")), outside)
    # The next segment lies beyond the edge.
    c.feed("core", sr_packet(SID, ["5f00:ce::9", SID], 1, IP6_NH, plain6()), "silent")
    c.feed("core", sr_packet(SID, ["5f00:1::9", SID], 1, IP6_NH, plain6()), "east")
    return c


def port_address():
    at = "2001:db8:0:1::1"
    c = SrCase("security-port-address", "A SID may equal a port's address: inside the domain it is both; from outside it is a SID.",
               [Sid(at, "End", "USD")])
    c.feed("core", sr_packet(at, segment_list(2, at, 1), 1, IP6_NH, plain6()), "east")
    c.feed("core", ip6(SRC, at, IP6_NH, plain6()), "ce")
    c.feed("core", ping6(at), "reply")
    c.feed("ce", ping6(at), "silent")
    c.feed("core", ping6("2001:db8:0:2::1"), "reply")
    c.feed("core", ip6(SRC, at, UDP_NH, udp(SRC, at, b"x")), "(4,4)")
    return c


# ---- HMAC ------------------------------------------------------------------------------------------------


def signed(at, entries, left, key=1, secret=None, spoil=0, nh=IP6_NH, payload=None, tail=b"", front=b"", disabled=0,
           signed_source=SRC, signed_entries=None, flags=0, signed_flags=None, **keys):
    """An SR packet with an HMAC TLV; the arguments spoil it in one way or another."""
    made = hmac_tlv(key, secret or KEYS[key], signed_source, len(entries) - 1, flags if signed_flags is None else signed_flags,
                    signed_entries or entries, disabled=disabled, spoil=spoil)
    return sr_packet(at, entries, left, nh, plain6() if payload is None else payload, tlvs=padded(front + made + tail),
                     flags=flags, **keys)


def good_and_bad(c, port, at, left, good, missing, bad="(4,0)"):
    for count in (1, 2, 3, 10):
        if left >= count:
            continue
        entries = segment_list(count, at, left)
        for key in KEYS:
            c.feed(port, signed(at, entries, left, key), good)
        c.feed(port, signed(at, entries, left, tail=tlv(124, bytes(6))), good)
        c.feed(port, signed(at, entries, left, front=tlv(PADN, bytes(6))), good)
        c.feed(port, signed(at, entries, left, flags=0x10), good)
        c.feed(port, signed(at, entries, left, spoil=1), bad)
        c.feed(port, signed(at, entries, left, spoil=0x80), bad)
        c.feed(port, signed(at, entries, left, secret="not the secret"), bad)
        c.feed(port, signed(at, entries, left, signed_source=INNER_SRC), bad)
        c.feed(port, signed(at, entries, left, signed_entries=[*entries[:-1], segment(77)]), bad)
        c.feed(port, signed(at, entries, left, signed_flags=1), bad)
        c.feed(port, signed(at, entries, left, key=9, secret="nobody knows this key ID"), bad)
        c.feed(port, sr_packet(at, entries, left, IP6_NH, plain6()), missing)
        c.feed(port, sr_packet(at, entries, left, IP6_NH, plain6(), tlvs=TLVS), missing)


def verified():
    made = []
    for mode in ("ignore", "verify", "require"):
        sids = [Sid(SID, "End", hmac=mode), Sid("fc00:0:1:d6::", "End.DT6", vrf="default", hmac=mode),
                Sid("fc00:0:1:200::", "End.X", "PSP", via="east", hmac=mode)]
        c = SrCase(f"security-hmac-{mode}", f"RFC 8754, 2.1.2: hmac = {mode}: right, wrong in every part, with an unknown key ID, and "
                   "missing. Wrong is (4,0), pointer at the TLV; missing is silent.", sids, keys=KEYS)
        silent = "silent" if mode == "require" else None
        bad = (lambda onward, mode=mode: onward if mode == "ignore" else "(4,0)")
        good_and_bad(c, "core", SID, 1, "east", silent or "east", bad("east"))
        good_and_bad(c, "core", "fc00:0:1:200::", 1, "east", silent or "east", bad("east"))
        good_and_bad(c, "core", "fc00:0:1:d6::", 0, "ce", silent or "ce", bad("ce"))
        made.append(c)
    return made


def by_port():
    c = SrCase("security-hmac-port", "hmac = require at a port: for every SID that its packets visit; other ports are free.",
               [Sid(SID, "End"), Sid("fc00:0:1:300::", "End", "PSP")], keys=KEYS, core=dict(hmac="require"))
    good_and_bad(c, "core", SID, 1, "east", "silent")
    good_and_bad(c, "core", "fc00:0:1:300::", 1, "east", "silent")
    c.feed("east", sr_packet(SID, segment_list(2, SID, 1), 1, IP4_NH, plain4()), "east")
    # Transit is not looked at.
    c.feed("core", sr_packet(segment(1), segment_list(2, SID, 1), 1, IP4_NH, plain4()), "east")
    return c


def with_flavors():
    """Two SIDs of this node in a row, both ask: the HMAC stays right while segments go by."""
    one, two = SID, "fc00:0:1:300::"
    c = SrCase("security-hmac-twice", "The HMAC does not cover Segments Left: it stays right from SID to SID.",
               [Sid(one, "End", hmac="require"), Sid(two, "End", "PSP", hmac="require")], keys=KEYS)
    entries = [segment(1), two, one]
    c.feed("core", signed(one, entries, 2), "east")
    c.feed("core", signed(one, entries, 2, spoil=4), "(4,0)")
    c.feed("core", signed(two, entries, 1), "east")
    return c

