"""The network of the lab: which nodes there are, how they are linked, what their addresses are.

Everything is static, so that a reader can follow a packet with a finger:

- a link has the same interface name on both of its ends (`link3` in ispc and `link3` in sedge);
- a link between two routers has the prefix 2001:db8:ffff:N::/64, where N is its number, and
  a router has the same last hexadecimal digits on all of its links (ISP B is `::b`);
- an ISP's aggregate carries its letter: 2001:db8:c::/48 is ISP C's. A site's prefix is a /64 out
  of its provider's aggregate.
"""

from dataclasses import dataclass

NAMESPACE_PREFIX = "mexlab-"
AGGREGATE_A = "2001:db8:a::/48"
AGGREGATE_C = "2001:db8:c::/48"
AGGREGATE_D = "2001:db8:d::/48"
SITE_C = "2001:db8:c:1::/64"  # what ISP C delegated to the site
SITE_D = "2001:db8:d:1::/64"  # what ISP D delegated to the same site
HOST1 = "2001:db8:a:1::11"
HOST2_C = "2001:db8:c:1::22"  # host2 has the same interface identifier under both
HOST2_D = "2001:db8:d:1::22"


@dataclass(frozen=True)
class Link:
    """A veth pair. `cut` takes the interface of the second node down; the first one loses its carrier."""

    name: str
    nodes: tuple[str, str]
    note: str


@dataclass(frozen=True)
class Linux:
    """A node that is an ordinary Linux machine: a host, or a router that knows nothing of MEX."""

    title: str
    addresses: dict[str, list[str]]  # by interface
    routes: list[str]  # as `ip -6 route replace` takes them
    router: bool


@dataclass(frozen=True)
class Mexfwd:
    """A node that runs mexfwd with config/NAME.toml, and config/NAME.mex.toml when it knows MEX."""

    title: str


LINKS = [
    Link("lan1", ("cedge", "host1"), "host1's network"),
    Link("link0", ("ispa", "cedge"), "correspondent edge -- ISP A"),
    Link("link1", ("ispa", "ispc"), "ISP A -- ISP C"),
    Link("link2", ("ispa", "ispb"), "ISP A -- ISP B"),
    Link("link3", ("ispc", "sedge"), "ISP C -- site edge"),
    Link("link4", ("ispd", "sedge"), "ISP D -- site edge"),
    Link("link5", ("ispb", "ispc"), "ISP B -- ISP C"),
    Link("link6", ("ispb", "ispd"), "ISP B -- ISP D"),
    Link("lan2", ("sedge", "host2"), "the multi-homed site's network"),
]


def on_link(number: int, suffix: str) -> str:
    """A router's address on link `number`."""
    return f"2001:db8:ffff:{number}::{suffix}"


def router_address(number: int, suffix: str) -> list[str]:
    return [on_link(number, suffix) + "/64"]


NODES: dict[str, Linux | Mexfwd] = {
    "host1": Linux(
        "host 1",
        {"lan1": [HOST1 + "/64"]},
        ["default via 2001:db8:a:1::1"],
        router=False,
    ),
    "cedge": Mexfwd("correspondent edge"),
    "ispa": Linux(
        "ISP A",
        {"link0": router_address(0, "a"), "link1": router_address(1, "a"), "link2": router_address(2, "a")},
        [
            f"{AGGREGATE_A} via {on_link(0, '1')}",
            f"{AGGREGATE_C} via {on_link(1, 'c')}",
            f"{AGGREGATE_D} via {on_link(2, 'b')}",
        ],
        router=True,
    ),
    "ispb": Linux(
        "ISP B",
        {"link2": router_address(2, "b"), "link5": router_address(5, "b"), "link6": router_address(6, "b")},
        [
            f"{AGGREGATE_A} via {on_link(2, 'a')}",
            f"{AGGREGATE_C} via {on_link(5, 'c')}",
            f"{AGGREGATE_D} via {on_link(6, 'd')}",
        ],
        router=True,
    ),
    "ispc": Mexfwd("ISP C"),
    "ispd": Linux(
        "ISP D",
        {"link4": router_address(4, "d"), "link6": router_address(6, "d")},
        [
            f"{SITE_D} via {on_link(4, '2')}",
            f"unreachable {AGGREGATE_D}",
            f"default via {on_link(6, 'b')}",
        ],
        router=True,
    ),
    "sedge": Mexfwd("site edge"),
    "host2": Linux(
        "host 2",
        {"lan2": [HOST2_C + "/64", HOST2_D + "/64"]},
        ["default via 2001:db8:c:1::1"],
        router=False,
    ),
}

MEXFWD_NODES = [name for name, node in NODES.items() if isinstance(node, Mexfwd)]


def namespace(node: str) -> str:
    """The network namespace in which a node lives."""
    return NAMESPACE_PREFIX + node


def link(name: str) -> Link:
    """The link of this name; KeyError when there is none."""
    for candidate in LINKS:
        if candidate.name == name:
            return candidate
    raise KeyError(name)


def links_of(node: str) -> list[Link]:
    return [candidate for candidate in LINKS if node in candidate.nodes]


def mac(link_name: str, node: str) -> str:
    """The MAC address of a node's end of a link: 02:00:00:00:<link>:<node>, the same on every run.

    The mexfwd configs write the same addresses in full.
    """
    link_number = [candidate.name for candidate in LINKS].index(link_name)
    node_number = list(NODES).index(node) + 1
    return f"02:00:00:00:{link_number:02x}:{node_number:02x}"


# `=3=` is the place of link3's state: as wide as a state is, so that the lines stay where they are.
DRAWING = """\
                             +---- link1 =1= ---- ISP C * ---- link3 =3= ----+
                             |                       |                       |
                             |                   link5 =5=                   |
 host1 ---- edge * ------- ISP A                     |                  site edge * ---- host2
      lan1 =a=    link0 =0=  |                       |                       |    lan2 =b=
                             +---- link2 =2= ----- ISP B                     |
                                                     |                       |
                                                 link6 =6=                   |
                                                     |                       |
                                                   ISP D ----- link4 =4= ----+
"""
PLACES = {"lan1": "=a=", "lan2": "=b=", **{f"link{number}": f"={number}=" for number in range(7)}}


def drawing(states: dict[str, str]) -> str:
    """The network with a state of three letters at every link."""
    text = DRAWING
    for name, place in PLACES.items():
        text = text.replace(place, f"{states[name]:3.3}")
    return text
