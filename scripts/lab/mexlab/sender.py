"""host1's program: connects, sends BYTES octets at RATE octets a second, then asks for the receiver's hash.

Run as `sender.py ADDRESS PORT BYTES RATE CONNECT_TIMEOUT_S`; prints one JSON object a line.
"""

import hashlib
import json
import random
import socket
import sys
import time

CHUNK_BYTES = 16 * 1024
RETRY_S = 0.05


def say(**event) -> None:
    print(json.dumps({"time": time.time(), **event}), flush=True)


def connect(address: str, port: int, timeout_s: float) -> socket.socket:
    """Connect as soon as the way is there."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return socket.create_connection((address, port), timeout=max(deadline - time.monotonic(), RETRY_S))
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(RETRY_S)


def send(stream: socket.socket, total: int, rate: int) -> str:
    """Send `total` octets, evenly in time; their SHA-256. No two chunks are alike."""
    noise = random.Random(1).randbytes(CHUNK_BYTES)
    digest = hashlib.sha256()
    begin = time.monotonic()
    sent = 0
    while sent < total:
        chunk = (sent.to_bytes(8) + noise)[: min(CHUNK_BYTES, total - sent)]
        stream.sendall(chunk)
        digest.update(chunk)
        sent += len(chunk)
        # A transfer that stood still makes no haste afterwards: the schedule starts anew.
        ahead = begin + sent / rate - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
        else:
            begin -= ahead
    return digest.hexdigest()


def main() -> None:
    address, port, total, rate, timeout_s = sys.argv[1], *map(int, sys.argv[2:6])
    stream = connect(address, port, timeout_s)
    stream.settimeout(None)
    say(event="connected", local=stream.getsockname()[0], peer=stream.getpeername()[0])
    sha256 = send(stream, total, rate)
    stream.shutdown(socket.SHUT_WR)
    answer = stream.makefile("r").readline().strip()
    say(event="sent", bytes=total, sha256=sha256, answer=answer)


main()
