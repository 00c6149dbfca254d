"""What can go wrong between us and the place where a key lives."""

from __future__ import annotations

from sealwire.core.errors import SealwireError


class SignerError(SealwireError):
    """The key can't be used: it isn't there, isn't open to us, or signed what does not verify."""

    reason = "SIGNER"
