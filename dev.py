#!/usr/bin/env python3
"""Everything that one does with a checkout of bgplab: `python3 dev.py VERB`.

Standard library only. On first use it makes .venv from requirements-dev.lock (hashes checked),
then runs itself inside; later it does so again only when the lock or pyproject.toml changed.
Needs python3 (3.11 or later) and pip; neither ensurepip nor make nor uv.
"""

from __future__ import annotations

import argparse
import ast
import compileall
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "bgplab-stamp"
LOCK = ROOT / "requirements-dev.lock"
PROJECT = ROOT / "pyproject.toml"
SCHEMA = ROOT / "src" / "bgplab" / "topology" / "bgplab.schema.json"
DEMO = "topologies/barabasi-albert-100.yaml"
QUICK = "not slow and not interop and not scale"
LARGEST_FILE = 1_000_000  # octets; what is longer does not belong into the repository
GENERATED = (".venv/", "__pycache__/", ".sqlite", ".pyc", ".egg-info/", ".coverage")

NO_PIP = """dev.py: this Python has no pip ({python}).
Install it and run the same command again:
  Debian, Ubuntu:  sudo apt-get install python3-pip
  Fedora:          sudo dnf install python3-pip"""
NO_NETWORK = """dev.py: the package index cannot be reached (the end of pip's output is above).
The first use downloads about 50 MB. Check the network, or name your index or proxy in pip's
own configuration (pip.conf, PIP_INDEX_URL, HTTPS_PROXY), and run the same command again."""
NO_INSTALL = """dev.py: the environment could not be made (the end of pip's output is above).
Run the same command again; it starts over."""
TRY_NEXT = """
What to try next:
  look    .venv/bin/bgplab show transitions     what each session of that run went through
  change  another "n" in {demo}, then the demo again
  break   .venv/bin/bgplab up topologies/ring-10.yaml, and kill -9 one of its processes"""


# --------------------------------------------------------------------- the environment


def say(text: str) -> None:
    """Print one line about what dev.py itself does, in order with what its children print."""
    print(f"dev.py: {text}", file=sys.stderr, flush=True)


def wanted_stamp() -> tuple[str, str]:
    """Return what .venv has to be: its place with its interpreter, and its content's digest."""
    content = hashlib.sha256(LOCK.read_bytes() + PROJECT.read_bytes()).hexdigest()
    return f"{VENV} {PYTHON.resolve()}", content


def read_stamp() -> tuple[str, str]:
    """Return what .venv holds; two empty strings if its set-up never ended."""
    try:
        place, content = STAMP.read_text().splitlines()
    except (OSError, ValueError):
        return "", ""
    return (place, content) if PYTHON.exists() else ("", "")


def enter_environment() -> None:
    """Make or update .venv if need be, and continue in its interpreter; does not return.

    A lock on the folder keeps two of us apart: shared while a verb runs, exclusive while the
    environment changes. The kernel gives it back however a process ends.
    """
    if sys.version_info < (3, 11):  # noqa: UP036 - dev.py meets Pythons that pip would refuse
        sys.exit(f"dev.py: Python 3.11 or later is needed; this is {sys.version.split()[0]}.")
    folder = os.open(ROOT, os.O_RDONLY)
    os.set_inheritable(folder, True)  # held across exec
    fcntl.flock(folder, fcntl.LOCK_SH)
    if read_stamp() != wanted_stamp():
        fcntl.flock(folder, fcntl.LOCK_UN)
        lock_alone(folder)
        if read_stamp() != wanted_stamp():  # nobody else made it while we waited
            make_environment()
        fcntl.flock(folder, fcntl.LOCK_SH)
    os.execv(PYTHON, [str(PYTHON), str(ROOT / "dev.py"), *sys.argv[1:]])


