"""Packets with Segment Routing headers, and what RFC 8754, 8986 and 9800 make of them.

Written from the RFCs' pseudo-code with scapy: neither mexfwd nor the kernel is asked.
"""

import hashlib
import hmac
import struct
from dataclasses import dataclass, replace

from lib import ICMP6, ROUTING, UDP_NH, address, icmp6, ip6, udp
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import IPv6ExtHdrSegmentRouting
from scapy.layers.l2 import Ether
from scapy.packet import Raw

IPV6, IPV4, ETHERNET = 41, 4, 143
TIME_EXCEEDED, PARAMETER_PROBLEM, UNREACHABLE, TOO_BIG = 3, 4, 1, 2
# RFC 4443, 2.4 (c): an error message fits the minimum IPv6 MTU.
QUOTE_OCTETS_MAX = 1280 - 48
HMAC_TLV, HMAC_TLV_OCTETS, PADN_TLV = 5, 40, 4
# RFC 8754 leaves every flag of the SRH unassigned; an early draft had this one, and the kernel still sets it.
DRAFT_HMAC_FLAG = 0x08


@dataclass(frozen=True)
class Sr:
    """An IPv6 packet, with an SRH when `segments` is not None; Segment List[0] is `segments[0]`."""

    src: str
    dst: str
    nh: int
    payload: bytes
    segments: tuple | None = None
    left: int = 0
    tlvs: bytes = b""
    hlim: int = 64
    tc: int = 0
    fl: int = 0
    tag: int = 0
    flags: int = 0
    last_entry: int | None = None
    before: tuple = ()  # (next header, octets but for the first) of what stands before the SRH

    def srh(self):
        """The SRH's octets (RFC 8754, 2)."""
        last = max(len(self.segments) - 1, 0) if self.last_entry is None else self.last_entry
        octets = 16 * len(self.segments) + len(self.tlvs)
        assert octets % 8 == 0
        head = bytes(
            IPv6ExtHdrSegmentRouting(
                nh=self.nh,
                len=octets // 8,
                segleft=self.left,
                lastentry=last,
                tag=self.tag,
                addresses=list(self.segments),
            )
        )
        assert len(head) == 8 + 16 * len(self.segments)
        return head[:5] + bytes([self.flags]) + head[6:] + self.tlvs

    def octets(self):
        kinds = [kind for kind, _ in self.before] + ([ROUTING] if self.segments is not None else []) + [self.nh]
        body = b"".join(bytes([nh]) + rest for (_, rest), nh in zip(self.before, kinds[1:], strict=False))
        body += (self.srh() if self.segments is not None else b"") + self.payload
        return ip6(self.src, self.dst, kinds[0], body, hlim=self.hlim, tc=self.tc, fl=self.fl)

    def with_hmac(self, key_id, secret, d_bit=None):
        """With an HMAC TLV at the end (RFC 8754, 2.1.2); the D bit goes by the list: 1 for a reduced one."""
        d_bit = self.left >= len(self.segments) if d_bit is None else d_bit
        text = address(self.src) + bytes([len(self.segments) - 1, self.flags]) + struct.pack("!I", key_id)
        text += b"".join(address(segment) for segment in self.segments)
        digest = hmac.new(secret, text, hashlib.sha256).digest()
        tlv = struct.pack("!BBHI", HMAC_TLV, HMAC_TLV_OCTETS - 2, d_bit << 15, key_id) + digest
        return replace(self, tlvs=self.tlvs + tlv)


def padding(octets):
    """A PadN TLV of so many octets in all."""
    return bytes([PADN_TLV, octets - 2]) + bytes(octets - 2)


# ---- endpoints (RFC 8986, 4) -----------------------------------------------------------------------------


def forwarded(packet):
    """One hop later."""
    return replace(packet, hlim=packet.hlim - 1)


def end(packet):
    """4.1, S12 to S14: End, End.X and End.T alike."""
    left = packet.left - 1
    return replace(packet, hlim=packet.hlim - 1, left=left, dst=packet.segments[left])


def without_srh(packet):
    return replace(packet, segments=None, left=0, tlvs=b"", tag=0, flags=0, last_entry=None)


def end_psp(packet):
    """4.16.1: S14.1 to S14.4."""
    moved = end(packet)
    return without_srh(moved) if moved.left == 0 else moved


def next_csid(packet, block_octets, csid_octets):
    """RFC 9800, 4.1.1, N05 to N08: the argument moves up, Segments Left stays."""
    old = address(packet.dst)
    new = old[:block_octets] + old[block_octets + csid_octets :] + bytes(csid_octets)
    return replace(packet, dst=text(new), hlim=packet.hlim - 1)


def encaps(inner, nh, source, segments, *, reduced=False, tlvs=b"", **outer):
    """5.1 and 5.2: `segments` in the order of travel; `inner` are the octets inside."""
    listed = tuple(reversed(segments))
    if reduced:
        listed = listed[:-1]
    shape = {"segments": listed, "left": len(segments) - 1, "tlvs": tlvs} if listed else {}
    return Sr(source, segments[0], nh, inner, **shape, **outer)


def insert(packet, segments):
    """H.Insert: `segments`, then the destination as it was."""
    listed = (packet.dst, *reversed(segments))
    inside = replace(packet, before=())
    rest = inside.octets()[40:]
    nh = ROUTING if packet.segments is not None else packet.nh
    return Sr(
        packet.src,
        segments[0],
        nh,
        rest,
        listed,
        len(segments),
        hlim=packet.hlim,
        tc=packet.tc,
        fl=packet.fl,
        before=packet.before,
    )


# ---- what is carried -------------------------------------------------------------------------------------


def text(octets):
    """An address as scapy and people write it."""
    from ipaddress import IPv6Address

    return str(IPv6Address(octets))


def udp6(src, dst, data=b"inner", hlim=64, **fields):
    """An IPv6 packet with UDP in it."""
    return ip6(src, dst, UDP_NH, udp(src, dst, data), hlim=hlim, **fields)


def udp4(src, dst, data=b"inner", ttl=64, tos=0, ident=7):
    return bytes(IP(src=src, dst=dst, ttl=ttl, tos=tos, id=ident, flags="DF") / UDP(sport=1, dport=2) / Raw(data))


def hop6(packet):
    """An IPv6 packet's octets one hop later."""
    return packet[:7] + bytes([packet[7] - 1]) + packet[8:]


def hop4(packet):
    """An IPv4 packet's octets one hop later, with the checksum made anew."""
    parsed = IP(packet)
    parsed.ttl -= 1
    parsed.chksum = None
    return bytes(parsed)


def ethernet(payload, ether_type, src="02:00:00:00:0a:01", dst="02:00:00:00:0a:02"):
    return bytes(Ether(src=src, dst=dst, type=ether_type)) + payload


def error6(source, about, kind, code, word):
    """An ICMPv6 error about `about` (octets), from `source` to its source (RFC 4443)."""
    to = text(about[8:24])
    body = struct.pack("!I", word) + about[:QUOTE_OCTETS_MAX]
    return ip6(source, to, ICMP6, icmp6(source, to, kind, code, body))


def error4(source, about, kind, code, quoted, mtu=0):
    to = IP(about).src
    icmp = ICMP(type=kind, code=code, nexthopmtu=mtu) if kind == 3 else ICMP(type=kind, code=code)
    return bytes(IP(src=source, dst=to, ttl=64, id=0) / icmp / Raw(quoted))
