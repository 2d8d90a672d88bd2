"""The story: a TCP transfer meets the loss of one of its receiver's two providers, with MEX and without."""

import json
import time
from dataclasses import dataclass, field
from ipaddress import IPv6Address, IPv6Network
from pathlib import Path

from . import captures, netns, processes
from .lab import LAB_DIR, Lab, empty
from .netns import LabError
from .topology import HOST1, HOST2_C, SITE_C, SITE_D

PORT = 5001
CONNECT_TIMEOUT_S = 15
AP_NEXT_HEADER = 253
MILLISECONDS = 1000


@dataclass(frozen=True)
class Plan:
    """What is sent, how fast, when the link is cut, and how long a dead connection is watched."""

    total_bytes: int
    rate_bytes_per_s: int
    cut_at_fraction: float
    patience_s: float

    @property
    def duration_s(self) -> float:
        """An undisturbed transfer's duration."""
        return self.total_bytes / self.rate_bytes_per_s

    @property
    def limit_after_cut_s(self) -> float:
        """The time-out: what was left of the transfer, and the patience."""
        return self.duration_s * (1 - self.cut_at_fraction) + self.patience_s


@dataclass
class Outcome:
    """One transfer, as seen from outside."""

    mex: bool
    finished: bool = False
    sent_sha256: str = ""
    received_sha256: str = ""
    start_s: float = 0.0
    cut_s: float = 0.0
    end_s: float = 0.0
    bytes_before: int = 0
    bytes_after: int = 0
    gap_s: float = 0.0
    gap_from_s: float = 0.0
    cut_gap_s: float = 0.0
    cut_gap_from_s: float = 0.0
    first_by_d_s: float = 0.0
    moments: list[float] = field(default_factory=list)
    exchanged: int = 0
    by_isp: dict[str, dict[str, int]] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    captures: str = ""

    @property
    def first_by_d_ms(self) -> float | None:
        """From the cut to the first packet that reached the site by ISP D, milliseconds."""
        return round((self.first_by_d_s - self.cut_s) * MILLISECONDS, 1) if self.first_by_d_s else None

    @property
    def checksum_right(self) -> bool:
        return self.finished and self.sent_sha256 != "" and self.sent_sha256 == self.received_sha256

    def as_json(self) -> dict:
        return {
            "mex": self.mex,
            "finished": self.finished,
            "checksum-right": self.checksum_right,
            "sent-sha256": self.sent_sha256,
            "received-sha256": self.received_sha256,
            "bytes-before-cut": self.bytes_before,
            "bytes-after-cut": self.bytes_after,
            "longest-gap-ms": round(self.gap_s * MILLISECONDS),
            "gap-at-cut-ms": round(self.cut_gap_s * MILLISECONDS),
            "first-by-isp-d-after-cut-ms": self.first_by_d_ms,
            "cut-after-ms": round((self.cut_s - self.start_s) * MILLISECONDS),
            "duration-ms": round((self.end_s - self.start_s) * MILLISECONDS),
            "exchanged": self.exchanged,
            "packets": self.by_isp,
            "captures": self.captures,
            "complaints": self.complaints,
        }


