"""The entry point: exit codes, messages, what is imported, output that ends early."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

import bgplab
from bgplab.cli import main as entry
from bgplab.cli.groups import Lazy
from bgplab.cli.main import COMMANDS, cli, main
from bgplab.errors import HostError, LabError, Problem, TopologyError, UsageError

SOURCE = Path(bgplab.__file__).parent.parent
HEAVY = ("ampoule", "networkx", "pydantic", "rich", "sqlite3", "twisted", "yaml")


def python(code, *arguments, **environ):
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": str(SOURCE), **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def bgplab_process(*arguments, **environ):
    code = "import sys; from bgplab.cli.main import main; sys.exit(main())"
    return python(code, *arguments, **environ)


@pytest.fixture
def command(monkeypatch):
    """Let `bgplab validate` do what a test says."""

    def install(action):
        monkeypatch.setitem(COMMANDS, "validate", Lazy(f"{__name__}:stand_in", "stands in"))
        monkeypatch.setattr(
            sys.modules[__name__], "stand_in", click.Command("validate", callback=action),
            raising=False,
        )  # fmt: skip

    return install


def raises(error):
    def action():
        raise error

    return action


def test_help_lists_all_commands_teaches_and_imports_none_of_them():
    code = f"""
import sys
from bgplab.cli.main import main
assert main(["--help"]) == 0
heavy = [name for name in {HEAVY} if name in sys.modules]
commands = [name for name in sys.modules if name.startswith("bgplab.")]
print("IMPORTED", heavy, sorted(commands))
"""
    done = python(code)
    assert done.stderr == ""
    text, _, imported = done.stdout.partition("IMPORTED ")
    assert imported.strip() == (
        "[] ['bgplab.cli', 'bgplab.cli.groups', 'bgplab.cli.main', 'bgplab.cli.output',"
        " 'bgplab.errors', 'bgplab.testing']"
    )
    for word in (*COMMANDS, "Examples:", "Exit codes:", "130  interrupted"):
        assert word in text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_loads_and_its_help_ends_well(name, capsys):
    assert main([name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: bgplab {name} ")


@pytest.mark.parametrize("arguments", [["-h"], ["show", "-h"], ["generate", "ring", "-h"]])
def test_h_is_help_everywhere(arguments, capsys):
    assert main(arguments) == 0
    assert "Options:" in capsys.readouterr().out


def test_version_is_that_of_the_package(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"bgplab {bgplab.__version__}\n"


@pytest.mark.parametrize(
    "arguments,message",
    [
        (["valdate"], "no command 'valdate'; did you mean validate?"),
        (["qqq"], f"no command 'qqq': one of {', '.join(COMMANDS)}\n"),
        (["generate", "rng"], "no command 'rng'; did you mean ring?"),
        (["validate", "--jsn", "x"], "Did you mean"),
        (["validate"], "Missing argument 'FILE...'"),
        ([], "Commands:"),
    ],
)
def test_wrong_usage_exits_2_with_help_on_standard_error(arguments, message, capsys):
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err


@pytest.mark.parametrize(
    "error,code,message",
    [
        (UsageError("no such run"), 2, "Error: no such run\n"),
        (HostError("raise the limit"), 4, "Error: raise the limit\n"),
        (LabError("broken"), 4, "Error: broken\n"),
        (
            TopologyError([Problem("a", 3, 5, "name", "no"), Problem("a", 4, 1, "", "x")]),
            2,
            "a:3:5: name: no\na:4:1: x\n2 problems\n",
        ),
        (KeyboardInterrupt(), 130, "\nInterrupted.\n"),
    ],
)  # fmt: skip
def test_an_error_becomes_its_message_and_its_exit_code(command, capsys, error, code, message):
    command(raises(error))
    assert main(["validate"]) == code
    assert capsys.readouterr() == ("", message)


def test_an_error_nobody_foresaw_exits_4_with_a_traceback_and_a_line(command, capsys):
    command(raises(KeyError("r1")))
    assert main(["validate"]) == 4
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "Error: this is a mistake of bgplab itself: KeyError: 'r1'"


@pytest.mark.parametrize(
    "leave", [sys.exit, lambda code: click.get_current_context().exit(code)]
)
def test_a_command_chooses_its_exit_code(command, leave):
    command(lambda: leave(3))
    assert main(["validate"]) == 3


def test_output_that_nobody_reads_any_more_ends_quietly():
    reader, writer = os.pipe()
    os.close(reader)
    code = "import sys; from bgplab.cli.main import main; sys.exit(main(['schema']))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (entry.EXIT_BROKEN_PIPE, b"")


def test_a_pipe_that_broke_inside_the_lab_is_not_taken_for_the_output():
    code = """
import sys, click
from bgplab.cli import main
def fail():
    raise BrokenPipeError(32, "Broken pipe")
main.cli.get_command = lambda context, name: click.Command(name, callback=fail)
sys.exit(main.main(["validate"]))
"""
    done = python(code)
    assert done.returncode == 4
    assert "BrokenPipeError" in done.stderr


def test_text_that_the_terminal_cannot_write_is_escaped(tmp_path):
    file = tmp_path / "漢.yaml"
    file.write_text("name: x\n")
    done = bgplab_process("validate", "--json", str(file), PYTHONIOENCODING="latin-1")
    assert done.returncode == 2
    assert "\\u6f22.yaml" in done.stdout


def test_a_process_ends_with_the_exit_code_of_its_error(tmp_path):
    done = bgplab_process("validate", "nowhere.yaml")
    assert done.returncode == 2
    assert done.stderr.startswith("nowhere.yaml:1:1: cannot read the file")


def test_validation_of_plain_ebgp_imports_neither_networkx_nor_twisted(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("topology:\n  nodes: {r1: , r2: }\n  links: [r1-r2]\n")
    done = python(
        "import sys; from bgplab.cli.main import main; main(['validate', sys.argv[1]]);"
        "print([name for name in ('networkx', 'twisted', 'rich') if name in sys.modules])",
        str(file),
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_commands_keep_the_order_of_the_table():
    assert cli.list_commands(click.Context(cli)) == list(COMMANDS)
