from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from sealwire.core.derivation import COMMITMENT_BYTES, KEY_BYTES, derive_record_key
from tests.core.builders import BOB, DEPLOYMENT, held_key

IDENTITY_KEY = bytes(range(32))
OTHER_ROOT = X25519PrivateKey.from_private_bytes(bytes([0x21]) * 32)


def record_key(
    identity_key: bytes | memoryview = IDENTITY_KEY,
    *,
    record_salt: bytes = bytes(32),
    namespace: str = "ns",
    name: str = "name",
    version: int = 1,
) -> tuple[bytes, bytes]:
    return derive_record_key(
        identity_key, record_salt=record_salt, namespace=namespace, name=name, version=version
    )


def test_an_identity_key_can_be_made_again() -> None:
    assert held_key() == held_key()
    assert len(held_key().secret) == KEY_BYTES


@pytest.mark.parametrize(
    "changed",
    [
        {"owner": BOB.public_key},
        {"root_key": OTHER_ROOT},
        {"root_version": 2},
        {"deployment_id": DEPLOYMENT + "0"},
        {"deployment_id": ""},
        {"identity_salt": bytes(32)},
    ],
    ids="".join,
)
def test_an_identity_key_changes_with_each_part(changed: dict[str, Any]) -> None:
    assert held_key(**changed).secret != held_key().secret


def test_a_record_key_can_be_made_again_and_is_not_its_commitment() -> None:
    key, commitment = record_key()
    assert (key, commitment) == record_key(memoryview(IDENTITY_KEY))
    assert (len(key), len(commitment)) == (KEY_BYTES, COMMITMENT_BYTES)
    assert key != commitment


@pytest.mark.parametrize(
    "changed",
    [
        {"identity_key": bytes(32)},
        {"record_salt": bytes([1]) + bytes(31)},
        {"namespace": "n"},
        {"name": "Name"},
        {"version": 2},
        {"version": 256},
        {"namespace": "nsn", "name": "ame"},  # the same bytes, cut elsewhere
        {"namespace": "name", "name": "ns"},
    ],
    ids=str,
)
def test_a_record_key_and_its_commitment_change_with_each_part(changed: dict[str, Any]) -> None:
    key, commitment = record_key()
    other_key, other_commitment = record_key(**changed)
    assert other_key != key
    assert other_commitment != commitment


@given(
    st.tuples(st.text(max_size=3), st.text(max_size=3)),
    st.tuples(st.text(max_size=3), st.text(max_size=3)),
)
def test_different_addresses_never_share_a_record_key(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    keys = [record_key(namespace=namespace, name=name) for namespace, name in (one, other)]
    assert (keys[0] == keys[1]) == (one == other)


@pytest.mark.parametrize("version", [-1, 2**64])
def test_a_version_that_does_not_fit_is_refused_rather_than_cut(version: int) -> None:
    with pytest.raises(OverflowError):
        record_key(version=version)