class Log:
    """A program's output: one JSON object a line, read on as it grows."""

    def __init__(self, path: Path):
        self.path = path
        self.offset = 0
        self.seen: list[dict] = []

    def events(self) -> list[dict]:
        with self.path.open("rb") as file:
            file.seek(self.offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self.offset += len(line)
                if line.startswith(b"{"):
                    self.seen.append(json.loads(line))
        return self.seen

    def last(self, event: str) -> dict | None:
        return next((row for row in reversed(self.events()) if row["event"] == event), None)


def transfer(lab: Lab, mex: bool, binary: Path | None, plan: Plan, tell, kernel: bool = False) -> Outcome:
    """Build the lab, run one transfer through it, cut link3 on the way, and take the lab down."""
    outcome = Outcome(mex)
    captures_dir = lab.captures_dir / ("with-mex" if mex else "without-mex")
    empty(captures_dir)
    outcome.captures = str(captures_dir)
    tell("building the network")
    lab.up(mex, kernel, binary, captures_dir)
    try:
        observe(lab, outcome, plan, tell)
        for process in lab.processes():
            if process.what == "mexfwd" and not process.alive():
                last_words = processes.tail(lab.log_dir / f"{process.node}.log")
                raise LabError(f"mexfwd of {process.node} ended during the transfer: {last_words}")
        outcome.exchanged = 0 if kernel else lab.exchanged()
    finally:
        outcome.complaints += lab.down()
    count_packets(captures_dir, outcome)
    find_gap_at_cut(outcome)
    return outcome


def find_gap_at_cut(outcome: Outcome) -> None:
    """The time without an arrival at host2 that the first packet by ISP D ended; without one, the longest since the cut."""
    pairs = zip(outcome.moments, outcome.moments[1:], strict=False)
    gaps = [(after - before, before) for before, after in pairs if after > (outcome.first_by_d_s or outcome.cut_s)]
    found = min(gaps, key=lambda gap: gap[1], default=(0.0, 0.0)) if outcome.first_by_d_s else max(gaps, default=(0.0, 0.0))
    outcome.cut_gap_s, outcome.cut_gap_from_s = found


def observe(lab: Lab, outcome: Outcome, plan: Plan, tell) -> None:
    """Start both programs, cut the link when its time has come, wait for an end or for the limit."""
    received = Log(lab.log_dir / "receiver.log")
    sent = Log(lab.log_dir / "sender.log")
    python = "/usr/bin/python3"
    program = str(LAB_DIR / "mexlab" / "receiver.py")
    receiver = processes.start("host2", "receiver", [python, program, str(PORT)], received.path)
    running = [receiver]
    try:
        processes.wait_until(lambda: received.last("listening"), CONNECT_TIMEOUT_S, "host2 listens")
        program = str(LAB_DIR / "mexlab" / "sender.py")
        numbers = [PORT, plan.total_bytes, plan.rate_bytes_per_s, CONNECT_TIMEOUT_S]
        command = [python, program, HOST2_C, *map(str, numbers)]
        running.append(processes.start("host1", "sender", command, sent.path))
        processes.wait_until(lambda: received.last("accepted"), CONNECT_TIMEOUT_S, "host1 connects to host2")
        tell("host1 sends to host2; all is well")
        cut_at = int(plan.total_bytes * plan.cut_at_fraction)
        limit_s = plan.duration_s + plan.patience_s
        processes.wait_until(lambda: total(received) >= cut_at, limit_s, f"{cut_at} octets at host2")
        outcome.cut_s = time.time()
        netns.cut("link3")
        tell("link3 is cut")
        wait_for_end(received, sent, running, plan.limit_after_cut_s)
        outcome.end_s = time.time()
    finally:
        processes.stop(running)
    judge_logs(received, sent, outcome)


def total(received: Log) -> int:
    last = received.last("received")
    return last["total"] if last else 0


def wait_for_end(received: Log, sent: Log, running: list, limit_s: float) -> None:
    """Return when the transfer has ended or its time is over. A time-out is a result, not an error."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline and any(process.alive() for process in running):
        if received.last("end") and sent.last("sent"):
            return
        time.sleep(processes.POLL_S)


def judge_logs(received: Log, sent: Log, outcome: Outcome) -> None:
    """What both programs wrote, turned into the outcome's numbers."""
    arrivals = [(row["time"], row["total"]) for row in received.events() if row["event"] == "received"]
    if not arrivals:
        raise LabError("host2 received nothing")
    outcome.start_s = arrivals[0][0]
    outcome.bytes_before = max((count for at, count in arrivals if at <= outcome.cut_s), default=0)
    outcome.bytes_after = arrivals[-1][1] - outcome.bytes_before
    end, done = received.last("end"), sent.last("sent")
    if end and done:
        outcome.finished = True
        outcome.end_s = end["time"]
        outcome.received_sha256 = end["sha256"]
        outcome.sent_sha256 = done["sha256"]
        if done["answer"] != end["sha256"]:
            outcome.complaints.append("host1 was told another SHA-256 than host2 computed")
    moments = [at for at, _ in arrivals] + [outcome.end_s]
    gaps = [(after - before, before) for before, after in zip(moments, moments[1:], strict=False)]
    outcome.gap_s, outcome.gap_from_s = max(gaps)
    outcome.moments = moments


# Where host1's packets are counted: the interface by which they leave that provider.
PROVIDERS = {"isp-c": ("sedge", "link3"), "isp-b": ("ispd", "link6"), "isp-d": ("sedge", "link4")}


def count_packets(directory: Path, outcome: Outcome) -> None:
    """host1's packets by provider, before and after the cut, and which prefix they were sent to there."""
    source = IPv6Address(HOST1)
    sites = {"isp-c-prefix": IPv6Network(SITE_C), "isp-d-prefix": IPv6Network(SITE_D)}
    for isp, (node, link) in PROVIDERS.items():
        counts = {"before": 0, "after": 0, "with-ap-header": 0, **dict.fromkeys(sites, 0)}
        for packet in captures.read(captures.capture_file(directory, node, link)):
            # The lab's own probes on the way up are older than the first octet at host2.
            if packet.source != source or packet.time_s < outcome.start_s:
                continue
            if isp == "isp-d" and packet.time_s > outcome.cut_s and not outcome.first_by_d_s:
                outcome.first_by_d_s = packet.time_s
            counts["before" if packet.time_s <= outcome.cut_s else "after"] += 1
            counts["with-ap-header"] += packet.next_header == AP_NEXT_HEADER
            for name, prefix in sites.items():
                counts[name] += packet.destination in prefix
        outcome.by_isp[isp] = counts
