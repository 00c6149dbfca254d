"""What the files of a profile are called. Each has mode 0600."""

from __future__ import annotations

from typing import Final

from sealwire.client.signers.spec import IDENTITY_KEY_FILE

__all__ = [
    "CA_FILE",
    "IDENTITY_KEY_FILE",
    "PROFILE_FILE",
    "TLS_CERTIFICATE_FILE",
    "TLS_KEY_FILE",
]

PROFILE_FILE: Final = "profile.json"
TLS_KEY_FILE: Final = "tls.key"
TLS_CERTIFICATE_FILE: Final = "tls.crt"
CA_FILE: Final = "ca.crt"
