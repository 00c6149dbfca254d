"""A server's signing keys: the one in use, and how it came to follow those before it.

signing.key         the key in use, an OpenSSH private key file
signing-keys.txt    the chain of keys; there is none before the first rotation
signing.next.key    the key that is to follow, while a rotation is under way

signing-keys.txt is public. Behind its first line it has a line for each succession, oldest first:

<issued at, in milliseconds> <old key, base64url> <new key, base64url> <signature, base64url>

The chain decides which key is in use, so a rotation takes place when that file is replaced, and at
no other moment (signing_key_rotation.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from sealwire.core.encoding import base64url, from_base64url
from sealwire.core.errors import AuthenticationError, ConfigurationError, MalformedError
from sealwire.core.key_files import parse_private_key
from sealwire.core.keys import PrivateKey, PublicKey
from sealwire.core.successions import follow, signed_succession
from sealwire.server.key_material import read_key
from sealwire.v1.envelope_pb2 import SignedMessage

KEY_FILE: Final = "signing.key"
NEXT_KEY_FILE: Final = "signing.next.key"
CHAIN_FILE: Final = "signing-keys.txt"
_FORMAT: Final = "sealwire-signing-keys-v1"
_LINE = re.compile(
    r"(0|[1-9][0-9]{0,14}) ([A-Za-z0-9_-]{43}) ([A-Za-z0-9_-]{43}) ([A-Za-z0-9_-]{86})"
)


class Succession(NamedTuple):
    """One line of the chain."""

    issued_at: int
    old_key: PublicKey
    new_key: PublicKey
    signature: bytes

    def signed(self, audience: str) -> SignedMessage:
        """Return the statement as it was signed, put together again."""
        return signed_succession(
            self.old_key,
            self.new_key,
            audience=audience,
            issued_at=self.issued_at,
            signature=self.signature,
        )


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The key in use, the file that it is in, and the chain that ends with it."""

    key: PrivateKey
    path: Path
    chain: tuple[Succession, ...]


def read_signing_keys(directory: Path, *, audience: str) -> SigningKeys:
    """Return a deployment's signing keys, verified.

    A rotation that was killed changes nothing about that: its new key is in use as soon as the
    chain names it, and not before.

    Raises:
        ConfigurationError: if a file can't be read, a signature in the chain does not hold for
            `audience`, or there is no private key for the key that the chain ends with.
    """
    chain = _read_chain(directory / CHAIN_FILE, audience=audience)
    path = directory / NEXT_KEY_FILE
    if chain and path.exists():
        key = read_key(path, parse_private_key)
        if key.public_key == chain[-1].new_key:
            return SigningKeys(key, path, chain)
    path = directory / KEY_FILE
    key = read_key(path, parse_private_key)
    if chain and key.public_key != chain[-1].new_key:
        raise ConfigurationError(
            f"{path} is not the key that {directory / CHAIN_FILE} ends with; restore both from the "
            "same copy of the deployment."
        )
    return SigningKeys(key, path, chain)


def chain_text(chain: Sequence[Succession]) -> str:
    """Return the contents of the chain's file."""
    lines = [
        f"{link.issued_at} {link.old_key.text} {link.new_key.text} {base64url(link.signature)}"
        for link in chain
    ]
    return "\n".join([_FORMAT, *lines, ""])


def _read_chain(path: Path, *, audience: str) -> tuple[Succession, ...]:
    try:
        text = path.read_bytes().decode("ascii")
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} can't be read: {error}") from error
    try:
        chain = _parsed(text)
        follow(
            [link.signed(audience) for link in chain], pinned=chain[0].old_key, audience=audience
        )
    except (MalformedError, AuthenticationError) as error:
        raise ConfigurationError(
            f"{path} is not the chain of this server's signing keys for the audience {audience!r}: "
            f"{error} Restore it from a copy."
        ) from None
    return chain


def _parsed(text: str) -> tuple[Succession, ...]:
    first, *lines = text.removesuffix("\n").split("\n")
    found = [_LINE.fullmatch(line) for line in lines]
    if first != _FORMAT or not found or not text.endswith("\n"):
        raise MalformedError("It does not begin and end as such a file does.")
    return tuple(_succession(match) for match in found)


def _succession(match: re.Match[str] | None) -> Succession:
    if match is None:
        raise MalformedError("One of its lines is no succession.")
    return Succession(
        issued_at=int(match[1]),
        old_key=PublicKey.from_text(match[2]),
        new_key=PublicKey.from_text(match[3]),
        signature=from_base64url(match[4]),
    )
