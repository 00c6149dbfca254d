"""The commands of `sealwire`. Each one imports what it needs: `--help` loads no gRPC."""

from __future__ import annotations

from typing import Final

import click

from sealwire.client.cli.certificates import certificate_group
from sealwire.client.cli.completion import completion
from sealwire.client.cli.get_many import get_many
from sealwire.client.cli.grants import can, grant, list_grants, ungrant
from sealwire.client.cli.groups import group_group
from sealwire.client.cli.identities import identity_group
from sealwire.client.cli.joining import join, keygen
from sealwire.client.cli.keys import key_group
from sealwire.client.cli.namespaces import namespace_group
from sealwire.client.cli.profile_commands import profile_group
from sealwire.client.cli.put_many import put_many
from sealwire.client.cli.record_lists import list_records
from sealwire.client.cli.record_versions import destroy, list_versions, undelete
from sealwire.client.cli.records import delete, get, put, whoami
from sealwire.client.cli.running import run
from sealwire.client.cli.watching import watch

EXIT_CODES: Final = """\b
Exit codes: 0 done; 1 an error on this machine; 2 the server refused, could not be
reached, or gave an answer that does not verify; 3 `can` says no; 130 interrupted."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_CODES)
@click.version_option(package_name="sealwire", prog_name="sealwire")
def cli() -> None:
    """Keep records on a Sealwire server: every request signed, every answer verified.

    A value comes from a file or standard input, never from the command line.
    """


for command in (
    join,
    whoami,
    put,
    get,
    list_records,
    list_versions,
    delete,
    undelete,
    destroy,
    put_many,
    get_many,
    watch,
    run,
    namespace_group,
    grant,
    ungrant,
    list_grants,
    can,
    identity_group,
    group_group,
    key_group,
    certificate_group,
    profile_group,
    keygen,
    completion,
):
    cli.add_command(command)
