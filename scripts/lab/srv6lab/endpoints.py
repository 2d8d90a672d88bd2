"""Endpoint behaviors on both sides: End, PSP, End.X, End.T, End.DX2, End.DX4, End.DX6, End.DT6, End.B6.*."""

from dataclasses import replace

from lib import UDP_NH, udp

from scapy.layers.l2 import ARP, Ether

from .packets import (
    ETHERNET, IPV4, IPV6, PARAMETER_PROBLEM, TIME_EXCEEDED, UNREACHABLE, Sr, encaps, end, end_psp, error6, ethernet,
    forwarded, hop4, hop6, insert, padding, udp4, udp6,
)  # fmt: skip
from .world import ENCAP_SOURCE, PORTS, SOURCE, SOURCE4, VRF, Group, policy, sid

FAR, FAR4 = "2001:db8:2::20", "198.51.100.20"
NEXT = "fc00:2::"  # next segments: fc00:2::1 and on
COUNTS = (1, 2, 3, 10)
TLVS = {"no TLV": b"", "PadN": padding(8), "unknown TLVs": bytes([200, 6, 1, 2, 3, 4, 5, 6, 124, 2, 9, 9]) + padding(4)}
UP = PORTS["up"].address
# Of the SRH behind an IPv6 header: Segments Left, and where the upper layer begins.
LEFT_AT = 40 + 3


def others(count):
    return tuple(f"{NEXT}{index + 1:x}" for index in range(count))


def visit(here, count, left, **fields):
    """A packet on its way to `here`, with this many segments; left == count: the list is a reduced one."""
    segments = list(others(count))
    if left < count:
        segments[left] = here
    inner = fields.pop("inner", (UDP_NH, udp(SOURCE, segments[0], b"payload")))
    return Sr(SOURCE, here, inner[0], inner[1], tuple(segments), left, **fields)


INNERS = {
    "UDP": None,
    "IPv6": (IPV6, udp6(SOURCE, FAR, hlim=9, tc=0x48, fl=0x12345)),
    "IPv4": (IPV4, udp4(SOURCE4, FAR4, ttl=9)),
    "Ethernet": (ETHERNET, ethernet(udp6(SOURCE, FAR), 0x86DD)),
}


def walks(here):
    """Packets with a segment left: (what, packet)."""
    for count in COUNTS:
        for left in sorted({1, count - 1, count} - {0}):
            for what, tlvs in TLVS.items():
                inner = list(INNERS)[(count + left) % len(INNERS)]
                keys = {"inner": INNERS[inner]} if INNERS[inner] else {}
                yield (
                    f"{count} segments, SL {left}, {what}, {inner}",
                    visit(here, count, left, tlvs=tlvs, tag=left, **keys),
                )
    yield "traffic class and flow label", visit(here, 3, 2, tc=0xB9, fl=0xABCDE)
    yield "hop limit 255", visit(here, 3, 1, hlim=255)
    yield "hop limit 2", visit(here, 2, 1, hlim=2)
    options = (60, bytes([1]) + bytes([1, 12]) + bytes(12))
    yield "behind Destination Options", visit(here, 2, 1, before=(options,))
    hop_by_hop = (0, bytes([0]) + bytes([1, 4]) + bytes(4))
    yield "behind Hop-by-Hop Options", visit(here, 2, 1, before=(hop_by_hop,))


def moves(group, here, label, next_hop, out):
    """What End and its likes do: `next_hop(packet)` is the packet as it leaves by port `out`."""
    for what, packet in walks(here):
        group.packet(f"{label}, {what}", packet.octets(), [(out, next_hop(packet).octets())])
    refused(group, here, label)


