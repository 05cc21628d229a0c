"""What all tests share: tools that must be there under CI, and how hypothesis behaves."""

import os
import shutil
from collections.abc import Callable

import pytest
from hypothesis import settings

CI = os.environ.get("CI") == "true"
collect_ignore_glob = ["*.yaml", "*.yml"]  # material of tests, not tests of our own plugin

# No deadline: the machine is shared. Under CI the examples are the same each time.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if CI else "local")


def path_of_tool(name: str) -> str:
    """Find a program, where daemons are too; absent, it fails under CI and skips elsewhere."""
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/lib/frr"])
    path = shutil.which(name, path=places)
    if path is None and CI:
        pytest.fail(f"{name} is not installed: .ci/run has to install it", pytrace=False)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


@pytest.fixture(scope="session")
def require_tool() -> Callable[[str], str]:
    """Return `require_tool("bird") -> path`, which skips the test, or under CI fails it."""
    return path_of_tool
