"""`bgplab schema`: the JSON Schema of topology files."""

from __future__ import annotations

import click

EPILOG = """\b
Example:
  bgplab schema > bgplab.schema.json"""


@click.command(epilog=EPILOG)
def schema() -> None:
    """Print the JSON Schema (draft-07) of topology files.

    Editors with a YAML language server complete and explain keys by it, in files whose first
    line is `# yaml-language-server: $schema=` and the name of the schema's file.
    """
    from bgplab.topology.schema import schema_text

    click.echo(schema_text(), nl=False)