def refused(group, here, label):
    """Errors that End, End.X and End.T share."""
    dead = visit(here, 3, 1, hlim=1)
    group.packet(
        f"{label}, hop limit 1",
        dead.octets(),
        [error("up", dead, TIME_EXCEEDED, 0, 0)],
        kernel=[error("up", replace(next_of(label)(dead), hlim=1), TIME_EXCEEDED, 0, 0)],
        why="quote",
    )
    for what, packet in (
        ("SL beyond Last Entry + 1", visit(here, 3, 5)),
        ("Last Entry beyond the header", visit(here, 3, 2, last_entry=3)),
        ("Last Entry beyond the header, in TLVs", visit(here, 2, 1, last_entry=2, tlvs=padding(8))),
    ):
        group.packet(
            f"{label}, {what}",
            packet.octets(),
            [error("up", packet, PARAMETER_PROBLEM, 0, LEFT_AT)],
            kernel=[],
            why="silent",
        )
    done = visit(here, 2, 0)
    group.packet(
        f"{label}, SL 0, UDP",
        done.octets(),
        [error("up", done, PARAMETER_PROBLEM, 4, 40 + len(done.srh()))],
        kernel=[],
        why="upper-layer",
    )
    plain = udp6(SOURCE, here)
    group.packet(
        f"{label}, no SRH, UDP",
        plain,
        [("up", error6(UP, plain, PARAMETER_PROBLEM, 4, 40))],
        kernel=[],
        why="upper-layer",
    )
    broken = visit(here, 2, 1, tlvs=bytes([200, 30]) + bytes(6))
    group.packet(
        f"{label}, TLV longer than the header",
        broken.octets(),
        [(label_port(label), next_of(label)(broken).octets())],
        kernel=[],
        why="tlv-check",
    )


def error(port, packet, kind, code, word):
    return (port, error6(PORTS[port].address, packet.octets(), kind, code, word))


def label_port(label):
    return {"End.X": "x", "End.T": "t"}.get(label, "dn")


def next_of(label):
    return end_psp if "PSP" in label else end


def walking():
    """End, End with PSP, End.X, End.T."""
    group = Group("walk")
    x = PORTS["x"].neighbor
    group.behavior("fc00:1::1", "End", sid("fc00:1::1", "End"))
    group.behavior("fc00:1::2", "End flavors psp", sid("fc00:1::2", "End", ["PSP"]))
    group.behavior("fc00:1::3", f"End.X nh6 {x}", sid("fc00:1::3", "End.X", via={"address": x, "port": "x"}))
    group.behavior("fc00:1::4", "End.T table 100", sid("fc00:1::4", "End.T", vrf=VRF))
    moves(group, "fc00:1::1", "End", end, "dn")
    moves(group, "fc00:1::2", "End PSP", end_psp, "dn")
    moves(group, "fc00:1::3", "End.X", end, "x")
    moves(group, "fc00:1::4", "End.T", end, "t")
    group.behavior("fc00:1::5", "End.T table 100 flavors psp", sid("fc00:1::5", "End.T", ["PSP"], vrf=VRF))
    popped = visit("fc00:1::5", 2, 1)
    group.packet(
        "End.T PSP",
        popped.octets(),
        [("t", end_psp(popped).octets())],
        kernel=[("t", end(popped).octets())],
        why="flavor-ignored",
    )
    lost = Sr(SOURCE, "fc00:1::1", UDP_NH, b"\0" * 8, ("fc00:dead::1", "fc00:1::1"), 1)
    group.packet(
        "End, no route to the next SID",
        lost.octets(),
        [error("up", lost, UNREACHABLE, 0, 0)],
        kernel=[error("up", replace(end(lost), hlim=64), UNREACHABLE, 0, 0)],
        why="quote",
    )
    # Two SIDs of this node in a row: each counts one hop.
    pair = Sr(SOURCE, "fc00:1::1", UDP_NH, b"\0" * 8, (f"{NEXT}1", "fc00:1::2", "fc00:1::1"), 2)
    group.packet(
        "End, then End PSP of the same node",
        pair.octets(),
        [("dn", end_psp(end(pair)).octets())],
        kernel=[("dn", replace(end_psp(end(pair)), hlim=pair.hlim - 1).octets())],
        why="hop-per-sid",
    )
    for flavor in ("usp", "usd"):
        group.absent.append(
            (f"End {flavor.upper()}", f"route add fc00:1::f1/128 encap seg6local action End flavors {flavor} dev dn")
        )
    group.absent += [
        ("End.X PSP", f"route add fc00:1::f2/128 encap seg6local action End.X nh6 {x} flavors psp dev dn"),
    ]
    return group


