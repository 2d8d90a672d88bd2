"""The router under comparison: its ports, neighbors and routes, for the kernel and for mexfwd.

Ethernet addresses are the same on both sides, and neighbors are static: nothing of a frame has to be masked for
being made by one or the other.
"""

from dataclasses import dataclass, field

import lib
from scapy.layers.l2 import Ether

SOURCE = "2001:db8:1::10"
SOURCE4 = "192.0.2.10"
# Outer headers that this router pushes.
ENCAP_SOURCE = "2001:db8:5eed::1"
TABLE = 100
VRF = "red"
HEADERS = """# One SRv6 configuration; the kernel's namespace has the same behaviors.
[icmp]
rate  = 1000000
burst = 1000000

[mex]
enabled = false

[[srv6.locator]]
name   = "full"
prefix = "fc00:1::/32"

[[srv6.locator]]
name   = "compressed"
prefix = "fc01::/16"
"""


class Port(lib.Port):
    """A port with both families, inside the SR domain."""

    def __init__(self, name, number, **keys):
        self.number = number
        addresses = [f"2001:db8:0:{number}::1/64", f"10.0.{number}.1/24"]
        super().__init__(name, number, str(number), addresses=addresses, sr_domain=True, **keys)
        self.address4, self.neighbor4 = f"10.0.{number}.1", f"10.0.{number}.2"

    def toml(self, index):
        return super().toml(index) + "\n" + neighbor(self.name, self.neighbor4, self.neighbor_mac)

    def received(self, packet):
        return frame(self.mac, self.neighbor_mac, packet)

    def sent(self, packet):
        return frame(self.neighbor_mac, self.mac, packet)


def neighbor(port, address, mac):
    return f'[[neighbor]]\nport    = "{port}"\naddress = "{address}"\nmac     = "{mac}"\n'


def frame(dst, src, packet):
    return bytes(Ether(dst=dst, src=src, type=0x86DD if packet[0] >> 4 == 6 else 0x0800)) + packet


def ports():
    """By name: `up` has the hosts, `dn` the next segments, `x` is an adjacency, `t` is the way out of table 100."""
    made = [Port("up", 1), Port("dn", 2), Port("x", 3), Port("t", 4, vrf=VRF), Port("l2in", 5), Port("l2out", 6)]
    return {port.name: port for port in made}


PORTS = ports()
# (prefix, port, table): 2001:db8:2::/48 and 198.51.100.0/24 hold the hosts behind the next segments.
ROUTES = [
    ("2001:db8:1::/48", "up", None),
    ("192.0.2.0/24", "up", None),
    ("2001:db8:2::/48", "dn", None),
    ("198.51.100.0/24", "dn", None),
    ("fc00:2::/32", "dn", None),
    ("fc01::/16", "dn", None),
    # Where errors about outer packets go.
    ("2001:db8:5eed::/48", "x", None),
    ("2001:db8:1::/48", "t", VRF),
    ("2001:db8:2::/48", "t", VRF),
    ("fc00:2::/32", "t", VRF),
]


def via4(prefix):
    return "." in prefix


def kernel_routes():
    """The plain routes, as `ip` takes them."""
    made = []
    for prefix, name, vrf in ROUTES:
        port = PORTS[name]
        hop = port.neighbor4 if via4(prefix) else port.neighbor
        table = f" table {TABLE}" if vrf else ""
        made.append(f"route add {prefix} via {hop} dev {name}{table}")
    return made


def mexfwd_routes():
    made = []
    for prefix, name, vrf in ROUTES:
        port = PORTS[name]
        hop = port.neighbor4 if via4(prefix) else port.neighbor
        vrf_line = f'vrf    = "{vrf}"\n' if vrf else ""
        made.append(f'[[route]]\nprefix = "{prefix}"\n{vrf_line}via    = [{{ address = "{hop}", port = "{name}" }}]\n')
    return made


