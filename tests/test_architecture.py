"""The rules of the house, held by plain pytest: floors, sizes, docstrings, forbidden words.

import-linter holds the floors in the lint step as well; here they hold without it.
"""

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"

FLOORS = {
    "__init__": 0,
    "errors": 0,
    "config": 0,
    "facts": 0,
    "wire": 1,
    "session": 2,
    "rib": 2,
    "policy": 3,
    "speaker": 4,
    "topology": 4,
    "observe": 5,
    "engines": 6,
    "scenario": 7,
    "testing": 7,
    "cli": 8,
    "web": 8,
    "pytest_plugin": 8,
    "__main__": 9,
}
CORE = 4  # up to this floor nothing knows a clock, a socket or chance
OUTSIDE = {
    "ampoule",
    "asyncio",
    "multiprocessing",
    "random",
    "select",
    "selectors",
    "socket",
    "subprocess",
    "threading",
    "time",
    "twisted",
}
LONGEST_FUNCTION = 60
LONGEST_FILE = 400
LONG_BY_NATURE = {"bgplab/session/table.py"}

# Written in pieces, so that this file does not find itself.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
THIS_MACHINE = re.compile(r"(?<![\w.])/(wo" r"rk|ro" r"ot|home/\w+)/")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Parse every module of the package; names are relative to src/."""
    for path in sorted(SOURCE.rglob("*.py")):
        yield path.relative_to(SOURCE).as_posix(), ast.parse(path.read_text())


def package(name: str) -> str:
    """Return the first part below bgplab, the unit that a floor is given to."""
    return Path(name).parts[1].removesuffix(".py")


def imports(name: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """List what is imported at run time, absolute, with line numbers."""
    parts = Path(name).with_suffix("").parts
    for node in walk_run_time(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = parts[: len(parts) - node.level] if node.level else ()
            origin = [*base, *(node.module or "").split(".")]
            for alias in node.names:
                yield node.lineno, ".".join(filter(None, [*origin, alias.name]))


def walk_run_time(node: ast.AST) -> Iterator[ast.AST]:
    """Walk a tree without what stands under `if TYPE_CHECKING:`."""
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from walk_run_time(child)


def offences(rule: Callable[[str, ast.Module], Iterator[tuple[int, str]]]) -> list[str]:
    """Hold a rule against every module and list who breaks it, as `file:line: what`."""
    return [
        f"src/{name}:{line}: {what}"
        for name, tree in modules()
        for line, what in rule(name, tree)
    ]


def test_every_package_has_its_floor():
    unknown = [name for name, _ in modules() if package(name) not in FLOORS]
    assert unknown == []


def test_imports_only_go_down():
    def rule(name: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
        own = package(name)
        for line, target in imports(name, tree):
            parts = target.split(".")
            if parts[0] != "bgplab" or len(parts) == 1 or parts[1].startswith("__"):
                continue
            within = parts[1] == own or FLOORS[own] == FLOORS[parts[1]] == 0
            if not within and FLOORS[own] <= FLOORS[parts[1]]:
                yield line, f"{own} imports {target}"

    assert offences(rule) == []


# A generated graph is a function of the seed in its file; see pyproject.toml.
SEEDED = {("bgplab/topology/generate.py", "random.Random")}


def test_the_core_knows_no_clock_no_socket_no_chance():
    def rule(name: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
        for line, target in imports(name, tree):
            if (name, target) in SEEDED:
                continue
            if FLOORS[package(name)] <= CORE and target.split(".")[0] in OUTSIDE:
                yield line, f"imports {target}"

    assert offences(rule) == []


def test_functions_fit_on_a_screen():
    def rule(_: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
        for node in ast.walk(tree):
            if isinstance(node, Function):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    yield node.lineno, f"{node.name} has {length} lines"

    assert offences(rule) == []


def test_files_stay_short():
    long = {
        path.relative_to(SOURCE).as_posix(): lines
        for path in sorted(SOURCE.rglob("*.py"))
        if (lines := len(path.read_text().splitlines())) > LONGEST_FILE
    }
    assert {name: lines for name, lines in long.items() if name not in LONG_BY_NATURE} == {}


def test_everything_public_has_a_docstring():
    def rule(_: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
        if not ast.get_docstring(tree):
            yield 1, "module"
        yield from undocumented(tree)

    def undocumented(parent: ast.Module | ast.ClassDef) -> Iterator[tuple[int, str]]:
        for node in parent.body:
            if not isinstance(node, ast.ClassDef | Function) or is_private(node):
                continue
            if not ast.get_docstring(node):
                yield node.lineno, node.name
            if isinstance(node, ast.ClassDef):
                yield from undocumented(node)

    def is_private(node: ast.ClassDef | Function) -> bool:
        continued = {"setter", "deleter", "overload"}  # documented where the name first stands
        marks = {ast.unparse(mark).split(".")[-1] for mark in node.decorator_list}
        return node.name.startswith("_") or bool(marks & continued)

    assert offences(rule) == []


def test_nobody_sleeps():
    def sleeps(tree: ast.Module) -> Iterator[int]:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"time.sleep", "sleep"}:
                yield node.lineno

    files = [*sorted(SOURCE.rglob("*.py")), *sorted((ROOT / "tests").rglob("*.py"))]
    found = [f"{path}:{line}" for path in files for line in sleeps(ast.parse(path.read_text()))]
    assert found == []


def test_nothing_is_left_unfinished_and_nothing_names_one_machine():
    folders = ["src", "tests", "lab", "topologies", "stubs", ".ci"]
    files = [path for folder in folders for path in sorted((ROOT / folder).rglob("*"))]
    files += sorted(path for path in ROOT.iterdir() if path.suffix in {".py", ".md", ".toml"})
    kinds = {".py", ".pyi", ".md", ".yaml", ".toml", ".sh", ".json", ""}
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files
        if path.is_file() and path.suffix in kinds and "__pycache__" not in path.parts
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if UNFINISHED.search(line) or THIS_MACHINE.search(line)
    ]
    assert found == []


def test_names_of_test_files_are_unique():
    """pytest imports them without packages, so two of one name would collide."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []
