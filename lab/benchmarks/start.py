"""Time from the command to convergence: bgplab, and the same graph of real birds.

Barabasi-Albert graphs (m = 2, seed 1), one prefix per router, full eBGP. The runs alternate, so
that a change of the machine's mood meets both. A run that is INVALID or does not converge ends
the benchmark without figures.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from threading import Event
from typing import Any

import networkx

HERE = Path(__file__).resolve().parent
PORT = 1790
FIRST_ASN = 100_001
POLL = 0.05  # seconds between two rounds of questions to birds that lack routes
PATIENCE = 300.0  # seconds after which a graph of birds is given up
LAST_LINE = re.compile(rb"^\d{4} .*\n\Z", re.MULTILINE)

BIRD = """
log "bird.log" {{ error, fatal, bug }};
router id {identifier};
protocol device {{ scan time 60; }}
protocol static {{ ipv4; route {prefix} blackhole; }}
template bgp peer {{
  local {address} port {port} as {asn};
  multihop; strict bind yes;
  connect delay time 1; connect retry time 1; error wait time 1,1; error forget time 1;
  ipv4 {{ import all; export all; next hop self; }};
}}
"""
NEIGHBOUR = "protocol bgp from peer {{ neighbor {address} port {port} as {asn};{passive} }}\n"

Figures = dict[str, float | None]
COLUMNS = (
    "routers",
    "system",
    "runs",
    "converged s",
    "min",
    "max",
    "CPU s",
    "MB/router",
    "ratio",
)


class Refused(Exception):
    """A run that must not become a figure; `code` is the exit code of the benchmark."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        super().__init__(reason)


# ------------------------------------------------------------------------------ bgplab


def run_lab(n: int, folder: Path) -> Figures:
    """Let the command line bring the graph up, and read its report.

    Raises Refused unless the run converged and its certificate of fidelity is valid.
    """
    topology = folder / f"ba-{n}.yaml"
    if not topology.exists():
        graph = ["barabasi-albert", "-n", str(n), "-m", "2", "--seed", "1"]
        command = ["bgplab", "generate", *graph, "-o", str(topology)]
        subprocess.run(command, capture_output=True, check=True)
    with tempfile.TemporaryDirectory(dir=folder) as store:
        done = subprocess.run(
            ["bgplab", "run", topology, "--json", "--store", Path(store) / "run.sqlite"],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        what = "INVALID: " if done.returncode == 3 else ""
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-12:])
        raise Refused(done.returncode, f"bgplab, {n} routers: {what}run refused\n{tail}")
    report = json.loads(done.stdout)
    if report["verdict"] != "converged" or not report["fidelity"]["valid"]:
        raise Refused(3, f"bgplab, {n} routers: INVALID: {report['fidelity']}")
    return {
        "converged": report["seconds"]["converged"],
        "established": report["seconds"]["established"],
        "cpu": report["cpu_seconds"],
        "memory": report["memory_mb_per_router"],
    }


# -------------------------------------------------------------------------------- birds


def address(router: int) -> str:
    """Give the address that bird number `router` (from 0) listens on."""
    return f"127.200.{router + 1 >> 8}.{router + 1 & 255}"


def write_birds(n: int, folder: Path) -> list[Path]:
    """Write a configuration per router of the graph, each in a folder; one end only listens."""
    graph = networkx.barabasi_albert_graph(n, 2, seed=1)
    folders = []
    for router in sorted(graph):
        text = BIRD.format(
            identifier=f"10.254.{router + 1 >> 8}.{router + 1 & 255}",
            prefix=f"10.{router >> 8}.{router & 255}.0/24",
            address=address(router),
            port=PORT,
            asn=FIRST_ASN + router,
        )
        for peer in sorted(graph[router]):
            text += NEIGHBOUR.format(
                address=address(peer),
                port=PORT,
                asn=FIRST_ASN + peer,
                passive=" passive on;" if peer > router else "",
            )
        folders.append(folder / f"bird{router}")
        folders[-1].mkdir()
        (folders[-1] / "bird.conf").write_text(text)
    return folders


@contextmanager
def birds(folders: Sequence[Path]) -> Iterator[list[int]]:
    """Start a bird in each folder, give their process ids, and end them."""
    command = ["bird", "-f", "-c", "bird.conf", "-s", "bird.ctl", "-P", "bird.pid"]
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for folder in folders:
            output = subprocess.DEVNULL
            processes.append(
                subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)
            )
        yield [process.pid for process in processes]
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()


def networks(folder: Path) -> int:
    """Ask a bird how many prefixes it has; 0 while it does not answer yet."""
    reply = b""
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(PATIENCE)
        try:
            control.connect(str(folder / "bird.ctl"))
        except (FileNotFoundError, ConnectionRefusedError):
            return 0
        control.sendall(b"show route table master4 count\n")
        # The greeting ends in a line with four digits too: the reply is the second such line.
        while reply.count(b"\n") < 2 or LAST_LINE.search(reply) is None:
            part = control.recv(4096)
            if not part:
                return 0
            reply += part
    found = re.search(rb" for (\d+) networks", reply)
    return int(found[1]) if found else 0


