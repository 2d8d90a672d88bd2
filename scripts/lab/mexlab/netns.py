"""Namespaces, links, addresses and routes: everything that `ip`, `ethtool` and `sysctl` do for the lab."""

import json
import subprocess
import time
import tomllib
from pathlib import Path

from .topology import LINKS, MEXFWD_NODES, NODES, Link, Linux, link, links_of, mac, namespace

COMMAND_TIMEOUT_S = 30
# veth leaves checksums and segmentation to a NIC that does not exist. A frame that leaves Linux
# for mexfwd must be whole, and one packet must be one frame, as on a real cable.
OFFLOADS = ["rx", "tx", "sg", "tso", "gso", "gro"]


class LabError(Exception):
    """What the user is told, in one line, when the lab cannot go on."""


def run(*command: str, check: bool = True) -> str:
    """Run a command and return what it printed."""
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S
        )
    except FileNotFoundError as error:
        raise LabError(f"{command[0]} is not installed (scripts/quickstart installs what the lab needs)") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"`{' '.join(command)}` took more than {COMMAND_TIMEOUT_S} s") from error
    if check and done.returncode != 0:
        reason = done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}"
        raise LabError(f"`{' '.join(command)}`: {reason}")
    return done.stdout


def inside(node: str, *command: str) -> list[str]:
    """The command that runs `command` in a node's namespace."""
    return ["ip", "netns", "exec", namespace(node), *command]


def existing_namespaces() -> list[str]:
    """The lab's nodes that have a namespace now."""
    listed = {row["name"] for row in json.loads(run("ip", "-j", "netns", "list") or "[]")}
    return [node for node in NODES if namespace(node) in listed]


def delete_namespaces() -> None:
    """Delete every namespace of the lab; the links in them go too."""
    for node in existing_namespaces():
        run("ip", "netns", "del", namespace(node))


def sysctl(node: str, *settings: str) -> None:
    run(*inside(node, "sysctl", "-q", "-w", *settings))


def build(kernel: bool, config_dir: Path) -> None:
    """Make the whole network. `kernel`: Linux forwards in the mexfwd nodes too."""
    for name, node in NODES.items():
        run("ip", "netns", "add", namespace(name))
        # The lab's addresses are its own: no waiting for duplicate address detection. An
        # address must survive its interface's going down, or `heal` would have to know it.
        sysctl(
            name,
            "net.ipv6.conf.all.accept_dad=0",
            "net.ipv6.conf.default.accept_dad=0",
            "net.ipv6.conf.all.keep_addr_on_down=1",
            "net.ipv6.conf.default.keep_addr_on_down=1",
        )
        if kernel or isinstance(node, Linux):
            forwards = not isinstance(node, Linux) or node.router
            sysctl(name, f"net.ipv6.conf.all.forwarding={int(forwards)}")
        run("ip", "-n", namespace(name), "link", "set", "lo", "up")
    for each in LINKS:
        add_link(each)
    for name in NODES:
        configure_node(name, kernel, config_dir)


def add_link(each: Link) -> None:
    one, other = each.nodes
    run(
        "ip", "link", "add", each.name, "netns", namespace(one), "address", mac(each.name, one),
        "type", "veth", "peer", "name", each.name, "netns", namespace(other), "address", mac(each.name, other),
    )  # fmt: skip
    for node in each.nodes:
        switches = [word for offload in OFFLOADS for word in (offload, "off")]
        run(*inside(node, "ethtool", "-K", each.name, *switches))


def configure_node(name: str, kernel: bool, config_dir: Path) -> None:
    """Bring a node's interfaces up, with addresses and routes where Linux is the one who speaks."""
    if name in MEXFWD_NODES and not kernel:
        for each in links_of(name):
            # Only mexfwd speaks here: a kernel that answered too would hide its mistakes.
            sysctl(name, f"net.ipv6.conf.{each.name}.disable_ipv6=1")
            run(*inside(name, "ip", "link", "set", each.name, "arp", "off", "up"))
        return
    addresses, routes = linux_view(name, config_dir)
    for interface, values in addresses.items():
        run("ip", "-n", namespace(name), "link", "set", interface, "up")
        for value in values:
            run("ip", "-n", namespace(name), "-6", "address", "add", value, "dev", interface, "nodad")
    apply_routes(name, routes)


def apply_routes(name: str, routes: list[str]) -> None:
    for route in routes:
        run("ip", "-n", namespace(name), "-6", "route", "replace", *route.split())


def linux_view(name: str, config_dir: Path) -> tuple[dict[str, list[str]], list[str]]:
    """Addresses by interface, and routes, as Linux takes them; a mexfwd node's come from its config."""
    node = NODES[name]
    if isinstance(node, Linux):
        return node.addresses, node.routes
    text = (config_dir / f"{name}.toml").read_text().replace("$core", "0")
    config = tomllib.loads(text)
    addresses = {port["name"]: port["address"] for port in config["port"]}
    routes = []
    for route in config["route"]:
        if "action" in route:
            routes.append(f"{route['action']} {route['prefix']}")
            continue
        hops = [f"via {hop['address']} dev {hop['port']}" for hop in route["via"]]
        several = len(hops) > 1
        routes.append(" ".join([route["prefix"], *(f"nexthop {hop}" if several else hop for hop in hops)]))
    return addresses, routes


def cut(name: str) -> None:
    """Take a link down: one end loses its interface, the other its carrier."""
    run("ip", "-n", namespace(find_link(name).nodes[1]), "link", "set", name, "down")


def heal(name: str, kernel: bool, config_dir: Path) -> None:
    """Bring a link up again; Linux forgets the routes over an interface that went down."""
    node = find_link(name).nodes[1]
    run("ip", "-n", namespace(node), "link", "set", name, "up")
    if kernel or node not in MEXFWD_NODES:
        wait_for_carrier(node, name)
        apply_routes(node, linux_view(node, config_dir)[1])


def wait_for_carrier(node: str, interface: str) -> None:
    """Return once Linux has seen the link come up (it says so from a work queue)."""
    deadline = time.monotonic() + COMMAND_TIMEOUT_S
    while time.monotonic() < deadline:
        if link_is_up(node, interface):
            return
        time.sleep(0.02)
    raise LabError(f"{interface} of {node} does not come up")


def find_link(name: str) -> Link:
    try:
        return link(name)
    except KeyError:
        known = ", ".join(each.name for each in LINKS)
        raise LabError(f"no link is called {name!r}; there are {known}") from None


def link_is_up(node: str, interface: str) -> bool:
    shown = json.loads(run("ip", "-n", namespace(node), "-j", "link", "show", "dev", interface))
    return "LOWER_UP" in shown[0]["flags"] and "UP" in shown[0]["flags"]


def link_states() -> dict[str, str]:
    """Every link's state: up, or cut."""
    return {each.name: "up" if all(link_is_up(node, each.name) for node in each.nodes) else "cut" for each in LINKS}
