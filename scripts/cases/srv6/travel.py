"""A packet's way through the reference node, and how it may end."""

from dataclasses import dataclass, field


class Dead(Exception):
    """The packet died here; `error` is (type, code, word) or nothing for silence."""

    def __init__(self, reason, *error):
        super().__init__(reason)
        self.reason, self.error = reason, error


@dataclass
class Travel:
    """What is known of a packet while the node has it."""

    port: object  # that received it
    vrf: str
    quote: bytes = b""  # what an error would quote, and whose source would hear of it
    kind: int = 6  # of `quote`: 6, 4, or 2 for a frame
    decrement: bool = True  # forwarding still has to count the hop
    overhead: int = 0  # octets pushed onto what `quote` is
    push: object = None  # how a piece of the packet is encapsulated
    found: list = field(default_factory=list)  # events so far

    def becomes(self, packet, decrement=True):
        """From here on errors are about `packet`."""
        self.quote, self.kind, self.decrement = packet, packet[0] >> 4, decrement
        self.overhead, self.push = 0, None
        return self
