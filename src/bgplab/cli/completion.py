"""`bgplab completion SHELL`: the script that teaches a shell to complete our commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from bgplab.cli.main import COMPLETE, cli
from bgplab.errors import UsageError

EPILOG = """\b
bash, in ~/.bashrc:
  eval "$(bgplab completion bash)"
zsh, in ~/.zshrc:
  eval "$(bgplab completion zsh)"
fish, once:
  bgplab completion fish > ~/.config/fish/completions/bgplab.fish"""


@click.command(epilog=EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that makes Tab complete commands, options, runs and routers."""
    script = get_completion_class(shell)
    if script is None:
        raise UsageError(f"this click does not know {shell}")
    click.echo(script(cli, {}, "bgplab", COMPLETE).source())
