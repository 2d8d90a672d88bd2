"""Group `nd`: neighbor discovery (RFC 4861) and echo (RFC 4443, 4), octet by octet."""

import ipaddress
import struct

from scapy.layers.inet6 import (
    ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IPv6,
)
from scapy.layers.l2 import Ether

from lib import ICMP6, UDP_NH, Case, hop, icmp6, ip6, ports, udp, via

SRC = "2001:db8:1::1"
BACK = via("2001:db8:1::/48", "up")
HOST, HOST_MAC = "2001:db8:0:a::77", "02:00:00:00:77:77"


def build():
    return [*advertised(), *ignored(), *resolution(), *echo()]


def solicited_node(target):
    """RFC 4291, 2.7.1: the group, and its Ethernet address (RFC 2464, 7)."""
    low = ipaddress.IPv6Address(target).packed[-3:]
    group = ipaddress.IPv6Address(bytes.fromhex("ff0200000000000000000001ff") + low)
    return str(group), "33:33:ff:" + ":".join(f"{b:02x}" for b in low)


def solicitation(src, dst, target, src_mac, dst_mac, option=True, hlim=255, code=0):
    message = ICMPv6ND_NS(tgt=target, code=code)
    message = message / ICMPv6NDOptSrcLLAddr(lladdr=src_mac) if option else message
    return bytes(Ether(dst=dst_mac, src=src_mac, type=0x86DD) / IPv6(src=src, dst=dst, hlim=hlim) / message)


def advertisement(src, dst, target, src_mac, dst_mac, r, s, o, hlim=255):
    message = ICMPv6ND_NA(tgt=target, R=r, S=s, O=o) / ICMPv6NDOptDstLLAddr(lladdr=src_mac)
    return bytes(Ether(dst=dst_mac, src=src_mac, type=0x86DD) / IPv6(src=src, dst=dst, hlim=hlim) / message)


def case(name, clause, routes=(), **keys):
    return Case("nd", name, clause, ports("up", "isp-a", **keys), [BACK, *routes])


def advertised():
    made = []
    c = case("01-solicited", "RFC 4861, 7.2.4: a solicitation for an address of the port is answered to its sender: "
             "R=1 S=1 O=1, target link-layer address, hop limit 255.")
    own, mac = c.ports["isp-a"].address, c.ports["isp-a"].mac
    group, group_mac = solicited_node(own)
    for dst, dst_mac in ((group, group_mac), (own, mac)):
        c.frame("isp-a", solicitation(HOST, dst, own, HOST_MAC, dst_mac))
        c.made_frame("isp-a", advertisement(own, HOST, own, mac, HOST_MAC, 1, 1, 1))
        c.consumed()
    made.append(c)
    c = case("02-duplicate-detection", "RFC 4861, 7.2.4: an unspecified source is answered to all nodes, S=0.")
    c.frame("isp-a", solicitation("::", group, own, HOST_MAC, group_mac, option=False))
    c.made_frame("isp-a", advertisement(own, "ff02::1", own, mac, "33:33:00:00:00:01", 1, 0, 1))
    c.consumed()
    made.append(c)
    return made


def ignored():
    c = case("03-ignored", "RFC 4861, 7.1.1: hop limit, code, checksum, a multicast target, a target that is not "
             "ours, an unspecified source with an option or to a unicast address: no answer.")
    own, mac = c.ports["isp-a"].address, c.ports["isp-a"].mac
    group, group_mac = solicited_node(own)
    other = "2001:db8:0:a::99"
    frames = [
        solicitation(HOST, group, own, HOST_MAC, group_mac, hlim=254),
        solicitation(HOST, group, own, HOST_MAC, group_mac, code=1),
        solicitation(HOST, group, own, HOST_MAC, group_mac)[:-1] + b"\x55",
        solicitation(HOST, group, "ff02::1", HOST_MAC, group_mac),
        solicitation(HOST, own, other, HOST_MAC, mac),
        solicitation("::", group, own, HOST_MAC, group_mac, option=True),
        solicitation("::", own, own, HOST_MAC, mac, option=False),
    ]
    short = solicitation(HOST, group, own, HOST_MAC, group_mac)
    frames.append(short[:18] + struct.pack("!H", 20) + short[20 : 54 + 20])
    for frame in frames:
        c.frame("isp-a", frame)
    c.uncounted()
    return [c]


