"""Headends on both sides: inline, encap, encap.red, l2encap, l2encap.red."""

from lib import UDP_NH, hop_by_hop, udp

from .packets import (
    ETHERNET, IPV4, IPV6, TIME_EXCEEDED, TOO_BIG, Sr, encaps, error6, ethernet, forwarded, hop4, hop6, insert, padding,
    udp4, udp6,
)  # fmt: skip
from .world import ENCAP_SOURCE, PORTS, SOURCE, SOURCE4, Group, policy

COUNTS = (1, 2, 3, 10)
UP = PORTS["up"].address
MTU = PORTS["dn"].mtu
# What the kernel sends for IPv4 and Ethernet: its default hop limit, forwarded once.
KERNEL_HOP_LIMIT = 63


def via(count):
    return tuple(f"fc00:2::e{index:x}" for index in range(count))


def listed(count):
    return ",".join(via(count))


def inner_packets(dst):
    """IPv6 packets of every kind that a host may send: (what, octets)."""
    data = udp(SOURCE, dst, b"payload")
    yield "plain", udp6(SOURCE, dst, fl=1)
    yield "traffic class and flow label", udp6(SOURCE, dst, tc=0xB9, fl=0xABCDE)
    yield "hop limit 255", udp6(SOURCE, dst, hlim=255, fl=2)
    yield "hop limit 2", udp6(SOURCE, dst, hlim=2, fl=0xFFFFF)
    yield "no payload", Sr(SOURCE, dst, 59, b"", fl=0x80000).octets()
    yield "an SRH at its end", Sr(SOURCE, dst, UDP_NH, data, (dst, "fc00:7::1"), 0, fl=3).octets()
    yield "an SRH under way", Sr(SOURCE, dst, UDP_NH, data, ("fc00:7::2", dst), 1, tlvs=padding(8), fl=4).octets()
    yield (
        "Destination Options",
        Sr(SOURCE, dst, UDP_NH, data, before=((60, bytes([0, 1, 4, 0, 0, 0, 0])),), fl=5).octets(),
    )


def parsed(octets):
    """An inner packet with nothing but its fixed header known."""
    from scapy.layers.inet6 import IPv6

    head = IPv6(octets[:40])
    return Sr(head.src, head.dst, head.nh, octets[40:], hlim=head.hlim, tc=head.tc, fl=head.fl)


def copied(octets, **fields):
    """Outer fields that are copied from the inner packet, which the headend has decremented."""
    head = parsed(octets)
    return {"hlim": head.hlim - 1, "tc": head.tc, "fl": head.fl} | fields


def layer3():
    """Hop limit, traffic class and flow label copied, as the kernel does with seg6_flowlabel = 0."""
    group = Group("headend")
    for mode, ours in (("encap", "encap"), ("encap.red", "encap-red")):
        for number, count in enumerate(COUNTS):
            subnet = f"2001:db8:2:{'2' if mode == 'encap' else '3'}{number}"
            name, dst, reduced = f"{ours}-{count}", f"{subnet}::20", ours == "encap-red"
            table = policy(name, ours, via(count), hop_limit="copy", flow_label="copy", traffic_class="copy")
            group.steer(f"{subnet}::/64", f"mode {mode} segs {listed(count)}", table, name)
            for what, octets in inner_packets(dst):
                out, kernel = (
                    encaps(inner, IPV6, ENCAP_SOURCE, via(count), reduced=reduced, **copied(octets)).octets()
                    for inner in (hop6(octets), octets)
                )
                group.packet(
                    f"{mode} of {count}, {what}", octets, [("dn", out)], kernel=[("dn", kernel)], why="inner-hop-limit"
                )
            bare = udp6(SOURCE, dst)
            out, kernel = (
                encaps(inner, IPV6, ENCAP_SOURCE, via(count), reduced=reduced, **copied(bare)).octets()
                for inner in (hop6(bare), bare)
            )
            group.packet(
                f"{mode} of {count}, flow label 0",
                bare,
                [("dn", out)],
                kernel=[("dn", kernel)],
                why=("inner-hop-limit", "label-zero"),
                flow=dst,
            )
            worn = udp6(SOURCE, dst, hlim=1)
            outer = encaps(worn, IPV6, ENCAP_SOURCE, via(count), reduced=reduced, hlim=1).octets()
            group.packet(
                f"{mode} of {count}, hop limit 1",
                worn,
                [("up", error6(UP, worn, TIME_EXCEEDED, 0, 0))],
                kernel=[("x", error6(UP, outer, TIME_EXCEEDED, 0, 0))],
                why="hop-limit-one",
            )
            sizes(group, mode, count, dst, reduced)
    inline(group)
    return group


