"""Where frames go through: the kernel in a namespace, mexfwd as a replay, and mexfwd as a daemon on veth."""

import json
import subprocess
import tempfile
from pathlib import Path

import wire
from lib import EPOCH_S, pcap

from .world import ENCAP_SOURCE, PORTS, TABLE, kernel_routes

ANSWER_S, QUIET_S = 1.0, 0.01
STEP_US = 1000
SETTINGS = [
    "net.ipv6.icmp.ratelimit=0", "net.ipv4.icmp_ratelimit=0", "net.ipv4.icmp_msgs_per_sec=1000000",
    "net.ipv4.ip_forward=1", "net.ipv6.seg6_flowlabel=0", "net.ipv6.auto_flowlabels=0",
]  # fmt: skip
SETTINGS_6 = ["accept_dad=0", "addr_gen_mode=1", "accept_ra=0", "forwarding=1", "seg6_enabled=1"]
SETTINGS_4 = ["rp_filter=0", "send_redirects=0", "forwarding=1"]


class BedError(Exception):
    """The comparison cannot be made."""


def run(*command, text=None):
    # A session of its own: `ip sr hmac` reads the secret from the terminal where there is one.
    done = subprocess.run(command, capture_output=True, text=True, input=text, start_new_session=True)
    if done.returncode != 0:
        raise BedError(f"`{' '.join(command)}`: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


class Router:
    """A namespace in which Linux forwards; what `ip` says in it is checked."""

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        run("ip", "netns", "add", self.name)
        scopes = ("all", "default")
        # One command: settings of `default` are taken over by the interfaces that are made afterwards.
        self.sysctl(
            *SETTINGS,
            *(f"net.ipv6.conf.{scope}.{each}" for scope in scopes for each in SETTINGS_6),
            *(f"net.ipv4.conf.{scope}.{each}" for scope in scopes for each in SETTINGS_4),
        )
        self.ip(["link set lo up"])
        return self

    def __exit__(self, *_):
        run("ip", "netns", "del", self.name)

    def sysctl(self, *settings):
        if settings:
            run("ip", "netns", "exec", self.name, "sysctl", "-qw", *settings)

    def ip(self, commands):
        """Several `ip` commands at once."""
        run("ip", "-n", self.name, "-batch", "-", text="\n".join(commands) + "\n")

    def refuses(self, command):
        """What the kernel says when it does not know how to do this; None when it does."""
        done = subprocess.run(["ip", "-n", self.name, *command.split()], capture_output=True, text=True)
        return done.stderr.strip() if done.returncode != 0 else None

    def hmac_key(self, number, secret):
        run("ip", "netns", "exec", self.name, "ip", "sr", "hmac", "set", str(number), "sha256", text=secret + "\n")

    def tunnel_source(self, address):
        run("ip", "netns", "exec", self.name, "ip", "sr", "tunsrc", "set", address)


def missing(name):
    """What this kernel needs to be compared with, and does not have; None when it has all."""
    with Router(name) as router:
        router.ip(["link add dev one type veth peer name two", "link set dev one up"])
        for encap in ("seg6 mode encap segs fc00::1", "seg6 mode inline segs fc00::1", "seg6local action End"):
            if reason := router.refuses(f"route add fc00:2::/32 encap {encap} dev one"):
                return f"encap {encap}: {reason}"
            router.ip(["route del fc00:2::/32 dev one"])
        try:
            router.hmac_key(1, "secret")
        except BedError as problem:
            return str(problem)
    return None


def build(router, hosts, group):
    """The ports of the world between the router's namespace and the harness, with the group's behaviors."""
    commands = []
    for port in PORTS.values():
        commands.append(
            f"link add dev {port.name} address {port.mac} mtu {port.mtu} "
            f"type veth peer name {port.name} mtu {port.mtu} netns {hosts.name}"
        )
    for port in PORTS.values():
        commands.append(f"link set dev {port.name} up")
        commands += [f"address add {each} dev {port.name}" for each in port.addresses]
        commands += [
            f"neighbor add {each} lladdr {port.neighbor_mac} nud permanent dev {port.name}"
            for each in (port.neighbor, port.neighbor4)
        ]
    router.ip(commands)
    for port in PORTS.values():
        wire.ip("-n", hosts.name, "link", "set", "dev", port.name, "up")
        hosts.open(port.name, port.name)
    # Linux wants the table before a behavior names it.
    router.ip(kernel_routes())
    router.tunnel_source(ENCAP_SOURCE)
    router.sysctl(*group.sysctls)
    for number, secret in group.hmac_keys:
        router.hmac_key(number, secret)
    router.ip(group.ip)


def drive(network, sent, side, before=None):
    """Frame by frame; for each, the frames that came back by port."""
    found = []
    for each in sent:
        if before:
            before(each)
        for frames in network.received.values():
            frames.clear()
        network.sockets[each.port].send(each.frame)
        due = len(getattr(each, side))
        network.collect(ANSWER_S, lambda due=due: network.total() >= due)
        network.collect(QUIET_S)
        found.append({port: [frame for _, frame in frames] for port, frames in network.received.items()})
    return found


def through_kernel(name, group):
    """What the kernel makes of the group's frames."""
    with Router(f"{name}-k") as router, wire.Network(f"{name}-h") as hosts:
        build(router, hosts, group)
        refused = [(what, router.refuses(command)) for what, command in group.absent]
        found = drive(hosts, group.sent, "kernel", lambda each: router.sysctl(*each.before))
    return found, refused


def through_replay(binary, group):
    """What `mexfwd replay` makes of the group's frames, and its counters."""
    with tempfile.TemporaryDirectory(prefix="mexfwd-srv6-") as kept:
        folder = Path(kept)
        (folder / "config.toml").write_text(group.config())
        inputs, at = {}, EPOCH_S * 1_000_000
        for index, each in enumerate(group.sent):
            inputs.setdefault(each.port, []).append((at + index * STEP_US, each.frame))
        command = [binary, "replay", "-c", str(folder / "config.toml"), "--json"]
        for port, frames in inputs.items():
            (folder / f"in.{port}.pcap").write_bytes(pcap(frames))
            command += ["--in", f"{port}={folder / f'in.{port}.pcap'}"]
        for port in PORTS:
            command += ["--out", f"{port}={folder / f'out.{port}.pcap'}"]
        summary = json.loads(run(*command))
        found = [{port: [] for port in PORTS} for _ in group.sent]
        for port in PORTS:
            for time_us, frame in wire.read_pcap(folder / f"out.{port}.pcap"):
                found[(time_us - at) // STEP_US][port].append(frame)
    return found, summary


def on_wire(config, interfaces, core):
    """The configuration for `mexfwd run` on these interfaces."""
    return wire.on_wire(config, interfaces, core).replace('memory = "64M"', 'memory = "128M"')


def through_daemon(binary, name, group, core):
    """What `mexfwd run` on veth makes of the group's frames."""
    with tempfile.TemporaryDirectory(prefix="mexfwd-srv6-") as kept, wire.Network(name) as network:
        for index, port in enumerate(PORTS.values()):
            network.link(f"r{index}", f"h{index}", port.mtu, port.mac)
            network.open(port.name, f"h{index}")
        config = on_wire(group.config(), [f"r{index}" for index in range(len(PORTS))], core)
        with wire.Daemon(binary, network, config, Path(kept), "mexfwd"):
            return drive(network, group.sent, "rfc")


__all__ = ["BedError", "Router", "TABLE", "run", "through_daemon", "through_kernel", "through_replay"]
