#!/usr/bin/python3
"""The cases once more, through the real daemon: frames on veth pairs in a network namespace of their own.

Every port of a case's config becomes a veth pair, one end under DPDK (net_af_packet), the other under this
script, which sends what in.<port>.pcap holds, runs the script's commands over the daemon's socket, and compares
every octet that comes back with out.<port>.pcap. A second part joins two daemons by a wire. Needs root;
MEXFWD or --mexfwd names the binary.

Left to replay: captures that only replay reads, rate limits (they need the capture's clock), jumbo frames
(larger than net_af_packet's frames), IPv4 fragments (which its sockets put together), and frames too short for a
packet socket.
"""

import argparse
import ctypes
import json
import os
import re
import select
import socket
import struct
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CASES = REPOSITORY / "control" / "tests" / "cases"
READY_S, ANSWER_S, QUIET_S, END_S = 30, 2.0, 0.15, 15
ETHERNET_OCTETS = 14
CLONE_NEWNET = 0x40000000
PACKET_OUTGOING = 4
# The placeholder of the first computed flow label.
LABEL_BASE = 0xF1000
# The kernel takes a VLAN tag out of a frame, and tells it beside (linux/if_packet.h, tpacket_auxdata).
SOL_PACKET, PACKET_AUXDATA, TP_STATUS_VLAN_VALID = 263, 8, 1 << 4
LIBC = ctypes.CDLL(None, use_errno=True)
# As much as 64M serves.
FEW_PORTS = 5
DPDK = '\n[dpdk]\nworkers = [{core}]\nmemory = "{memory}"\nhugepages = "off"\nidle = "adaptive"\n'


class Failure(Exception):
    """What is wrong with a case, for people."""


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


def read_pcap(path):
    octets, at, found = path.read_bytes(), 24, []
    if octets[:4] != b"\xd4\xc3\xb2\xa1":
        raise Failure(f"{path.name}: not a classic capture")
    while at < len(octets):
        seconds, micros, length, _ = struct.unpack_from("<IIII", octets, at)
        found.append((seconds * 1_000_000 + micros, octets[at + 16 : at + 16 + length]))
        at += 16 + length
    return found


def is_background(frame):
    """What any node says of its own accord: duplicate address detection, MLD, router solicitations, ARP probes."""
    if frame[12:14] == b"\x08\x06" and len(frame) >= ETHERNET_OCTETS + 28:
        sender, target = frame[28:32], frame[38:42]
        return sender in (bytes(4), target)  # RFC 5227: a probe, or an announcement
    if frame[12:14] != b"\x86\xdd" or len(frame) < ETHERNET_OCTETS + 48:
        return False
    packet = frame[ETHERNET_OCTETS:]
    if packet[6] == 0 and packet[40] == 58 and packet[24:26] == b"\xff\x02":
        return True  # MLD: behind a Hop-by-Hop header, to a link-local group
    if packet[6] != 58 or packet[7] != 255:
        return False
    return packet[40] in (133, 134) or (packet[40] == 135 and packet[8:24] == bytes(16))


def with_tag(frame, extra):
    """The frame with the VLAN tag that the kernel took out of it."""
    for level, kind, data in extra:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, _, _, _, _, tag, protocol = struct.unpack_from("<IIIHHHH", data)
            if status & TP_STATUS_VLAN_VALID:
                return frame[:12] + struct.pack("!HH", protocol or 0x8100, tag) + frame[12:]
    return frame


def is_ipv4_fragment(frame):
    return frame[12:14] == b"\x08\x00" and len(frame) > 22 and frame[20] & 0x3F | frame[21] != 0


# ---- wires -----------------------------------------------------------------------------------------------


