"""Asking an operator before what can't be taken back."""

from __future__ import annotations

import sys

import click

from sealwire.core.errors import ConfigurationError


def confirm(consequence: str) -> None:
    """Tell a person what will be, in a sentence; return if they want it.

    Raises:
        click.Abort: if they do not.
        ConfigurationError: if nobody is there to be asked.
    """
    if not sys.stdin.isatty():
        raise ConfigurationError(
            f"{consequence} Nobody is there to be asked, so nothing was changed; add --yes."
        )
    click.confirm(f"{consequence} Go on?", abort=True)


def without_asking(_consequence: str) -> None:
    """Return: the answer was given beforehand, as --yes."""
