"""Where a private key lives, and who signs with it: a file, an ssh-agent, a token.

`parse_signer` turns a text into a `SignerSpec`. Nothing here needs gRPC.
"""

from __future__ import annotations

from sealwire.client.signers.deferred import DeferredSigner, require_enrolled
from sealwire.client.signers.errors import SignerError
from sealwire.client.signers.parsing import parse_signer
from sealwire.client.signers.spec import ENCRYPTED, FILE, Settled, SignerSpec

__all__ = [
    "ENCRYPTED",
    "FILE",
    "DeferredSigner",
    "Settled",
    "SignerError",
    "SignerSpec",
    "parse_signer",
    "require_enrolled",
]