class Network:
    """A namespace with links; gone, with all that is in it, at the end of the `with`."""

    def __init__(self, name):
        self.name, self.sockets, self.received = name, {}, {}

    def __enter__(self):
        ip("netns", "add", self.name)
        for scope in ("all", "default"):
            # Only mexfwd speaks here.
            subprocess.run(["ip", "netns", "exec", self.name, "sysctl", "-qw",
                            f"net.ipv6.conf.{scope}.disable_ipv6=1"], check=True)
        return self

    def __exit__(self, *_):
        for each in self.sockets.values():
            each.close()
        ip("netns", "del", self.name)

    def link(self, one, other, mtu=1500, mac=None):
        address = ["address", mac] if mac else []
        ip("-n", self.name, "link", "add", one, "mtu", str(mtu), *address,
           "type", "veth", "peer", "name", other, "mtu", str(mtu))
        for end in (one, other):
            ip("-n", self.name, "link", "set", end, "up")

    def open(self, port, interface):
        """A packet socket, made by this thread inside the namespace."""
        with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{self.name}") as inside:
            self.enter(inside)
            try:
                made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
                made.bind((interface, 3))
            finally:
                self.enter(home)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        made.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.sockets[port], self.received[port] = made, []

    @staticmethod
    def enter(namespace):
        if LIBC.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    def collect(self, seconds, enough=None):
        """Receives until `enough()` or for so long."""
        ends = time.monotonic() + seconds
        while not (enough and enough()) and (left := ends - time.monotonic()) > 0:
            for ready in select.select(list(self.sockets.values()), [], [], left)[0]:
                frame, extra, _, sender = ready.recvmsg(65535, 256)
                frame = with_tag(frame, extra)
                port = next(p for p, s in self.sockets.items() if s is ready)
                if sender[2] != PACKET_OUTGOING and not is_background(frame):
                    self.received[port].append((time.monotonic_ns(), frame))

    def total(self):
        return sum(len(frames) for frames in self.received.values())


