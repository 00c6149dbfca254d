"""What every way to keep a key has in common."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from sealwire.core.keys import Random, Signer

FILE: Final = "file"
"""The text of a key in a file of the profile."""
ENCRYPTED: Final = "encrypted"
"""The text of a key in a file of the profile that opens with a passphrase."""
IDENTITY_KEY_FILE: Final = "identity.key"
"""The file of a profile that holds the key, if a file of the profile holds it."""


@dataclass(frozen=True, slots=True)
class Settled:
    """A key that was made or chosen: `text` names it for good, `signer` signs with it."""

    text: str
    signer: Signer


class SignerSpec(Protocol):
    """A way to keep a key, as `--signer` and profile.json name it.

    Both methods raise `SignerError` or `ConfigurationError` if there is no such key or it can't be
    opened; either may ask for a passphrase or PIN on a terminal.
    """

    @property
    def text(self) -> str:
        """The text that gives this spec again, wherever it is read."""
        ...

    def settle(self, folder: Path, *, random: Random) -> Settled:
        """Make a key, in the profile's `folder`, or choose the one that is there already.

        `text` of the result names that very key, also when others come to lie beside it.
        """
        ...

    def open(self, folder: Path) -> Signer:
        """Return the key of the profile in `folder`, ready to sign."""
        ...
