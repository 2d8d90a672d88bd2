"""Packets of the SRv6 cases: Segment Routing Headers with TLVs, IPv4, and frames to carry inside."""

import functools
import hashlib
import hmac
import ipaddress
import struct

from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw
from scapy.utils import checksum

from lib import ICMP6, ROUTING, UDP_NH, address, icmp6, ip6, srh, udp

IP4_NH, IP6_NH, ETHERNET_NH, ICMP4_NH = 4, 41, 143, 1
PAD1, PADN, HMAC_TLV, UNKNOWN_TLV = 0, 4, 5, 124
HMAC_TLV_OCTETS = 40
SRC, INNER_SRC, INNER_DST = "2001:db8:1::c", "2001:db8:1::d", "2001:db8:a::e"
SRC4, DST4 = "10.1.0.7", "10.2.0.9"


# ---- the header ------------------------------------------------------------------------------------------


def tlv(kind, data):
    """RFC 8754, 2.1."""
    return bytes([kind, len(data)]) + data


def padded(octets):
    """TLVs, filled up with Pad1 or PadN to whole units of 8 octets (RFC 8754, 2.1.1)."""
    missing = -len(octets) % 8
    if missing == 1:
        return octets + bytes([PAD1])
    return octets + (tlv(PADN, bytes(missing - 2)) if missing else b"")


TLVS = padded(tlv(UNKNOWN_TLV, bytes(range(7))))
MANY_TLVS = padded(tlv(PADN, bytes(4)) + tlv(UNKNOWN_TLV, b"\xa5" * 21) + bytes(2) + tlv(130, b""))


def routing(nh, entries, left, tlvs=b"", last=None, flags=0, tag=0, units=None):
    """An SRH whose Segment List is `entries` ([0] is the last segment); `last` and `units` (Hdr Ext Len)
    override what the list says."""
    made = bytearray(srh(nh, entries, left)) + tlvs
    made[1] = len(made) // 8 - 1 if units is None else units
    made[4] = (len(entries) - 1) & 0xFF if last is None else last
    made[5] = flags
    made[6:8] = struct.pack("!H", tag)
    return bytes(made)


def sr_packet(dst, entries, left, nh, payload, src=SRC, hlim=64, tc=0, fl=0x1C0DE, before=b"", first=ROUTING, **keys):
    """An IPv6 packet with an SRH; `before` are headers between the two, of which `first` is the first."""
    return ip6(src, dst, first if before else ROUTING, before + routing(nh, entries, left, **keys) + payload,
               hlim=hlim, tc=tc, fl=fl)


def segment(number):
    """A segment of some other node."""
    return f"fc00:0:{number + 0x10:x}:e{number:x}::{number + 1:x}"


def segment_list(count, here, left):
    """`count` entries of which [left] is the SID that the packet stands at (a reduced list lacks it)."""
    return [here if index == left else segment(index) for index in range(count)]


def hmac_tlv(key_id, secret, source, last, flags, entries, disabled=0, spoil=0):
    """RFC 8754, 2.1.2: source, Last Entry, flags, key ID and the Segment List under SHA-256."""
    text = octets(source) + bytes([last, flags]) + struct.pack("!I", key_id) + b"".join(map(octets, entries))
    digest = bytearray(hmac.new(secret.encode(), text, hashlib.sha256).digest())
    digest[-1] ^= spoil
    return tlv(HMAC_TLV, struct.pack("!HI", disabled << 15, key_id) + bytes(digest))


def octets(at):
    return address(at) if isinstance(at, str) else bytes(at)


# ---- what is inside --------------------------------------------------------------------------------------


def plain6(src=INNER_SRC, dst=INNER_DST, data=b"inner six", sport=0x1234, hlim=33, **keys):
    return ip6(src, dst, UDP_NH, udp(src, dst, data, sport=sport), hlim=hlim, **keys)


def plain4(src=SRC4, dst=DST4, data=b"inner four", ttl=33, tos=0, ident=0x4D58, df=True, sport=0x1234, options=b"", **keys):
    flags = "DF" if df else 0
    header = dict(src=src, dst=dst, ttl=ttl, tos=tos, id=ident, flags=flags) | keys
    made = bytes(IP(**header) / UDP(sport=sport, dport=0x5678) / Raw(data))
    return with_options(made, options) if options else made


def with_options(packet, options):
    """The same packet with IPv4 options (a multiple of 4 octets)."""
    head = bytearray(packet[:20] + options)
    head[0] = 0x40 | len(head) // 4
    head[2:4] = struct.pack("!H", len(packet) + len(options))
    return sum4(bytes(head)) + packet[20:]


def sum4(packet):
    """The packet with a right header checksum (RFC 791, 3.1)."""
    octets = (packet[0] & 15) * 4
    head = packet[:10] + bytes(2) + packet[12:octets]
    return head[:10] + struct.pack("!H", checksum(head)) + packet[12:]


def hop4(packet, by=1):
    """The packet one hop later."""
    return sum4(packet[:8] + bytes([packet[8] - by]) + packet[9:])


def set4(packet, at, octets):
    return packet[:at] + octets + packet[at + len(octets):]


def echo6(src, dst, kind=128, data=b"are you there?", ident=7, sequence=9):
    return icmp6(src, dst, kind, 0, struct.pack("!HH", ident, sequence) + data)


def ping6(dst, src=SRC, hlim=64, **keys):
    return ip6(src, dst, ICMP6, echo6(src, dst, **keys), hlim=hlim)


def ping4(dst, src=SRC4, kind=8, ttl=64, tos=0, ident=0x77, data=b"are you there?"):
    return bytes(IP(src=src, dst=dst, ttl=ttl, tos=tos, id=ident) / ICMP(type=kind, id=7, seq=9) / Raw(data))


HOST_A, HOST_B = "02:00:00:00:aa:01", "02:00:00:00:aa:02"


def frame(payload=None, kind=0x86DD, vlan=None):
    """A customer's Ethernet frame, without FCS."""
    payload = plain6() if payload is None else payload
    if vlan is None:
        return bytes(Ether(dst=HOST_B, src=HOST_A, type=kind)) + payload
    return bytes(Ether(dst=HOST_B, src=HOST_A, type=0x8100) / Dot1Q(vlan=vlan, type=kind)) + payload


def arp_frame():
    return bytes(Ether(dst="ff:ff:ff:ff:ff:ff", src=HOST_A) / ARP(hwsrc=HOST_A, psrc="10.0.0.1", pdst="10.0.0.2"))


@functools.cache
def inners():
    """(next header, octets) of what an SR packet may carry: one of every kind, and nothing encapsulated."""
    return [
        (IP6_NH, plain6()), (IP4_NH, plain4()), (ETHERNET_NH, frame()), (UDP_NH, udp(SRC, segment(0), b"not inner")),
    ]


def is_v4(text):
    return ipaddress.ip_address(text.split("/")[0]).version == 4


def four_icmp(kind, body=bytes(32)):
    """An ICMP message with a right checksum (RFC 792)."""
    plain = bytes([kind, 0, 0, 0]) + body
    return plain[:2] + struct.pack("!H", checksum(plain)) + plain[4:]
