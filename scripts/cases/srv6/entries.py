"""What a case configures: ports with IPv4, SIDs, policies; each writes its own TOML."""

import ipaddress

from lib import Port, address, toml_value

DECAPSULATING = ("End.DX6", "End.DX4", "End.DX2", "End.DT6", "End.DT4", "End.DT46")


def table(title, /, **values):
    """A TOML table; a key's '_' becomes '-', None is left out."""
    lines = [f"[[{title}]]" if "." in title else f"[{title}]"]
    lines += [f"{k.replace('_', '-')} = {toml_value(v)}" for k, v in values.items() if v is not None]
    return "\n".join(lines) + "\n"


class Link(Port):
    """A port with IPv6 and IPv4, inside the SR domain unless told otherwise."""

    def __init__(self, name, number, domain=True, policy=None, only6=False, neighbor4=True, **keys):
        self.address4, self.neighbor4 = f"192.0.{number}.1", f"192.0.{number}.2"
        own = [f"2001:db8:0:{number:x}::1/64"] + ([] if only6 else [self.address4 + "/24"])
        if only6:
            self.address4 = None
        keys = {"addresses": own} | keys
        if domain:
            keys["sr_domain"] = True
        if policy:
            keys["policy"] = policy
        super().__init__(name, number, f"{number:x}", **keys)
        self.domain, self.policy, self.has_neighbor4 = domain, policy, neighbor4 and not only6

    def toml(self, index):
        text = super().toml(index)
        if self.static and self.has_neighbor4:
            text += f'\n[[neighbor]]\nport    = "{self.name}"\naddress = "{self.neighbor4}"\n'
            text += f'mac     = "{self.neighbor_mac}"\n'
        return text


class Sid:
    """A [[srv6.sid]]."""

    def __init__(self, sid, behavior, *flavors, via=None, vrf=None, port=None, policy=None, hmac=None,
                 block=None, csid=None):
        self.text, self.behavior, self.flavors = sid, behavior, flavors
        self.network = ipaddress.IPv6Network(sid)
        self.via, self.vrf, self.port, self.policy, self.hmac = via, vrf, port, policy, hmac
        self.block, self.csid = block, csid

    @property
    def address(self):
        return str(self.network.network_address)

    def toml(self, ports):
        via = None
        if self.via:
            port = ports[self.via]
            four = self.behavior == "End.DX4" and port.has_neighbor4
            via = {"address": port.neighbor4 if four else port.neighbor, "port": self.via}
        return table("srv6.sid", sid=self.text, behavior=self.behavior, flavors=list(self.flavors) or None, via=via,
                     vrf=self.vrf, port=self.port, policy=self.policy, hmac=self.hmac, block_length=self.block,
                     csid_length=self.csid)


class Policy:
    """A [[srv6.policy]] of one segment list."""

    def __init__(self, name, mode, segments, source="2001:db8::1", binding=None, **keys):
        self.name, self.mode, self.segments, self.binding = name, mode, segments, binding
        self.source = None if mode.startswith("insert") else source
        self.keys = keys

    def toml(self, _):
        return table("srv6.policy", name=self.name, binding_sid=self.binding, mode=self.mode, source=self.source,
                     **self.keys, segment_list=[{"weight": 1, "segments": self.segments}])

    def srh_list(self, destination=None):
        """Segment List and Segments Left (RFC 8986, 5.1, 5.2, and H.Insert); None for no SRH at all."""
        path = [*self.segments, *([destination] if destination else [])]
        entries = path[::-1]
        if self.mode.endswith("-red"):
            entries = entries[:-1]
        return (entries, len(path) - 1) if entries else (None, 0)

    def behavior(self):
        kinds = {"encap": "End.B6.Encaps", "encap-red": "End.B6.Encaps.Red", "insert": "End.B6.Insert",
                 "insert-red": "End.B6.Insert.Red"}
        return kinds[self.mode]


def bits(raw, start, count):
    """`count` bits of 16 octets, counted from the most significant one as the RFCs do."""
    return (int.from_bytes(raw, "big") >> (128 - start - count)) & ((1 << count) - 1)


def with_bits(raw, start, count, value):
    shift = 128 - start - count
    mask = ((1 << count) - 1) << shift
    return ((int.from_bytes(raw, "big") & ~mask) | (value << shift)).to_bytes(16, "big")


def text_of(raw):
    return str(ipaddress.IPv6Address(bytes(raw)))


def raw(text):
    return address(text)