def sizes(group, mode, count, dst, reduced):
    """The largest packet that fits behind the pushed headers, and one octet more."""
    entries = count - 1 if reduced else count
    overhead = 40 + (8 + 16 * entries if entries else 0)
    fits = udp6(SOURCE, dst, data=bytes(MTU - overhead - 48), fl=6)
    out, kernel = (
        encaps(inner, IPV6, ENCAP_SOURCE, via(count), reduced=reduced, **copied(fits)).octets()
        for inner in (hop6(fits), fits)
    )
    assert len(out) == MTU
    group.packet(
        f"{mode} of {count}, as large as fits", fits, [("dn", out)], kernel=[("dn", kernel)], why="inner-hop-limit"
    )
    over = udp6(SOURCE, dst, data=bytes(MTU - overhead - 47))
    outer = encaps(over, IPV6, ENCAP_SOURCE, via(count), reduced=reduced, hlim=64).octets()
    group.packet(
        f"{mode} of {count}, one octet too large",
        over,
        [("up", error6(UP, over, TOO_BIG, 0, MTU - overhead))],
        kernel=[("x", error6(UP, outer, TOO_BIG, 0, MTU))],
        why="headend-mtu",
    )


def inline(group):
    for number, count in enumerate(COUNTS):
        subnet, name = f"2001:db8:2:1{number}", f"insert-{count}"
        dst = f"{subnet}::20"
        group.steer(f"{subnet}::/64", f"mode inline segs {listed(count)}", policy(name, "insert", via(count)), name)
        for what, octets in inner_packets(dst):
            group.packet(
                f"inline of {count}, {what}", octets, [("dn", forwarded(insert(parsed(octets), via(count))).octets())]
            )
        options = (0, hop_by_hop(0)[1:])
        packet = Sr(SOURCE, dst, UDP_NH, udp(SOURCE, dst, b"payload"), before=(options,))
        wrong = insert(parsed(packet.octets()), via(count))
        group.packet(
            f"inline of {count}, Hop-by-Hop Options",
            packet.octets(),
            [("dn", forwarded(insert(packet, via(count))).octets())],
            kernel=[("dn", forwarded(wrong).octets())],
            why="insert-position",
        )
        worn = udp6(SOURCE, dst, hlim=1)
        group.packet(
            f"inline of {count}, hop limit 1",
            worn,
            [("up", error6(UP, worn, TIME_EXCEEDED, 0, 0))],
            kernel=[("up", error6(UP, insert(parsed(worn), via(count)).octets(), TIME_EXCEEDED, 0, 0))],
            why="quote",
        )


def ipv4():
    """IPv4 inside. The hop limit is set to what the kernel sends."""
    group = Group("headend4", sysctls=["net.ipv6.seg6_flowlabel=1"])
    for mode, ours in (("encap", "encap"), ("encap.red", "encap-red")):
        for number, count in enumerate(COUNTS):
            prefix = f"198.51.100.{64 * (ours == 'encap-red') + 8 * number}"
            dst, name, reduced = (
                prefix[: prefix.rindex(".") + 1] + str(int(prefix.split(".")[3]) + 1),
                f"{ours}-{count}",
                ours == "encap-red",
            )
            table = policy(name, ours, via(count), hop_limit=KERNEL_HOP_LIMIT, traffic_class="copy")
            group.steer(f"{prefix}/29", f"mode {mode} segs {listed(count)}", table, name)
            for what, octets, tc in (
                ("plain", udp4(SOURCE4, dst), 0),
                ("TTL 255", udp4(SOURCE4, dst, ttl=255), 0),
                ("TOS", udp4(SOURCE4, dst, tos=0x48), 0x48),
            ):
                fields = {"reduced": reduced, "hlim": KERNEL_HOP_LIMIT}
                out = encaps(hop4(octets), IPV4, ENCAP_SOURCE, via(count), tc=tc, **fields).octets()
                kernel = encaps(octets, IPV4, ENCAP_SOURCE, via(count), **fields).octets()
                why = ("inner-hop-limit", "traffic-class-4") if tc else "inner-hop-limit"
                group.packet(
                    f"{mode} of {count}, IPv4, {what}",
                    octets,
                    [("dn", out)],
                    kernel=[("dn", kernel)],
                    why=why,
                    flow=dst,
                )
    return group


