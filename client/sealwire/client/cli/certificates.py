"""`sealwire cert`: the TLS certificates of the profile."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from sealwire.client.cli.confirmation import require_consent
from sealwire.client.cli.connecting import load_profile
from sealwire.client.cli.options import KEY_ID, output_option, profile_option, yes_option
from sealwire.client.cli.output import Fields, moment, print_fields, print_fields_and_rows
from sealwire.core.clock import system_clock
from sealwire.core.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography import x509

    from sealwire.client.profile_files import Profile


class _Serial(click.ParamType[str]):
    """A certificate's serial number, in hexadecimal; as openssl prints it, too."""

    name = "serial"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it in lower case, without colons and leading zeros, or end the command."""
        digits = value.replace(":", "").lower().lstrip("0")
        if not digits or not set(digits) <= set("0123456789abcdef"):
            self.fail("A serial number is hexadecimal; see: sealwire cert show", param, ctx)
        return digits


@click.group("cert")
def certificate_group() -> None:
    """Show, renew and revoke TLS certificates.

    A profile's certificate is renewed by itself when less than a third of its lifetime is left.
    """


@certificate_group.command()
@profile_option
@output_option
def show(profile: str | None, output: str) -> None:
    """Show the profile's certificate and its CAs.

    Asks no server.
    """
    from sealwire.core.pki import parse_bundle

    loaded = load_profile(profile)
    cas = parse_bundle(loaded.server.ca_pem.encode("ascii"))
    print_fields_and_rows(_shown(loaded), "cas", [_ca_fields(ca) for ca in cas], output)


@certificate_group.command()
@profile_option
@output_option
def renew(profile: str | None, output: str) -> None:
    """Renew the profile's certificate now.

    With it comes a new TLS key, made here, and the CAs to trust from now on.
    """
    from sealwire.client.lines import DEFAULT_TIMEOUT
    from sealwire.client.profile_files import read_profile
    from sealwire.client.renewal import Means
    from sealwire.client.renewal import renew as renew_profile

    loaded = load_profile(profile)
    loaded.require_current(now=system_clock())
    if not loaded.is_renewed_here:
        raise ConfigurationError(
            "This profile's certificate comes from an outside PKI; have it renewed there, and put "
            f"the new one and its key in the place of the files in {loaded.folder}."
        )
    means = Means(system_clock, os.urandom, timeout=DEFAULT_TIMEOUT)
    renew_profile(loaded.folder, lambda folder: read_profile(folder).access, means)
    print_fields(_shown(load_profile(loaded.name)), output)


@certificate_group.command()
@click.argument("serial", type=_Serial())
@click.option("--key", "key_id", type=KEY_ID, help="The key that it is bound to, if not your own.")
@yes_option
@profile_option
@output_option
def revoke(serial: str, key_id: str | None, yes: bool, profile: str | None, output: str) -> None:
    """End the certificate SERIAL at once and for good.

    On open connections, too. Everybody may end their own, admins all. To lock out a key, revoke
    the key.
    """
    loaded = load_profile(profile)
    if not yes:
        present = _shown(loaded)["serial"] == serial
        own = f", without which the profile {loaded.name!r} is locked out," * present
        require_consent(f"The certificate {serial}{own} ends at once, for good. End it?")
    key_id = key_id or loaded.public_key_id
    with loaded.connect() as client:
        client.keys.revoke_certificate(key_id, serial)
    print_fields({"serial": serial, "public_key_id": key_id, "revoked": True}, output)


def _shown(profile: Profile) -> Fields:
    from sealwire.client.certificates import Lifetime, serial_of
    from sealwire.client.tls_files import matching_certificate

    certificate = matching_certificate(profile.tls)
    lifetime = Lifetime.of(certificate)
    renewed_from = moment(lifetime.renewed_from) if profile.is_renewed_here else None
    return {
        "profile": profile.name,
        "serial": serial_of(certificate),
        "issuer": certificate.issuer.rfc4514_string(),
        "begins": moment(lifetime.begins),
        "ends": moment(lifetime.ends),
        "renewed_from": renewed_from,
        "public_key_id": profile.public_key_id,
    }


def _ca_fields(ca: x509.Certificate) -> Fields:
    from cryptography.hazmat.primitives import hashes

    from sealwire.client.certificates import Lifetime

    return {
        "ca": ca.subject.rfc4514_string(),
        "ends": moment(Lifetime.of(ca).ends),
        "sha256": ca.fingerprint(hashes.SHA256()).hex(),
    }
