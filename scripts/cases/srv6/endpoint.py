"""SR Segment Endpoint behaviors: RFC 8986, 4, with the flavors of 4.16; the CSID flavors are in csid.py."""

import struct

from lib import DSTOPT, FRAGMENT, HBH, ICMP6, ROUTING
from srv6 import csid
from srv6.entries import DECAPSULATING
from srv6.packets import ETHERNET_NH, HMAC_TLV, IP4_NH, IP6_NH, hmac_tlv
from srv6.travel import Dead

SRH = 4
PROTOCOLS = {"icmpv6": 58, "udp": 17, "tcp": 6}


class Header:
    """An SRH at an offset of a packet; reads nothing that is not there."""

    def __init__(self, packet, at, announced_at):
        self.at, self.announced_at = at, announced_at
        self.next, self.units, self.kind, self.left, self.last, self.flags = packet[at : at + 6]
        self.octets = 8 * (self.units + 1)
        self.max_last = self.units // 2 - 1  # S08

    def entry(self, packet, index):
        return bytes(packet[self.at + 8 + 16 * index : self.at + 24 + 16 * index])


def walk(packet):
    """The headers up to the upper layer, RFC 8200, 4: (kind, offset, where the kind is said)."""
    kind, at, said = packet[6], 40, 6
    while True:
        yield kind, at, said
        if kind not in (HBH, DSTOPT, ROUTING) or (kind == HBH and said != 6):
            return
        octets = 8 * (packet[at + 1] + 1) if at + 2 <= len(packet) else 8
        if at + octets > len(packet):
            raise Dead("header-length")
        kind, said, at = packet[at], at, at + octets


def is_error(packet):
    """RFC 4443, 2.4 (e): an ICMPv6 error, which no error is ever about."""
    try:
        kind, at, _ = list(walk(packet))[-1]
    except Dead:
        return False
    return kind == ICMP6 and at < len(packet) and (packet[at] < 128 or packet[at] == 137)


def remove(packet, header):
    """RFC 8986, 4.16.1, S14.2 to S14.4: the SRH leaves the chain."""
    out = bytearray(packet)
    out[header.announced_at] = header.next
    out[4:6] = struct.pack("!H", struct.unpack("!H", packet[4:6])[0] - header.octets)
    del out[header.at : header.at + header.octets]
    return bytes(out)


def visit(node, sid, packet, travel):
    """A packet at a SID of this node: headers are walked until one decides."""
    travel.becomes(packet, decrement=False)
    removed = 0  # octets that USP took: pointers are into the packet as received
    position = 0
    while True:
        chain = list(walk_safely(packet, position))
        kind, at, said = chain[position]
        if kind != ROUTING:
            if kind in (HBH, DSTOPT) and position + 1 < len(chain):
                position += 1
                continue
            return upper(node, sid, packet, kind, at, at + removed, travel)
        header = Header(packet, at, said)
        if header.kind != SRH:
            if header.left:
                raise Dead("routing-type", 4, 0, at + removed + 2)  # RFC 8200, 4.4
            position += 1
            continue
        done = at_header(node, sid, packet, header, removed, travel)
        if done is None:  # "proceed to process the next header"
            if "USP" in sid.flavors:
                packet = remove(packet, header)
                removed += header.octets
            else:
                position += 1
            continue
        return None


def walk_safely(packet, upto):
    """The walk as far as position `upto` and one more: what lies behind is nobody's business yet."""
    for index, item in enumerate(walk(packet)):
        yield item
        if index > upto:
            return


def at_header(node, sid, packet, header, removed, travel):
    """ "When an SRH is processed". None: on to the next header; True: the packet went its way."""
    if csid.shifts(sid, packet):
        csid.shift(node, sid, packet, travel)
        return True
    verify(node, sid, packet, header, removed, travel)
    if sid.behavior in DECAPSULATING:
        if header.left:  # RFC 8986, 4.4 to 4.9: S02
            raise Dead("segments-left", 4, 0, header.at + removed + 3)
        return None
    if "REPLACE-CSID" in sid.flavors:
        return csid.replace(node, sid, packet, header, removed, travel)
    if header.left == 0:  # S02
        return None
    if packet[7] <= 1:  # S05
        raise Dead("hop-limit", 3, 0, 0)
    if header.last > header.max_last or header.left > header.last + 1:  # S09
        raise Dead("segments-left", 4, 0, header.at + removed + 3)
    out = bytearray(packet)
    out[7] -= 1  # S12
    out[header.at + 3] = left = header.left - 1  # S13
    out[24:40] = header.entry(packet, left)  # S14
    if left == 0 and "PSP" in sid.flavors:  # 4.16.1, S14.1
        out = remove(out, header)
    onward(node, sid, bytes(out), travel)  # S15
    return True


