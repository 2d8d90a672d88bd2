"""The plain and MEX workloads of bench-seats: their packets."""

import socket

from scapy.layers.inet import UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

SOURCE_MAC, OUR_MAC = "02:00:00:00:00:01", "02:00:00:00:00:0a"
ROUTES = 8
FRAME_BYTES = 64  # the shortest plain frame, without the frame check sequence
AP_NEXT_HEADER = 253
NEXT_HEADER_UDP = 17


def ap_header(prefix: str) -> bytes:
    """An AP header (docs: MEX wire format) with one alternative prefix, in front of UDP."""
    fixed = bytes([NEXT_HEADER_UDP, 1, 1, 0x10]) + b"\x4d\x58\x00\x00"
    return fixed + socket.inet_pton(socket.AF_INET6, prefix)[:8]


def frame(kind: str, flow: int) -> Ether:
    """One packet of a capture: its destination is behind one of the routes, at once or by its alternative."""
    reachable, dead = f"2001:db8:{flow % ROUTES + 1:x}:1::", f"2001:db8:{0x8000 + flow:x}:1::"
    to = (dead if kind == "exchange" else reachable) + f"{flow + 1:x}"
    udp = UDP(sport=1024 + flow, dport=9)
    link = Ether(src=SOURCE_MAC, dst=OUR_MAC)
    ip = IPv6(src="2001:db8:f000::1", dst=to, hlim=64, fl=flow)
    if kind == "plain":
        packet = link / ip / udp
        return packet / Raw(bytes(FRAME_BYTES - len(packet)))
    # The checksum covers the original destination; scapy computes it before the header goes in.
    upper = bytes((ip / udp)[UDP])
    ip.nh = AP_NEXT_HEADER
    return link / ip / Raw(ap_header(reachable if kind == "exchange" else dead) + upper)
