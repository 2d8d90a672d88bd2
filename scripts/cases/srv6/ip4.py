"""Group `ip4`: IPv4 forwarding (RFC 791, RFC 1812), its errors (RFC 792, RFC 1191), echo, and ARP (RFC 826)."""

import struct

from scapy.layers.l2 import ARP, Ether

from lib import action
from srv6 import case as usual
from srv6.case import to
from srv6.packets import DST4, SRC4, four_icmp, hop4, ping4, plain4, set4, sum4, with_options

ROUTES = [to("10.1.0.0/16", "core"), to("10.2.0.0/16", "ce")]


def build():
    return [*transit(), *errors(), *sanity(), *lookups(), *echo(), *arp()]


def case(name, clause, routes=ROUTES, names=("core", "east", "ce"), **keys):
    return usual.SrCase(name, clause, [], routes, names=names, group="ip4", locator=False, **keys)


def of_length(octets, **keys):
    return plain4(data=bytes(i & 0xFF for i in range(octets - 28)), **keys)


def protocol(number, payload=b"whatever it is", **keys):
    made = plain4(data=b"", **keys)[:20]
    made = made[:2] + struct.pack("!H", 20 + len(payload)) + made[4:9] + bytes([number]) + made[10:]
    return sum4(made) + payload


# ---- transit ---------------------------------------------------------------------------------------------


def transit():
    made = []
    c = case("01-every-protocol", "RFC 1812, 5.2.1: all 256 protocols are forwarded alike: TTL one less, the header checksum right.")
    for number in range(256):
        c.feed("core", protocol(number, bytes(number % 61)), "ce")
    made.append(c)
    c = case("02-every-field", "RFC 791, 3.1: type of service, identification, flags, fragment offset, source, destination, options and "
             "data are kept; TTL 255 and 2 pass; every checksum on the way comes out right.")
    for tos, ttl, ident, flags, offset in ((0xFF, 255, 0xFFFF, "DF", 0), (0, 2, 0, 0, 0), (0xB8, 64, 1, "MF", 0),
                                           (3, 64, 1, 0, 185), (0, 64, 0x8000, "MF", 4000)):
        c.feed("core", plain4(tos=tos, ttl=ttl, ident=ident, flags=flags, frag=offset), "ce")
    for ident in range(0, 0x10000, 0x0FFF):  # RFC 1624: also where the sum turns over
        c.feed("core", plain4(ident=ident, src=f"10.1.{ident & 0xFF}.{ident >> 8}"), "ce")
    for wanted in (0x0000, 0xFFFF, 0xFEFF, 0x00FF, 0xFF00, 0x0100):
        c.feed("core", with_checksum(wanted), "ce")
    made.append(c)
    c = case("03-options", "RFC 1812, 5.2.4: options are accepted and left alone, of any length.")
    for options in (b"\x94\x04\x00\x00", bytes([7, 7, 4, 0, 0, 0, 0, 1]), b"\x01" * 40, b"\x44\x0c\x05\x00" + bytes(8),
                    bytes([131, 7, 4, 10, 2, 0, 1, 0]), b"\xff\xff\xff\xff", bytes(4)):
        c.feed("core", plain4(options=options), "ce")
    made.append(c)
    c = case("04-padding-is-cut", "What follows the total length is link padding and is cut.")
    for octets, padding in ((20, 26), (21, 25), (28, 1), (60, 100)):
        packet = protocol(99, bytes(octets - 20))
        c.feed("core", packet + b"\xee" * padding, "ce")
        c.feed("core", set4_destination(packet, bytes([10, 9, 0, 1])) + b"\xee" * padding, "(3,0)")
    made.append(c)
    return made


def set4_destination(packet, octets):
    return sum4(set4(packet, 16, octets))


def with_checksum(wanted):
    """A packet whose header checksum is this (or its other form of zero)."""
    for ident in range(0x10000):
        packet = plain4(ident=ident)
        have = struct.unpack("!H", packet[10:12])[0]
        step = (ident + have - wanted) % 0xFFFF
        packet = sum4(set4(packet, 4, struct.pack("!H", step)))
        if packet[10:12] == struct.pack("!H", wanted) or wanted in (0, 0xFFFF):
            return packet
    raise AssertionError(wanted)


# ---- errors ----------------------------------------------------------------------------------------------