def run_birds(n: int, folder: Path) -> Figures:
    """Start the graph as birds; stop when each holds every prefix.

    Raises Refused if that takes longer than PATIENCE.
    """
    pause = Event()  # never set: it only waits
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        missing = folders = write_birds(n, Path(scratch))
        began = time.monotonic()
        with birds(folders) as pids:
            while missing := [place for place in missing if networks(place) < n]:
                if time.monotonic() > began + PATIENCE:
                    raise Refused(1, f"BIRD, {n} routers: not converged in {PATIENCE:.0f} s")
                pause.wait(POLL)
            converged = time.monotonic() - began
            return {
                "converged": converged,
                "established": None,
                "cpu": sum(cpu_seconds(pid) for pid in pids),
                "memory": sum(megabytes(pid) for pid in pids) / n,
            }


def cpu_seconds(pid: int) -> float:
    """Read the CPU time of a process, which the kernel counts in nanoseconds."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def megabytes(pid: int) -> float:
    """Read the proportional memory of a process, in MB of a million octets."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss: +(\d+) kB", rollup, re.MULTILINE)
    return int(found[1]) * 1024 / 1e6 if found else 0.0


# ------------------------------------------------------------------------------- figures


def first_line(*command: str) -> str:
    """Give the first line that a program writes; "" if it is not there."""
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE, check=False)
    return ((done.stdout or done.stderr).splitlines() or [""])[0]


def machine() -> dict[str, Any]:
    """Collect the facts without which the figures say nothing."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": model[1] if model else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory / 1e9, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "twisted": importlib.metadata.version("twisted"),
        "bgplab": first_line("bgplab", "--version"),
        "commit": first_line("git", "describe", "--always", "--dirty"),
        "bird": first_line("bird", "--version"),
        "load_before": os.getloadavg(),
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def middle(runs: Sequence[Figures], key: str) -> float | None:
    """Give the median of one figure; None if it was not measured."""
    values = [run[key] for run in runs]
    known = [value for value in values if value is not None]
    return median(known) if known else None


def rows(results: dict[int, dict[str, list[Figures]]]) -> Iterator[tuple[str, ...]]:
    """Yield the table's rows; the ratio is that of the medians, bgplab over BIRD."""
    for n, systems in results.items():
        for name, runs in systems.items():
            times = [run["converged"] or 0.0 for run in runs]
            theirs = middle(systems.get("BIRD", []), "converged")
            ratio = f"{median(times) / theirs:.2f}" if theirs and name == "bgplab" else ""
            yield (
                *(str(n), name, str(len(runs))),
                *(f"{value:.2f}" for value in (median(times), min(times), max(times))),
                f"{middle(runs, 'cpu'):.2f}",
                f"{middle(runs, 'memory') or 0.0:.1f}",
                ratio,
            )


def print_table(lines: Sequence[Sequence[str]]) -> None:
    """Print aligned columns."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))


def measure(
    sizes: Sequence[int], repeats: int, with_birds: bool
) -> dict[int, dict[str, list[Figures]]]:
    """Do all runs, in turn; progress goes to standard error."""
    systems = {"bgplab": run_lab} | ({"BIRD": run_birds} if with_birds else {})
    results: dict[int, dict[str, list[Figures]]] = {
        n: {name: [] for name in systems} for n in sizes
    }
    with tempfile.TemporaryDirectory(prefix="bgplab-bench-") as folder:
        for _ in range(repeats):
            for n in sizes:
                for name, run in systems.items():
                    figures = run(n, Path(folder))
                    results[n][name].append(figures)
                    print(f"{name} {n}: {figures['converged']:.2f} s", file=sys.stderr)
    return results


def main() -> int:
    """Read the command line, measure, print the table, write the JSON; return the exit code."""
    parser = argparse.ArgumentParser(prog="python3 dev.py bench start", description=__doc__)
    parser.add_argument(
        "sizes",
        nargs="*",
        type=int,
        default=[100, 200],
        metavar="N",
        help="numbers of routers (default: 100 200)",
    )
    parser.add_argument(
        "--runs", type=int, default=5, help="of each size and system (default: 5)"
    )
    parser.add_argument("--no-bird", action="store_true", help="measure bgplab alone")
    parser.add_argument("--output", type=Path, default=HERE / "start.json", metavar="FILE")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no bird is left
    with_birds = not options.no_bird and shutil.which("bird") is not None
    facts = machine()
    try:
        results = measure(options.sizes, options.runs, with_birds)
    except Refused as refused:
        print(f"no figures: {refused}", file=sys.stderr)
        return refused.code
    options.output.write_text(
        json.dumps({"machine": facts, "results": results}, indent=2) + "\n"
    )
    print_table([COLUMNS, *rows(results)])
    print(f"Load of the machine before: {facts['load_before'][0]:.2f}, {facts['cores']} cores.")
    if not with_birds:
        print("BIRD was not measured.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
