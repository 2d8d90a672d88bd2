"""IPv4 for the reference node: RFC 791, RFC 792, RFC 1812."""

import ipaddress
import struct

from scapy.layers.inet import IP
from scapy.utils import checksum

from srv6.packets import hop4, sum4
from srv6.travel import Dead

ICMP_ERRORS = (3, 4, 5, 11, 12)
# RFC 6864, 4.1 and 4.3: a datagram that must not be fragmented (RFC 791: DF) needs no identification.
MADE_ID, MADE_FLAGS, MADE_TTL = 0, "DF", 64
ERROR_OCTETS = 576
# RFC 1812, 4.3.2.5: errors have precedence 6 and the type of service of what caused them (as RFC 1349 placed
# it; the bits that RFC 3168 has taken since are 0).
ERROR_PRECEDENCE, TYPE_OF_SERVICE = 0xC0, 0x1C


def checked(packet):
    """RFC 1812, 5.2.2 and 5.3.7: what is no proper datagram dies in silence; link padding is cut."""
    if len(packet) < 20:
        raise Dead("ip4-length")
    if packet[0] >> 4 != 4:
        raise Dead("ip4-version")
    header, total = (packet[0] & 15) * 4, struct.unpack("!H", packet[2:4])[0]
    if header < 20 or header > len(packet) or total < header or total > len(packet):
        raise Dead("ip4-length")
    if checksum(packet[:header]):
        raise Dead("ip4-checksum")
    source, destination = (ipaddress.IPv4Address(packet[a:a + 4]) for a in (12, 16))
    if martian(source) or source.is_multicast or source.packed[0] >= 240:
        raise Dead("source-address")
    if destination.is_multicast:
        raise Dead("multicast")
    if destination.packed == b"\xff" * 4:
        raise Dead("broadcast")
    if martian(destination) or destination.packed[0] >= 240:
        raise Dead("destination-address")
    return packet[:total]


def martian(at):
    return at.packed[0] in (0, 127)


def is_about_error(packet):
    """RFC 1812, 4.3.2.7: no error about an ICMP error, a later fragment, or a packet from or to no single host."""
    header = (packet[0] & 15) * 4
    if struct.unpack("!H", packet[6:8])[0] & 0x1FFF:
        return True
    return packet[9] == 1 and len(packet) > header and packet[header] in ICMP_ERRORS


def made(src, dst, protocol, payload, tos=0):
    return bytes(IP(src=src, dst=dst, ttl=MADE_TTL, tos=tos, id=MADE_ID, flags=MADE_FLAGS, proto=protocol,
                    len=20 + len(payload))) + payload


def icmp(kind, code, body):
    plain = bytes([kind, code, 0, 0]) + body
    return plain[:2] + struct.pack("!H", checksum(plain)) + plain[4:]


def error(src, kind, code, word, quote):
    """RFC 792; RFC 1812, 4.3.2.3: as much of the datagram as fits into 576 octets; RFC 1191, 4: the MTU."""
    if is_about_error(quote):
        return None
    dst = str(ipaddress.IPv4Address(quote[12:16]))
    body = struct.pack("!I", word) + quote[: ERROR_OCTETS - 28]
    return made(src, dst, 1, icmp(kind, code, body), tos=ERROR_PRECEDENCE | quote[1] & TYPE_OF_SERVICE)


def reply(packet):
    """RFC 1812, 4.3.3.6 and RFC 1122, 3.2.2.6: addresses swapped, the rest of the header and the data as they came."""
    header = (packet[0] & 15) * 4
    message = packet[header:]
    if packet[9] == 17:
        raise Dead("local-port", 3, 3, 0)  # RFC 1122, 3.2.2.1
    if packet[9] not in (1, 6):
        raise Dead("local-protocol", 3, 2, 0)
    if packet[9] != 1 or len(message) < 8 or message[0] != 8 or checksum(message):
        raise Dead("local-tcp" if packet[9] == 6 else "local-malformed")
    head = packet[:8] + bytes([MADE_TTL]) + packet[9:12] + packet[16:20] + packet[12:16] + packet[20:header]
    return sum4(head) + icmp(0, 0, message[4:])


def fragments(packet, room):
    """RFC 791, 3.2: pieces of whole units of 8 octets, all but the last as long as fits (no options here)."""
    header, body = packet[:20], packet[20:]
    field = struct.unpack("!H", header[6:8])[0]
    units = (room - 20) // 8
    for start in range(0, len(body), units * 8):
        piece = body[start:start + units * 8]
        more = field & 0x2000 or (0x2000 if start + len(piece) < len(body) else 0)
        offset = (field & 0x1FFF) + start // 8
        head = header[:2] + struct.pack("!H", 20 + len(piece)) + header[4:6] + struct.pack("!H", more | offset)
        yield sum4(head + header[8:]) + piece


__all__ = ["checked", "error", "fragments", "hop4", "reply"]