def lock_alone(folder: int) -> None:
    """Take the exclusive lock; say so if another dev.py makes us wait."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("waiting for another dev.py to end ...")
        fcntl.flock(folder, fcntl.LOCK_EX)


def make_environment() -> None:
    """Bring .venv to what the lock says; its stamp comes last, so half of one never counts."""
    pip = [sys.executable, "-m", "pip"]
    if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode:
        sys.exit(NO_PIP.format(python=sys.executable))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that pip ends with us
    began = time.monotonic()
    update = read_stamp()[0] == wanted_stamp()[0]
    STAMP.unlink(missing_ok=True)
    if not update:
        say(f"making {VENV} (once; about a minute)")
        venv = [sys.executable, "-m", "venv", "--clear", "--without-pip", str(VENV)]
        subprocess.run(venv, check=True)
    pip += ["--python", str(PYTHON), "--disable-pip-version-check", "--no-input", "install"]
    pip_install([*pip, "--require-hashes", "-r", str(LOCK)], "the packages of the lock file")
    # hatchling comes from the lock: without isolation nothing is fetched unchecked.
    pip_install([*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)], "bgplab itself")
    STAMP.write_text("\n".join(wanted_stamp()))
    say(f"environment ready in {time.monotonic() - began:.0f} s")


def pip_install(command: list[str], what: str) -> None:
    """Run one pip command quietly; exit with the end of its output and advice if it fails.

    pip starts itself once more inside .venv, so an interruption ends its whole group: nothing
    may go on writing there once we have given the lock back.
    """
    say(f"installing {what}")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate()
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if process.returncode:
        print("\n".join(output.splitlines()[-12:]), file=sys.stderr)
        signs = ("NewConnectionError", "Max retries", "No matching distribution", "Timeout")
        sys.exit(NO_NETWORK if any(sign in output for sign in signs) else NO_INSTALL)


# --------------------------------------------------------------------------- the verbs


def run(*command: str) -> int:
    """Run a command in the checkout, return its exit code; Ctrl-C is left to the command."""
    print(f"$ {' '.join(command)}", file=sys.stderr, flush=True)
    with subprocess.Popen(command, cwd=ROOT, env=child_environment()) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue


def child_environment() -> dict[str, str]:
    """Return our environment with the tools of .venv first on the path."""
    path = f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**os.environ, "PATH": path, "VIRTUAL_ENV": str(VENV)}


def run_all(*commands: Sequence[str]) -> int:
    """Run every command, also after one failed; return the first exit code that is not 0."""
    return next((code for code in [run(*command) for command in commands] if code), 0)


def demo(arguments: list[str]) -> int:
    """Bring up 100 routers as 100 processes, and report their convergence."""
    code = run("bgplab", "run", DEMO, *arguments)
    if code == 0:
        print(TRY_NEXT.format(demo=DEMO))
    return code


def test(arguments: list[str]) -> int:
    """Run the tests of under five minutes; --all for all; else arguments are pytest's."""
    rest = [argument for argument in arguments if argument != "--all"]
    chosen = [] if len(rest) < len(arguments) or "-m" in rest else ["-m", QUICK]
    return run("python", "-m", "pytest", *chosen, *rest)


def interop(arguments: list[str]) -> int:
    """Run the tests against real daemons and tshark; arguments are pytest's."""
    return run("python", "-m", "pytest", "-m", "interop", *arguments)


def lint(_arguments: list[str]) -> int:
    """Check style, format, the floors, and what is committed."""
    code = run_all(
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["lint-imports", "--no-cache", "--no-logo"],
    )
    return code or check_committed()


def check_committed() -> int:
    """Complain about generated, huge or absent files in git; return 1 if there are any."""
    print("$ git ls-files", file=sys.stderr, flush=True)
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listing.returncode:
        print(f"not a git checkout: {listing.stderr.strip()}", file=sys.stderr)
        return 1
    wrong = [
        f"{name}: {fault}"
        for name in listing.stdout.split("\0")
        if name and (fault := committed_fault(name))
    ]
    print("\n".join(wrong) or "Committed files: as they should be.")
    return 1 if wrong else 0


def committed_fault(name: str) -> str:
    """Say why a file should not be committed, or return an empty string."""
    if any(part in name for part in GENERATED):
        return "is generated; do not commit it"
    path = ROOT / name
    if not path.exists():
        return "is committed but not there"
    if path.stat().st_size > LARGEST_FILE:
        return f"is longer than {LARGEST_FILE} octets"
    return ""


def types(arguments: list[str]) -> int:
    """Check types: mypy, strict."""
    return run("python", "-m", "mypy", *arguments)


def cov(arguments: list[str]) -> int:
    """Measure coverage of the quick tests, in the router processes too."""
    coverage = ["python", "-m", "coverage"]
    run(*coverage, "erase")
    code = run(*coverage, "run", "-m", "pytest", "-m", QUICK, *arguments)
    return run_all([*coverage, "combine", "-q"], [*coverage, "report"]) or code


