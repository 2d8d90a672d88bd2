"""The reference: what a node must send for a frame, by the pseudo-code of the RFCs named at each function.

Plain Python over octets, written from the RFCs alone; slow, and meant to be read beside them.
"""

import ipaddress
import struct

from lib import ICMP6, icmp6, ip6
from srv6 import endpoint, four, headend
from srv6.entries import Sid, text_of
from srv6.travel import Dead, Travel

IP6_TYPE, IP4_TYPE = 0x86DD, 0x0800
EDGE_FILTER = ("5f00::/16",)
ERROR6_OCTETS = 1280


class Node:
    """Ports, tables, SIDs and policies; `receive` says what happens."""

    def __init__(self, ports, routes, entries=(), upper_layer=("icmpv6",), keys=None, locators=()):
        self.ports = {p.name: p for p in ports}
        self.sids = {s.network: s for s in entries if isinstance(s, Sid)}
        self.policies = {p.name: p for p in entries if not isinstance(p, Sid)}
        for policy in self.policies.values():
            if policy.binding:
                made = Sid(policy.binding, policy.behavior(), policy=policy.name)
                self.sids[made.network] = made
        self.tables = {}
        for prefix, target, vrf in routes:
            self.tables.setdefault(vrf or "default", {})[ipaddress.ip_network(prefix)] = target
        self.upper_layer, self.keys, self.locators = upper_layer, keys or {}, locators
        self.flows = {}  # what is one flow -> its placeholder label

    # ---- input

    def receive(self, name, frame):
        """The events that a frame causes: ("sent" or "made", port, frame), ("drop", reason), ("consumed",)."""
        port = self.ports[name]
        travel = Travel(port, port.vrf or "default")
        try:
            if port.policy:
                headend.push_frame(self, self.policies[port.policy], frame, travel)
            else:
                self.input(port, frame, travel)
        except Dead as dead:
            self.die(dead, travel)
        return travel.found

    def input(self, port, frame, travel):
        kind, packet = struct.unpack("!H", frame[12:14])[0], frame[14:]
        if kind == IP4_TYPE:
            packet = four.checked(packet)
            return self.lookup(packet, travel.becomes(packet))
        if kind != IP6_TYPE:
            raise Dead("ethernet-type")
        packet = packet[: 40 + struct.unpack("!H", packet[4:6])[0]]
        travel.becomes(packet)
        if not port.domain and (self.is_sid_space(packet[24:40]) or self.in_any(EDGE_FILTER, packet[8:24])):
            raise Dead("sr-domain")  # RFC 8754, 5.1; RFC 9602, 5
        return self.lookup(packet, travel)

    def is_sid_space(self, raw):
        local = any(ipaddress.IPv6Address(raw) in network for network in self.sids)
        return local or self.in_any(self.locators, raw) or self.in_any(EDGE_FILTER, raw)

    @staticmethod
    def in_any(prefixes, raw):
        return any(ipaddress.IPv6Address(raw) in ipaddress.IPv6Network(p) for p in prefixes)

    # ---- lookup

    def match(self, destination, vrf):
        """Longest prefix; SIDs are entries of the default table, and win over an address of this node."""
        at, longest, best = ipaddress.ip_address(destination), -1, None
        candidates = list(self.tables.get(vrf, {}).items())
        for port in self.ports.values():
            if (port.vrf or "default") == vrf:
                candidates += [(ipaddress.ip_network(a.split("/")[0]), "local") for a in port.addresses]
                known = [port.neighbor] + ([port.neighbor4] if port.has_neighbor4 else [])
                candidates += [(ipaddress.ip_network(a), (port.name,)) for a in known]
        if vrf == "default":
            candidates += list(self.sids.items())
        for network, target in candidates:
            if network.version == at.version and at in network and network.prefixlen >= longest:
                longest, best = network.prefixlen, target
        return best

    def lookup(self, packet, travel, vrf=None):
        vrf = vrf or travel.vrf
        six = packet[0] >> 4 == 6
        found = self.match(packet[24:40] if six else packet[16:20], vrf)
        if isinstance(found, Sid):
            return endpoint.visit(self, found, packet, travel)
        if found == "local":
            return self.local(packet, travel, six)
        if found is None or found == "unreachable":
            # RFC 4443, 3.1; RFC 792: to the source of what the error quotes.
            reason = "policy-down" if travel.overhead else found or "no-route"
            raise Dead(reason, 3 if travel.kind == 4 else 1, 0, 0)
        if found == "blackhole":
            raise Dead(found)
        if isinstance(found, dict):
            return headend.steer(self, self.policies[found["policy"]], packet, travel)
        return self.emit(self.ports[found[0]], packet, travel)

    def local(self, packet, travel, six):
        if six:
            travel.becomes(packet)
            return endpoint.at_address(self, packet, travel)
        made = four.reply(packet)
        travel.found.append(("consumed",))
        return self.originate(made, travel)

    # ---- output

    def emit(self, port, packet, travel):
        """RFC 8200, 3 and 5; RFC 1812, 5.3.1 and 4.2.2.7: the hop, the MTU, the filter of the domain's edge."""
        six = packet[0] >> 4 == 6
        if travel.decrement and packet[7 if six else 8] <= 1:
            raise Dead("hop-limit", *((3, 0, 0) if six else (11, 0, 0)))
        if len(packet) > port.mtu:
            return self.too_big(port, packet, travel)
        if six and not port.domain and self.in_any(EDGE_FILTER, packet[24:40]):
            raise Dead("egress-filter")
        if travel.decrement:
            packet = packet[:7] + bytes([packet[7] - 1]) + packet[8:] if six else four.hop4(packet)
        return self.leave(port, packet, travel)

    @staticmethod
    def leave(port, packet, travel, event="sent"):
        head = bytes.fromhex((port.neighbor_mac + port.mac).replace(":", ""))
        kind = IP6_TYPE if packet[0] >> 4 == 6 else IP4_TYPE
        travel.found.append((event, port.name, head + struct.pack("!H", kind) + packet))

    def too_big(self, port, packet, travel):
        room = port.mtu - travel.overhead
        if travel.kind == 2:
            raise Dead("too-big-l2")
        if travel.kind == 6:
            raise Dead("too-big", 2, 0, room)
        if travel.quote[6] & 0x40:
            raise Dead("too-big", 3, 4, room)
        for piece in four.fragments(four.hop4(travel.quote), room):
            self.leave(port, travel.push(piece) if travel.push else piece, travel)
        travel.found.append(("fragmented",))
        return None

    # ---- what this node says

    def echo6(self, packet, message, travel):
        """RFC 4443, 4.2: from the address that was asked."""
        asked, source = text_of(packet[24:40]), text_of(packet[8:24])
        if len(message) < 8 or icmp6(source, asked, message[0], message[1], message[4:]) != message:
            raise Dead("local-malformed")
        travel.found.append(("consumed",))
        if message[0] == 128:
            self.originate(ip6(asked, source, ICMP6, icmp6(asked, source, 129, 0, message[4:])), travel)

    def die(self, dead, travel):
        travel.found.append(("drop", dead.reason))
        if not dead.error:
            return
        kind, code, word = dead.error
        if travel.kind == 4:
            own = [travel.port.address4, *(p.address4 for p in self.ports.values())]
            made = four.error(next(a for a in own if a), kind, code, word, travel.quote)
        else:
            made = self.error6(kind, code, word, travel)
        if made:
            self.originate(made, travel)

    @staticmethod
    def error6(kind, code, word, travel):
        """RFC 4443, 2.4: as much of the packet as fits into 1280 octets; never about an error (e)."""
        quote = travel.quote
        if endpoint.is_error(quote):
            return None
        src, dst = travel.port.address, text_of(quote[8:24])
        body = struct.pack("!I", word) + quote[: ERROR6_OCTETS - 48]
        return ip6(src, dst, ICMP6, icmp6(src, dst, kind, code, body))

    def originate(self, packet, travel):
        """A packet of this node's own: routed by its destination."""
        destination = packet[24:40] if packet[0] >> 4 == 6 else packet[16:20]
        found = self.match(destination, travel.vrf)
        self.leave(self.ports[found[0]], packet, travel, event="made")
