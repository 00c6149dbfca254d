"""The keys of an enrolment that is under way: on disk before anything is sent, and found again.

<profiles>/.joining-<digest of the invitation's token>/
  profile.json      as far as it is known: where the key lives, which key, whose PKI
  identity.key      if the key lives in the profile
  tls.key           the TLS key: made here, or an outside PKI's
  tls.crt           an outside PKI's certificate
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sealwire.client.connection import TlsIdentity
from sealwire.client.profile_files import (
    ISSUED,
    OUTSIDE,
    begin_profile,
    read_fields,
)
from sealwire.client.profile_layout import TLS_CERTIFICATE_FILE, TLS_KEY_FILE
from sealwire.client.signers import ENCRYPTED, FILE, parse_signer
from sealwire.core.errors import ConfigurationError
from sealwire.core.keys import Random, Signer
from sealwire.core.pki import new_tls_key, tls_key_pem
from sealwire.core.secret_files import read_secret, replace_secret, write_new_secret


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person who joins may choose; None leaves it to us, or to the first attempt."""

    signer: str | None = None
    """Where the key is to live, as `parse_signer` reads it."""
    tls: TlsIdentity | None = None
    """An outside PKI's certificate and key, in place of one that the server issues."""


NO_CHOICE: Final = Choice()


@dataclass(frozen=True, slots=True)
class StagedKeys:
    """What enrols: the signing key, and a TLS key to be certified or an identity of its own."""

    folder: Path
    signer: Signer
    tls: ec.EllipticCurvePrivateKey | TlsIdentity


def stage(folder: Path, choice: Choice, *, random: Random) -> StagedKeys:
    """Return the keys in `folder`, which are made, and on stable storage, if it does not exist.

    Raises:
        ConfigurationError: if what is there is damaged, or was begun with another choice.
        SignerError: if the signing key can't be used where it lives.
    """
    if not folder.exists():
        new = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
        try:
            signer = _begin(new, choice, random)
        except BaseException:  # an interrupt at the prompt, too, leaves nothing behind
            shutil.rmtree(new)
            raise
        new.rename(folder)
        return StagedKeys(folder, signer, _read_tls(folder))
    fields = _begun(folder)
    signer = _resume(folder, fields, choice)
    if choice.tls is not None:
        if fields["certificate"] != OUTSIDE:
            raise ConfigurationError(
                "This invitation was begun without a certificate of your own; go on without "
                "--tls-certificate, or ask for a new invitation."
            )
        _write_outside(folder, choice.tls)
    return StagedKeys(folder, signer, _read_tls(folder))


def _begin(folder: Path, choice: Choice, random: Random) -> Signer:
    key = parse_signer(choice.signer or FILE).settle(folder, random=random)
    begin_profile(folder, key, certificate=OUTSIDE if choice.tls else ISSUED)
    if choice.tls:
        _write_outside(folder, choice.tls)
    else:
        write_new_secret(folder / TLS_KEY_FILE, tls_key_pem(new_tls_key()))
    return key.signer


def _begun(folder: Path) -> dict[str, str]:
    fields = read_fields(folder)
    if not {"signer", "public_key_id", "certificate"} <= fields.keys():
        raise ConfigurationError(f"{folder} is damaged; delete it, and ask for a new invitation.")
    return fields


def _resume(folder: Path, fields: dict[str, str], choice: Choice) -> Signer:
    """Return the key of the first attempt, which may be named in another way now."""
    begun, public_key_id = fields["signer"], fields["public_key_id"]
    spec = parse_signer(choice.signer or begun)
    if spec.text == begun or not {spec.text, begun} & {FILE, ENCRYPTED}:
        signer = spec.open(folder)
        if signer.public_key.key_id == public_key_id:
            return signer
    raise ConfigurationError(
        f"This invitation was begun with the key {public_key_id} (--signer {begun}); go on with "
        "that one, or ask for a new invitation."
    )


def _write_outside(folder: Path, tls: TlsIdentity) -> None:
    replace_secret(folder / TLS_KEY_FILE, tls.key_pem)
    replace_secret(folder / TLS_CERTIFICATE_FILE, tls.certificate_pem)


def _read_tls(folder: Path) -> ec.EllipticCurvePrivateKey | TlsIdentity:
    key_pem = read_secret(folder / TLS_KEY_FILE)
    if _begun(folder)["certificate"] == OUTSIDE:
        return TlsIdentity(read_secret(folder / TLS_CERTIFICATE_FILE), key_pem)
    key = serialization.load_pem_private_key(key_pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigurationError(f"{folder / TLS_KEY_FILE} is not an ECDSA key; delete {folder}")
    return key
