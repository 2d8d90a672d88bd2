"""Group `forward`: plain IPv6 forwarding, drops, and the ICMPv6 errors of RFC 4443, with MEX out of the way."""

import ipaddress
import random
import struct

from lib import (
    FRAGMENT, ICMP6, UDP_NH, Case, action, fragment, hop, icmp6, ip6, mex, ports, set_destination, udp, via,
)

SRC, DST = "2001:db8:1::1", "2001:db8:a::d"
BACK = via("2001:db8:1::/48", "up")
TO_A = via("2001:db8:a::/48", "isp-a")
FREE_ICMP = "[icmp]\nrate = 100000\nburst = 10000\n"


def build():
    return [*transit(), *mtu(), *errors(), *silent(), *lookups(), *ecmp(), *changes(), *captures()]


def case(name, clause, routes, *tables, names=("up", "isp-a", "isp-b"), **keys):
    return Case("forward", name, clause, ports(*names, **keys), [BACK, *routes], *tables)


def plain(dst=DST, data=b"forward me", hlim=64, src=SRC, **keys):
    return ip6(src, dst, UDP_NH, udp(src, dst, data), hlim=hlim, **keys)


def of_length(octets, **keys):
    return plain(data=bytes(i & 0xFF for i in range(octets - 48)), **keys)


# ---- transit ---------------------------------------------------------------------------------------------


def transit():
    made = []
    noise = random.Random(0x4D58)
    c = case("01-every-next-header", "RFC 7045, 2.1: extension headers in transit are never looked at: all 256 "
             "next-header values are forwarded alike, whatever follows.", [TO_A], mex())
    for nh in range(256):
        sent = ip6(SRC, DST, nh, noise.randbytes(nh % 61))
        c.packet("up", sent).to("isp-a", hop(sent))
    made.append(c)
    c = case("02-every-field", "RFC 8200, 3: traffic class, flow label, source, destination and payload are kept; "
             "hop limit 255 and 2 pass.", [TO_A])
    for tc, fl, hlim in ((0xFF, 0xFFFFF, 255), (0xB8, 1, 2), (3, 0x80000, 64)):
        sent = plain(tc=tc, fl=fl, hlim=hlim)
        c.packet("up", sent).to("isp-a", hop(sent))
    made.append(c)
    c = case("03-padding-is-cut", "Octets after the IP length (Ethernet padding) are cut at input.", [TO_A])
    for octets, padding in ((0, 6), (1, 5), (5, 1), (6, 100)):
        sent = ip6(SRC, DST, 59, bytes(octets))
        c.packet("up", sent + b"\xee" * padding).to("isp-a", hop(sent))
    dead = ip6(SRC, "2001:db8:f::1", 59, b"abc")
    c.packet("up", dead + b"\xee" * 3).no_route(to=dead)
    made.append(c)
    return made


def mtu():
    made = []
    c = case("04-mtu", "RFC 8200, 5: as long as the MTU passes; one octet more: ICMPv6 (2,0) with that MTU, quoting "
             "what fits into 1280 octets.", [TO_A], up=dict(mtu=9000))
    for octets in (1499, 1500):
        c.packet("up", of_length(octets)).to("isp-a", hop(of_length(octets)))
    for octets in (1501, 3000, 9000):
        c.packet("up", of_length(octets)).error(2, 0, 1500, "too-big")
    made.append(c)
    c = case("05-quote-length", "RFC 4443, 2.4 (c): the quote is cut so that the error is 1280 octets at most.", [])
    for octets in (40, 41, 60, 1231, 1232, 1233, 1279, 1280, 1281, 1500):
        sent = ip6(SRC, DST, 254, bytes(i & 0xFF for i in range(octets - 40)))
        c.packet("up", sent).no_route()
    made.append(c)
    return made


# ---- errors ----------------------------------------------------------------------------------------------


