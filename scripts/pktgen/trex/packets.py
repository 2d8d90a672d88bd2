"""The frames of every scenario, made with scapy: what TRex sends, and what the frames of the generator are checked against.

Frame lengths are without the frame check sequence. The last ten octets of a payload (in frames with less: the interface
identifier of the source, and the first two octets) are a generator's number and time, zero here, with a balance that keeps the
UDP checksum right for any.
"""

import socket

from scapy.layers.inet import UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrSegmentRouting
from scapy.layers.l2 import Ether
from scapy.packet import Raw

SOURCE_MAC, DUT_MAC = "02:00:00:00:00:01", "02:00:00:00:00:0a"
DUT_OUT_MAC, SINK_MAC = "02:00:00:00:00:0b", "02:00:00:00:00:b2"
ROUTES = 8
SIDS = ["fc00:0:1:100::", "fc00:0:2:100::", "fc00:0:3:100::"]
DECAPSULATING_SID = "fc00:0:1:d6::"
POLICY_SOURCE = "2001:db8:ffff:2::1"
OUTER_SOURCE = "2001:db8:f001::1"
HOP_LIMIT = 64
AP_NEXT_HEADER, UDP_NEXT_HEADER, IPV6_NEXT_HEADER, ROUTING_NEXT_HEADER = 253, 17, 41, 43
NO_PROBE = bytes(8)
PLAIN_HEADERS = 14 + 40 + 8
# Octets before the UDP payload.
HEADERS = {
    "plain": PLAIN_HEADERS,
    "mex-idle": PLAIN_HEADERS + 16,
    "mex-exchange": PLAIN_HEADERS + 16,
    "sr-end": PLAIN_HEADERS + 40 + 56,
    "sr-encap": PLAIN_HEADERS,
    "sr-decap": PLAIN_HEADERS + 40,
}
SCENARIOS = tuple(HEADERS)


def shortest(scenario: str) -> int:
    """Octets of the shortest frame."""
    return HEADERS[scenario] + 2


def balance(probe: bytes) -> bytes:
    total = sum(int.from_bytes(probe[at : at + 2], "big") for at in range(0, 8, 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return (0xFFFF - total).to_bytes(2, "big")


def payload(length: int, probe: bytes) -> bytes:
    octets = bytearray(at & 0xFF for at in range(length))
    if length >= 10:
        octets[-10:] = probe + balance(probe)
    else:
        octets[:2] = balance(probe)
    return bytes(octets)


class Flow:
    """The packets of one flow, as they are sent and as they have to be forwarded."""

    def __init__(self, number: int, payload_len: int, probe: bytes = NO_PROBE):
        self.number, self.payload_len, self.probe = number, payload_len, probe
        self.reachable = f"2001:db8:{number % ROUTES + 1:x}:1::"
        self.dead = f"2001:db8:{0x8000 | number & 0x7FFF:x}:1::"

    def inner(self, prefix: str, hop_limit: int = HOP_LIMIT) -> IPv6:
        """Plain IPv6 and UDP."""
        source = "2001:db8:f000::1"
        if self.payload_len < 10:
            source = socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, source)[:8] + self.probe)
        ip = IPv6(src=source, dst=f"{prefix}{self.number + 1:x}", hlim=hop_limit, fl=self.number + 1)
        return ip / UDP(sport=1024 + self.number % 60000, dport=9) / Raw(payload(self.payload_len, self.probe))

    def with_ap(self, summed: str, to: str, alternative: str, left: int, hop_limit: int) -> IPv6:
        """With an AP header of one alternative; the checksum covers the prefix `summed`."""
        upper = bytes(self.inner(summed)[UDP])
        ap = bytes([UDP_NEXT_HEADER, 1, left, 0x10]) + b"MX\0\0" + socket.inet_pton(socket.AF_INET6, alternative)[:8]
        plain = self.inner(to)
        ip = IPv6(src=plain.src, dst=plain.dst, hlim=hop_limit, fl=plain.fl, nh=AP_NEXT_HEADER)
        return ip / Raw(ap + upper)

    def routed(self, left: int, hop_limit: int) -> IPv6:
        """Behind an SRH of three segments."""
        header = IPv6ExtHdrSegmentRouting(addresses=SIDS[::-1], segleft=left, lastentry=2, nh=IPV6_NEXT_HEADER)
        outer = IPv6(src=OUTER_SOURCE, dst=SIDS[2 - left], hlim=hop_limit, fl=self.number + 1, nh=ROUTING_NEXT_HEADER)
        return outer / header / self.inner(self.reachable)

    def sent(self, scenario: str) -> IPv6:
        match scenario:
            case "plain" | "sr-encap":
                return self.inner(self.reachable)
            case "mex-idle":
                return self.with_ap(self.reachable, self.reachable, self.dead, 1, HOP_LIMIT)
            case "mex-exchange":
                return self.with_ap(self.dead, self.dead, self.reachable, 1, HOP_LIMIT)
            case "sr-end":
                return self.routed(2, HOP_LIMIT)
            case "sr-decap":
                outer = IPv6(src=OUTER_SOURCE, dst=DECAPSULATING_SID, hlim=HOP_LIMIT, fl=self.number + 1, nh=IPV6_NEXT_HEADER)
                return outer / self.inner(self.reachable)
        raise ValueError(f"no scenario is called {scenario!r}; there are {', '.join(SCENARIOS)}")

    def forwarded(self, scenario: str) -> IPv6:
        match scenario:
            case "plain" | "sr-decap":
                return self.inner(self.reachable, HOP_LIMIT - 1)
            case "mex-idle":
                return self.with_ap(self.reachable, self.reachable, self.dead, 1, HOP_LIMIT - 1)
            case "mex-exchange":
                return self.with_ap(self.dead, self.reachable, self.dead, 0, HOP_LIMIT - 1)
            case "sr-end":
                return self.routed(1, HOP_LIMIT - 1)
            case "sr-encap":
                header = IPv6ExtHdrSegmentRouting(addresses=[SIDS[1]], segleft=0, lastentry=0, nh=IPV6_NEXT_HEADER)
                # The flow label is a hash: 0 stands for it.
                outer = IPv6(src=POLICY_SOURCE, dst=SIDS[1], hlim=HOP_LIMIT, nh=ROUTING_NEXT_HEADER)
                return outer / header / self.inner(self.reachable, HOP_LIMIT - 1)
        raise ValueError(f"no scenario is called {scenario!r}; there are {', '.join(SCENARIOS)}")


def flow(scenario: str, size: int, number: int, probe: bytes = NO_PROBE) -> Flow:
    """A flow whose frames have this size when they are sent."""
    if scenario not in HEADERS:
        raise ValueError(f"no scenario is called {scenario!r}; there are {', '.join(SCENARIOS)}")
    if size < shortest(scenario):
        raise ValueError(f"{scenario}: frames have at least {shortest(scenario)} octets, not {size}")
    return Flow(number, size - HEADERS[scenario], probe)


def sent(scenario: str, size: int, number: int, probe: bytes = NO_PROBE) -> bytes:
    """A frame as it is sent."""
    return bytes(Ether(src=SOURCE_MAC, dst=DUT_MAC) / flow(scenario, size, number, probe).sent(scenario))


def forwarded(scenario: str, size: int, number: int, probe: bytes = NO_PROBE) -> bytes:
    """The frame as it has to come back."""
    return bytes(Ether(src=DUT_OUT_MAC, dst=SINK_MAC) / flow(scenario, size, number, probe).forwarded(scenario))
