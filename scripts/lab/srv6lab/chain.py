"""TCP between two hosts through three routers that pass it on by segment lists, Linux and mexfwd in turn.

    a ---l1--- r1 ---l2--- r2 ---l3--- r3 ---l4--- b

r1 and r3 are headends, each for its host's packets, and open what arrives for their host. A list of n segments
goes back and forth between the two routers behind the headend; the last one opens. Every list has host addresses of
its own, so that one network carries them all.
"""

import hashlib
import os
import random
import socket
import tempfile
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import wire
from lib import toml_value

from .beds import Router, on_wire, run
from .world import neighbor, policy, sid, steer

COUNTS = range(1, 11)
MODES = ("encap", "encap.red")
SR_MTU = 1500  # the most that net_af_packet takes
OCTETS = 400_000
TIMEOUT_S = 20
LINKS = {"l1": ("a", "r1"), "l2": ("r1", "r2"), "l3": ("r2", "r3"), "l4": ("r3", "b")}
SR_LINKS = ("l2", "l3")
SOURCE = {"r1": "2001:db8:5eed::1", "r3": "2001:db8:5eed::3"}
LOCATORS = {"r1": "fc00:1::", "r2": "fc00:2::", "r3": "fc00:3::"}
# What lies behind each headend, and the host's letter in addresses.
HOSTS = {"r1": ("a", 1), "r3": ("b", 2)}
ENDS = 5


@dataclass(frozen=True)
class Way:
    """One list of segments each way, with addresses of its own."""

    mode: str
    count: int

    def number(self):
        return 16 * MODES.index(self.mode) + self.count

    def prefix(self, host, family):
        letter, byte = host, 1 if host == "a" else 2
        return f"2001:db8:{letter}:{self.number():x}::/64" if family == 6 else f"10.{byte}.{self.number()}.0/24"

    def address(self, host, family):
        net = self.prefix(host, family).split("/")[0]
        return f"{net}1" if family == 6 else f"{net[:-1]}1"

    def segments(self, headend, family):
        """Back and forth between r2 and the other headend, which opens at last."""
        far = "r3" if headend == "r1" else "r1"
        stops = [("r2", far)[index % 2] for index in range(self.count - 1)]
        visited = [f"{LOCATORS[node]}e{index // 2 % ENDS}" for index, node in enumerate(stops)]
        return [*visited, f"{LOCATORS[far]}d{family}"]

    def overhead(self):
        """Octets that the headend pushes."""
        entries = self.count - 1 if self.mode == "encap.red" else self.count
        return 40 + (8 + 16 * entries if entries else 0)


def ways(counts=COUNTS):
    return [Way(mode, count) for mode in MODES for count in counts]


def mac(link, node):
    return f"02:00:00:01:{link[1:]:0>2}:{LINKS[link].index(node) + 1:02x}"


def own(link, node, family):
    side = LINKS[link].index(node) + 1
    return f"2001:db8:0:{link[1:]}::{side}" if family == 6 else f"10.0.{link[1:]}.{side}"


def other(link, node):
    return next(each for each in LINKS[link] if each != node)


def links_of(node):
    return [link for link, ends in LINKS.items() if node in ends]


def plain_routes(node):
    """(prefix, link): what is reached without a segment list."""
    if node == "r2":
        return [(f"{LOCATORS['r1']}/32", "l2"), (f"{LOCATORS['r3']}/32", "l3")]
    host, byte = HOSTS[node]
    inward, outward = ("l1", "l2") if node == "r1" else ("l4", "l3")
    made = [(f"{LOCATORS[each]}/32", outward) for each in LOCATORS if each != node]
    return [*made, (f"2001:db8:{host}::/48", inward), (f"10.{byte}.0.0/16", inward)]


# ---- Linux -----------------------------------------------------------------------------------------------