def errors():
    made = []
    c = case("05-ttl", "RFC 1812, 5.3.1: a TTL that would become 0: ICMP (11,0), quoting the packet as received.")
    for ttl in (1, 0):
        for tos in (0, 0x1C, 0xFF):
            c.feed("core", plain4(ttl=ttl, tos=tos), "(11,0)")
        c.feed("core", plain4(ttl=ttl, options=b"\x94\x04\x00\x00"), "(11,0)")
        c.feed("core", ping4(DST4, ttl=ttl), "(11,0)")
    made.append(c)
    c = case("06-no-route", "RFC 1812, 5.2.7.1: no route: ICMP (3,0). A discard route is silent.",
             [*ROUTES, action("10.7.0.0/16", "blackhole")])
    c.feed("core", plain4(dst="10.9.0.1"), "(3,0)")
    c.feed("core", plain4(dst="10.9.0.1", df=False), "(3,0)")
    c.feed("core", plain4(dst="10.7.0.1"), "silent")
    made.append(c)
    c = case("07-mtu", "RFC 1191, 4: DF and longer than the MTU ahead: ICMP (3,4) with that MTU.", ce=dict(mtu=1400))
    for octets in (1399, 1400):
        c.feed("core", of_length(octets), "ce")
        c.feed("core", of_length(octets, df=False), "ce")
    for octets in (1401, 1500):
        c.feed("core", of_length(octets), "(3,4)")
        c.feed("core", of_length(octets, options=b""), "(3,4)")
    made.append(c)
    c = case("08-fragmentation", "RFC 791, 3.2: without DF a packet that is too long leaves in pieces.", ce=dict(mtu=1280))
    c.feed("core", of_length(1281, df=False), "fragments")
    c.feed("core", of_length(1500, df=False), "fragments")
    c.feed("core", of_length(1500, flags="MF", frag=100), "fragments")
    made.append(c)
    c = case("09-quote-length", "RFC 1812, 4.3.2.3: the quote is cut so that the error is 576 octets at most.")
    for octets in (28, 29, 100, 547, 548, 549, 576, 1500):
        c.feed("core", of_length(octets, dst="10.9.0.1"), "(3,0)")
    made.append(c)
    c = case("10-never-an-error-about", "RFC 1812, 4.3.2.7: no error about an ICMP error or a later fragment; about queries and a first "
             "fragment there is one.")
    for kind in (3, 4, 5, 11, 12):
        c.feed("core", protocol(1, four_icmp(kind), dst="10.9.0.1"), "silent")
        c.feed("core", protocol(1, four_icmp(kind), ttl=1), "silent")
    for kind in (0, 8, 13, 14):
        c.feed("core", protocol(1, four_icmp(kind), dst="10.9.0.1"), "(3,0)")
    c.feed("core", plain4(dst="10.9.0.1", flags="MF"), "(3,0)")
    c.feed("core", plain4(dst="10.9.0.1", flags="MF", frag=5), "silent")
    c.feed("core", plain4(dst="10.9.0.1", flags=0, frag=5), "silent")
    made.append(c)
    return made


# ---- sanity ----------------------------------------------------------------------------------------------


