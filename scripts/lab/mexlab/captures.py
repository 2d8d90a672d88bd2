"""Captures: one tcpdump per interface of every node, and the little reader that the story counts with."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address
from pathlib import Path

from .processes import Process, start, tail, wait_until
from .topology import NODES, links_of

SNAPLEN_BYTES = 160  # all headers, little payload: a long transfer stays a small file
START_TIMEOUT_S = 10
BUFFER_KIB = 8192  # what arrives while tcpdump does not run, at some times the story's rate
# The kernel hands packets over at least once a second; tcpdump drops what it was not handed.
FLUSH_S = 1.2
ETHERTYPE_IPV6 = 0x86DD
ETHERNET_BYTES = 14
IPV6_BYTES = 40


@dataclass(frozen=True)
class Packet:
    """What the story needs to know of an IPv6 packet."""

    time_s: float  # since the epoch
    source: IPv6Address
    destination: IPv6Address
    next_header: int


def capture_file(directory: Path, node: str, interface: str) -> Path:
    return directory / f"{node}-{interface}.pcap"


def start_captures(directory: Path, log_dir: Path) -> list[Process]:
    """Start tcpdump on every interface of the lab, and return once all of them listen."""
    directory.mkdir(parents=True, exist_ok=True)
    processes = []
    logs = []
    for node in NODES:
        for link in links_of(node):
            log = log_dir / f"tcpdump-{node}-{link.name}.log"
            # -Z root: tcpdump would give up its rights, and with them the directory.
            command = ["tcpdump", "-Z", "root", "-n", "-U", "-i", link.name, "-s", str(SNAPLEN_BYTES)]
            command += ["-B", str(BUFFER_KIB), "-w", str(capture_file(directory, node, link.name))]
            processes.append(start(node, "tcpdump", command, log))
            logs.append(log)
    for process, log in zip(processes, logs, strict=True):
        wait_until(
            lambda log=log: "listening on" in log.read_text(errors="replace"),
            START_TIMEOUT_S,
            f"tcpdump in {process.node} ({tail(log)})",
        )
    return processes


def read(path: Path) -> Iterator[Packet]:
    """The IPv6 packets of a classic pcap file of Ethernet frames; a cut last record is left out."""
    data = path.read_bytes()
    if data[:4] != b"\xd4\xc3\xb2\xa1":
        raise ValueError(f"{path} is not a little-endian classic pcap")
    at = 24
    while at + 16 <= len(data):
        seconds, microseconds, length, _ = struct.unpack_from("<IIII", data, at)
        frame = data[at + 16 : at + 16 + length]
        at += 16 + length
        if len(frame) < ETHERNET_BYTES + IPV6_BYTES or frame[12:14] != ETHERTYPE_IPV6.to_bytes(2):
            continue
        yield Packet(
            seconds + microseconds / 1e6,
            IPv6Address(frame[22:38]),
            IPv6Address(frame[38:54]),
            frame[20],
        )
