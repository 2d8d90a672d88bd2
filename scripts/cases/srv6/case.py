"""A case whose expectation is what the reference node does, and which says in its own words what that must be."""

import textwrap

from lib import MARK, Case, toml_value
from srv6.entries import Link, Policy, table
from srv6.node import Node

FREE_ICMP = "[icmp]\nrate = 100000\nburst = 10000\n"
LOCATOR = "fc00:0:1::/48"
NEXT = "fc00::/16"


def to(prefix, *names, vrf=None):
    """A route through the neighbors of the named ports."""
    return (prefix, names, vrf)


def into(prefix, policy, vrf=None):
    """A route that steers into a policy."""
    return (prefix, {"policy": policy}, vrf)


def links(*names, **keys):
    """Ports of the usual topology; `keys` maps a name to extra arguments of that port."""
    usual = {
        "core": dict(number=1), "east": dict(number=2), "west": dict(number=3),
        "ce": dict(number=5, domain=False), "red": dict(number=6, domain=False, vrf="red"),
        "tap": dict(number=7, domain=False),
    }
    return [Link(name, **usual[name] | keys.get(name, {})) for name in names]


ROUTES = [
    to(NEXT, "east"), to("2001:db8:1::/48", "core"), to("2001:db8:a::/48", "ce"),
    to("10.1.0.0/16", "core"), to("10.2.0.0/16", "ce"),
]
RED_ROUTES = [
    to(NEXT, "red", vrf="red"), to("2001:db8:a::/48", "red", vrf="red"), to("10.2.0.0/16", "red", vrf="red"),
    # The way back, for errors about what was inside: their table is the packet's.
    to("2001:db8:1::/48", "red", vrf="red"), to("10.1.0.0/16", "red", vrf="red"),
]


class SrCase(Case):
    """Ports, routes, SIDs and policies; every frame goes through the reference and must end as the case says."""

    def __init__(self, name, clause, entries, routes=None, names=("core", "east", "ce"), group="srv6", tables=(),
                 locator=True, upper_layer=None, keys=None, ports=None, **port_keys):
        ports = ports or links(*names, **port_keys)
        have = {p.name for p in ports}
        if routes is None:
            usual = ROUTES + (RED_ROUTES if "red" in have else [])
            routes = [r for r in usual if set(r[1]) <= have]
        super().__init__(group, name, clause, ports, routes, FREE_ICMP, *tables)
        self.entries = entries
        if locator:
            self.tables.append(table("srv6.locator", name="main", prefix=LOCATOR, format="full"))
        if upper_layer:
            self.tables.append(table("srv6", upper_layer=upper_layer))
        for key, secret in (keys or {}).items():
            self.tables.append(table("srv6.hmac-key", id=key, secret=secret))
        self.node = Node(ports, routes, entries, upper_layer or ("icmpv6",), keys, (LOCATOR,) if locator else ())

    # what goes in, and what the case says of it

    def feed(self, port, packet, says):
        """One packet in. `says`: the port it leaves by, "reply", "(type,code)", "silent", or "fragments"."""
        head = self.ports[port].sent(b"")
        kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
        return self.feed_frame(port, head[6:12] + head[:6] + kind + packet, says)

    def feed_frame(self, port, octets, says):
        self.frame(port, octets)
        events = self.node.receive(port, octets)
        said = self.words(events)
        assert said == says, f"{self.name}, frame {self.counts['received']}: {said}, not {says}"
        for event, *rest in events:
            self.record(event, rest)
        return events

    def record(self, event, rest):
        if event == "sent":
            self.out_frame(*rest)
        elif event == "made":
            self.made_frame(*rest)
        elif event == "drop":
            self.dropped(REASONS.get(rest[0]))
        elif event == "consumed":
            self.consumed()
        else:
            self.uncounted()  # one datagram became several

    @staticmethod
    def words(events):
        kinds = [event[0] for event in events]
        if "fragmented" in kinds:
            return "fragments"
        if kinds == ["sent"]:
            return events[0][1]
        if kinds == ["drop"]:
            return "silent"
        if kinds == ["consumed", "made"]:
            return "reply"
        if kinds == ["drop", "made"]:
            packet = events[1][2][14:]
            at = 40 if packet[0] >> 4 == 6 else 20
            return f"({packet[at]},{packet[at + 1]})"
        return " ".join(kinds)

    # files

    def config(self):
        text = MARK + "".join(f"# {line}\n" for line in textwrap.wrap(self.clause, 100)) + "\n"
        text += "\n".join(p.toml(i) for i, p in enumerate(self.ports.values()))
        for prefix, target, vrf in self.routes:
            text += f'\n[[route]]\nprefix = "{prefix}"\n' + (f'vrf    = "{vrf}"\n' if vrf else "")
            text += self.target(prefix, target)
        text += "".join("\n" + t.lstrip("\n") for t in self.tables)
        return text + "".join("\n" + entry.toml(self.ports) for entry in self.entries)

    def target(self, prefix, target):
        if isinstance(target, dict):
            return f'policy = "{target["policy"]}"\n'
        if isinstance(target, str):
            return f'action = "{target}"\n'
        four = "." in prefix
        hops = [{"address": p.neighbor4 if four and p.has_neighbor4 else p.neighbor, "port": p.name}
                for p in (self.ports[name] for name in target)]
        return f"via    = {toml_value(hops)}\n"

    def expectation(self):
        if self.node.flows:
            self.more["flow-labels"] = len(self.node.flows)
        return super().expectation()


# Names of drop reasons where the reference calls them something else; None: only the sum is expected.
REASONS = {name: name for name in (
    "hop-limit", "no-route", "unreachable", "blackhole", "too-big", "too-big-l2", "local-fragment", "hmac",
    "sr-domain", "egress-filter", "source-address", "destination-address", "multicast", "broadcast",
    "ethernet-type", "ethernet-short",
    "segments-left", "routing-type", "upper-layer", "policy-down", "hmac-missing", "local-port", "local-tcp",
    "local-malformed", "ip4-length", "ip4-version", "ip4-checksum", "ip6-length", "ip6-version",
)} | {"header-length": "srh-length", "l2-short": "ethernet-short"}

__all__ = ["FREE_ICMP", "Policy", "SrCase", "into", "links", "to"]
