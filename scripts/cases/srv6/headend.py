"""SR policy headend behaviors: RFC 8986, 5 and 6; H.Insert as draft-filsfils-spring-srv6-net-pgm-insertion, 4."""

import struct

from lib import HBH, ROUTING, ip6
from srv6 import four
from srv6.entries import raw, text_of
from srv6.packets import ETHERNET_NH, HMAC_TLV_OCTETS, IP4_NH, IP6_NH, hmac_tlv, routing
from srv6.travel import Dead

OUTER_HOP_LIMIT = 64
# A computed flow label is a placeholder in the expected captures: this and the number of the flow. Whoever
# compares takes the value that came, looks at its rules (never 0, one for each flow), and puts it here.
LABEL_BASE, LABEL_COUNT = 0xF1000, 0x1000


def flow_of(packet):
    """What makes packets one flow, in the strictest sense: everything but hops, lengths and data."""
    if packet[0] >> 4 == 4:
        header = (packet[0] & 15) * 4
        later = struct.unpack("!H", packet[6:8])[0] & 0x3FFF
        return packet[9:10] + packet[12:20] + (b"" if later else packet[header : header + 4])
    return packet[1:4] + packet[6:7] + packet[8:44]


def label(node, flow):
    number = node.flows.setdefault(bytes(flow), len(node.flows))
    assert number < LABEL_COUNT
    return LABEL_BASE + number


def outer(node, policy, next_header, inside, hop_limit, traffic_class, flow):
    """Push an IPv6 header and the policy's SRH: RFC 8986, 5.1 (H.Encaps) and 5.2 (reduced)."""
    keys = policy.keys
    entries, left = policy.srh_list()
    chosen = keys.get("flow_label", "flow")
    fl = label(node, flow) if chosen == "flow" else int.from_bytes(inside[1:4], "big") & 0xFFFFF \
        if chosen == "copy" else chosen
    tc = keys.get("traffic_class", "copy")
    tc = traffic_class if tc == "copy" else tc
    hops = keys.get("hop_limit", OUTER_HOP_LIMIT)
    hops = hop_limit if hops == "copy" else hops
    header, first = b"", next_header
    if entries:
        header, first = routing(next_header, entries, left, tlvs=signature(node, policy, entries)), ROUTING
    return ip6(policy.source, policy.segments[0], first, header + inside, hlim=hops, tc=tc, fl=fl)


def signature(node, policy, entries, source=None):
    """RFC 8754, 2.1.2: the D flag says that the destination need not be in the (reduced) list."""
    key = policy.keys.get("hmac_key")
    if key is None:
        return b""
    made = hmac_tlv(key, node.keys[key], source or policy.source, len(entries) - 1, 0, entries,
                    disabled=policy.mode.endswith("-red"))
    assert len(made) == HMAC_TLV_OCTETS
    return made


def steer(node, policy, packet, travel):
    """A packet whose route names the policy: the hop is counted first, inside."""
    six = packet[0] >> 4 == 6
    if packet[7 if six else 8] <= 1:
        raise Dead("hop-limit", *((3, 0, 0) if six else (11, 0, 0)))
    hopped = packet[:7] + bytes([packet[7] - 1]) + packet[8:] if six else four.hop4(packet)
    apply(node, policy, hopped, travel, flow_of(packet))


def bound(node, policy, packet, travel):
    """RFC 8986, 4.13 and 4.14, from S15 on; the hop is counted, the destination is the next segment."""
    apply(node, policy, packet, travel, travel.quote[24:40] + flow_of(packet))


def apply(node, policy, packet, travel, flow):
    travel.decrement = False
    six = packet[0] >> 4 == 6
    if policy.mode.startswith("insert"):
        made = insert(node, policy, packet)
    else:
        tc = struct.unpack("!H", packet[:2])[0] >> 4 & 0xFF if six else packet[1]
        hops = packet[7 if six else 8]
        inside = IP6_NH if six else IP4_NH
        travel.push = lambda piece: outer(node, policy, inside, piece, hops, tc, flow)
        made = travel.push(packet)
    travel.overhead += len(made) - len(packet)
    node.lookup(made, travel, "default")


def insert(node, policy, packet):
    """H.Insert: the SRH, with the destination as its last segment, behind a Hop-by-Hop header and before the rest."""
    at = 40 + (8 * (packet[41] + 1) if packet[6] == HBH else 0)
    said = 40 if packet[6] == HBH else 6
    entries, left = policy.srh_list(text_of(packet[24:40]))
    header = routing(packet[said], entries, left, tlvs=signature(node, policy, entries, packet[8:24]))
    out = bytearray(packet[:at]) + header + packet[at:]
    out[said] = ROUTING
    out[4:6] = struct.pack("!H", len(out) - 40)
    out[24:40] = raw(policy.segments[0])
    return bytes(out)


def push_frame(node, policy, frame, travel):
    """RFC 8986, 5.3 and 5.4: the whole frame behind next header 143."""
    if len(frame) < 14:
        raise Dead("ethernet-short")
    travel.quote, travel.kind, travel.decrement = frame, 2, False
    made = outer(node, policy, ETHERNET_NH, frame, OUTER_HOP_LIMIT, 0, frame_flow(frame))
    travel.overhead = len(made) - len(frame)
    node.lookup(made, travel, "default")


def frame_flow(frame):
    """The flow of the IP packet in a frame, also behind one VLAN tag; else the two stations and the type."""
    at = 16 if frame[12:14] == b"\x81\x00" else 12
    kind = frame[at : at + 2]
    if kind in (b"\x86\xdd", b"\x08\x00"):
        return flow_of(frame[at + 2 :])
    return frame[:14]
