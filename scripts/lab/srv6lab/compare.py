"""What came out, octet by octet: of the kernel, of mexfwd, and against what the RFCs say."""

import struct

ETHERNET_OCTETS = 14
KERNEL = "the kernel"  # as a side is called in messages
IPV6_TYPE = b"\x86\xdd"


def label_of(frame):
    return struct.unpack_from("!I", frame, ETHERNET_OCTETS)[0] & 0xFFFFF


def without_label(frame):
    """The frame with the outer flow label 0."""
    if frame[12:14] != IPV6_TYPE:
        return frame
    first = struct.unpack_from("!I", frame, ETHERNET_OCTETS)[0] & ~0xFFFFF
    return frame[:ETHERNET_OCTETS] + struct.pack("!I", first) + frame[ETHERNET_OCTETS + 4 :]


class Labels:
    """Flow labels that one side has given: never 0, and one for a flow."""

    def __init__(self):
        self.given = {}

    def wrong(self, sent, frame):
        label, flow = label_of(frame), sent.flow
        if label == 0:
            return "the flow label is 0"
        first = self.given.setdefault(flow, label)
        return None if first == label else f"the flow label of one flow is {first:#x}, then {label:#x}"


def by_port(frames):
    found = {}
    for port, frame in frames:
        found.setdefault(port, []).append(frame)
    return found


def mismatch(sent, want, have, side, labels):
    """What is wrong with the frames of one side; a list of lines."""
    lines, want = [], by_port(want)
    # A label of 0 is what the kernel copies, and the test says so.
    own_label = sent.flow and not (side == KERNEL and "label-zero" in sent.why)
    for port in sorted(want.keys() | {p for p, frames in have.items() if frames}):
        expected, found = want.get(port, []), have.get(port, [])
        if len(expected) != len(found):
            lines.append(f"{side}: {len(found)} frames from {port} instead of {len(expected)}")
            lines += [f"  - {frame.hex()}" for frame in expected] + [f"  + {frame.hex()}" for frame in found]
            continue
        for a, b in zip(expected, found, strict=True):
            if own_label:
                if problem := labels.wrong(sent, b):
                    lines.append(f"{side}: {problem}")
                a, b = without_label(a), without_label(b)
            if a != b:
                at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
                lines.append(f"{side}: {port}, from octet {at} ({at - ETHERNET_OCTETS} of the packet):")
                lines += [f"  - {a.hex()}", f"  + {b.hex()}"]
    return lines


def same(sent, kernel, mexfwd):
    """True when both sides have sent the same octets."""
    shape = without_label if sent.flow else bytes
    return all(
        [shape(f) for f in kernel.get(port, [])] == [shape(f) for f in mexfwd.get(port, [])]
        for port in kernel.keys() | mexfwd.keys()
    )
