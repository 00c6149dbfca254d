"""A key on a PKCS #11 token, behind the extra that few need."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sealwire.client.signers.errors import SignerError
from sealwire.client.signers.pkcs11_uri import Pkcs11Uri
from sealwire.client.signers.spec import Settled
from sealwire.core.keys import Random

if TYPE_CHECKING:
    from sealwire.client.signers.tokens import TokenSigner


@dataclass(frozen=True, slots=True)
class TokenKey:
    """The Ed25519 key that a URI names."""

    uri: Pkcs11Uri

    @property
    def text(self) -> str:
        """The URI as it is written."""
        return self.uri.text

    def settle(self, folder: Path, *, random: Random) -> Settled:
        """Take the key as it is on the token, and name it by its id from now on."""
        signer = self.open(folder)
        return Settled(self.uri.naming(signer.key_id), signer)

    def open(self, folder: Path) -> TokenSigner:
        """Log in to the token, with one attempt, and find the key."""
        try:
            from sealwire.client.signers.tokens import open_token
        except ImportError:
            raise SignerError(
                "Keys on tokens need python-pkcs11, which is not installed; run: "
                "pip install 'sealwire[pkcs11]'"
            ) from None
        return open_token(self.uri)
