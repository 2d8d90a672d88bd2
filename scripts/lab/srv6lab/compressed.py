"""NEXT-CSID on both sides: uN and uA (RFC 9800, 4.1)."""

from dataclasses import replace

from lib import UDP_NH, udp

from .endpoints import INNERS, TLVS, UP, error
from .packets import PARAMETER_PROBLEM, TIME_EXCEEDED, Sr, end, end_psp, error6, next_csid, padding, udp6
from .world import PORTS, SOURCE, Group, sid

# (what, prefix of the SID, block octets, octets that are shifted out, behavior, flavors, port)
SIDS = [
    ("uN", "fc01:0:1::/48", 4, 2, "End", (), "dn"),
    ("uN PSP", "fc01:0:2::/48", 4, 2, "End", ("PSP",), "dn"),
    ("uA, /48", "fc01:0:e001::/48", 4, 2, "End.X", (), "x"),
    ("uA, /64", "fc01:0:1:e002::/64", 4, 4, "End.X", (), "x"),
    ("uN, 48-bit block", "fc01:1:1:5::/64", 6, 2, "End", (), "dn"),
    ("uN, 8-bit node", "fc01:2:ab00::/40", 4, 1, "End", (), "dn"),
]


def address(octets):
    from ipaddress import IPv6Address

    return str(IPv6Address(octets))


def with_argument(prefix, argument):
    """An address of the SID with these octets behind the prefix."""
    from ipaddress import IPv6Network

    network = IPv6Network(prefix)
    head = network.network_address.packed[: network.prefixlen // 8]
    return address(head + argument + bytes(16 - len(head) - len(argument)))


def containers():
    """uN and uA."""
    group = Group("next-csid")
    x = PORTS["x"].neighbor
    for label, prefix, block, shifted, behavior, flavors, out in SIDS:
        lengths = (
            f"flavors {','.join([*(f.lower() for f in flavors), 'next-csid'])} lblen {8 * block} nflen {8 * shifted}"
        )
        nh6, keys = (f"nh6 {x} ", {"via": {"address": x, "port": "x"}}) if behavior == "End.X" else ("", {})
        table = sid(prefix, behavior, [*flavors, "NEXT-CSID"], block_length=8 * block, **keys)
        group.behavior(prefix, f"{behavior} {nh6}{lengths}", table)
        room = 16 - block - shifted
        arguments = [
            bytes([0, 9]),
            bytes([0, 9, 0, 8, 0, 7])[:room],
            bytes(range(0x11, 0x11 + room)),
            bytes(room - 1) + b"\1",
        ]
        for argument in arguments:
            shift(group, label, with_argument(prefix, argument), block, shifted, out)
        ordinary(group, label, with_argument(prefix, b""), out, end_psp if flavors else end)
    # Two compressed SIDs of one node: uN, then the uA /64's function is reached by its own longer prefix.
    return group


def shift(group, label, here, block, shifted, out):
    """The argument is not 0: it moves up, with an SRH and without one."""
    plain = Sr(SOURCE, here, UDP_NH, udp(SOURCE, here, b"payload"))
    listed = Sr(SOURCE, here, UDP_NH, udp(SOURCE, here, b"payload"), ("fc00:2::9", "fc00:2::8"), 1, tlvs=padding(8))
    last = Sr(SOURCE, here, UDP_NH, udp(SOURCE, here, b"payload"), ("fc00:2::9",), 0)
    for what, packet in (
        ("no SRH", plain), ("SL 1", listed), ("SL 0", last), ("hop limit 2", replace(plain, hlim=2)),
        ("fields", replace(listed, tc=0x48, fl=0x321, tag=5)),
    ):  # fmt: skip
        group.packet(f"{label}, {here}, {what}", packet.octets(), [(out, next_csid(packet, block, shifted).octets())])
    for kind, inner in INNERS.items():
        if inner:
            packet = Sr(SOURCE, here, *inner)
            group.packet(
                f"{label}, {here}, {kind} inside", packet.octets(), [(out, next_csid(packet, block, shifted).octets())]
            )
    for what, packet in (("no SRH", replace(plain, hlim=1)), ("SL 1", replace(listed, hlim=1))):
        group.packet(
            f"{label}, {here}, hop limit 1, {what}",
            packet.octets(),
            [error("up", packet, TIME_EXCEEDED, 0, 0)],
            kernel=[error("up", replace(next_csid(packet, block, shifted), hlim=1), TIME_EXCEEDED, 0, 0)],
            why="quote",
        )


def ordinary(group, label, here, out, move):
    """The argument is 0: the SRH goes on, to the next container."""
    for count, left in ((1, 1), (2, 1), (3, 2), (10, 9)):
        for what, tlvs in TLVS.items():
            segments = [f"fc01:0:{0x100 + index:x}:9:8::" for index in range(count)]
            if left < count:
                segments[left] = here
            packet = Sr(SOURCE, here, UDP_NH, udp(SOURCE, here, b"payload"), tuple(segments), left, tlvs=tlvs)
            differs = (
                {"kernel": [(out, end(packet).octets())], "why": "csid-psp"} if move(packet) != end(packet) else {}
            )
            group.packet(
                f"{label}, argument 0, {count} segments, SL {left}, {what}",
                packet.octets(),
                [(out, move(packet).octets())],
                **differs,
            )
    done = udp6(SOURCE, here)
    group.packet(
        f"{label}, argument 0, no SRH",
        done,
        [("up", error6(UP, done, PARAMETER_PROBLEM, 4, 40))],
        kernel=[],
        why="upper-layer",
    )


GROUPS = [containers]
