"""The SRv6 workloads of bench-seats: packets, and the part of the configuration that handles them."""

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrSegmentRouting
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from seats_mex import OUR_MAC, ROUTES, SOURCE_MAC

INNER_BYTES = 50  # of IP: with an Ethernet header the shortest plain frame
SEGMENTS = [f"fc00:0:{number}:100::" for number in range(2, 5)]

SIDS = """
[[srv6.locator]]
name   = "main"
prefix = "fc00:0:1::/48"

[[srv6.locator]]
name   = "micro"
prefix = "fc01:0:1::/48"
format = "usid-f3216"

[[srv6.sid]]
sid      = "fc00:0:1:100::"
behavior = "End"

[[srv6.sid]]
sid      = "fc00:0:1:101::"
behavior = "End"
flavors  = ["PSP"]

[[srv6.sid]]
sid      = "fc01:0:1::/48"
behavior = "End"
flavors  = ["NEXT-CSID"]

[[srv6.sid]]
sid      = "fc00:0:1:d6::"
behavior = "End.DT6"
vrf      = "default"

[[srv6.sid]]
sid      = "fc00:0:1:d46::"
behavior = "End.DT46"
vrf      = "default"
"""
POLICY = """
[[srv6.policy]]
name         = "{name}"
mode         = "{mode}"
source       = "2001:db8:ffff:2::1"
segment-list = [{{ segments = [{segments}] }}]
{more}
"""
SEGMENT_ROUTE = """
[[route]]
prefix = "{prefix}"
via    = [{{ address = "2001:db8:ffff:2::2", port = "sink" }}]
"""
STEERED = """
[[route]]
prefix = "2001:db8:{index:x}::/48"
policy = "{policy}"
"""


def policy(name: str, mode: str, count: int, more: str = "") -> str:
    segments = ", ".join(f'"{segment}"' for segment in SEGMENTS[:count])
    return POLICY.format(name=name, mode=mode, segments=segments, more=more)


POLICIES = (
    policy("one", "encap", 1)
    + policy("three", "encap", 3)
    + policy("three-red", "encap-red", 3)
    + policy("bound", "encap", 1, 'binding-sid = "fc00:0:1:b::"')
)
# What steers the plain packets of a workload.
POLICY_OF = {"encaps-1": "one", "encaps-3": "three", "encaps-red-3": "three-red"}


def config(kind: str) -> str:
    """SIDs, policies and routes; the plain destinations go into the workload's policy, or on."""
    text = SIDS + POLICIES
    for prefix in ("fc00:0:2::/48", "fc00:0:3::/48", "fc00:0:4::/48", "fc01:0:2::/48", "198.51.100.0/24"):
        text += SEGMENT_ROUTE.format(prefix=prefix)
    for index in range(1, ROUTES + 1):
        if kind in POLICY_OF:
            text += STEERED.format(index=index, policy=POLICY_OF[kind])
        else:
            text += SEGMENT_ROUTE.format(prefix=f"2001:db8:{index:x}::/48")
    return text


def inner(flow: int, version: int = 6):
    udp = UDP(sport=1024 + flow, dport=9)
    if version == 4:
        ip = IP(src="192.0.2.1", dst=f"198.51.100.{flow % 250 + 1}", ttl=64)
    else:
        ip = IPv6(src="2001:db8:f000::1", dst=f"2001:db8:{flow % ROUTES + 1:x}:1::{flow + 1:x}", hlim=64, fl=flow)
    packet = ip / udp
    return packet / Raw(bytes(INNER_BYTES - len(packet)))


def routed(flow: int, to: str, left: int, carried, next_header: int = 41):
    """In an outer header to `to`, with an SRH of three segments of which so many are left."""
    listed = ["fc00:0:2:100::", "fc00:0:3:100::", to]
    header = IPv6ExtHdrSegmentRouting(addresses=listed, segleft=left, lastentry=2, nh=next_header)
    return IPv6(src="2001:db8:f001::1", dst=to, hlim=64, fl=flow + 1, nh=43) / header / carried


def direct(flow: int, to: str, carried, next_header: int):
    return IPv6(src="2001:db8:f001::1", dst=to, hlim=64, fl=flow + 1, nh=next_header) / carried


FRAMES = {
    "end": lambda flow: routed(flow, "fc00:0:1:100::", 2, inner(flow)),
    "end-psp": lambda flow: routed(flow, "fc00:0:1:101::", 1, inner(flow)),
    "un": lambda flow: direct(flow, "fc01:0:1:2::", inner(flow), 41),
    "encaps-1": inner,
    "encaps-3": inner,
    "encaps-red-3": inner,
    "dt6": lambda flow: direct(flow, "fc00:0:1:d6::", inner(flow), 41),
    "dt6-srh": lambda flow: routed(flow, "fc00:0:1:d6::", 0, inner(flow)),
    "dt46": lambda flow: direct(flow, "fc00:0:1:d46::", inner(flow, 4), 4),
    "b6": lambda flow: routed(flow, "fc00:0:1:b::", 2, inner(flow)),
    "plain": inner,
}
NAMES = {
    "plain": "plain forwarding",
    "end": "End, SRH of 3",
    "end-psp": "End with PSP, SRH of 3",
    "un": "uN (End with NEXT-CSID)",
    "encaps-1": "H.Encaps, 1 segment",
    "encaps-3": "H.Encaps, 3 segments",
    "encaps-red-3": "H.Encaps.Red, 3 segments",
    "dt6": "End.DT6",
    "dt6-srh": "End.DT6, SRH of 3",
    "dt46": "End.DT46, IPv4 inside",
    "b6": "End.B6.Encaps, SRH of 3, 1 segment",
}


def frame(kind: str, flow: int) -> Ether:
    return Ether(src=SOURCE_MAC, dst=OUR_MAC) / FRAMES[kind](flow)
