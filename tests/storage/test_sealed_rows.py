from __future__ import annotations

import struct
from pathlib import Path

import pytest

from sealwire.core.errors import SealError
from sealwire.core.sealing import HEADER_BYTES
from sealwire.storage import Namespace, Store
from tests.storage.builders import (
    blob,
    get,
    put,
    replace_blob,
)


@pytest.fixture
def sealed(store: Store, namespace: Namespace, database: Path) -> bytes:
    put(store, namespace, "march", b"41,000 a year")
    return blob(database, "march")


def test_the_bytes_that_were_sealed_open(
    store: Store, namespace: Namespace, database: Path, sealed: bytes
) -> None:
    replace_blob(database, "march", sealed)
    assert get(store, namespace, "march") == b"41,000 a year"


@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
def test_a_header_altered_at_any_byte_does_not_open(  # case 62
    store: Store, namespace: Namespace, database: Path, sealed: bytes, mask: int
) -> None:
    for index in range(HEADER_BYTES):
        altered = bytearray(sealed)
        altered[index] ^= mask
        replace_blob(database, "march", bytes(altered))
        with pytest.raises(SealError):
            get(store, namespace, "march")


def test_a_ciphertext_altered_at_any_byte_does_not_open(  # case 62
    store: Store, namespace: Namespace, database: Path, sealed: bytes
) -> None:
    for index in range(HEADER_BYTES, len(sealed)):
        altered = bytearray(sealed)
        altered[index] ^= 0x01
        replace_blob(database, "march", bytes(altered))
        with pytest.raises(SealError):
            get(store, namespace, "march")


def test_a_blob_cut_at_any_length_or_grown_does_not_open(  # case 63
    store: Store, namespace: Namespace, database: Path, sealed: bytes
) -> None:
    for cut in [*(sealed[:size] for size in range(len(sealed))), sealed + b"\0"]:
        replace_blob(database, "march", cut)
        with pytest.raises(SealError):
            get(store, namespace, "march")


@pytest.mark.parametrize("offset", [4, 5], ids=["version", "suite"])
def test_an_unknown_version_or_suite_is_refused(  # case 69
    store: Store, namespace: Namespace, database: Path, sealed: bytes, offset: int
) -> None:
    for value in set(range(256)) - {sealed[offset]}:
        replace_blob(database, "march", sealed[:offset] + bytes([value]) + sealed[offset + 1 :])
        with pytest.raises(SealError, match="format or suite"):
            get(store, namespace, "march")


@pytest.mark.parametrize("version", [0, 2, 2**32 - 1])
def test_a_root_key_version_that_the_server_lacks_is_refused(
    store: Store, namespace: Namespace, database: Path, sealed: bytes, version: int
) -> None:
    replace_blob(database, "march", sealed[:6] + struct.pack(">I", version) + sealed[10:])
    with pytest.raises(SealError, match="root key"):
        get(store, namespace, "march")
