"""`bgplab import FILE.graphml`: a graph of the Internet Topology Zoo as a topology file."""

from __future__ import annotations

import click

from bgplab.cli.files import output_options, write_result

EPILOG = """\b
Example:
  bgplab import Abilene.graphml -o abilene.yaml"""


@click.command("import", epilog=EPILOG)
@click.argument("file", metavar="FILE.graphml", type=click.Path())
@click.option("--one-as", is_flag=True, help="One AS with iBGP, instead of one AS per node.")
@click.option(
    "--external",
    is_flag=True,
    help="Keep nodes outside the network (Internal = 0), which are left out otherwise.",
)
@click.option("--largest", is_flag=True, help="Keep only the largest connected piece.")
@output_options
def import_(
    file: str, one_as: bool, external: bool, largest: bool, output: str, force: bool
) -> None:
    """Turn a GraphML graph, as the Internet Topology Zoo has them, into a topology file.

    What a graph may have and a lab cannot (parallel links, nodes without a name or with the
    same one) is mended; each change is told on standard error and in the file.
    """
    from bgplab.topology.import_graphml import import_graphml

    imported = import_graphml(file, one_as=one_as, external=external, largest=largest)
    write_result(imported.text, output, force=force)
    for note in imported.notes:
        click.echo(f"note: {note}", err=True)
