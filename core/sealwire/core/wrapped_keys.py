"""Root keys under a passphrase (docs/sealing.md section 9).

    offset  bytes
    0       1      format version, 1
    1       4      root key version, big-endian
    5       4      Argon2id: passes
    9       4      Argon2id: lanes
    13      4      Argon2id: memory in KiB
    17      16     salt
    33      48     AES-256-GCM of the 32-byte private key, with its tag

in Base64, as PEM. The OpenSSH format, which other keys of ours are encrypted in, knows no X25519;
encrypted PKCS #8 costs whoever guesses 2,048 rounds of PBKDF2.
"""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from sealwire.core.encoding import length_prefixed
from sealwire.core.errors import ConfigurationError
from sealwire.core.keys import Random

WRAPPED_LABEL: Final = "sealwire/v1/wrapped-root-key"
FORMAT_VERSION: Final = 1
SALT_BYTES: Final = 16
_HEADER: Final = struct.Struct(">BIIII16s")
_SIZE: Final = _HEADER.size + 32 + 16
_NONCE: Final = bytes(12)  # the salt makes a key that encrypts this once
_LINE: Final = 64
_BEGIN: Final = b"-----BEGIN SEALWIRE WRAPPED ROOT KEY-----\n"
_END: Final = b"-----END SEALWIRE WRAPPED ROOT KEY-----\n"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a guess at a passphrase costs (RFC 9106 section 3.1)."""

    passes: int
    lanes: int
    memory_kib: int

    def __post_init__(self) -> None:
        """Refuse what Argon2id does not know, and what no machine should be asked for.

        Raises:
            ConfigurationError: for either.
        """
        least = 8 * self.lanes
        if not (
            1 <= self.passes <= MAX_PASSES
            and 1 <= self.lanes <= MAX_LANES
            and least <= self.memory_kib <= MAX_MEMORY_KIB
        ):
            raise ConfigurationError("The wrapped root key asks for more work than is sensible.")


MAX_PASSES: Final = 100
MAX_LANES: Final = 64
MAX_MEMORY_KIB: Final = 1024 * 1024
DEFAULT_COST: Final = Cost(passes=8, lanes=4, memory_kib=64 * 1024)
"""The memory and lanes of RFC 9106's second recommended option, and more passes: half a second."""


def is_wrapped(text: bytes) -> bool:
    """Tell whether a file holds a root key under a passphrase."""
    return text.startswith(_BEGIN)


def wrapped_root_key_text(
    key: X25519PrivateKey,
    version: int,
    passphrase: bytes,
    *,
    random: Random,
    cost: Cost = DEFAULT_COST,
) -> bytes:
    """Return a root key as the text of a file that opens with a passphrase.

    Raises:
        ConfigurationError: if the passphrase is empty.
    """
    if not passphrase:
        raise ConfigurationError("An empty passphrase protects nothing; choose another.")
    salt = random(SALT_BYTES)
    header = _HEADER.pack(FORMAT_VERSION, version, cost.passes, cost.lanes, cost.memory_kib, salt)
    sealed = _cipher(passphrase, salt, cost).encrypt(
        _NONCE, key.private_bytes_raw(), _associated(header)
    )
    text = base64.b64encode(header + sealed)
    lines = (text[at : at + _LINE] + b"\n" for at in range(0, len(text), _LINE))
    return _BEGIN + b"".join(lines) + _END


def parse_wrapped_root_key(text: bytes, version: int, passphrase: bytes) -> X25519PrivateKey:
    """Return the root key of a version in such a text.

    Raises:
        ConfigurationError: if it is no such text, is another version's, or the passphrase does not
            open it.
    """
    data = _decoded(text)
    found, of_version, passes, lanes, memory_kib, salt = _HEADER.unpack_from(data)
    if found != FORMAT_VERSION:
        raise ConfigurationError("This wrapped root key has a format that is not known here.")
    if of_version != version:
        raise ConfigurationError(
            f"This is root key version {of_version}, where version {version} is needed."
        )
    cipher = _cipher(passphrase, salt, Cost(passes, lanes, memory_kib))
    header, sealed = data[: _HEADER.size], data[_HEADER.size :]
    try:
        return X25519PrivateKey.from_private_bytes(
            cipher.decrypt(_NONCE, sealed, _associated(header))
        )
    except InvalidTag:
        raise ConfigurationError(
            "The passphrase does not open this wrapped root key, or the file is damaged."
        ) from None


def _decoded(text: bytes) -> bytes:
    damaged = ConfigurationError("This wrapped root key file is damaged.")
    if not (text.startswith(_BEGIN) and text.endswith(_END)):
        raise damaged
    try:
        body = text[len(_BEGIN) : -len(_END)].replace(b"\n", b"")
        data = base64.b64decode(body, validate=True)
    except ValueError:
        raise damaged from None
    if len(data) != _SIZE:
        raise damaged
    return data


def _cipher(passphrase: bytes, salt: bytes, cost: Cost) -> AESGCM:
    try:
        derivation = Argon2id(
            salt=salt,
            length=32,
            iterations=cost.passes,
            lanes=cost.lanes,
            memory_cost=cost.memory_kib,
        )
    except UnsupportedAlgorithm:
        raise ConfigurationError(
            "This installation of `cryptography` has no Argon2id, which passphrases of root keys "
            "need; install it from its wheel."
        ) from None
    return AESGCM(derivation.derive(passphrase))


def _associated(header: bytes) -> bytes:
    return length_prefixed(WRAPPED_LABEL, header)
