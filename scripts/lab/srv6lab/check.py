"""The comparison of one group, and what all of them say together."""

from collections import Counter
from dataclasses import dataclass, field

from . import beds, compare
from .differences import DIFFERENCES


@dataclass
class Result:
    """What was found: lines for people, and what they are counted by."""

    name: str
    frames: int = 0
    alike: int = 0  # frames of which both sides have made the same octets
    problems: list = field(default_factory=list)
    shown: Counter = field(default_factory=Counter)  # difference -> frames that show it
    absent: list = field(default_factory=list)


def one(group, name, core, binary):
    """A group through the kernel, and through mexfwd when there is a binary: as a replay, and as a daemon on veth."""
    result = Result(group.name, len(group.sent))
    kernel, refused = beds.through_kernel(name, group)
    sides = [(compare.KERNEL, "kernel", kernel)]
    if binary:
        sides.append(("mexfwd replay", "rfc", beds.through_replay(binary, group)[0]))
        sides.append(("mexfwd run", "rfc", beds.through_daemon(binary, f"{name}-m", group, core)))
    for title, expected, found in sides:
        labels = compare.Labels()
        for sent, frames in zip(group.sent, found, strict=True):
            if lines := compare.mismatch(sent, getattr(sent, expected), frames, title, labels):
                result.problems.append(f"{sent.name}\n    " + "\n    ".join(lines))
    for index, sent in enumerate(group.sent):
        result.shown.update(sent.why)
        if not binary:
            continue
        alike = compare.same(sent, kernel[index], sides[1][2][index])
        result.alike += alike
        if alike == bool(sent.why):
            what = "does not show" if sent.why else "shows a difference that is not in the table; expected were"
            result.problems.append(f"{sent.name}: {what} {', '.join(sent.why) or 'the same octets'}")
    for what, reason in refused:
        result.absent.append((what, reason or "this kernel takes it; it is not compared"))
    return result


def table(shown):
    """The differences, with the number of frames that show each."""
    lines = []
    for name, (kernel, rfc) in DIFFERENCES.items():
        lines += [f"  {name}: {shown[name]} frames", f"      kernel: {kernel}.", f"      RFC:    {rfc}"]
    return lines


def never_shown(shown):
    return [name for name in DIFFERENCES if not shown[name]]


def page():
    """The table of docs/interop.md."""
    rows = ["| | The kernel | The RFC, and mexfwd |", "|---|---|---|"]
    rows += [f"| `{name}` | {kernel} | {rfc} |" for name, (kernel, rfc) in DIFFERENCES.items()]
    return "\n".join(rows) + "\n"
