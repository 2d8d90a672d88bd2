"""Compressed SIDs: RFC 9800, 4.1 (NEXT-CSID) and 4.2 (REPLACE-CSID)."""

from srv6 import endpoint
from srv6.entries import DECAPSULATING, bits, with_bits
from srv6.travel import Dead

BLOCK_DEFAULT, CSID_DEFAULT = 32, 32


def argument(sid, packet):
    length = 128 - sid.network.prefixlen
    return bits(packet[24:40], 128 - length, length), length


def shifts(sid, packet):
    """N01: the container holds another CSID. On End.DX* and End.DT* the argument is nobody's business."""
    return "NEXT-CSID" in sid.flavors and sid.behavior not in DECAPSULATING and argument(sid, packet)[0] != 0


def shift(node, sid, packet, travel):
    """4.1.1."""
    if packet[7] <= 1:  # N02
        raise Dead("hop-limit", 3, 0, 0)
    block = BLOCK_DEFAULT if sid.block is None else sid.block
    value, length = argument(sid, packet)
    at = with_bits(packet[24:40], block, length, value)  # N05
    tail = 128 - block - length
    at = with_bits(at, 128 - tail, tail, 0) if tail else at  # N06
    out = packet[:7] + bytes([packet[7] - 1]) + packet[8:24] + at + packet[40:]  # N07
    endpoint.onward(node, sid, out, travel)  # N08


class Containers:
    """The SRH's list as containers of CSIDs: [i][k] counts k from the most significant bit."""

    def __init__(self, sid, packet, header):
        self.size = CSID_DEFAULT if sid.csid is None else sid.csid
        self.block = sid.network.prefixlen - self.size
        self.index_bits = (128 // self.size - 1).bit_length()
        self.packet, self.header = packet, header

    def index(self):
        return bits(self.packet[24:40], 128 - self.index_bits, self.index_bits)

    def at(self, entry, k):
        return bits(self.header.entry(self.packet, entry), k * self.size, self.size)


def replace(node, sid, packet, header, removed, travel):
    """4.2.1 to 4.2.3; PSP as 4.2.8."""
    list_, left = Containers(sid, packet, header), header.left
    index = list_.index()
    if left == 0 and (index == 0 or list_.at(0, index - 1) == 0):  # S02
        return None
    if packet[7] <= 1:  # S05
        raise Dead("hop-limit", 3, 0, 0)
    pointer = header.at + removed + 3
    out = bytearray(packet)
    out[7] -= 1  # S16, S27
    whole = False
    if index:  # S09
        if header.last > header.max_last or left > header.last:  # S10
            raise Dead("segments-left", 4, 0, pointer)
        index -= 1  # S13
        if list_.at(left, index) == 0:  # S14
            left, whole = left - 1, True  # S15
            out[24:40] = header.entry(packet, left)  # S17
    else:
        if header.last > header.max_last or left > header.last + 1:  # S21
            raise Dead("segments-left", 4, 0, pointer)
        left, index = left - 1, 128 // list_.size - 1  # S24, S25
    out[header.at + 3] = left
    if not whole:
        at = with_bits(packet[24:40], 128 - list_.index_bits, list_.index_bits, index)
        out[24:40] = with_bits(at, list_.block, list_.size, list_.at(left, index))  # S28
    if left == 0 and "PSP" in sid.flavors and (whole or index == 0 or list_.at(0, index - 1) == 0):
        out = endpoint.remove(out, header)
    endpoint.onward(node, sid, bytes(out), travel)
    return True