class Daemon:
    """`mexfwd run` inside a network; it has to end well, too."""

    def __init__(self, binary, network, config, folder, name, answers_solicitations=False):
        self.answers_solicitations = answers_solicitations
        self.binary, self.control, self.log = binary, folder / f"{name}.sock", folder / f"{name}.log"
        path = folder / f"{name}.toml"
        path.write_text(config)
        command = [binary, "run", "-c", str(path), "--socket", str(self.control)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(["ip", "netns", "exec", network.name, *command], stdout=log, stderr=log)

    def __enter__(self):
        ends = time.monotonic() + READY_S
        while time.monotonic() < ends:
            if self.process.poll() is not None:
                raise Failure(f"the daemon ended: {self.said()}")
            if self.command("show", "workers", "--json").returncode == 0 and self.owns_its_addresses():
                return self
            time.sleep(0.05)
        self.process.kill()
        self.process.wait()
        raise Failure(f"the daemon does not answer: {self.said()}")

    def __exit__(self, kind, *_):
        self.process.terminate()
        try:
            status = self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            status = "no end at all"
        if status != 0 and kind is None:
            raise Failure(f"SIGTERM: exit status {status}: {self.said()}")

    def owns_its_addresses(self):
        """Neighbor discovery answers for an address only when nobody else has turned out to have it (RFC 4862, 5.4)."""
        if not self.answers_solicitations:
            return True
        answer = self.command("show", "ports", "--json")
        states = [own["state"] for port in json.loads(answer.stdout) for own in port["address-state"]]
        return all(state == "valid" for state in states)

    def command(self, *words):
        return subprocess.run([self.binary, *words, "--socket", str(self.control)], capture_output=True, text=True)

    def said(self):
        return self.log.read_text(errors="replace")[-2000:].strip()


# ---- one case --------------------------------------------------------------------------------------------


def ports_of(config):
    """(name, mac, mtu) of every [[port]]."""
    tables = re.findall(r'\[\[port\]\]\nname +=.*?"(.*?)".*?mac +=.*?"(.*?)".*?mtu +=.*?(\d+)', config, re.DOTALL)
    return [(name, mac, int(mtu)) for name, mac, mtu in tables]


def on_wire(config, interfaces, core):
    """The case's config with its ports on these interfaces, in order."""
    devices = iter(f"net_af_packet{i},iface={name}" for i, name in enumerate(interfaces))
    config = re.sub(r'(?m)^device +=.*$', lambda _: f'device  = "{next(devices)}"', config)
    return config + DPDK.format(core=core, memory="64M" if len(interfaces) <= FEW_PORTS else "160M")


def why_not(folder):
    config = (folder / "config.toml").read_text()
    if "net_null" not in config:
        return "its config is not a generated one"
    if any(mtu > 1500 for _, _, mtu in ports_of(config)):
        return "jumbo frames"
    if re.search(r"(?m)^rate = [01]$", config):
        return "a rate limit"
    if folder.name.startswith("20-") and folder.parent.name == "forward":
        return "about captures"
    answered = {at for frames in expectations(folder).values() for at, _ in frames}
    if any(len(frame) <= ETHERNET_OCTETS and at in answered for at, _, frame in inputs(folder)):
        return "the kernel sends no empty frame"
    if any(is_ipv4_fragment(frame) for _, _, frame in inputs(folder)):
        return "the packet sockets of net_af_packet put IPv4 fragments together"
    return None


def inputs(folder):
    found = []
    for path in sorted(folder.glob("in.*.pcap")):
        found += [(time_us, path.name[3:-5], frame) for time_us, frame in read_pcap(path)]
    return sorted(found, key=lambda item: item[0])


def expectations(folder):
    return {tuple(p.name[4:-5].split("+")): read_pcap(p) for p in sorted(folder.glob("out.*.pcap"))}


def commands(folder):
    script, found = folder / "script", {}
    for line in script.read_text().splitlines() if script.exists() else []:
        number, *words = line.split()
        found.setdefault(int(number), []).append(words)
    return found


def drive(network, daemon, folder, outputs):
    """Frame by frame, waiting for what each one causes."""
    before = commands(folder)
    for number, (time_us, port, frame) in enumerate(inputs(folder), 1):
        for words in before.get(number, []):
            done = daemon.command(*words)
            if done.returncode != 0:
                raise Failure(f"{' '.join(words)}: {done.stderr.strip()}")
        if len(frame) <= ETHERNET_OCTETS:
            continue  # the kernel sends no such frame
        network.sockets[port].send(frame)
        due = sum(1 for frames in outputs.values() for at, _ in frames if at <= time_us)
        network.collect(ANSWER_S, lambda due=due: network.total() >= due)
    network.collect(QUIET_S)


def label(frame):
    return int.from_bytes(frame[15:18], "big") & 0xFFFFF if frame[12:14] == b"\x86\xdd" and len(frame) > 18 else None


def with_labels(want, have, flows, seen):
    """The expected frames with the computed flow labels that came in place of their placeholders: see
    control/tests/support/labels.rs."""
    filled = []
    for index, frame in enumerate(want):
        placeholder = label(frame)
        came = label(have[index]) if index < len(have) else None
        if placeholder is not None and came is not None and LABEL_BASE <= placeholder < LABEL_BASE + flows:
            if came == 0 or seen.setdefault(placeholder, came) != came:
                raise Failure(f"frame {index + 1}: flow {placeholder - LABEL_BASE} has label {came:#x}")
            frame = frame[:15] + ((frame[15] & 0xF0) << 16 | came).to_bytes(3, "big") + frame[18:]
        filled.append(frame)
    return filled


def compare(received, outputs, ethernet, flows=0):
    wrong, seen = [], {}
    for names, expected in outputs.items():
        want = [frame for _, frame in expected]
        if len(names) == 1:
            have = [frame for _, frame in received[names[0]]]
            want = with_labels(want, have, flows, seen)
        else:
            arrived = sorted((at, frame, name) for name in names for at, frame in received[name])
            wrong += [f"{name}: wrong Ethernet header" for _, frame, name in arrived
                      if frame[:ETHERNET_OCTETS].hex() != ethernet[name]]
            have = [bytes(12) + frame[12:] for _, frame, _ in arrived]
        if len(have) != len(want):
            wrong.append(f"{'+'.join(names)}: {len(have)} frames instead of {len(want)}")
        for index, (a, b) in enumerate(zip(want, have, strict=False), 1):
            if a != b:
                at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
                wrong.append(f"{'+'.join(names)}, frame {index}, from octet {at}:\n  - {a.hex()}\n  + {b.hex()}")
                break
    if wrong:
        raise Failure("\n".join(wrong))


def run_case(binary, folder, name, core):
    config = (folder / "config.toml").read_text()
    outputs = expectations(folder)
    expect = json.loads((folder / "expect.json").read_text())
    with tempfile.TemporaryDirectory(prefix="mexfwd-wire-") as kept, Network(name) as network:
        for index, (port, mac, mtu) in enumerate(ports_of(config)):
            network.link(f"r{index}", f"h{index}", mtu, mac)
            network.open(port, f"h{index}")
        interfaces = [f"r{index}" for index in range(len(network.sockets))]
        written = on_wire(config, interfaces, core)
        asks = folder.parent.name in ("nd", "ip4")
        with Daemon(binary, network, written, Path(kept), "mexfwd", asks) as daemon:
            drive(network, daemon, folder, outputs)
        compare(network.received, outputs, expect.get("ethernet"), expect.get("flow-labels", 0))


def run_two_routers(binary, name, cores):
    """Case 4 as it is meant: two daemons, joined by a wire, exchange once each."""
    first, second = CASES / "mex" / "04-first-router", CASES / "mex" / "04-second-router"
    one, two = ((f / "config.toml").read_text() for f in (first, second))
    mac = {port: mac for port, mac, _ in ports_of(one)}
    far = lambda port: mac[port].replace("02:00:00:00:00:", "02:00:00:00:01:")  # noqa: E731
    # Each is the other's neighbor on the wire between them: isp-b of the first, up of the second.
    one, two = one.replace(far("isp-b"), mac["up"]), two.replace(far("up"), mac["isp-b"])
    # A namespace each: within one, drivers of two processes may pick the same packet fanout group.
    with tempfile.TemporaryDirectory(prefix="mexfwd-wire-") as kept, \
            Network(name) as network, Network(f"{name}-far") as beyond:
        beyond.sockets, beyond.received = network.sockets, network.received
        names = [port for port, _, _ in ports_of(one)]
        for number, port in enumerate(names):
            if port != "isp-b":
                network.link(f"a{number}", f"ha{number}", mac=mac[port])
                network.open(f"first {port}", f"ha{number}")
            if port != "up":
                beyond.link(f"b{number}", f"hb{number}", mac=mac[port])
                beyond.open(f"second {port}", f"hb{number}")
        wire = f"b{names.index('up')}"
        network.link(f"a{names.index('isp-b')}", wire, mac=mac["isp-b"])
        ip("-n", name, "link", "set", wire, "netns", beyond.name)
        ip("-n", beyond.name, "link", "set", wire, "address", mac["up"], "up")
        ends = [[f"{side}{i}" for i in range(len(names))] for side in "ab"]
        folder = Path(kept)
        with Daemon(binary, network, on_wire(one, ends[0], cores[0]), folder, "first"), \
                Daemon(binary, beyond, on_wire(two, ends[1], cores[-1]), folder, "second"):
            for _, port, frame in inputs(first):
                network.sockets[f"first {port}"].send(frame)
            expected = {(f"second {p}",): f for (p,), f in expectations(second).items() if p != "up"}
            due = sum(len(frames) for frames in expected.values())
            network.collect(ANSWER_S, lambda: network.total() >= due)
            network.collect(QUIET_S)
        silent = {(port,): [] for port in network.received if port.startswith("first")}
        compare(network.received, expected | silent, None)


# ---- all of them -----------------------------------------------------------------------------------------


def find_binary(given):
    built = [REPOSITORY / "target" / kind / "mexfwd" for kind in ("release", "debug")]
    found = given or os.environ.get("MEXFWD") or next((str(b) for b in built if b.is_file()), None)
    if not found:
        sys.exit("wire.py: no mexfwd; build it, or name it with --mexfwd or MEXFWD")
    return str(Path(found).resolve())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--mexfwd", metavar="FILE")
    parser.add_argument("--jobs", type=int, default=2, help="cases at a time")
    parser.add_argument("filter", nargs="?", default="", help="only cases whose path contains this")
    options = parser.parse_args()
    binary, cores = find_binary(options.mexfwd), sorted(os.sched_getaffinity(0))
    folders = [f for f in sorted(CASES.glob("*/*")) if options.filter in str(f.relative_to(CASES))]
    left_out = [f for f in folders if why_not(f)]
    work = [(str(f.relative_to(CASES)), run_case, f) for f in folders if f not in left_out]
    if options.filter in "two-routers":
        work.append(("two-routers", None, None))

    def run(job):
        index, (title, function, folder) = job
        name = f"mexw{os.getpid()}-{index}"
        try:
            if function:
                function(binary, folder, name, cores[index % len(cores)])
            else:
                run_two_routers(binary, name, cores)
        except (Failure, OSError, subprocess.CalledProcessError) as problem:
            return f"FAILED {title}: {problem} {getattr(problem, 'stderr', '') or ''}"
        return None

    with ThreadPoolExecutor(options.jobs) as pool:
        failures = [text for text in pool.map(run, enumerate(work)) if text]
    print("\n".join(failures))
    print(f"{len(work)} cases on the wire, {len(failures)} failed, {len(left_out)} left to replay")
    return 1 if failures or not work else 0


if __name__ == "__main__":
    sys.exit(main())
