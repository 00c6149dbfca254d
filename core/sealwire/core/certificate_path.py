"""Who issued a certificate: the way from it up to a CA that is trusted (RFC 5280 section 6.1).

TLS verifies the whole path at the handshake. This is for what comes later: whether the path leads
to a CA that is trusted still, and until when.
"""

from __future__ import annotations

from collections.abc import Iterable

from cryptography import x509
from cryptography.exceptions import InvalidSignature


def issuing_path(
    certificate: x509.Certificate,
    *,
    intermediates: Iterable[x509.Certificate],
    authorities: Iterable[x509.Certificate],
) -> tuple[x509.Certificate, ...]:
    """Return the CAs above `certificate`, from its issuer to one of `authorities`.

    Signatures, names and basic constraints are checked; validity periods are not, nor is what the
    trusted CA says of paths below it (RFC 5280 section 6.1.1 takes its name and key alone). The
    result is empty if no path leads there.
    """
    trusted, others = tuple(authorities), list(intermediates)
    path: list[x509.Certificate] = []
    current = certificate
    while (anchor := _issuer(current, trusted)) is None:
        above = _issuer(current, others)
        if above is None or not _allows_below(above, len(path)):
            return ()
        others.remove(above)
        path.append(above)
        current = above
    return (*path, anchor)


def is_authority(certificate: x509.Certificate) -> bool:
    """Tell whether a certificate says that it is a CA's (RFC 5280 section 4.2.1.9)."""
    constraints = _constraints(certificate)
    return constraints is not None and constraints.ca


def _allows_below(authority: x509.Certificate, count: int) -> bool:
    """Tell whether that many CAs may stand between a CA and a leaf (RFC 5280 section 6.1.4 (m))."""
    constraints = _constraints(authority)
    if constraints is None or constraints.path_length is None:
        return True
    return count <= constraints.path_length


def _constraints(certificate: x509.Certificate) -> x509.BasicConstraints | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension):
        return None


def _issuer(
    certificate: x509.Certificate, candidates: Iterable[x509.Certificate]
) -> x509.Certificate | None:
    """Return the candidate that issued `certificate`; of several, the one that lasts longest."""
    issuers = [ca for ca in candidates if is_authority(ca) and _issued(certificate, ca)]
    return max(issuers, key=lambda ca: ca.not_valid_after_utc, default=None)


def _issued(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):  # another name, kind of key, or key
        return False
    return True
