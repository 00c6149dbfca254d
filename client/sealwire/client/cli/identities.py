"""`sealwire identity`: who there is, and who may go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from sealwire.client.cli.confirmation import require_consent, require_typed
from sealwire.client.cli.connecting import connect, load_profile
from sealwire.client.cli.invitations import invite
from sealwire.client.cli.options import (
    IDENTITY,
    identity_argument,
    output_option,
    profile_option,
    yes_option,
)
from sealwire.client.cli.output import (
    Fields,
    moment,
    print_fields,
    print_fields_and_rows,
    print_rows,
)
from sealwire.client.cli.words import label_pair, word

if TYPE_CHECKING:
    from sealwire.client.client import Client
    from sealwire.v1.identity_pb2 import Event, Identity


@click.group("identity")
def identity_group() -> None:
    """Invite, show, suspend, remove and erase identities.

    All of it is for admins, but for showing oneself. IDENTITY is a name, or the id of one of its
    keys.
    """


@identity_group.command("list")
@profile_option
@output_option
def list_identities(profile: str | None, output: str) -> None:
    """List the identities, in the order of their names."""
    with connect(profile) as client:
        identities = [_identity_fields(identity) for identity in client.identities.list()]
    print_rows({}, "identities", identities, output)


@identity_group.command()
@click.argument("identity", type=IDENTITY, required=False, metavar="[IDENTITY]")
@profile_option
@output_option
def show(identity: str | None, profile: str | None, output: str) -> None:
    """Show an identity, its groups, and its history.

    Yourself, unless IDENTITY is named.
    """
    loaded = load_profile(profile)
    with loaded.connect() as client:
        answer = client.identities.get(identity or loaded.public_key_id)
    fields = {**_identity_fields(answer.identity), "groups": list(answer.groups)}
    events = [_event_fields(event) for event in answer.events]
    print_fields_and_rows(fields, "events", events, output)


@identity_group.command()
@identity_argument
@profile_option
@output_option
def suspend(identity: str, profile: str | None, output: str) -> None:
    """Refuse whatever IDENTITY signs, until it is resumed."""
    _change(profile, output, lambda client: client.identities.suspend(identity))


@identity_group.command()
@identity_argument
@profile_option
@output_option
def resume(identity: str, profile: str | None, output: str) -> None:
    """Accept again what IDENTITY signs, which is suspended."""
    _change(profile, output, lambda client: client.identities.resume(identity))


@identity_group.command()
@identity_argument
@profile_option
@output_option
def promote(identity: str, profile: str | None, output: str) -> None:
    """Make IDENTITY an admin.

    An admin manages identities and groups, and reads no records by that.
    """
    _change(profile, output, lambda client: client.identities.promote(identity))


@identity_group.command()
@identity_argument
@profile_option
@output_option
def demote(identity: str, profile: str | None, output: str) -> None:
    """Make IDENTITY a member."""
    _change(profile, output, lambda client: client.identities.demote(identity))


@identity_group.command()
@identity_argument
@click.argument("labels", nargs=-1, required=True, metavar="KEY=VALUE...")
@profile_option
@output_option
def label(identity: str, labels: tuple[str, ...], profile: str | None, output: str) -> None:
    """Set labels of IDENTITY; the others stay. KEY= removes a label."""
    changes = dict(map(label_pair, labels))

    def relabel(client: Client) -> Identity:
        present = client.identities.get(identity).identity.labels
        merged = {key: value for key, value in {**present, **changes}.items() if value}
        return client.identities.set_labels(identity, merged)

    _change(profile, output, relabel)


@identity_group.command()
@identity_argument
@yes_option
@profile_option
@output_option
def remove(identity: str, yes: bool, profile: str | None, output: str) -> None:
    """Remove IDENTITY for good.

    Its keys, memberships and grants end. What it sealed stays, and its name stays taken.
    """
    if not yes:
        require_consent(
            f"The identity {identity} loses its keys, groups and grants, and never comes back. "
            "Remove it?"
        )
    _change(profile, output, lambda client: client.identities.remove(identity))


@identity_group.command()
@identity_argument
@yes_option
@profile_option
@output_option
def erase(identity: str, yes: bool, profile: str | None, output: str) -> None:
    """Remove IDENTITY for good, and make unreadable whatever was ever sealed to it.

    That is every record in the namespaces that IDENTITY made, whoever put it there, in all versions
    and at once: on the server, and in every copy of its database, from whatever time. Nobody can
    take it back. It asks for IDENTITY to be typed.

    Not covered: what IDENTITY put into namespaces of others; what people have read already; names,
    unless they are sealed, sizes and times; copies of the server's salts/, so replace them now;
    snapshots of its disk; and copies of databases that versions before 0.3 made. A command of the
    operator's that runs beside the server, such as reseal, may hold a key for a minute.
    """
    if not yes:
        require_typed(
            identity,
            f"The identity {identity} never comes back, and nobody can ever again read what is "
            "sealed to it: every record in the namespaces that it made, whoever put it there.",
        )
    _change(profile, output, lambda client: client.identities.erase(identity))


identity_group.add_command(invite)


def _change(profile: str | None, output: str, change: Callable[[Client], Identity]) -> None:
    with connect(profile) as client:
        identity = change(client)
    print_fields(_identity_fields(identity), output)


def _identity_fields(identity: Identity) -> Fields:
    from sealwire.v1.identity_pb2 import IdentityState

    return {
        "role": identity.role,
        "state": word(IdentityState, identity.state, "IDENTITY_STATE_"),
        "created_at": moment(identity.created_at),
        "identity_id": identity.id,
        "public_key_id": identity.public_key_id or None,
        "name": identity.name,
        "labels": dict(sorted(identity.labels.items())),
    }


def _event_fields(event: Event) -> Fields:
    return {
        "at": moment(event.at),
        "kind": event.kind,
        "actor": event.actor or None,
        "actor_key_id": event.actor_key_id or None,
        "detail": event.detail or None,
    }