def sid(address, behavior, flavors=(), **keys):
    """A [[srv6.sid]] table."""
    lines = ["[[srv6.sid]]", f'sid = "{address}"', f'behavior = "{behavior}"']
    lines += [f"flavors = {lib.toml_value(list(flavors))}"] if flavors else []
    return "\n".join(lines + [f"{k.replace('_', '-')} = {lib.toml_value(v)}" for k, v in keys.items()]) + "\n"


def policy(name, mode, segments, **keys):
    """A [[srv6.policy]] table."""
    lines = ["[[srv6.policy]]", f'name = "{name}"', f'mode = "{mode}"']
    if not mode.startswith("insert"):
        keys = {"source": ENCAP_SOURCE} | keys
    lines += [f"{k.replace('_', '-')} = {lib.toml_value(v)}" for k, v in keys.items()]
    lines.append(f"segment-list = [{{ weight = 1, segments = {lib.toml_value(list(segments))} }}]")
    return "\n".join(lines) + "\n"


def steer(prefix, name):
    return f'[[route]]\nprefix = "{prefix}"\npolicy = "{name}"\n'


@dataclass
class Sent:
    """One frame in, and what has to come out of each side."""

    name: str
    port: str
    frame: bytes
    rfc: list  # (port, frame) of RFC and mexfwd
    kernel: list  # the same of the kernel
    why: tuple  # ids of the differences between the two
    flow: str  # not empty: the flow label of the frames is each side's own, the same for the packets of this flow
    before: list  # sysctl settings of the kernel from here on


@dataclass
class Group:
    """One configuration for both, and the frames that go through it."""

    name: str
    ip: list = field(default_factory=list)  # arguments of `ip`
    toml: list = field(default_factory=list)
    sent: list = field(default_factory=list)
    absent: list = field(default_factory=list)  # (what, arguments of `ip` that the kernel must refuse)
    sysctls: list = field(default_factory=list)
    port_keys: dict = field(default_factory=dict)  # port -> further lines of its [[port]]
    hmac_keys: list = field(default_factory=list)  # (id, secret)

    def behavior(self, address, action, table):
        """A SID of both sides: `action` as `ip` takes it, `table` of the configuration."""
        prefix = address if "/" in address else f"{address}/128"
        self.ip.append(f"route add {prefix} encap seg6local action {action} dev dn")
        self.toml.append(table)

    def steer(self, prefix, encap, table, name):
        """A headend of both sides."""
        self.ip.append(f"route add {prefix} encap seg6 {encap} dev dn")
        if table:
            self.toml.append(table)
        self.toml.append(steer(prefix, name))

    def packet(self, name, octets, out, *, port="up", kernel=None, why=(), flow="", before=()):
        """An IP packet into `port`; `out` and `kernel` are lists of (port, IP octets)."""
        frames = [(name_, PORTS[name_].sent(each)) for name_, each in out]
        other = frames if kernel is None else [(name_, PORTS[name_].sent(each)) for name_, each in kernel]
        self.frame(
            name, PORTS[port].received(octets), frames, port=port, kernel=other, why=why, flow=flow, before=before
        )

    def frame(self, name, octets, out, *, port="up", kernel=None, why=(), flow="", before=()):
        why = (why,) if isinstance(why, str) else tuple(why)
        kernel = out if kernel is None else kernel
        if (kernel != out) != bool(why):
            raise AssertionError(f"{name}: a difference without a name, or a name without a difference")
        self.sent.append(Sent(f"{self.name}: {name}", port, octets, out, kernel, why, flow, list(before)))

    def config(self):
        text = HEADERS + "\n"
        for index, port in enumerate(PORTS.values()):
            keys = "".join(f"{line}\n" for line in self.port_keys.get(port.name, ()))
            text += with_keys(port.toml(index), keys) + "\n"
        keys = [f'[[srv6.hmac-key]]\nid = {number}\nsecret = "{secret}"\n' for number, secret in self.hmac_keys]
        return text + "\n".join([*mexfwd_routes(), *keys, *self.toml])


def with_keys(table, keys):
    """The [[port]] table with further keys; its [[neighbor]] tables follow it."""
    own, rest = table.split("\n[[neighbor]]", 1)
    return f"{own}{keys}\n[[neighbor]]{rest}"
