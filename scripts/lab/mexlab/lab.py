"""The lab as a whole: up, down, what runs in it, and how to ask a mexfwd node."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from string import Template

from . import captures, netns, processes
from .netns import LabError
from .processes import Process
from .topology import HOST1, HOST2_C, HOST2_D, MEXFWD_NODES, drawing

LAB_DIR = Path(__file__).resolve().parent.parent
CONFIG_DIR = LAB_DIR / "config"
REPOSITORY = LAB_DIR.parent.parent
READY_TIMEOUT_S = 30  # the daemons share the machine's cores while they start
PATH_TIMEOUT_S = 15
ASK_TIMEOUT_S = 10


class Lab:
    """The one lab of this machine; its state is in a directory, so that every command finds it."""

    def __init__(self, state_dir: Path):
        self.state_dir = state_dir
        self.captures_dir = state_dir / "captures"
        self.log_dir = state_dir / "logs"
        self.state_file = state_dir / "state.json"

    # --- state

    def processes(self) -> list[Process]:
        return [Process(**row) for row in self.state().get("processes", [])]

    def state(self) -> dict:
        try:
            return json.loads(self.state_file.read_text())
        except FileNotFoundError:
            return {}

    def is_up(self) -> bool:
        return any(process.alive() for process in self.processes())

    def kernel(self) -> bool:
        return self.state().get("kernel", False)

    def socket(self, node: str) -> Path:
        return self.state_dir / f"{node}.sock"

    # --- up and down

    def up(self, mex: bool, kernel: bool, binary: Path | None, captures_dir: Path | None = None) -> None:
        """Build the network and start what runs in it. Takes away what it made when it fails."""
        if self.is_up():
            raise LabError("a lab is up already; `lab down` first")
        self.down()
        self.state_dir.mkdir(parents=True, exist_ok=True)
        self.log_dir.mkdir(exist_ok=True)
        captures_dir = captures_dir or self.captures_dir
        running: list[Process] = []
        try:
            netns.build(kernel, CONFIG_DIR)
            running += captures.start_captures(captures_dir, self.log_dir)
            if not kernel:
                assert binary is not None
                running += self.start_daemons(binary, mex)
            self.wait_for_path()
        except BaseException:
            processes.stop(running)
            netns.delete_namespaces()
            raise
        state = {
            "mex": mex,
            "kernel": kernel,
            "mexfwd": str(binary),
            "captures": str(captures_dir),
            "processes": [process.as_json() for process in running],
        }
        self.state_file.write_text(json.dumps(state, indent=2) + "\n")

    def start_daemons(self, binary: Path, mex: bool) -> list[Process]:
        running = []
        try:
            for node, core in zip(MEXFWD_NODES, spread_cores(len(MEXFWD_NODES)), strict=True):
                config = self.write_config(node, core, mex)
                self.socket(node).unlink(missing_ok=True)
                command = [str(binary), "run", "-c", str(config), "--socket", str(self.socket(node))]
                running.append(processes.start(node, "mexfwd", command, self.log_dir / f"{node}.log"))
            for process in running:
                self.wait_for_daemon(process, binary)
        except BaseException:
            processes.stop(running)
            raise
        return running

    def write_config(self, node: str, core: int, mex: bool) -> Path:
        """A node's config: what it is as a router, and then what MEX adds, or that it is off."""
        addition = f"{node}.mex.toml" if mex else "no-mex.toml"
        text = "".join((CONFIG_DIR / name).read_text() for name in (f"{node}.toml", addition))
        path = self.state_dir / f"{node}.toml"
        path.write_text(Template(text).substitute(core=core))
        return path

    def wait_for_daemon(self, process: Process, binary: Path) -> None:
        log = self.log_dir / f"{process.node}.log"

        def ready() -> bool:
            if not process.alive():
                raise LabError(f"mexfwd of {process.node} ended: {processes.tail(log)}")
            return ask(binary, self.socket(process.node), "workers") is not None

        processes.wait_until(ready, READY_TIMEOUT_S, f"mexfwd of {process.node} ready ({log})")

    def wait_for_path(self) -> None:
        """Return once host1 gets answers from both of host2's addresses."""
        for address in (HOST2_C, HOST2_D):
            command = netns.inside("host1", "ping", "-6", "-n", "-c", "1", "-W", "1", "-I", HOST1, address)

            def answers(command=command) -> bool:
                return subprocess.run(command, capture_output=True, check=False).returncode == 0

            processes.wait_until(answers, PATH_TIMEOUT_S, f"an answer from host2 at {address}")

    def down(self) -> list[str]:
        """Take everything away except captures and logs. Returns what did not end as it should."""
        running = self.processes()
        if any(process.what == "tcpdump" and process.alive() for process in running):
            time.sleep(captures.FLUSH_S)
        complaints = processes.stop(running)
        netns.delete_namespaces()
        self.state_file.unlink(missing_ok=True)
        for node in MEXFWD_NODES:
            self.socket(node).unlink(missing_ok=True)
        return complaints

    # --- what the user asks

    def status(self) -> dict:
        """Link states and processes, for people and for `--json`."""
        if not self.is_up():
            return {"up": False}
        state = self.state()
        links = netns.link_states()
        running = [{"node": p.node, "what": p.what, "pid": p.pid, "alive": p.alive()} for p in self.processes()]
        keys = ("mex", "kernel", "captures")
        return {"up": True, **{key: state[key] for key in keys}, "links": links, "processes": running}

    def exchanged(self) -> int:
        """How many packets ISP C has exchanged since it started."""
        answer = ask(Path(self.state()["mexfwd"]), self.socket("ispc"), "mex")
        if answer is None or "exchanged" not in answer:
            raise LabError(f"`mexfwd show mex --json` of ispc has no \"exchanged\": {answer}")
        return int(answer["exchanged"])