def onward(node, sid, packet, travel):
    """The last line of End, End.X, End.T, and of the behaviors bound to a policy."""
    kind = sid.behavior
    if kind.startswith("End.B6"):
        return node_push(node, sid, packet, travel)
    if kind == "End.X":
        return node.emit(node.ports[sid.via], packet, travel)
    return node.lookup(packet, travel, sid.vrf if kind == "End.T" else "default")


def node_push(node, sid, packet, travel):
    from srv6 import headend
    return headend.bound(node, node.policies[sid.policy], packet, travel)


def upper(node, sid, packet, kind, at, pointer, travel):
    """The upper-layer header: decapsulation, or RFC 8986, 4.1.1."""
    if csid.shifts(sid, packet):
        return csid.shift(node, sid, packet, travel)
    if kind == FRAGMENT:
        raise Dead("local-fragment")
    inside = packet[at:]
    if opens(sid, kind):
        return decapsulate(node, sid, kind, inside, travel)
    if kind == ICMP6 and inside and 133 <= inside[0] <= 137:
        raise NotImplementedError("neighbor discovery has cases of its own")
    if kind in (PROTOCOLS[name] for name in node.upper_layer):
        return serve(node, packet, kind, inside, travel)
    raise Dead("upper-layer", 4, 4, pointer)


def serve(node, packet, kind, inside, travel):
    if kind == ICMP6:
        return node.echo6(packet, inside, travel)
    if kind == 17:
        raise Dead("local-port", 1, 4, 0)  # RFC 4443, 3.1
    raise Dead("local-tcp")


def opens(sid, kind):
    """Which upper layers a behavior decapsulates."""
    if sid.behavior in ("End", "End.X", "End.T"):
        return "USD" in sid.flavors and kind in (IP6_NH, IP4_NH)  # 4.16.3
    table = {"End.DX6": (IP6_NH,), "End.DX4": (IP4_NH,), "End.DX2": (ETHERNET_NH,), "End.DT6": (IP6_NH,),
             "End.DT4": (IP4_NH,), "End.DT46": (IP6_NH, IP4_NH)}
    return kind in table.get(sid.behavior, ())


def decapsulate(node, sid, kind, inside, travel):
    """4.4 to 4.9, 4.16.3: outer headers all removed, the packet inside forwarded as any other."""
    if kind == ETHERNET_NH:
        if len(inside) < 14:
            raise Dead("l2-short")
        travel.found.append(("sent", sid.port, inside))
        return None
    if kind == IP4_NH:
        from srv6 import four
        inside = four.checked(inside)
    else:
        inside = checked6(inside)
    travel.becomes(inside)
    travel.vrf = sid.vrf or "default"  # of errors about it, too
    if sid.via:
        return node.emit(node.ports[sid.via], inside, travel)
    return node.lookup(inside, travel)


def checked6(packet):
    """RFC 8200, 3, for a packet that was inside another."""
    if len(packet) < 40:
        raise Dead("ip6-length")
    if packet[0] >> 4 != 6:
        raise Dead("ip6-version")
    length = 40 + struct.unpack("!H", packet[4:6])[0]
    if len(packet) < length:
        raise Dead("ip6-length")
    return packet[:length]


def verify(node, sid, packet, header, removed, travel):
    """RFC 8754, 2.1.2.2, where the SID or the port asks for it."""
    mode = sid.hmac or travel.port.keys.get("hmac", "ignore")
    if mode == "ignore":
        return
    at = header.at + 8 + 16 * (header.last + 1)
    end = header.at + header.octets
    while at < end and packet[at] != HMAC_TLV:
        at += 1 if packet[at] == 0 else 2 + packet[at + 1]
    if at >= end:
        if mode == "require":
            raise Dead("hmac-missing")
        return
    key = struct.unpack("!I", packet[at + 4 : at + 8])[0]
    entries = [header.entry(packet, i) for i in range(header.last + 1)]
    want = hmac_tlv(key, node.keys[key], packet[8:24], header.last, header.flags, entries) if key in node.keys else b""
    if packet[at + 8 : at + 40] != want[8:]:
        raise Dead("hmac", 4, 0, at + removed)


def at_address(node, packet, travel):
    """An address of this node that is no SID: RFC 8754, 4.3.2."""
    for kind, at, _ in walk(packet):
        if kind == ROUTING and packet[at + 3]:
            raise Dead(None, 4, 0, at + 2)
    if kind != ICMP6:
        raise Dead(None, 4, 1, at)
    return node.echo6(packet, packet[at:], travel)