def carried(here, inner, count, tlvs, **fields):
    """A packet at the end of its segment list, or without one (count 0)."""
    if count == 0:
        return Sr(SOURCE, here, *inner, **fields)
    return visit(here, count, 0, inner=inner, tlvs=tlvs, **fields)


def opens(group, here, label, inner, out):
    """What End.DX* and End.DT* do: `out` is (port, octets or frame) of what was inside."""
    for count in (0, *COUNTS):
        for what, tlvs in TLVS.items():
            if count == 0 and tlvs:
                continue
            packet = carried(here, inner, count, tlvs)
            port, octets = out
            frames = [(port, octets if inner[0] == ETHERNET else PORTS[port].sent(octets))]
            group.frame(f"{label}, {count} segments, {what}", PORTS["up"].received(packet.octets()), frames)
    worn = carried(here, inner, 1, b"", hlim=1)
    group.frame(f"{label}, outer hop limit 1", PORTS["up"].received(worn.octets()), frames)
    early = visit(here, 2, 1, inner=inner)
    group.packet(
        f"{label}, SL 1", early.octets(), [error("up", early, PARAMETER_PROBLEM, 0, LEFT_AT)], kernel=[], why="silent"
    )
    other = carried(here, (UDP_NH, udp(SOURCE, here, b"upper")), 2, b"")
    group.packet(
        f"{label}, UDP",
        other.octets(),
        [error("up", other, PARAMETER_PROBLEM, 4, 40 + len(other.srh()))],
        kernel=[],
        why="upper-layer",
    )


def opening():
    """End.DX6, End.DX4, End.DX2, End.DT6."""
    group = Group("open")
    x6, x4 = PORTS["x"].neighbor, PORTS["x"].neighbor4
    group.behavior("fc00:1::d6", f"End.DX6 nh6 {x6}", sid("fc00:1::d6", "End.DX6", via={"address": x6, "port": "x"}))
    # Behind a gateway: for a nh4 on the link itself, see the group dx4.
    group.ip.append(f"route add 10.9.0.0/24 via {x4} dev x")
    group.behavior("fc00:1::d4", "End.DX4 nh4 10.9.0.9", sid("fc00:1::d4", "End.DX4", via={"address": x4, "port": "x"}))
    group.behavior("fc00:1::d2", "End.DX2 oif l2out", sid("fc00:1::d2", "End.DX2", port="l2out"))
    group.behavior("fc00:1::d7", "End.DT6 table 100", sid("fc00:1::d7", "End.DT6", vrf=VRF))
    inner6, inner4 = INNERS["IPv6"], INNERS["IPv4"]
    opens(group, "fc00:1::d6", "End.DX6", inner6, ("x", hop6(inner6[1])))
    opens(group, "fc00:1::d4", "End.DX4", inner4, ("x", hop4(inner4[1])))
    for what, payload in {
        "IPv6": (udp6(SOURCE, FAR), 0x86DD),
        "IPv4": (udp4(SOURCE4, FAR4), 0x0800),
        "ARP": (bytes(ARP(psrc="10.8.0.1", pdst="10.8.0.2")), 0x0806),
        "an experiment": (bytes(60), 0x88B5),
    }.items():
        framed = ethernet(*payload)
        opens(group, "fc00:1::d2", f"End.DX2 of {what}", (ETHERNET, framed), ("l2out", framed))
    opens(group, "fc00:1::d7", "End.DT6", inner6, ("t", hop6(inner6[1])))
    last = udp6(SOURCE, FAR, hlim=1)
    told = error6(UP, last, TIME_EXCEEDED, 0, 0)
    for here, label, port in (("fc00:1::d6", "End.DX6", "up"), ("fc00:1::d7", "End.DT6", "t")):
        differs = {"kernel": [("up", told)], "why": "error-table"} if port != "up" else {}
        octets = carried(here, (IPV6, last), 1, b"").octets()
        group.packet(f"{label}, inner hop limit 1", octets, [(port, told)], **differs)
    for action in ("End.DT6", "End.DT4", "End.DT46"):
        group.absent.append(
            (f"{action} with a VRF", f"route add fc00:1::f4/128 encap seg6local action {action} vrftable 100 dev dn")
        )
    return group


