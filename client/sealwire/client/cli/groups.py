"""`sealwire group`: identities that are granted things together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sealwire.client.cli.connecting import connect
from sealwire.client.cli.options import identity_argument, output_option, profile_option
from sealwire.client.cli.output import Fields, moment, print_fields, print_rows

if TYPE_CHECKING:
    from sealwire.v1.permissions_pb2 import Group

group_argument = click.argument("group", metavar="GROUP")


@click.group("group")
def group_group() -> None:
    """Make, fill and list groups. In grants, a group is written group:GROUP."""


@group_group.command()
@group_argument
@profile_option
@output_option
def create(group: str, profile: str | None, output: str) -> None:
    """Make GROUP, without members; for admins."""
    with connect(profile) as client:
        made = client.permissions.create_group(group)
    print_fields(_group_fields(made), output)


@group_group.command()
@group_argument
@identity_argument
@profile_option
@output_option
def add(group: str, identity: str, profile: str | None, output: str) -> None:
    """Add IDENTITY, a name or key id, to GROUP; for admins."""
    with connect(profile) as client:
        changed = client.permissions.add_member(group, identity)
    print_fields(_group_fields(changed), output)


@group_group.command()
@group_argument
@identity_argument
@profile_option
@output_option
def remove(group: str, identity: str, profile: str | None, output: str) -> None:
    """Remove IDENTITY, a name or key id, from GROUP; for admins."""
    with connect(profile) as client:
        changed = client.permissions.remove_member(group, identity)
    print_fields(_group_fields(changed), output)


@group_group.command("list")
@profile_option
@output_option
def list_groups(profile: str | None, output: str) -> None:
    """List the groups.

    All of them for an admin, one's own for a member.
    """
    with connect(profile) as client:
        groups = [_group_fields(group) for group in client.permissions.groups()]
    print_rows({}, "groups", groups, output)


def _group_fields(group: Group) -> Fields:
    return {
        "created_at": moment(group.created_at),
        "name": group.name,
        "members": list(group.members),
    }