def linux(router, node, chosen):
    """Addresses, routes, SIDs and headends of a router whose links are there."""
    commands = []
    for prefix, link in plain_routes(node):
        hop = own(link, other(link, node), 4 if "." in prefix else 6)
        commands.append(f"route add {prefix} via {hop} dev {link}")
    link = links_of(node)[-1]
    commands += [
        f"route add {LOCATORS[node]}e{index}/128 encap seg6local action End dev {link}" for index in range(ENDS)
    ]
    if node in HOSTS:
        host, _ = HOSTS[node]
        inward = "l1" if node == "r1" else "l4"
        commands.append(f"route add {LOCATORS[node]}d6/128 encap seg6local action End.DT6 table 254 dev {link}")
        commands.append(
            f"route add {LOCATORS[node]}d4/128 encap seg6local action End.DX4 nh4 {own(inward, host, 4)} dev {link}"
        )
        far, outward = ("b", "l2") if node == "r1" else ("a", "l3")
        for way in chosen:
            for family in (6, 4):
                segments = ",".join(way.segments(node, family))
                commands.append(
                    f"route add {way.prefix(far, family)} encap seg6 mode {way.mode} segs {segments} dev {outward}"
                )
        router.tunnel_source(SOURCE[node])
    router.ip(commands)


def host_routes(router, node, chosen):
    link = links_of(node)[0]
    commands = []
    for way in chosen:
        commands += [
            f"address add {way.address(node, family)}/{128 if family == 6 else 32} dev lo" for family in (6, 4)
        ]
    commands += [f"route add default via {own(link, other(link, node), family)} dev {link}" for family in (6, 4)]
    router.ip(commands)


# ---- mexfwd ----------------------------------------------------------------------------------------------


def config(node, host_mtu, chosen):
    text = "[mex]\nenabled = false\n"
    for index, link in enumerate(links_of(node)):
        peer = other(link, node)
        size = SR_MTU if link in SR_LINKS else host_mtu
        text += f'\n[[port]]\nname    = "{link}"\ndevice  = "net_null{index}"\nmac     = "{mac(link, node)}"\n'
        text += f'mtu     = {size}\naddress = ["{own(link, node, 6)}/64", "{own(link, node, 4)}/24"]\n'
        text += f"sr-domain = {toml_value(link in SR_LINKS)}\n"
        for family in (6, 4):
            text += "\n" + neighbor(link, own(link, peer, family), mac(link, peer))
    for prefix, link in plain_routes(node):
        hop = own(link, other(link, node), 4 if "." in prefix else 6)
        text += f'\n[[route]]\nprefix = "{prefix}"\nvia    = [{{ address = "{hop}", port = "{link}" }}]\n'
    text += f'\n[[srv6.locator]]\nname   = "main"\nprefix = "{LOCATORS[node]}/32"\nformat = "full"\n'
    text += "".join("\n" + sid(f"{LOCATORS[node]}e{index}", "End") for index in range(ENDS))
    if node in HOSTS:
        text += "\n" + sid(f"{LOCATORS[node]}d6", "End.DT6", vrf="default")
        text += "\n" + sid(f"{LOCATORS[node]}d4", "End.DT4", vrf="default")
        far = "b" if node == "r1" else "a"
        for way in chosen:
            for family in (6, 4):
                name = f"{way.mode.replace('.', '-')}-{way.count}-{family}"
                table = policy(name, way.mode.replace(".", "-"), way.segments(node, family), source=SOURCE[node])
                text += f"\n{table}\n{steer(way.prefix(far, family), name)}"
    return text


# ---- the network -----------------------------------------------------------------------------------------