def on_link():
    """End.DX4 to a next hop on the link."""
    group, x4 = Group("dx4"), PORTS["x"].neighbor4
    group.behavior("fc00:1::d4", f"End.DX4 nh4 {x4}", sid("fc00:1::d4", "End.DX4", via={"address": x4, "port": "x"}))
    inner = INNERS["IPv4"]
    port = PORTS["x"]
    request = bytes(
        Ether(src=port.mac, dst="ff:ff:ff:ff:ff:ff")
        / ARP(hwsrc=port.mac, psrc=port.address4, hwdst="00:00:00:00:00:00", pdst=FAR4)
    )
    group.frame(
        "End.DX4 to a neighbor",
        PORTS["up"].received(carried("fc00:1::d4", inner, 1, b"").octets()),
        [("x", port.sent(hop4(inner[1])))],
        kernel=[("x", request)],
        why="dx4-neighbor",
    )
    return group


def binding():
    """End.B6 and End.B6.Encaps. The pushed hop limit and flow label are copied: what the kernel does."""
    group = Group("binding")
    via = {1: (f"{NEXT}b1",), 3: (f"{NEXT}b1", f"{NEXT}b2", f"{NEXT}b3"), 10: tuple(f"{NEXT}b{i}" for i in range(10))}
    for count, segments in via.items():
        listed = ",".join(segments)
        here, name = f"fc00:1::b:{count:x}", f"encaps-{count}"
        table = policy(name, "encap", segments, hop_limit="copy", flow_label="copy")
        group.behavior(here, f"End.B6.Encaps srh segs {listed}", table + "\n" + sid(here, "End.B6.Encaps", policy=name))
        for total, left in ((1, 1), (2, 1), (3, 2), (10, 9)):
            for what, tlvs in TLVS.items():
                packet = visit(here, total, left, tlvs=tlvs, tc=0x28, fl=0x777)
                inner = end(packet)
                outer = {"hlim": inner.hlim, "tc": 0x28, "fl": 0x777}
                group.packet(
                    f"End.B6.Encaps of {count}, {total} segments, SL {left}, {what}",
                    packet.octets(),
                    [("dn", encaps(inner.octets(), IPV6, ENCAP_SOURCE, segments, **outer).octets())],
                    kernel=[
                        (
                            "dn",
                            encaps(
                                replace(inner, hlim=packet.hlim).octets(), IPV6, ENCAP_SOURCE, segments, **outer
                            ).octets(),
                        )
                    ],
                    why="inner-hop-limit",
                )
        here, name = f"fc00:1::c:{count:x}", f"insert-{count}"
        table = policy(name, "insert", segments, binding_sid=here)
        group.behavior(here, f"End.B6 srh segs {listed}", table)
        for total, left in ((1, 1), (3, 2), (10, 9)):
            packet = visit(here, total, left)
            group.packet(
                f"End.B6 of {count}, {total} segments, SL {left}",
                packet.octets(),
                [("dn", insert(end(packet), segments).octets())],
                kernel=[("dn", forwarded(insert(packet, segments)).octets())],
                why="b6-insert",
            )
    return group
