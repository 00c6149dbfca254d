"""`sealwire key`: the keys of identities, and the profile's own."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Final

import click

from sealwire.client.cli.confirmation import require_consent
from sealwire.client.cli.connecting import load_profile
from sealwire.client.cli.options import IDENTITY, KEY_ID, output_option, profile_option, yes_option
from sealwire.client.cli.output import Fields, moment, moment_if_any, print_fields, print_rows
from sealwire.client.cli.times import WHEN, WHEN_HELP
from sealwire.client.cli.words import word
from sealwire.core.clock import system_clock

if TYPE_CHECKING:
    from sealwire.core.keys import PublicKey
    from sealwire.v1.keys_pb2 import Key

OPENSSH: Final = "openssh"
JWK: Final = "jwk"
HEX: Final = "hex"


@click.group("key")
def key_group() -> None:
    """List, rotate, revoke and export keys."""


@key_group.command("list")
@click.argument("identity", type=IDENTITY, required=False, metavar="[IDENTITY]")
@profile_option
@output_option
def list_keys(identity: str | None, profile: str | None, output: str) -> None:
    """List the keys of an identity, newest first.

    Your own, unless IDENTITY, a name or key id, is named.
    """
    with load_profile(profile).connect() as client:
        keys = client.keys.list(identity or "")
    print_rows({"identity": identity}, "keys", [_key_fields(key) for key in keys], output)


@key_group.command()
@click.option(
    "--signer",
    metavar="SPEC",
    help="Where the new key is to live, if not where the present one does; as in: join --signer.",
)
@profile_option
@output_option
def rotate(signer: str | None, profile: str | None, output: str) -> None:
    """Give the profile a new key in the present one's place.

    From then on, the present one is refused. Grants and records stay. If it is interrupted,
    nothing is lost: run it again, and it goes on.
    """
    from sealwire.client.lines import DEFAULT_TIMEOUT
    from sealwire.client.renewal import Means
    from sealwire.client.rotation import rotate_key

    before = load_profile(profile)
    means = Means(system_clock, os.urandom, timeout=DEFAULT_TIMEOUT)
    after = rotate_key(before.folder, means, signer_text=signer)
    fields: Fields = {
        "profile": after.name,
        "public_key_id": after.public_key_id,
        "previous_key_id": before.public_key_id,
        "signer": after.signer_text,
        "certificate_ends": moment(after.certificate_ends),
    }
    print_fields(fields, output)


@key_group.command()
@click.argument("key_id", type=KEY_ID)
@click.option("--at", "ends_at", type=WHEN, metavar="WHEN", help=f"When it ends: {WHEN_HELP}.")
@yes_option
@profile_option
@output_option
def revoke(key_id: str, ends_at: int | None, yes: bool, profile: str | None, output: str) -> None:
    """End the key KEY_ID for good.

    At once, or at a time to come. Everybody may end their own keys, admins all. To replace a key,
    rotate it.
    """
    loaded = load_profile(profile)
    if not yes:
        when = f"at {moment(ends_at)}" if ends_at else "at once"
        own = f", which is that of the profile {loaded.name!r}" * (key_id == loaded.public_key_id)
        require_consent(f"The key {key_id}{own} ends {when}, and never works again. End it?")
    with loaded.connect() as client:
        key = client.keys.revoke(key_id, at=ends_at or 0)
    print_fields(_key_fields(key), output)


@key_group.command("export-public")
@click.option(
    "--form",
    type=click.Choice([OPENSSH, JWK, HEX]),
    default=OPENSSH,
    show_default=True,
    help="A line for OpenSSH, a JSON Web Key (RFC 8037), or 64 hexadecimal digits.",
)
@profile_option
def export_public(form: str, profile: str | None) -> None:
    """Print the public key of the profile, on one line."""
    click.echo(_exported(load_profile(profile).signer.public_key, form))


def _exported(key: PublicKey, form: str) -> str:
    if form == HEX:
        return key.raw.hex()
    if form == JWK:
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": key.text, "kid": key.key_id}
        return json.dumps(jwk)
    from sealwire.core.key_files import public_key_line

    return public_key_line(key).decode("ascii").rstrip("\n")


def _key_fields(key: Key) -> Fields:
    from sealwire.v1.keys_pb2 import KeyState

    return {
        "generation": key.generation,
        "state": word(KeyState, key.state, "KEY_STATE_"),
        "created_at": moment(key.created_at),
        "expires_at": moment_if_any(key.expires_at),
        "ended_at": moment_if_any(key.ended_at),
        "certificate_uri": key.certificate_uri or None,
        "public_key_id": key.public_key_id,
    }