def errors():
    made = []
    c = case("06-hop-limit", "RFC 8200, 3: a packet that would leave with hop limit 0 dies: ICMPv6 (3,0).", [TO_A])
    for hlim in (1, 0):
        c.packet("up", plain(hlim=hlim)).error(3, 0, 0, "hop-limit")
    made.append(c)
    c = case("06-no-route", "RFC 4443, 3.1: no route, and a reject route: (1,0). A discard route is silent.",
             [action("2001:db8:b::/48", "unreachable"), action("2001:db8:c::/48", "blackhole")])
    c.packet("up", plain()).no_route()
    c.packet("up", plain("2001:db8:b::1")).no_route("unreachable")
    c.packet("up", plain("2001:db8:c::1")).dropped("blackhole")
    made.append(c)
    c = case("07-error-takes-its-route", "The error is routed by its destination: not always back the way the packet "
             "came; its source is an address of the port that received the packet.",
             [via("2001:db8:2::/48", "isp-b")])
    c.packet("up", plain(src="2001:db8:2::1")).no_route(out="isp-b")
    c.packet("isp-a", plain(src=SRC)).no_route(out="up")
    made.append(c)
    c = case("07-first-address", "The source of an error is the first IPv6 address of the receiving port.", [],
             up=dict(addresses=["192.0.2.1/24", "2001:db8:0:1::77/64", "2001:db8:0:1::1/64"]))
    c.ports["up"].address = "2001:db8:0:1::77"
    c.packet("up", plain()).no_route()
    made.append(c)
    c = case("08-never-an-error-about", "RFC 4443, 2.4 (e): no error about an ICMPv6 error or a redirect; about "
             "informational messages there is one.", [])
    for kind in (1, 2, 3, 4, 0, 100, 127, 137):
        c.packet("up", ip6(SRC, DST, ICMP6, icmp6(SRC, DST, kind, 0, bytes(60)))).dropped("no-route")
    for kind in (128, 129, 138, 255):
        c.packet("up", ip6(SRC, DST, ICMP6, icmp6(SRC, DST, kind, 0, bytes(60)))).no_route()
    inner = icmp6(SRC, DST, 3, 0, bytes(60))
    c.packet("up", ip6(SRC, DST, FRAGMENT, fragment(ICMP6, 0, 1, 1) + inner)).dropped("no-route")
    # Not the first fragment: nothing says that it is an error.
    c.packet("up", ip6(SRC, DST, FRAGMENT, fragment(ICMP6, 8, 0, 1) + inner)).no_route()
    made.append(c)
    c = case("09-rate-limit", "RFC 4443, 2.4 (f): a token bucket for each kind: burst 2, then 1 a second.", [TO_A],
             "[icmp]\nrate = 1\nburst = 2\n")
    for turn in range(3):
        for sent, kind, reason in ((plain("2001:db8:f::1"), 1, "no-route"), (plain(hlim=1), 3, "hop-limit")):
            c.packet("up", sent)
            if turn < 2:
                c.error(kind, 0, 0, reason)
            else:
                c.dropped(reason)
    c.now_us += 1_500_000
    c.packet("up", plain("2001:db8:f::1")).no_route()
    c.packet("up", plain("2001:db8:f::1")).dropped("no-route")
    c.packet("up", plain(hlim=1)).error(3, 0, 0, "hop-limit")
    made.append(c)
    c = case("09-rate-zero", "rate = 0: no errors at all.", [TO_A], "[icmp]\nrate = 0\nburst = 0\n")
    c.packet("up", plain("2001:db8:f::1")).dropped("no-route")
    c.packet("up", plain(hlim=1)).dropped("hop-limit")
    made.append(c)
    return made


# ---- dropped without a word ------------------------------------------------------------------------------


def silent():
    made = []
    everything = [via("::/0", "isp-a")]
    c = case("10-multicast", "RFC 4291, 2.7: multicast is not forwarded; no error about it.", everything)
    for dst in ("ff0e::4d58", "ff05::4d58", "ff08::4d58"):
        c.packet("up", set_destination(plain(), dst), dst="33:33:00:00:4d:58").dropped("multicast")
    c.packet("up", set_destination(plain(hlim=1), "ff0e::4d58")).dropped("multicast")
    made.append(c)
    c = case("10-link-local-destination", "RFC 4291, 2.5.6: link-local destinations are not forwarded.", everything)
    for dst in ("fe80::99", "febf::1"):
        c.packet("up", set_destination(plain(), dst)).dropped("link-local")
    made.append(c)
    c = case("10-source-address", "RFC 4291, 2.5.2, 2.5.3, 2.7: multicast, loopback and unspecified sources are not "
             "forwarded; no error about them.", everything)
    for src in ("ff0e::1", "::1", "::"):
        c.packet("up", ip6(src, DST, 59, b"")).dropped("source-address")
    made.append(c)
    c = case("10-destination-address", "RFC 4291, 2.5.2, 2.5.3: loopback and unspecified destinations are not forwarded.",
             everything)
    for dst in ("::1", "::"):
        c.packet("up", set_destination(plain(), dst)).dropped("destination-address")
    made.append(c)
    c = case("11-version", "RFC 8200, 3: the version is 6.", everything)
    for version in (0, 4, 5, 7, 15):
        c.packet("up", bytes([version << 4]) + plain()[1:]).dropped("ip6-version")
    made.append(c)
    c = case("11-length", "RFC 8200, 3: the frame holds what the payload length says, at every octet short of it.",
             everything)
    whole = plain()
    for octets in range(1, len(whole)):
        c.packet("up", whole[:octets]).dropped("ip6-length")
    c.packet("up", whole).to("isp-a", hop(whole))
    made.append(c)
    c = case("12-ethernet", "Frames that are not for this station, not IPv6, or not even Ethernet.", everything)
    port = c.ports["up"]
    c.packet("up", whole, dst="02:00:00:00:00:99").dropped("ethernet-destination")
    for kind in (0x88CC, 0x9000, 0x86DC, 0x0026):
        head = port.received(b"")[:12] + struct.pack("!H", kind)
        c.frame("up", head + whole).dropped("ethernet-type")
    for octets in range(1, 14):
        c.frame("up", port.received(whole)[:octets]).dropped("ethernet-short")
    made.append(c)
    c = case("13-egress-deny", "egress-deny: a destination that must not leave by this port is dropped silently.",
             everything, isp_a=dict(egress_deny=["2001:db8:a:8000::/49", "2001:db8:b::/128"]))
    for dst in ("2001:db8:a:8000::", "2001:db8:a:ffff::1", "2001:db8:b::"):
        c.packet("up", plain(dst)).dropped("egress-filter")
    for dst in ("2001:db8:a:7fff::1", "2001:db8:b::1"):
        c.packet("up", plain(dst)).to("isp-a", hop(plain(dst)))
    made.append(c)
    return made