def describe(status: dict) -> str:
    """`lab status` for people."""
    if not status["up"]:
        return "The lab is down. `lab up` makes it, `lab story` shows what it is for."
    text = drawing({name: "CUT" if word == "cut" else word for name, word in status["links"].items()})
    if status["kernel"]:
        who = "  *  Linux forwards here too (--kernel)"
    elif status["mex"]:
        who = "  *  mexfwd, with MEX"
    else:
        who = "  *  mexfwd, without MEX"
    dead = [f"  {row['what']} of {row['node']} has ended" for row in status["processes"] if not row["alive"]]
    others = "     the others are ordinary Linux machines"
    return "\n".join([text, who, others, f"  captures: {status['captures']}", *dead])


def ask(binary: Path, socket: Path, topic: str) -> dict | list | None:
    """What `mexfwd show TOPIC --json` says; None while the daemon does not answer."""
    command = [str(binary), "show", topic, "--json", "--socket", str(socket)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=ASK_TIMEOUT_S)
        return json.loads(done.stdout) if done.returncode == 0 else None
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        return None


def spread_cores(count: int) -> list[int]:
    """A core for each daemon, the last ones first: Linux prefers the first ones for the rest."""
    cores = sorted(os.sched_getaffinity(0), reverse=True)
    return [cores[index % len(cores)] for index in range(count)]


def find_mexfwd(given: str | None) -> Path:
    """The mexfwd to run: as given, or the newest that cargo has built here."""
    given = given or os.environ.get("MEXFWD")
    if given:
        path = Path(given).resolve()
        if not os.access(path, os.X_OK):
            raise LabError(f"{path} is not a program")
        return path
    target = Path(os.environ.get("CARGO_TARGET_DIR") or REPOSITORY / "target")
    built = [path for profile in ("release", "debug") if (path := target / profile / "mexfwd").is_file()]
    if not built:
        raise LabError("mexfwd is not built yet: `cargo build --release`, or name one with --mexfwd")
    return max(built, key=lambda path: path.stat().st_mtime).resolve()


def empty(directory: Path) -> None:
    """Remove a directory of this lab with what is in it."""
    shutil.rmtree(directory, ignore_errors=True)