def sanity():
    made = []
    whole = plain4()
    c = case("11-version-and-length", "RFC 1812, 5.2.2: version 4, a header of 20 octets at least, all of it and of the packet there.")
    for version in (0, 3, 5, 6, 15):
        c.feed_frame("core", c.ports["core"].received(b"")[:12] + b"\x08\x00" + sum4(set4(whole, 0, bytes([version << 4 | 5]))),
                     "silent")
    for words in (0, 1, 4):
        bad = bytes([0x40 | words]) + whole[1:]
        c.feed("core", bad, "silent")
    c.feed("core", sum4(bytes([0x4F]) + whole[1:60])[:40], "silent")
    for total in (0, 19, len(whole) + 1, 0xFFFF):
        c.feed("core", sum4(set4(whole, 2, struct.pack("!H", total))), "silent")
    for octets in range(1, len(whole)):
        c.feed("core", whole[:octets], "silent")
    c.feed("core", whole, "ce")
    made.append(c)
    c = case("12-checksum", "RFC 1812, 5.2.2: a header with a wrong checksum is dropped in silence, whatever bit is wrong.")
    for bit in range(160):
        if bit in range(4, 8) or bit in range(0, 4):
            continue  # version and header length have cases of their own
        at, mask = bit // 8, 0x80 >> bit % 8
        c.feed("core", set4(whole, at, bytes([whole[at] ^ mask])), "silent")
    c.feed("core", set4(whole, 10, b"\x00\x00"), "silent")
    made.append(c)
    c = case("13-addresses", "RFC 1812, 5.3.7, 4.2.2.11 and 5.3.4: sources and destinations that must not be forwarded: this network, "
             "loopback, groups, the limited broadcast.", [*ROUTES, to("0.0.0.0/0", "ce")])
    for src in ("0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.255", "224.0.0.1", "239.255.255.255", "255.255.255.255"):
        c.feed("core", plain4(src=src), "silent")
    for dst in ("0.0.0.0", "0.255.255.255", "127.0.0.1", "224.0.0.5", "239.1.1.1", "255.255.255.255"):
        c.feed("core", plain4(dst=dst), "silent")
        c.feed("core", plain4(dst=dst, ttl=1), "silent")
    for dst in ("1.0.0.1", "126.255.255.255", "128.0.0.1", "223.255.255.255"):
        c.feed("core", plain4(dst=dst), "ce")
    made.append(c)
    return made


# ---- lookup ----------------------------------------------------------------------------------------------


def lookups():
    made = []
    lengths = (1, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32)
    base = 0xAC10_AAAA
    text = lambda value: ".".join(str(value >> s & 255) for s in (24, 16, 8, 0))  # noqa: E731
    routes = [to("10.1.0.0/16", "core"), to("0.0.0.0/0", "ce")]
    for index, length in enumerate(lengths):
        keep = (1 << 32) - (1 << (32 - length))
        routes.append(to(f"{text(base & keep)}/{length}", ("east", "ce")[index % 2]))
    c = case("14-longest-match", "RFC 1812, 5.2.4.3: the longest prefix wins, at every length.", routes)
    for index, length in enumerate(lengths):
        after = lengths[index + 1] if index + 1 < len(lengths) else None
        c.feed("core", plain4(dst=text(base ^ (1 << (32 - after)) if after else base)), ("east", "ce")[index % 2])
    c.feed("core", plain4(dst="9.0.0.1"), "ce")
    made.append(c)
    c = case("15-vrf", "A port's packets are looked up in its own VRF, and errors too.",
             [to("10.1.0.0/16", "core"), to("10.2.0.0/16", "east"), to("10.2.0.0/16", "red", vrf="red"),
              to("10.1.0.0/16", "red", vrf="red"), to("10.3.0.0/16", "east")], names=("core", "east", "red"))
    c.feed("core", plain4(), "east")
    c.feed("red", plain4(), "red")
    c.feed("red", plain4(dst="10.3.0.1"), "(3,0)")
    c.feed("core", plain4(dst="10.3.0.1"), "east")
    made.append(c)
    c = case("16-connected", "A port's own subnet is reached directly.")
    c.feed("core", plain4(dst="192.0.2.2"), "east")
    made.append(c)
    c = case("17-six-next-hop", "RFC 8950: an IPv4 route by an IPv6 next hop; an error from a port without IPv4 address has another one "
             "of this node's.", east=dict(only6=True), names=("core", "east", "ce"),
             routes=[*ROUTES, to("10.5.0.0/16", "east")])
    c.feed("core", plain4(dst="10.5.0.1"), "east")
    c.feed("east", plain4(), "ce")
    c.feed("core", plain4(dst="10.5.0.1", ttl=1), "(11,0)")
    made.append(c)
    return made


# ---- this node -------------------------------------------------------------------------------------------


def echo():
    c = case("18-echo", "RFC 1812, 4.3.3.6: an echo request to an address of this node is answered from that address, type of service, "
             "identification and data returned; TTL 64; TTL 1 is enough to arrive.")
    for dst in ("192.0.1.1", "192.0.5.1"):
        for data in (b"", b"x", b"ping", bytes(range(256)) * 4):
            c.feed("core", ping4(dst, data=data, tos=0x10, ident=len(data)), "reply")
        c.feed("core", ping4(dst, ttl=1), "reply")
    spoiled = ping4("192.0.1.1")
    c.feed("core", spoiled[:-1] + bytes([spoiled[-1] ^ 1]), "silent")
    d = case("19-nobody-listens", "RFC 1122, 3.2.2.1: UDP to this node is (3,3), an unknown protocol (3,2), TCP silence.")
    d.feed("core", plain4(dst="192.0.1.1"), "(3,3)")
    d.feed("core", protocol(99, dst="192.0.1.1"), "(3,2)")
    d.feed("core", protocol(6, bytes(20), dst="192.0.1.1"), "silent")
    return [c, d]


