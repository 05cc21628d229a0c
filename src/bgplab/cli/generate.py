"""`bgplab generate MODEL`: a topology file for a graph model.

The commands and their options are those of topology/generate.py: a model that is added there
is a command here.
"""

from __future__ import annotations

import re
from typing import Any, get_args

import click
from pydantic.fields import FieldInfo

from bgplab.cli.files import output_options, write_result
from bgplab.cli.groups import SuggestingGroup
from bgplab.errors import TopologyError, UsageError
from bgplab.topology.generate import Generated, Generator

_LEFT_OUT = ("model", "group")  # the command's name; and a group has to stand in a file
_LAB_DEFAULT = re.compile(r" Lab: (.*)\.$")

EPILOG = """\b
Examples:
  bgplab generate ring -n 10
  bgplab generate barabasi-albert -n 100 -m 2 --seed 1 -o ba.yaml
  bgplab generate fat-tree -k 4 --expand | bgplab validate -"""


class ModelGroup(SuggestingGroup):
    """A group that lists its commands in the order in which they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the models as topology/generate.py does, plain ones first."""
        return list(self.commands)


@click.group(cls=ModelGroup, subcommand_metavar="MODEL [PARAMETERS]", epilog=EPILOG)
def generate() -> None:
    """Write a topology file for a graph MODEL, to standard output or to a file.

    The file names the model and its parameters; with --expand it lists all routers and links,
    to be changed by hand. The same seed always gives the same graph.
    """


def _command(model: type[Generated]) -> click.Command:
    """Make the command of a model."""
    (name,) = get_args(model.model_fields["model"].annotation)

    @click.command(name, help=model.__doc__)
    @click.option("--name", "title", metavar="TEXT", help="Name of the topology.")
    @click.option("--expand", is_flag=True, help="List all routers and links.")
    @output_options
    def command(
        title: str | None, expand: bool, output: str, force: bool, **parameters: object
    ) -> None:
        given = {key: value for key, value in parameters.items() if value is not None}
        text = _write({"model": name, **given}, title or "", expand=expand)
        write_result(text, output, force=force)

    common = Generated.model_fields
    own = [key for key in model.model_fields if key not in common]
    keys = [key for key in (*own, *common) if key not in _LEFT_OUT]
    command.params[:0] = [_option(key, model.model_fields[key]) for key in keys]
    return command


def _write(parameters: dict[str, object], title: str, *, expand: bool) -> str:
    from bgplab.topology.write import write_generated

    try:
        return write_generated(parameters, name=title, expand=expand)
    except TopologyError as error:
        # The user wrote no file: name options, not lines.
        lines = [_as_option(problem.path, problem.message) for problem in error.problems]
        raise UsageError("\n".join(lines)) from error


def _as_option(path: str, message: str) -> str:
    key = path.rpartition(".")[2]
    return f"{_flag(key)}: {message}" if key else message


def _option(key: str, field: FieldInfo) -> click.Option:
    """Make the option of a parameter. Numbers are numbers, a switch is a flag, else text."""
    kinds: dict[Any, Any] = {str: str, float: float}
    help_text = _LAB_DEFAULT.sub(r"  [default: \1]", field.description or "")
    if field.annotation is bool:
        return click.Option([_flag(key), key], is_flag=True, default=None, help=help_text)
    return click.Option(
        [_flag(key), key],
        type=kinds.get(field.annotation, int),
        required=field.is_required(),
        help=help_text,
    )


def _flag(key: str) -> str:
    return f"-{key}" if len(key) == 1 else f"--{key}"


for _model in get_args(get_args(Generator)[0]):
    generate.add_command(_command(_model))
