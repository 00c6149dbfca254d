"""Makes the development PKI; `make certs` runs it. README.md beside it says what each file is for.

    python certs/generate.py [DIR]

Every run makes everything new, in a directory that does not exist yet or is empty.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path
from typing import Final

from sealwire.core.clock import Clock, system_clock
from sealwire.core.errors import ConfigurationError
from sealwire.core.key_files import private_key_text, public_key_line
from sealwire.core.keys import PrivateKey, Random
from sealwire.core.pki import (
    CertificateAuthority,
    Validity,
    certificate_pem,
    new_tls_key,
    tls_key_pem,
)
from sealwire.core.secret_files import write_new_secret
from sealwire.core.spiffe import TrustDomain

GENERATED: Final = Path(__file__).resolve().parent / "generated"
TRUST_DOMAIN: Final = TrustDomain("development.sealwire")
HOSTS: Final = ("localhost", "127.0.0.1")
DAYS: Final = 90


def generate(directory: Path, *, clock: Clock, random: Random) -> str:
    """Make the development PKI in `directory`, whole or not at all; return the client's key id.

    Raises:
        ConfigurationError: if the directory exists and is not empty, or can't be written.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ConfigurationError(
            f"{directory} exists already and was left as it was; move it away to make new ones."
        )
    staging = directory.with_name(f".{directory.name}.{os.getpid()}.tmp")
    try:
        staging.mkdir(mode=0o700, parents=True)
        key_id = _fill(staging, Validity(clock(), DAYS), random)
        staging.replace(directory)
    except OSError as error:
        raise ConfigurationError(f"{directory} can't be written: {error.strerror}.") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return key_id


def _fill(directory: Path, validity: Validity, random: Random) -> str:
    authority = CertificateAuthority.create("Sealwire development CA", validity=validity)
    server_key, client_key = new_tls_key(), new_tls_key()
    identity = PrivateKey.generate(random)
    key_id = identity.public_key.key_id
    server = authority.issue_server(server_key.public_key(), HOSTS, validity=validity)
    client = authority.issue_client(
        client_key.public_key(), TRUST_DOMAIN.key_uri(key_id), validity=validity
    )
    (directory / "ca.crt").write_bytes(certificate_pem(authority.certificate))
    (directory / "server.crt").write_bytes(certificate_pem(server))
    (directory / "client.crt").write_bytes(certificate_pem(client))
    (directory / "identity.pub").write_bytes(public_key_line(identity.public_key))
    write_new_secret(directory / "ca.key", tls_key_pem(authority.key))
    write_new_secret(directory / "server.key", tls_key_pem(server_key))
    write_new_secret(directory / "client.key", tls_key_pem(client_key))
    write_new_secret(directory / "identity.key", private_key_text(identity))
    return key_id


def main(arguments: list[str] | None = None) -> int:
    """Run the program; return its exit status."""
    parser = argparse.ArgumentParser(description="Make the development PKI.")
    parser.add_argument("directory", metavar="DIR", nargs="?", type=Path, default=GENERATED)
    directory: Path = parser.parse_args(arguments).directory
    try:
        key_id = generate(directory, clock=system_clock, random=os.urandom)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"A development PKI was made in {directory}; it ends in {DAYS} days.")
    print(f"The client's key id: {key_id}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
