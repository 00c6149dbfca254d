"""The commands that make keys: `join` and `keygen`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sealwire.client.cli.options import FILE, output_option, profile_option
from sealwire.client.cli.output import Fields, moment, print_fields
from sealwire.core.clock import system_clock

if TYPE_CHECKING:
    from sealwire.client.staging import Choice

DEFAULT_PROFILE = "default"


@click.command()
@click.argument("file", type=FILE)
@click.option(
    "--signer",
    metavar="SPEC",
    help="Where the signing key lives, if not in a file of the profile: encrypted (such a file, "
    "under a passphrase), file:PATH (an existing key), agent or agent:WHICH (ssh-agent; WHICH is a "
    "key id, SHA256 fingerprint or comment), or a PKCS #11 URI.",
)
@click.option(
    "--tls-certificate",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A TLS certificate of an outside PKI, to be used in place of one from the server.",
)
@click.option(
    "--tls-key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file with that certificate's key.",
)
@profile_option
@output_option
def join(
    file: Path,
    signer: str | None,
    tls_certificate: Path | None,
    tls_key: Path | None,
    profile: str | None,
    output: str,
) -> None:
    """Join a server with the invitation in FILE.

    The keys are made on this machine unless they exist already, and the private ones stay where
    they are. The profile is named "default" unless --profile names it.
    """
    choice = _choice(signer, tls_certificate, tls_key)
    from sealwire.client.enrolment import join as enrol
    from sealwire.client.profiles import Profiles
    from sealwire.core.invitation import Invitation
    from sealwire.core.secret_files import read_secret

    profiles = Profiles.of_user()
    invitation = Invitation.from_json(read_secret(file))
    joined = enrol(
        invitation,
        profiles,
        profile or DEFAULT_PROFILE,
        clock=system_clock,
        random=os.urandom,
        choice=choice,
    )
    fields: Fields = {
        "profile": joined.name,
        "in_use": profiles.in_use() == joined.name,
        "server": joined.server.address,
        "server_key_id": joined.server.public_key.key_id,
        "identity_id": joined.identity_id,
        "name": joined.identity_name,
        "public_key_id": joined.public_key_id,
        "signer": joined.signer_text,
        "certificate_ends": moment(joined.certificate_ends),
    }
    print_fields(fields, output)


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("identity.key"),
    show_default=True,
    help="The new private key file; the public key goes beside it, with .pub at the end.",
)
@click.option("--encrypt", is_flag=True, help="Ask for a passphrase, and encrypt the private key.")
@output_option
def keygen(out: Path, encrypt: bool, output: str) -> None:
    """Make an Ed25519 key pair, in the form that ssh-keygen uses."""
    from sealwire.client.key_pairs import write_new_encrypted_key_pair, write_new_key_pair

    write = write_new_encrypted_key_pair if encrypt else write_new_key_pair
    pair = write(out, random=os.urandom)
    fields = {
        "public_key_id": pair.public_key.key_id,
        "private_key_file": str(pair.private_key_file),
        "public_key_file": str(pair.public_key_file),
    }
    print_fields(fields, output)


def _choice(signer: str | None, tls_certificate: Path | None, tls_key: Path | None) -> Choice:
    if (tls_certificate is None) != (tls_key is None):
        raise click.UsageError("--tls-certificate and --tls-key go together.")
    from sealwire.client.staging import Choice
    from sealwire.client.tls_files import outside_identity

    if tls_certificate is None or tls_key is None:
        return Choice(signer)
    return Choice(signer, outside_identity(tls_certificate, tls_key, now=system_clock()))
