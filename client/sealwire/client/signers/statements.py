"""Signatures by keys that we don't hold: of nothing but our own statements, and never believed.

A key in an agent or on a token may serve other protocols as well. What we have signed begins with
"DSSEv1 " (the pre-authentication encoding of DSSE), so no other protocol can take it for its own:
what an SSH user authentication signs begins with the length of a session id (RFC 4252 section 7),
which "DSSE" would make a gigabyte, and a signed file or Git commit with "SSHSIG" (PROTOCOL.sshsig).
Nor does what was signed for those verify here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sealwire.client.signers.errors import SignerError
from sealwire.core.errors import AuthenticationError, MalformedError
from sealwire.core.keys import PublicKey

_PAE: Final = b"DSSEv1 "


def signed_elsewhere(
    message: bytes, *, key: PublicKey, sign: Callable[[bytes], bytes], where: str
) -> bytes:
    """Return the signature that `sign` gives, verified under `key`; `where` is for the sentence.

    Raises:
        MalformedError: if `message` is no pre-authentication encoding.
        SignerError: if the signature does not hold.
    """
    if not message.startswith(_PAE):
        raise MalformedError("Only statements are signed with a key that others may use as well.")
    signature = sign(message)
    try:
        key.verify(signature, message)
    except AuthenticationError:
        raise SignerError(
            f"{where} gave a signature that does not hold under the key {key.key_id}, so nothing "
            "was sent; do not use it before you know why."
        ) from None
    return signature