def flow_labels():
    """The flow label from the inner flow on both sides (seg6_flowlabel = 1), the hop limit 64."""
    group = Group("flow-label", sysctls=["net.ipv6.seg6_flowlabel=1"])
    for number, (mode, ours) in enumerate((("encap", "encap"), ("encap.red", "encap-red"))):
        subnet, net4 = f"2001:db8:2:4{number}", f"198.51.100.{128 + 8 * number}"
        reduced = ours == "encap-red"
        group.steer(f"{subnet}::/64", f"mode {mode} segs {listed(3)}", policy(ours, ours, via(3)), ours)
        other = policy(f"{ours}-4", ours, via(3), hop_limit=KERNEL_HOP_LIMIT)
        group.steer(f"{net4}/29", f"mode {mode} segs {listed(3)}", other, f"{ours}-4")
        for host in range(1, 9):
            dst = f"{subnet}::{host:x}"
            for data in (b"", b"more of the same flow", bytes(900)):
                # The kernel copies what the packet has, then takes one off: 64 leave there, too.
                octets = udp6(SOURCE, dst, data=data, hlim=65)
                out, kernel = (
                    encaps(inner, IPV6, ENCAP_SOURCE, via(3), reduced=reduced).octets()
                    for inner in (hop6(octets), octets)
                )
                group.packet(
                    f"{mode}, flow {host}",
                    octets,
                    [("dn", out)],
                    kernel=[("dn", kernel)],
                    why="inner-hop-limit",
                    flow=f"{mode} {dst}",
                )
        for host in range(1, 4):
            dst = f"{net4[: net4.rindex('.')]}.{128 + 8 * number + host}"
            for data in (b"", b"more of the same flow"):
                octets = udp4(SOURCE4, dst, data=data)
                out, kernel = (
                    encaps(inner, IPV4, ENCAP_SOURCE, via(3), reduced=reduced, hlim=KERNEL_HOP_LIMIT).octets()
                    for inner in (hop4(octets), octets)
                )
                group.packet(
                    f"{mode}, IPv4 flow {host}",
                    octets,
                    [("dn", out)],
                    kernel=[("dn", kernel)],
                    why="inner-hop-limit",
                    flow=f"{mode} {dst}",
                )
    return group


def layer2(mode, count):
    """Frames of a port into a policy; the kernel takes them by their IPv6 or IPv4 destination."""
    ours, reduced = mode.replace("l2encap", "l2-encap").replace(".", "-"), mode.endswith("red")
    group = Group(f"{mode}-{count}", port_keys={"l2in": [f'policy = "{ours}"']}, sysctls=["net.ipv6.seg6_flowlabel=1"])
    prefix = "2001:db8:2:50::/64"
    group.ip += [
        f"route add {each} encap seg6 mode {mode} segs {listed(count)} dev dn" for each in (prefix, "198.51.100.200/32")
    ]
    group.toml.append(policy(ours, ours, via(count), hop_limit=KERNEL_HOP_LIMIT, traffic_class=0))
    port, dst = PORTS["l2in"], "2001:db8:2:50::20"
    overhead = 40 + (8 + 16 * (count - reduced) if count > reduced else 0)
    for what, packet in (
        ("IPv6", udp6(SOURCE, dst)),
        ("IPv4", udp4(SOURCE4, "198.51.100.200")),
        ("an SRH", Sr(SOURCE, dst, UDP_NH, b"\0" * 8, ("fc00:7::2", dst), 1).octets()),
        ("as large as fits", udp6(SOURCE, dst, data=bytes(MTU - overhead - 14 - 48))),
    ):
        kind = 0x86DD if packet[0] >> 4 == 6 else 0x0800
        inside = ethernet(packet, kind, src=port.neighbor_mac, dst=port.mac)
        out = encaps(inside, ETHERNET, ENCAP_SOURCE, via(count), reduced=reduced, hlim=KERNEL_HOP_LIMIT).octets()
        assert len(out) <= MTU
        for time in ("first", "second"):
            group.frame(
                f"{mode} of {count}, {what}, {time} time",
                inside,
                [("dn", PORTS["dn"].sent(out))],
                port="l2in",
                flow=what,
            )
    inside = ethernet(udp6(SOURCE, dst, hlim=200, tc=0x28, fl=0x999), 0x86DD, src=port.neighbor_mac, dst=port.mac)
    fields = {"hlim": KERNEL_HOP_LIMIT, "tc": 0, "fl": 0}, {"hlim": 199, "tc": 0x28, "fl": 0}
    out, kernel = (
        encaps(inside, ETHERNET, ENCAP_SOURCE, via(count), reduced=reduced, **each).octets() for each in fields
    )
    group.frame(
        f"{mode} of {count}, IPv6 with fields of its own",
        inside,
        [("dn", PORTS["dn"].sent(out))],
        kernel=[("dn", PORTS["dn"].sent(kernel))],
        port="l2in",
        why="l2-fields",
        flow="fields",
    )
    return group


GROUPS = [layer3, ipv4, flow_labels, *(
    (lambda mode=mode, count=count: layer2(mode, count)) for mode in ("l2encap", "l2encap.red") for count in COUNTS
)]  # fmt: skip