HOST, HOST_MAC = "192.0.5.77", "02:00:00:00:99:77"


def arp_frame(kind, src_mac, src, dst_mac, dst, to_mac=None, padding=b""):
    station = "ff:ff:ff:ff:ff:ff" if kind == 1 else dst_mac
    message = ARP(op=kind, hwsrc=src_mac, psrc=src, hwdst=dst_mac, pdst=dst)
    return bytes(Ether(dst=to_mac or station, src=src_mac, type=0x0806) / message) + padding


ZERO = "00:00:00:00:00:00"


def arp():
    made = []
    c = case("20-arp-answered", "RFC 826: a request for an address of the port is answered to its sender; another one is not.")
    port = c.ports["ce"]
    for padding in (b"", bytes(18)):
        c.frame("ce", arp_frame(1, HOST_MAC, HOST, ZERO, port.address4, padding=padding))
        c.made_frame("ce", arp_frame(2, port.mac, port.address4, HOST_MAC, HOST))
        c.consumed()
    c.frame("ce", arp_frame(1, HOST_MAC, HOST, ZERO, port.address4, to_mac=port.mac))  # unicast: a check
    c.made_frame("ce", arp_frame(2, port.mac, port.address4, HOST_MAC, HOST))
    c.consumed()
    made.append(c)
    c = case("21-arp-not-answered", "RFC 826: requests for other addresses, of another port or another protocol, and cut ones: no "
             "answer.")
    good = arp_frame(1, HOST_MAC, HOST, ZERO, port.address4)
    for target in (HOST, "192.0.5.2", "192.0.1.1", "10.2.0.1"):
        c.frame("ce", arp_frame(1, HOST_MAC, HOST, ZERO, target))
    for at, octets in ((14, b"\x00\x06"), (16, b"\x86\xdd"), (18, b"\x08"), (19, b"\x10"), (20, b"\x00\x09")):
        c.frame("ce", set4(good, at, octets))
    for octets in (14, 15, 41):
        c.frame("ce", good[:octets])
    c.uncounted()
    made.append(c)
    first, second = plain4(dst=HOST, data=b"held"), plain4(dst=HOST, data=b"second")

    def leaves(c, packet):
        c.out_frame("ce", bytes(Ether(dst=HOST_MAC, src=c.ports["ce"].mac, type=0x0800)) + hop4(packet))

    def send(c, packet):
        c.frame("core", c.ports["core"].received(b"")[:12] + b"\x08\x00" + packet)

    c = case("22-arp-resolution", "RFC 826: an unknown neighbor is asked for once; packets wait and go, in order, when the answer comes; "
             "the next one goes at once.")
    send(c, first)
    c.made_frame("ce", arp_frame(1, port.mac, port.address4, ZERO, HOST))
    send(c, second)
    c.frame("ce", arp_frame(2, HOST_MAC, HOST, port.mac, port.address4))
    c.consumed()
    leaves(c, first)
    leaves(c, second)
    send(c, second)
    leaves(c, second)
    made.append(c)
    c = case("23-arp-learned", "RFC 826: who asks for us is known from then on.")
    c.frame("ce", arp_frame(1, HOST_MAC, HOST, ZERO, port.address4))
    c.made_frame("ce", arp_frame(2, port.mac, port.address4, HOST_MAC, HOST))
    c.consumed()
    send(c, first)
    leaves(c, first)
    made.append(c)
    c = case("24-commands", "Routes and neighbors of IPv4 by command.")
    c.run(f"neighbor add {HOST} lladdr {HOST_MAC} dev ce")
    send(c, first)
    leaves(c, first)
    c.run("route add 10.8.0.0/16 via 192.0.2.2 dev east")
    far = plain4(dst="10.8.0.1", src=SRC4)
    send(c, far)
    c.out_frame("east", c.ports["east"].sent(b"")[:12] + b"\x08\x00" + hop4(far))
    made.append(c)
    return made
