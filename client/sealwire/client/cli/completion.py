"""`sealwire completion`: the script that lets a shell complete commands, profiles, verbs, files."""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import get_completion_class

PROGRAM: Final = "sealwire"
VARIABLE: Final = "_SEALWIRE_COMPLETE"
"""Set by the script when it asks the program what may come next."""
_SETUP: Final = """\b
bash: in ~/.bashrc: eval "$(sealwire completion bash)"
zsh:  in ~/.zshrc:  eval "$(sealwire completion zsh)"
fish: sealwire completion fish > ~/.config/fish/completions/sealwire.fish"""


@click.command(epilog=_SETUP)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what lets SHELL complete commands and names."""
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"There is no completion for {shell}.")
    root = context.find_root().command
    click.echo(kind(root, {}, PROGRAM, VARIABLE).source())