def bench(arguments: list[str]) -> int:
    """List the benchmarks in lab/benchmarks; `bench NAME [ARGUMENTS]` runs one."""
    scripts = {path.stem: path for path in sorted((ROOT / "lab" / "benchmarks").glob("*.py"))}
    if arguments and arguments[0] in scripts:
        return run("python", str(scripts[arguments[0]].relative_to(ROOT)), *arguments[1:])
    for name, path in scripts.items():
        about = ast.get_docstring(ast.parse(path.read_text())) or ""
        print(f"{name:24} {about.partition(chr(10))[0]}")
    if not scripts:
        print("no benchmarks in lab/benchmarks")
    return 2 if arguments else 0


def gallery(arguments: list[str]) -> int:
    """Test the gallery on both engines; arguments are those of `bgplab test`."""
    return run("bgplab", "test", "topologies", *arguments)


def schema(_arguments: list[str]) -> int:
    """Write the JSON Schema of topology files anew, from the models."""
    done = subprocess.run(
        ["bgplab", "schema"], env=child_environment(), stdout=subprocess.PIPE, check=False
    )
    if done.returncode == 0:
        SCHEMA.write_bytes(done.stdout)
        print(f"wrote {SCHEMA.relative_to(ROOT)}")
    return done.returncode


def scripts(_arguments: list[str]) -> int:
    """Check the Vagrantfile and the shell scripts."""
    needed = [tool for tool in ("ruby", "shellcheck") if shutil.which(tool) is None]
    if needed:
        print(f"missing: {' '.join(needed)} (Debian packages of these names)", file=sys.stderr)
        return 1
    return run_all(
        ["ruby", "-c", "Vagrantfile"], ["shellcheck", ".ci/run", "lab/vagrant/provision.sh"]
    )


def ci(_arguments: list[str]) -> int:
    """Do all that a change has to pass: each step runs, then the summary says which failed."""
    steps: list[tuple[str, Callable[[], int]]] = [
        ("lint", lambda: lint([])),
        ("types", lambda: types([])),
        ("scripts", lambda: scripts([])),
        ("gallery", lambda: gallery([])),
        ("slow and interop tests", lambda: test(["-m", "(slow or interop) and not scale"])),
        ("test", lambda: run(sys.executable, "dev.py", "test")),
    ]
    summary = []
    for name, step in steps:
        say(f"== {name}")
        began = time.monotonic()
        code = step()
        summary.append((name, code, time.monotonic() - began))
    for name, code, seconds in summary:
        say(f"{'FAILED' if code else 'passed'}  {name} ({seconds:.0f} s)")
    return next((code for _, code, _ in summary if code), 0)


VERBS: dict[str, Callable[[list[str]], int]] = {
    verb.__name__: verb
    for verb in (
        demo,
        test,
        lint,
        types,
        cov,
        bench,
        interop,
        gallery,
        schema,
        scripts,
        ci,
    )
}


def help_text() -> str:
    """Write the table of verbs from their docstrings."""
    rows = [
        f"  {name:10}{(verb.__doc__ or '').partition(chr(10))[0]}"
        for name, verb in VERBS.items()
    ]
    return "\n".join(
        [
            "verbs:",
            *rows,
            "",
            "examples:",
            "  python3 dev.py demo",
            "  python3 dev.py test tests/session -x -k hold",
            "  .venv/bin/bgplab --help       the program itself, once any verb has run",
        ]
    )


def main() -> int:
    """Read the command line, enter the environment, run the verb; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python3 dev.py",
        usage="python3 dev.py VERB [ARGUMENTS]",
        description="The commands of a checkout; the first use makes .venv by itself.",
        epilog=help_text(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("verb", choices=VERBS, metavar="VERB", help="one of the verbs below")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="handed on to the tool")
    options = parser.parse_args()
    try:
        if Path(sys.prefix) != VENV:
            enter_environment()
        # Where PYTHONDONTWRITEBYTECODE is set, every start would compile the package anew.
        compileall.compile_dir(ROOT / "src", quiet=2)
        return VERBS[options.verb](options.arguments)
    except KeyboardInterrupt:
        say("interrupted")
        return 130


if __name__ == "__main__":
    sys.exit(main())
