"""lab/benchmarks/start.py: measures what it says, and makes no figure of an invalid run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = ROOT / "lab" / "benchmarks" / "start.py"
REAL = "import sys\nfrom bgplab.cli.main import main\nsys.exit(main())\n"
INVALID = "import sys\nprint('run INVALID')\nsys.exit(3 if 'run' in sys.argv else 0)\n"

pytestmark = pytest.mark.interop


def benchmark(folder, code, *arguments):
    """Run the script with a `bgplab` on the path that does what the code says."""
    program = folder / "bgplab"
    program.write_text(f"#!{sys.executable}\n{code}")
    program.chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}{os.pathsep}/usr/sbin"
    output = folder / "figures.json"
    done = subprocess.run(
        [sys.executable, SCRIPT, *arguments, "--output", output],
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    return done, output


def test_five_routers_of_each_kind_give_figures(tmp_path, require_tool):
    require_tool("bird")
    done, output = benchmark(tmp_path, REAL, "5", "--runs", "1")
    assert done.returncode == 0, done.stderr
    result = json.loads(output.read_text())
    assert result["machine"]["bird"].startswith("BIRD")
    ((ours,), (theirs,)) = result["results"]["5"].values()
    assert 0 < ours["converged"] < 30
    assert 0 < theirs["converged"] < 30
    assert "ratio" in done.stdout


def test_an_invalid_run_gives_no_figures(tmp_path):
    done, output = benchmark(tmp_path, INVALID, "5", "--no-bird")
    assert done.returncode == 3
    assert "INVALID" in done.stderr
    assert not output.exists()
