"""Loads the experiments of lab/experiments, which are scripts and no package."""

import importlib.util
import sys
from pathlib import Path

import pytest

EXPERIMENTS = Path(__file__).resolve().parents[2] / "lab" / "experiments"


@pytest.fixture(scope="session")
def experiment():
    """Load `run.py` of an experiment by its name."""

    def load(name):
        sys.path.insert(0, str(EXPERIMENTS))  # where harness.py stands
        try:
            script = EXPERIMENTS / name / "run.py"
            spec = importlib.util.spec_from_file_location(f"experiment_{name}", script)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
        finally:
            sys.path.remove(str(EXPERIMENTS))
        return module

    return load


@pytest.fixture
def checked():
    """Measure an experiment; give its rows, and what differs from its expected.json."""

    def check(run, **options):
        folder = Path(run.__file__).parent
        return sys.modules["harness"].check(
            folder, run.measure, run.judge, run.Options(**options)
        )

    return check
