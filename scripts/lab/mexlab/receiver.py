"""host2's program: accepts one connection, hashes what comes, and notes when how much had come.

Run as `receiver.py PORT`; prints one JSON object a line. At the end of the stream it sends the
hash back over the same connection, so that the sender knows what arrived.
"""

import hashlib
import json
import socket
import sys
import time

READ_BYTES = 64 * 1024


def say(**event) -> None:
    print(json.dumps({"time": time.time(), **event}), flush=True)


def main() -> None:
    listener = socket.create_server(("::", int(sys.argv[1])), family=socket.AF_INET6)
    say(event="listening")
    stream, peer = listener.accept()
    say(event="accepted", peer=peer[0], local=stream.getsockname()[0])
    digest = hashlib.sha256()
    total = 0
    while chunk := stream.recv(READ_BYTES):
        digest.update(chunk)
        total += len(chunk)
        say(event="received", total=total)
    stream.sendall(digest.hexdigest().encode() + b"\n")
    say(event="end", total=total, sha256=digest.hexdigest())


main()
