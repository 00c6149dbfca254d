"""`sealwire run`: a program that finds records in its environment, and nowhere else."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, NoReturn

import click

from sealwire.client.cli.connecting import connect
from sealwire.client.cli.get_many import fetch
from sealwire.client.cli.options import namespace_argument, profile_option
from sealwire.core.errors import ConfigurationError

if TYPE_CHECKING:
    from sealwire.client.client import Client

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REPLACED: Final = re.compile(r"[^A-Za-z0-9]")
_IGNORED_BY_PYTHON: Final = (signal.SIGPIPE, signal.SIGXFSZ)

Variables = dict[str, str]
"""The record that each variable has the value of."""


@click.command()
@namespace_argument
@click.option("--prefix", metavar="P", help="Only records whose names begin with P.")
@click.option(
    "--env",
    "chosen",
    multiple=True,
    metavar="VARIABLE=RECORD",
    help="This record, as this variable; may be repeated. No others then, but with --prefix.",
)
@profile_option
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_obj
def run(
    inherited: Mapping[str, str] | None,
    namespace: str,
    prefix: str | None,
    chosen: tuple[str, ...],
    profile: str | None,
    command: tuple[str, ...],
) -> None:
    """Run COMMAND with the records of NAMESPACE as variables.

    They are in its environment, and touch no disk. COMMAND takes the place of this program: signals
    and exit status are its own. A record is named by its name behind the last '/' of the prefix, in
    upper case, with '_' for all but letters and digits: db/password with --prefix db/ is PASSWORD.
    It is an error, and nothing is run, if that is no name of a variable, if two records come to
    have one name, if a value is no text or holds a NUL, or if anything does not verify.

    Whoever may write in NAMESPACE so decides over variables such as PATH and LD_PRELOAD; with --env
    you name the variables yourself.
    """
    program, variables = _program(command[0]), _chosen(chosen)
    with connect(profile) as client:
        if prefix is not None or not chosen:
            _add_all(variables, _names(client, namespace, prefix or ""), prefix or "")
        values = _values(client, namespace, variables)
    if not values:
        raise ConfigurationError("There are no such records. Nothing was run.")
    _become(program, command, {**(os.environ if inherited is None else inherited), **values})


def variable_name(record: str, prefix: str) -> str:
    """Return the variable that a record is found in; ConfigurationError if there is no name."""
    behind = record[prefix.rfind("/") + 1 :]
    name = _REPLACED.sub("_", behind).upper()
    if not behind.isascii() or not _VARIABLE.fullmatch(name):
        raise ConfigurationError(
            f"The record {record!r} gives no name of a variable; name one with --env "
            "VARIABLE=RECORD. Nothing was run."
        )
    return name


def _chosen(pairs: Iterable[str]) -> Variables:
    variables: Variables = {}
    for pair in pairs:
        variable, equals, record = pair.partition("=")
        if not equals or not record or not _VARIABLE.fullmatch(variable):
            raise click.BadParameter(f"{pair!r} is not of the form VARIABLE=RECORD.")
        if variable in variables:
            raise click.BadParameter(f"{variable} is given twice.")
        variables[variable] = record
    return variables


def _names(client: Client, namespace: str, prefix: str) -> list[str]:
    return [record.name for record in client.list_records(namespace, prefix=prefix)]


def _add_all(variables: Variables, records: Iterable[str], prefix: str) -> None:
    """Add records under the names that they give, but for those that were named already."""
    named = set(variables.values())
    for record in records:
        if record in named:
            continue
        variable = variable_name(record, prefix)
        if variable in variables:
            raise ConfigurationError(
                f"The records {variables[variable]!r} and {record!r} would both be {variable}; "
                "name one of them with --env VARIABLE=RECORD. Nothing was run."
            )
        variables[variable] = record


def _values(client: Client, namespace: str, variables: Variables) -> dict[str, bytes]:
    wanted = [(namespace, record) for record in variables.values()]
    values = {}
    for (variable, record), found in zip(variables.items(), fetch(client, wanted), strict=True):
        if not found.HasField("record"):
            raise ConfigurationError(f"There is no record {record!r}. Nothing was run.")
        if not _is_text(found.value):
            raise ConfigurationError(
                f"The value of {record!r} is no text, or holds a NUL, so it can't be in an "
                "environment. Nothing was run."
            )
        values[variable] = found.value
    return values


def _is_text(value: bytes) -> bool:
    try:
        return "\0" not in value.decode("utf-8")
    except UnicodeDecodeError:
        return False


def _program(command: str) -> str:
    found = shutil.which(command)
    if found is None:
        raise ConfigurationError(f"There is no program {command!r}. Nothing was run.")
    return found


def _become(
    program: str, command: tuple[str, ...], environment: Mapping[str, str | bytes]
) -> NoReturn:
    for number in _IGNORED_BY_PYTHON:
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execve(program, command, environment)  # noqa: S606 - no shell is wanted
    except OSError as error:
        if error.errno != errno.E2BIG:
            raise
        raise ConfigurationError(
            "These records are too large for an environment: Linux takes 128 KiB for one variable, "
            "and has a bound for all. Nothing was run."
        ) from error