def resolution():
    made = []
    sent = ip6(SRC, HOST, UDP_NH, udp(SRC, HOST, b"held"))
    second = ip6(SRC, HOST, UDP_NH, udp(SRC, HOST, b"second"))
    group, group_mac = solicited_node(HOST)

    c = case("04-resolution", "RFC 4861, 7.2.2: an unknown on-link neighbor: one solicitation to its solicited-node "
             "group, from the port's address in that subnet; the packets wait, and go, in order, when the "
             "advertisement comes; the next one goes at once.")
    own, mac = c.ports["isp-a"].address, c.ports["isp-a"].mac

    def leaves(packet):
        frame = bytes(Ether(dst=HOST_MAC, src=mac, type=0x86DD)) + hop(packet)
        c.out_frame("isp-a", frame)

    c.packet("up", sent)
    c.made_frame("isp-a", solicitation(own, group, HOST, mac, group_mac))
    c.packet("up", second)
    c.frame("isp-a", advertisement(HOST, own, HOST, HOST_MAC, mac, 0, 1, 1))
    c.consumed()
    leaves(sent)
    leaves(second)
    c.packet("up", second)
    leaves(second)
    made.append(c)

    c = case("05-learned-from-a-solicitation", "RFC 4861, 7.2.3: the source link-layer address of a solicitation is "
             "learned: no solicitation back is needed.")
    own_group, own_group_mac = solicited_node(own)
    c.frame("isp-a", solicitation(HOST, own_group, own, HOST_MAC, own_group_mac))
    c.made_frame("isp-a", advertisement(own, HOST, own, mac, HOST_MAC, 1, 1, 1))
    c.consumed()
    c.packet("up", sent)
    leaves(sent)
    made.append(c)

    c = case("06-next-hop-resolution", "The next hop of a route is resolved like a destination.",
             [via("2001:db8:a::/48", "isp-a")], isp_a=dict(static=False))
    far = ip6(SRC, "2001:db8:a::d", UDP_NH, udp(SRC, "2001:db8:a::d", b"far"))
    gateway = c.ports["isp-a"].neighbor
    group, group_mac = solicited_node(gateway)
    c.packet("up", far)
    c.made_frame("isp-a", solicitation(own, group, gateway, mac, group_mac))
    c.frame("isp-a", advertisement(gateway, own, gateway, HOST_MAC, mac, 1, 1, 1))
    c.consumed()
    leaves(far)
    made.append(c)

    c = case("07-static-by-command", "A neighbor added by command needs no resolution.")
    c.run(f"neighbor add {HOST} lladdr {HOST_MAC} dev isp-a")
    c.packet("up", sent)
    leaves(sent)
    made.append(c)
    return made


def echo():
    c = case("08-echo", "RFC 4443, 4.2: an echo request to an address of the router is answered from that address, "
             "with identifier, sequence number and data returned; hop limit 64.")
    for dst in (c.ports["up"].address, c.ports["isp-a"].address):
        for data in (b"", b"ping", bytes(range(256)) * 4):
            body = struct.pack("!HH", 0x1234, len(data)) + data
            c.packet("up", ip6(SRC, dst, ICMP6, icmp6(SRC, dst, 128, 0, body)))
            c.made("up", ip6(dst, SRC, ICMP6, icmp6(dst, SRC, 129, 0, body)))
            c.consumed()
    far = c.ports["up"].address
    body = struct.pack("!HH", 1, 2) + b"hop limit 1 is enough to arrive"
    c.packet("up", ip6(SRC, far, ICMP6, icmp6(SRC, far, 128, 0, body), hlim=1))
    c.made("up", ip6(far, SRC, ICMP6, icmp6(far, SRC, 129, 0, body)))
    c.consumed()
    return [c]