class Chain:
    """The namespaces, with mexfwd running in the nodes named."""

    def __init__(self, name, binary, mexfwd, host_mtu, chosen):
        self.name, self.binary, self.mexfwd, self.host_mtu, self.chosen = name, binary, mexfwd, host_mtu, chosen

    def namespace(self, node):
        return f"{self.name}-{node}"

    def __enter__(self):
        self.stack = ExitStack()
        with ExitStack() as building:
            kept = Path(building.enter_context(tempfile.TemporaryDirectory(prefix="mexfwd-chain-")))
            nodes = {}
            for node in ("a", "r1", "r2", "r3", "b"):
                kind = wire.Network if node in self.mexfwd else Router
                nodes[node] = building.enter_context(kind(self.namespace(node)))
            for link, (left, right) in LINKS.items():
                size = SR_MTU if link in SR_LINKS else self.host_mtu
                run(
                    "ip",
                    "link",
                    "add",
                    "dev",
                    link,
                    "netns",
                    self.namespace(left),
                    "address",
                    mac(link, left),
                    "mtu",
                    str(size),
                    "type",
                    "veth",
                    "peer",
                    "name",
                    link,
                    "netns",
                    self.namespace(right),
                    "address",
                    mac(link, right),
                    "mtu",
                    str(size),
                )
            for node, made in nodes.items():
                self.bring_up(node, made)
            cores = sorted(os.sched_getaffinity(0))
            for index, node in enumerate(self.mexfwd):
                text = on_wire(config(node, self.host_mtu, self.chosen), links_of(node), cores[index % len(cores)])
                building.enter_context(wire.Daemon(self.binary, nodes[node], text, kept, node))
            self.stack = building.pop_all()
        return self

    def __exit__(self, *problem):
        return self.stack.__exit__(*problem)

    def bring_up(self, node, made):
        space = self.namespace(node)
        for link in links_of(node):
            # What a veth leaves to a network card that does not exist: checksums, segmentation.
            off = [word for what in ("rx", "tx", "tso", "gso", "gro") for word in (what, "off")]
            run("ip", "netns", "exec", space, "ethtool", "-K", link, *off)
            run("ip", "-n", space, "link", "set", "dev", link, "up")
            if node in self.mexfwd:
                continue
            peer = other(link, node)
            for family, length in ((6, 64), (4, 24)):
                run("ip", "-n", space, "address", "add", f"{own(link, node, family)}/{length}", "dev", link)
                run(
                    "ip",
                    "-n",
                    space,
                    "neighbor",
                    "add",
                    own(link, peer, family),
                    "lladdr",
                    mac(link, peer),
                    "nud",
                    "permanent",
                    "dev",
                    link,
                )
        if node in self.mexfwd:
            return
        if node in LOCATORS:
            linux(made, node, self.chosen)
        else:
            host_routes(made, node, self.chosen)

    def socket(self, node, family):
        """A TCP socket in a node's namespace."""
        with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{self.namespace(node)}") as inside:
            wire.Network.enter(inside)
            try:
                made = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_STREAM)
            finally:
                wire.Network.enter(home)
        made.settimeout(TIMEOUT_S)
        return made

    def path_mtu(self, way, family):
        """What host a believes of the way to host b."""
        shown = run(
            "ip",
            "-n",
            self.namespace("a"),
            "-o",
            "route",
            "get",
            way.address("b", family),
            "from",
            way.address("a", family),
        )
        words = shown.split()
        return int(words[words.index("mtu") + 1]) if "mtu" in words else None


def transfer(chain, way, family, octets=OCTETS):
    """Both hosts send at the same time; each has to get what the other has sent. What is wrong, or None."""
    listener, client = chain.socket("b", family), chain.socket("a", family)
    with listener, client:
        listener.bind((way.address("b", family), 0))
        listener.listen(1)
        client.bind((way.address("a", family), 0))
        try:
            client.connect((way.address("b", family), listener.getsockname()[1]))
            server, _ = listener.accept()
        except OSError as problem:
            return f"no connection: {problem}"
        with server:
            server.settimeout(TIMEOUT_S)
            data = {side: random.Random(f"{side}{way}{family}").randbytes(octets) for side in ("a", "b")}
            got, threads = {}, []
            for side, stream in (("a", client), ("b", server)):
                threads.append(threading.Thread(target=send, args=(stream, data[side])))
                threads.append(threading.Thread(target=receive, args=(stream, got, side)))
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    for side, far in (("a", "b"), ("b", "a")):
        have, want = got.get(side, b""), data[far]
        if hashlib.sha256(have).digest() != hashlib.sha256(want).digest():
            return f"host {side} has {len(have)} of {len(want)} octets, and not the ones that were sent"
    return None


def send(stream, data):
    try:
        stream.sendall(data)
        stream.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the other end says what is missing


def receive(stream, got, side):
    parts = []
    try:
        while part := stream.recv(65536):
            parts.append(part)
    except OSError:
        pass
    got[side] = b"".join(parts)