# ---- lookup ----------------------------------------------------------------------------------------------


def lookups():
    made = []
    lengths = (1, 8, 16, 24, 31, 32, 33, 47, 48, 49, 63, 64, 65, 96, 127, 128)
    c = case("14-longest-match", "The longest prefix wins, at every length from /0 to /128.", [])
    base = 0x20010DB8_AAAA_BBBB_CCCC_DDDD_EEEE_0000
    text = lambda value: str(ipaddress.IPv6Address(value))  # noqa: E731
    c.routes = [via("::/0", "isp-a"), BACK]
    for index, length in enumerate(lengths):
        keep = (1 << 128) - (1 << (128 - length))
        c.routes.append(via(f"{text(base & keep)}/{length}", ("isp-b", "isp-a")[index % 2]))
    for index, length in enumerate(lengths):
        # The last bit inside this prefix that a longer one would need is turned over.
        after = lengths[index + 1] if index + 1 < len(lengths) else None
        dst = text(base ^ (1 << (128 - after)) if after else base)
        c.packet("up", plain(dst)).to(("isp-b", "isp-a")[index % 2], hop(plain(dst)))
    c.packet("up", plain("3fff::1")).to("isp-b", hop(plain("3fff::1")))  # in ::/1 still
    c.packet("up", plain("9000::1")).to("isp-a", hop(plain("9000::1")))
    made.append(c)
    c = case("15-vrf", "A port's packets are looked up in its own VRF, and errors too.",
             [via("2001:db8:a::/48", "isp-b"), via("2001:db8:1::/48", "red-up", vrf="red"),
              via("2001:db8:a::/48", "red-b", vrf="red"), via("2001:db8:c::/48", "isp-b")],
             names=("up", "isp-b", "red-up", "red-b"), red_up=dict(vrf="red"), red_b=dict(vrf="red"))
    c.packet("up", plain()).to("isp-b", hop(plain()))
    c.packet("red-up", plain()).to("red-b", hop(plain()))
    c.packet("red-up", plain("2001:db8:c::1")).no_route()
    c.packet("up", plain("2001:db8:c::1")).to("isp-b", hop(plain("2001:db8:c::1")))
    made.append(c)
    c = case("16-connected", "A port's own subnet is reached directly, through the neighbor table.", [])
    sent = plain("2001:db8:0:b::2")
    c.packet("up", sent).to("isp-b", hop(sent))
    made.append(c)
    return made


# ---- several next hops -----------------------------------------------------------------------------------


