"""What an operator does to a deployment's certificates; a running server notices by itself.

Each change takes place in one step, and may be killed at any moment (tls_pairs.py).
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography import x509

from sealwire.core.certificate_path import is_authority, issuing_path
from sealwire.core.clock import Clock
from sealwire.core.errors import ConfigurationError, MalformedError
from sealwire.core.pki import CertificateAuthority, Validity, new_tls_key, parse_bundle
from sealwire.server.change_lock import change_lock
from sealwire.server.config import FILE_NAME, Config, address_of, check_address, read_config
from sealwire.server.deployment import CA_DAYS, SERVER_CERTIFICATE_DAYS
from sealwire.server.tls_material import (
    authority_files,
    hosts_of,
    is_among,
    load_tls,
    server_files,
)
from sealwire.server.tls_pairs import Pair

Confirm = Callable[[str], None]
"""Given a consequence, in a sentence; raises unless it is wanted."""

Certificates = tuple[x509.Certificate, ...]


def rotate_authority(directory: Path, *, clock: Clock) -> Certificates:
    """Let a new CA issue from now on; those before it stay trusted. Return all, the new one first.

    Raises:
        ConfigurationError: if the files do not fit together, or can't be written.
    """
    with change_lock(directory):
        present, now = load_tls(directory), clock()
        name = f"Sealwire CA {_moment(now):%Y-%m-%d %H:%M} UTC"
        new = CertificateAuthority.create(name, validity=Validity(now, CA_DAYS))
        authorities = (new.certificate, *present.authorities)
        authority_files(directory).replace(Pair(authorities, new.key))
    return authorities


def retire_authorities(directory: Path, *, confirm: Confirm) -> Certificates:
    """Trust no CA any more but the one that issues; return those that were dropped.

    Raises:
        ConfigurationError: if the server's own certificate would not be trusted any more, the files
            do not fit together, or can't be written.
    """
    with change_lock(directory):
        present = load_tls(directory)
        kept, dropped = present.authorities[:1], present.authorities[1:]
        if not dropped:
            return ()
        if not present.path_to(kept):
            raise ConfigurationError(
                "server.crt was issued by a CA that would be dropped, so nothing was changed; "
                f"first run: sealwire-server certificate renew {directory}"
            )
        names = ", ".join(_name(ca) for ca in dropped)
        confirm(
            f"Clients with certificates of {names} will be refused; those that have no other must "
            "be invited again."
        )
        authority_files(directory).replace_certificates(kept)
    return dropped


def renew_server_certificate(
    directory: Path, *, hosts: Sequence[str], clock: Clock, confirm: Confirm
) -> x509.Certificate:
    """Issue a new certificate, with a new key, to the server: for `hosts`, or the same as before.

    Asks if clients may not trust the CA that issues yet.

    Raises:
        ConfigurationError: if the host that clients dial is not among them, one is no host, the
            files of the CA do not fit together, or a file can't be written.
    """
    with change_lock(directory):
        config, now = read_config(directory / FILE_NAME), clock()
        authorities, ca_key = authority_files(directory).read()
        present = _present_chain(directory)
        names = list(hosts) or (hosts_of(present[0]) if present else [])
        _require_hosts(names, given=hosts, config=config)
        _require_issuing(authorities[0], now)
        if _may_be_unknown(authorities, present, config, now):
            confirm(
                f"{_name(authorities[0])} is new: clients that have not renewed their certificates "
                "since it was made will refuse this server."
            )
        key = new_tls_key()
        certificate = CertificateAuthority(authorities[0], ca_key).issue_server(
            key.public_key(), names, validity=Validity(now, SERVER_CERTIFICATE_DAYS)
        )
        server_files(directory).replace(Pair((certificate,), key))
    return certificate


def _present_chain(directory: Path) -> Certificates:
    """Return what the server shows now; nothing if that is missing or damaged, so to be renewed."""
    try:
        return tuple(parse_bundle(server_files(directory).certificate.read_bytes()))
    except (OSError, MalformedError):
        return ()


def _require_hosts(names: Sequence[str], *, given: Sequence[str], config: Config) -> None:
    dialled, port = check_address(config.address, setting="address")
    for host in given:
        address_of(host, port)
    if not is_among(names, dialled):
        raise ConfigurationError(
            f"Clients dial {dialled} (address in sealwire.toml), which is not among the hosts; add "
            f"--host {dialled}"
        )


def _require_issuing(authority: x509.Certificate, now: int) -> None:
    if not is_authority(authority):
        raise ConfigurationError("The first certificate in ca.crt is not a CA's.")
    if authority.not_valid_after_utc < _moment(now):
        raise ConfigurationError(
            f"{_name(authority)}, the CA that issues, has ended; first run: sealwire-server ca "
            "rotate DIR"
        )


def _may_be_unknown(
    authorities: Certificates, present: Certificates, config: Config, now: int
) -> bool:
    """Tell whether there may be clients that know another CA, but not yet the one that issues.

    A client learns of it with each new certificate, and has none that is older than their lifetime.
    """
    if not _leads_to(authorities[1:], present) or _leads_to(authorities[:1], present):
        return False
    age = _moment(now) - authorities[0].not_valid_before_utc
    return age < datetime.timedelta(days=config.client_certificate_days)


def _leads_to(authorities: Certificates, chain: Certificates) -> bool:
    return bool(chain) and bool(
        issuing_path(chain[0], intermediates=chain[1:], authorities=authorities)
    )


def _name(authority: x509.Certificate) -> str:
    return authority.subject.rfc4514_string()


def _moment(milliseconds: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(milliseconds / 1000, tz=datetime.UTC)
