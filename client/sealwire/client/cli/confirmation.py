"""Asking before what can't be taken back."""

from __future__ import annotations

import sys

import click

from sealwire.client.cli.escaping import visible_line
from sealwire.core.errors import ConfigurationError

_YES = frozenset({"y", "yes"})


def require_consent(question: str) -> None:
    """Return if a person at the terminal says yes to a question; it is one sentence or two.

    The question goes to standard error, so that standard output holds nothing but the result.

    Raises:
        ConfigurationError: if the answer is no, or there is no terminal to ask on; nothing was
            done then, and people are told so.
        click.Abort: if the input ends.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigurationError(
            "Nothing was done: this can't be taken back, and there is no terminal to ask on. Add "
            "--yes to do it without being asked."
        )
    click.echo(f"{visible_line(question)} [y/N] ", nl=False, err=True)
    answer = sys.stdin.readline()
    if not answer:
        raise click.Abort
    if answer.strip().lower() not in _YES:
        raise ConfigurationError("Nothing was done.")
