"""`sealwire watch`: what changes in a namespace, as it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sealwire.client.cli.connecting import connect
from sealwire.client.cli.options import namespace_argument, output_option, profile_option
from sealwire.client.cli.output import Fields, moment, print_line
from sealwire.client.cli.words import word

if TYPE_CHECKING:
    from sealwire.v1.records_pb2 import Change


@click.command()
@namespace_argument
@click.option(
    "--from",
    "from_revision",
    type=click.IntRange(1),
    metavar="REV",
    help="Begin with this revision, not with the next one that happens.",
)
@profile_option
@output_option
def watch(namespace: str, from_revision: int | None, profile: str | None, output: str) -> None:
    """Print what changes in NAMESPACE and below it, as it does.

    It ends when it is interrupted. A line has the revision, the time, what happened (put, delete,
    undelete, destroy or expire), the namespace, the version and the name. Revisions count the
    changes of the whole server. Where the connection breaks, it goes on by itself, without gap or
    duplicate; to go on where an earlier watch ended, name the revision behind its last one.
    """
    with connect(profile) as client:
        for answer in client.watch(namespace, from_revision=from_revision or 0):
            for change in answer.changes:
                print_line(_fields(change), output)


def _fields(change: Change) -> Fields:
    from sealwire.v1.records_pb2 import ChangeKind

    return {
        "revision": change.revision,
        "at": moment(change.at),
        "kind": word(ChangeKind, change.kind, "CHANGE_KIND_"),
        "namespace": change.namespace,
        "version": change.version,
        "name": change.name,
    }
