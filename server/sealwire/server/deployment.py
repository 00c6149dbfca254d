"""A deployment directory: everything that one server owns.

sealwire.toml   settings          ca.crt, ca.key          the CAs of clients and server
sealwire.db     sealed records    client-ca.crt           outside PKIs' CAs, for clients; if any
replay/         claimed nonces    server.crt, server.key  TLS
                                  signing.key             signs every response (Ed25519)
                                  signing-keys.txt        the signing keys before it, once rotated
roots/1.key     root sealing key (X25519), one file for each version
salts/          the identities' salts, one file for each identity
authority.journal                 every change of who may do what
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from sealwire.core.clock import Clock
from sealwire.core.errors import ConfigurationError
from sealwire.core.invitation import ServerIdentity
from sealwire.core.key_files import private_key_text, root_key_text
from sealwire.core.keys import PrivateKey, Random
from sealwire.core.pki import (
    CertificateAuthority,
    Validity,
    certificate_pem,
    new_tls_key,
    tls_key_pem,
)
from sealwire.core.secret_files import sync_directory, write_new_secret
from sealwire.core.spiffe import TrustDomain
from sealwire.interceptors import create_journal
from sealwire.server.config import (
    FILE_NAME,
    Config,
    address_of,
    check_address,
    read_config,
    render_config,
)
from sealwire.server.key_material import ROOTS, root_keys_of
from sealwire.server.root_key_source import ManagedRootKeys
from sealwire.server.signing_keys import KEY_FILE, read_signing_keys
from sealwire.server.tls_material import TlsMaterial, load_tls
from sealwire.storage import RootKeys, SaltDirectory, create_database
from sealwire.v1.envelope_pb2 import SignedMessage

CA_DAYS: Final = 10 * 365
SERVER_CERTIFICATE_DAYS: Final = 365


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a directory holds, read and checked. Secrets stay out of its repr."""

    directory: Path
    config: Config
    tls: TlsMaterial
    signing_key: PrivateKey
    successions: tuple[SignedMessage, ...]
    root_keys: ManagedRootKeys

    def __repr__(self) -> str:
        return f"Deployment({str(self.directory)!r})"

    @property
    def trust_domain(self) -> TrustDomain:
        """The names in client certificates."""
        return TrustDomain(self.config.trust_domain)

    @property
    def database(self) -> Path:
        """The file of sealed records."""
        return self.directory / "sealwire.db"

    @property
    def journal(self) -> Path:
        """The directory of claimed nonces."""
        return self.directory / "replay"

    @property
    def authority_journal(self) -> Path:
        """The file that tells whether the database is the newest one."""
        return self.directory / "authority.journal"

    @property
    def salts(self) -> SaltDirectory:
        """Where the identities' salts are."""
        return SaltDirectory(self.directory / "salts")

    @property
    def authority(self) -> CertificateAuthority:
        """The CA that issues."""
        return self.tls.authority

    @property
    def ca_pem(self) -> bytes:
        """The certificates of all CAs that clients and server trust."""
        return self.tls.ca_pem

    @property
    def server_identity(self) -> ServerIdentity:
        """What a client must know to reach and recognise this server."""
        return ServerIdentity(
            address=self.config.address,
            audience=self.config.audience,
            public_key=self.signing_key.public_key,
            ca_pem=self.ca_pem.decode("ascii"),
        )


def init_deployment(
    directory: Path, *, hosts: Sequence[str], listen: str, clock: Clock, random: Random
) -> Deployment:
    """Make a complete deployment, or nothing.

    Raises:
        ConfigurationError: if the directory exists and is not empty, or can't be written, or
            `listen` is no address, or one of `hosts` is no name of a host.
    """
    directory = directory.resolve()
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ConfigurationError(f"{directory} exists and is not empty; nothing was changed.")
    _, port = check_address(listen, setting="listen")
    addresses = [address_of(host, port) for host in hosts]
    deployment_id = str(uuid.UUID(bytes=random(16), version=4))
    config = Config(
        listen=listen,
        address=addresses[0],
        audience=f"sealwire:{deployment_id}",
        trust_domain=f"{deployment_id}.sealwire",
    )
    staging = directory.with_name(f".{directory.name}.{os.getpid()}.tmp")
    try:
        staging.mkdir(mode=0o700, parents=True)
        _fill(staging, config, deployment_id, hosts, now=clock(), random=random)
        sync_directory(staging)
        staging.replace(directory)
        sync_directory(directory.parent)
    except OSError as error:
        raise ConfigurationError(f"{directory} can't be written: {error.strerror}.") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return load_deployment(directory)


def load_deployment(directory: Path) -> Deployment:
    """Read a deployment directory.

    Raises:
        ConfigurationError: naming the file that is missing, open to others, or not what it
            should be.
    """
    config = read_config(directory / FILE_NAME)
    tls = load_tls(directory)
    signing = read_signing_keys(directory, audience=config.audience)
    return Deployment(
        directory=directory,
        config=config,
        tls=tls,
        signing_key=signing.key,
        successions=tuple(link.signed(config.audience) for link in signing.chain),
        root_keys=root_keys_of(directory, config.root_keys),
    )


def _write_public(path: Path, data: bytes) -> None:
    """Write a file that everybody may read, whatever the umask, and durably."""
    with path.open("wb") as file:
        file.write(data)
        os.fchmod(file.fileno(), 0o644)
        file.flush()
        os.fsync(file.fileno())


def _fill(
    directory: Path,
    config: Config,
    deployment_id: str,
    hosts: Sequence[str],
    *,
    now: int,
    random: Random,
) -> None:
    authority = CertificateAuthority.create("Sealwire CA", validity=Validity(now, CA_DAYS))
    server_key = new_tls_key()
    server_certificate = authority.issue_server(
        server_key.public_key(), hosts, validity=Validity(now, SERVER_CERTIFICATE_DAYS)
    )
    root_key = X25519PrivateKey.from_private_bytes(random(32))
    for name, data in (
        ("ca.crt", certificate_pem(authority.certificate)),
        ("server.crt", certificate_pem(server_certificate)),
        (FILE_NAME, render_config(config).encode("utf-8")),
    ):
        _write_public(directory / name, data)
    (directory / ROOTS).mkdir(mode=0o700)
    write_new_secret(directory / "ca.key", tls_key_pem(authority.key))
    write_new_secret(directory / "server.key", tls_key_pem(server_key))
    write_new_secret(directory / KEY_FILE, private_key_text(PrivateKey.generate(random)))
    write_new_secret(directory / ROOTS / "1.key", root_key_text(root_key))
    create_database(
        directory / "sealwire.db",
        deployment_id=deployment_id,
        root_keys=RootKeys({1: root_key}),
    )
    SaltDirectory(directory / "salts").make()
    create_journal(directory / "replay")
