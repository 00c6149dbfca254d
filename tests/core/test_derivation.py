from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from sealwire.core import derivation
from sealwire.core.derivation import (
    COMMITMENT_BYTES,
    KEY_BYTES,
    METADATA_LABEL,
    RECORD_LABEL,
    derive_record_key,
)
from sealwire.core.errors import SealError
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
    label: str = RECORD_LABEL,
    attributes: bytes = b"",
) -> tuple[bytes, bytes]:
    return derive_record_key(
        identity_key,
        record_salt=record_salt,
        namespace=namespace,
        name=name,
        version=version,
        label=label,
        attributes=attributes,
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
        {"label": METADATA_LABEL},
        {"attributes": b"\0"},
        {"attributes": b"name"},
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


def test_no_attributes_are_no_part_at_all() -> None:
    # So a key of a record without any is what it was before there were attributes.
    assert record_key(attributes=b"") == derive_record_key(
        IDENTITY_KEY, record_salt=bytes(32), namespace="ns", name="name", version=1
    )


def test_every_label_is_one_of_its_kind() -> None:
    labels = [value for name, value in vars(derivation).items() if name.endswith("_LABEL")]
    assert len(set(labels)) == len(labels) == 7
    assert all(label.startswith("sealwire/v1/") and label.isascii() for label in labels)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([RECORD_LABEL, METADATA_LABEL]),
            st.sampled_from(["a", "a/b", "b"]),
            st.sampled_from(["a", "b", "b/a"]),
        ),
        min_size=2,
        max_size=12,
    )
)
def test_keys_do_not_depend_on_what_was_derived_before(
    addresses: list[tuple[str, str, str]],
) -> None:
    # The beginning of `info` is remembered by label and namespace; a mix-up would share keys.
    keys = [record_key(label=label, namespace=ns, name=name) for label, ns, name in addresses]
    assert len(set(keys)) == len(set(addresses))


def test_more_namespaces_than_are_remembered_keep_keys_of_their_own() -> None:
    names = [f"team-{number}" for number in range(300)]
    first, again = ([record_key(namespace=name) for name in names] for _ in range(2))
    assert first == again
    assert len(set(first)) == len(names)


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_salt_of_another_length_derives_nothing(size: int) -> None:
    with pytest.raises(SealError, match="32 bytes"):
        record_key(record_salt=bytes(size))
    with pytest.raises(SealError, match="32 bytes"):
        held_key(identity_salt=bytes(size))
