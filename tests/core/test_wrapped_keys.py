"""A root key under a passphrase opens with that passphrase, as that version, and unaltered."""

from __future__ import annotations

import base64
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from sealwire.core.errors import ConfigurationError
from sealwire.core.key_files import root_key_text
from sealwire.core.wrapped_keys import (
    DEFAULT_COST,
    Cost,
    is_wrapped,
    parse_wrapped_root_key,
    wrapped_root_key_text,
)
from tests.core.builders import RepeatableRandom

KEY = X25519PrivateKey.from_private_bytes(bytes(range(32)))
PASSPHRASE = "correct höst battery".encode()
CHEAP = Cost(passes=1, lanes=1, memory_kib=8)
BEGIN, END = "-----BEGIN SEALWIRE WRAPPED ROOT KEY-----", "-----END SEALWIRE WRAPPED ROOT KEY-----"


def wrapped(version: int = 3, *, seed: str = "salt") -> bytes:
    return wrapped_root_key_text(
        KEY, version, PASSPHRASE, random=RepeatableRandom(seed), cost=CHEAP
    )


def data_of(text: bytes) -> bytearray:
    return bytearray(base64.b64decode("".join(text.decode().splitlines()[1:-1])))


def text_of(data: bytes | bytearray) -> bytes:
    return f"{BEGIN}\n{base64.b64encode(data).decode()}\n{END}\n".encode()


def test_the_passphrase_opens_it() -> None:
    opened = parse_wrapped_root_key(wrapped(), 3, PASSPHRASE)
    assert opened.private_bytes_raw() == KEY.private_bytes_raw()
    assert is_wrapped(wrapped())
    assert not is_wrapped(root_key_text(KEY))


def test_neither_the_key_nor_the_passphrase_is_in_it() -> None:
    data = bytes(data_of(wrapped()))
    assert KEY.private_bytes_raw() not in data
    assert PASSPHRASE not in data


@pytest.mark.parametrize("passphrase", [b"", b"another", PASSPHRASE[:-1], PASSPHRASE + b"\n"])
def test_another_passphrase_does_not_open_it(passphrase: bytes) -> None:
    with pytest.raises(ConfigurationError, match="passphrase does not open"):
        parse_wrapped_root_key(wrapped(), 3, passphrase)


def test_two_of_one_key_have_nothing_in_common() -> None:
    one, two = data_of(wrapped(seed="one")), data_of(wrapped(seed="two"))
    assert one[:17] == two[:17]
    assert one[17:33] != two[17:33]
    assert one[33:] != two[33:]


def test_it_is_opened_from_the_document_alone() -> None:
    """docs/sealing.md section 9, with nothing of ours."""
    data = bytes(data_of(wrapped()))
    version, root_version, passes, lanes, memory = struct.unpack(">BIIII", data[:17])
    assert (version, root_version, passes, lanes, memory) == (1, 3, 1, 1, 8)
    key = Argon2id(
        salt=data[17:33], length=32, iterations=passes, lanes=lanes, memory_cost=memory
    ).derive(PASSPHRASE)
    label = b"sealwire/v1/wrapped-root-key"
    associated = struct.pack(">I", len(label)) + label + struct.pack(">I", 33) + data[:33]
    assert AESGCM(key).decrypt(bytes(12), data[33:], associated) == KEY.private_bytes_raw()


def test_a_change_of_any_byte_is_noticed() -> None:
    good = data_of(wrapped())
    for index in range(len(good)):
        bad = bytearray(good)
        bad[index] ^= 1
        with pytest.raises(ConfigurationError):
            parse_wrapped_root_key(text_of(bad), 3, PASSPHRASE)


def test_the_key_of_one_version_is_not_that_of_another() -> None:
    with pytest.raises(ConfigurationError, match="root key version 3, where version 4"):
        parse_wrapped_root_key(wrapped(), 4, PASSPHRASE)
    renumbered = data_of(wrapped())
    renumbered[4] = 4
    with pytest.raises(ConfigurationError, match="passphrase does not open"):
        parse_wrapped_root_key(text_of(renumbered), 4, PASSPHRASE)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        f"{BEGIN}\n{END}\n".encode(),
        wrapped()[:-1],
        wrapped().replace(b"BEGIN", b"BEGUN"),
        text_of(data_of(wrapped())[:-1]),
        text_of(data_of(wrapped()) + b"\0"),
        f"{BEGIN}\n\N{SNOWMAN}\n{END}\n".encode(),
        root_key_text(KEY),
    ],
)
def test_what_is_no_wrapped_key_is_said_to_be_damaged(text: bytes) -> None:
    with pytest.raises(ConfigurationError, match="damaged"):
        parse_wrapped_root_key(text, 3, PASSPHRASE)


@pytest.mark.parametrize(
    ("passes", "lanes", "memory_kib"),
    [(0, 1, 8), (1, 0, 8), (1, 1, 7), (1, 4, 31), (2**32 - 1, 1, 8), (1, 1, 2**32 - 1)],
)
def test_a_file_can_not_ask_for_work_without_bounds(
    passes: int, lanes: int, memory_kib: int
) -> None:
    data = data_of(wrapped())
    data[5:17] = struct.pack(">III", passes, lanes, memory_kib)
    with pytest.raises(ConfigurationError, match="more work than is sensible"):
        parse_wrapped_root_key(text_of(data), 3, PASSPHRASE)


def test_an_empty_passphrase_is_not_taken() -> None:
    with pytest.raises(ConfigurationError, match="empty passphrase"):
        wrapped_root_key_text(KEY, 1, b"", random=RepeatableRandom("x"), cost=CHEAP)


def test_a_guess_costs_at_least_what_rfc_9106_recommends() -> None:
    """Its second recommended option: 3 passes, 4 lanes, 64 MiB."""
    assert (DEFAULT_COST.lanes, DEFAULT_COST.memory_kib) == (4, 64 * 1024)
    assert DEFAULT_COST.passes >= 3