def ecmp():
    made = []
    paths = ("isp-a", "isp-b")
    both = via("2001:db8:a::/48", *paths)
    c = case("17-ecmp-fragments", "Several next hops: all fragments of a packet take one path, in whatever order; "
             "different flows spread.", [both])
    for flow in range(40):
        src = f"2001:db8:1::{flow + 1:x}"
        data = udp(src, DST, bytes(1400), sport=1000 + flow)
        pieces = [(0, 1, data[:400]), (100, 0, data[800:]), (50, 1, data[400:800])]
        for offset, more, piece in pieces[flow % 3 :] + pieces[: flow % 3]:
            sent = ip6(src, DST, FRAGMENT, fragment(UDP_NH, offset, more, flow) + piece, fl=flow * 7)
            c.packet("up", sent).to_any(paths, hop(sent))
    c.more["one-path-per"] = "source-destination-flow-label"
    made.append(c)
    c = case("17-ecmp-flows", "Several next hops: a flow stays on its path whatever else its packets say; different "
             "flows spread.", [both])
    for turn in range(3):
        for flow in range(60):
            src = f"2001:db8:1::{flow + 1:x}"
            sent = plain(src=src, data=bytes([turn]) * (turn * 50), hlim=64 - turn, tc=turn, fl=flow)
            c.packet("up", sent).to_any(paths, hop(sent))
    c.more["one-path-per"] = "source-destination-flow-label"
    made.append(c)
    c = case("18-sibling-takes-over", "A dead next hop switches every flow behind it to its sibling at once.", [both])
    c.run("port set isp-a down")
    for flow in range(20):
        sent = plain(src=f"2001:db8:1::{flow + 1:x}", fl=flow)
        c.packet("up", sent).to("isp-b", hop(sent))
    c.run("port set isp-a up")
    c.run("port set isp-b down")
    for flow in range(20):
        sent = plain(src=f"2001:db8:1::{flow + 1:x}", fl=flow)
        c.packet("up", sent).to("isp-a", hop(sent))
    made.append(c)
    return made


# ---- changes while packets flow --------------------------------------------------------------------------


def changes():
    c = case("19-route-changes", "Routes come and go between two packets: add, del, a more specific one, an action.",
             [via("::/0", "isp-a")])

    def goes(port):
        c.packet("up", plain()).to(port, hop(plain()))

    goes("isp-a")
    c.run("route add 2001:db8:a::/48 via 2001:db8:0:b::2 dev isp-b")
    goes("isp-b")
    goes("isp-b")
    c.run("route add 2001:db8:a::/64 via 2001:db8:0:a::2 dev isp-a")
    goes("isp-a")
    c.run("route del 2001:db8:a::/48")
    goes("isp-a")
    c.run("route del 2001:db8:a::/64")
    c.run("route del ::/0")
    c.packet("up", plain()).no_route()
    c.run("route add 2001:db8:a::/48 via 2001:db8:0:b::2 dev isp-b")
    goes("isp-b")
    return [c]


# ---- kinds of capture ------------------------------------------------------------------------------------


def block(kind, body):
    """A pcapng block, little-endian, padded to 4 octets."""
    body += bytes(-len(body) % 4)
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def captures():
    made = []
    c = case("20-pcapng-input", "Input may be pcapng; the output is classic pcap in microseconds.", [TO_A])
    for index in range(3):
        sent = plain(data=bytes(index))
        c.packet("up", sent).to("isp-a", hop(sent))
    octets = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + block(1, struct.pack("<HHI", 1, 0, 0))
    for time_us, frame in c.inputs["up"]:
        head = struct.pack("<IIIII", 0, time_us >> 32, time_us & 0xFFFFFFFF, len(frame), len(frame))
        octets += block(6, head + frame)
    c.files["in.up.pcap"] = octets
    made.append(c)
    c = case("20-nanoseconds-big-endian", "Input in nanoseconds and the other byte order: times are cut to microseconds.",
             [TO_A])
    octets = struct.pack(">IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1)
    for index in range(3):
        sent = plain(data=bytes(index))
        c.packet("up", sent).to("isp-a", hop(sent))
        time_us, frame = c.inputs["up"][-1]
        head = struct.pack(">IIII", time_us // 1_000_000, time_us % 1_000_000 * 1000 + 999, len(frame), len(frame))
        octets += head + frame
    c.files["in.up.pcap"] = octets
    made.append(c)
    c = case("21-two-inputs", "Inputs are merged by time; ties go by the order of the options.",
             [via("2001:db8:a::/48", "isp-b")])
    first, second = plain(data=b"1"), plain(data=b"2")
    for port, sent in (("up", first), ("isp-a", second), ("isp-a", first), ("up", second)):
        c.packet(port, sent).to("isp-b", hop(sent))
    # One time for two frames: "isp-a" was given before "up".
    c.packet("isp-a", plain(data=b"tie a")).to("isp-b", hop(plain(data=b"tie a")))
    c.step_us = 0
    c.packet("up", plain(data=b"tie up")).to("isp-b", hop(plain(data=b"tie up")))
    made.append(c)
    return made
