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
    if _answer(f"{question} [y/N] ").lower() not in _YES:
        raise ConfigurationError("Nothing was done.")


def require_typed(name: str, warning: str) -> None:
    """Return if a person at the terminal types a name after a warning, of one sentence or two.

    For what destroys more than a slip of the hand should.

    Raises:
        ConfigurationError, click.Abort: as `require_consent`.
    """
    if _answer(f"{warning} Type {name} to go on: ") != name:
        raise ConfigurationError("Nothing was done.")


def _answer(question: str) -> str:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigurationError(
            "Nothing was done: this can't be taken back, and there is no terminal to ask on. Add "
            "--yes to do it without being asked."
        )
    click.echo(visible_line(question), nl=False, err=True)
    answer = sys.stdin.readline()
    if not answer:
        raise click.Abort
    return answer.strip()
