"""docs/sealing.md section 8, checked by the implementation that was written from it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.docs.handmade_sealing import (
    HEADER,
    TAG,
    Address,
    RefusedError,
    Sealer,
    attributes,
    metadata_bytes,
    request_digest,
    stored_name,
)

DOCS = Path(__file__).resolve().parents[2] / "docs"
TEXT = (DOCS / "sealing.md").read_text(encoding="utf-8")
BYTES = re.sub(r"\s", "", TEXT)
VECTORS: dict[str, Any] = json.loads((DOCS / "vectors" / "sealing.json").read_text("utf-8"))
STEPS = {name: bytes.fromhex(value) for name, value in VECTORS["steps"].items()}
PARTS: dict[str, Any] = VECTORS["parts"]
SEALED = {part["name"]: part for part in PARTS["sealed"]}
METADATA = PARTS["metadata"].encode("ascii")
EXPIRES_AT: int = PARTS["expires_at"]
SEALER = Sealer(
    STEPS["root_key"],
    VECTORS["root_version"],
    VECTORS["deployment_id"],
    STEPS["owner"],
    STEPS["identity_salt"],
)


def address(name: str) -> Address:
    """Return where a part belongs, as the table of section 8.1 says."""
    labels = dict(re.findall(r"^\| ([a-z ]+) \| `(sealwire/v1/[a-z-]+)` \|", TEXT, re.MULTILINE))
    namespace, record = SEALED["value"]["address"]["namespace"], PARTS["record_name"]
    version = SEALED["value"]["address"]["version"]
    digest = bytes.fromhex(PARTS["request"]["digest"])
    return {
        "value": Address(labels["value"], namespace, record, version, value_attributes()),
        "metadata": Address(labels["metadata"], namespace, record, version),
        "name": Address(labels["name"], namespace, PARTS["stored_name"], version),
        "name key": Address(labels["name key"], namespace, "", 0),
        "answer": Address(labels["answer"], "", PARTS["request"]["id"], 0, digest),
    }[name]


def value_attributes() -> bytes:
    return attributes(expires_at=EXPIRES_AT, metadata=METADATA)


def blob(name: str) -> bytes:
    return bytes.fromhex(SEALED[name]["blob"])


def plaintext(name: str) -> bytes:
    return bytes.fromhex(SEALED[name]["plaintext"])


@pytest.mark.parametrize("name", SEALED)
def test_a_parts_place_is_the_one_that_the_table_says(name: str) -> None:
    part, place = SEALED[name], address(name)
    assert part["label"] == place.label
    assert part["address"] == {
        "namespace": place.namespace,
        "name": place.name,
        "version": place.version,
    }
    assert (part["attributes"], part["info"]) == (place.attributes.hex(), place.info.hex())


@pytest.mark.parametrize("name", SEALED)
def test_a_parts_blob_follows_from_its_plaintext(name: str) -> None:
    salt = bytes.fromhex(SEALED[name]["salt"])
    found = SEALER.record_key(salt, address(name))
    assert [value.hex() for value in found] == [SEALED[name]["key"], SEALED[name]["commitment"]]
    assert SEALER.seal(plaintext(name), address(name), salt=salt) == blob(name)
    assert SEALER.opened(blob(name), address(name)) == plaintext(name)
    assert len(blob(name)) == HEADER + len(plaintext(name)) + TAG


@pytest.mark.parametrize("made", SEALED)
@pytest.mark.parametrize("asked", SEALED)
def test_a_part_opens_in_the_place_of_no_other(made: str, asked: str) -> None:
    if made == asked:
        return
    label = address(made)._replace(label=address(asked).label)
    for place in (address(asked), label):
        with pytest.raises(RefusedError, match="5"):
            SEALER.opened(blob(made), place)


@pytest.mark.parametrize(
    "other",
    [
        b"",
        attributes(expires_at=0, metadata=METADATA),
        attributes(expires_at=EXPIRES_AT + 1, metadata=METADATA),
        attributes(expires_at=EXPIRES_AT, metadata=b""),
        attributes(expires_at=EXPIRES_AT, metadata=METADATA.replace(b"topic", b"Topic")),
    ],
    ids=["none", "for ever", "a moment later", "without metadata", "another label"],
)
def test_the_value_opens_with_no_other_end_and_no_other_metadata(other: bytes) -> None:
    with pytest.raises(RefusedError, match="5"):
        SEALER.opened(blob("value"), address("value")._replace(attributes=other))


def test_the_answer_opens_for_no_other_request() -> None:
    request = PARTS["request"]
    method, body = request["method"], bytes.fromhex(request["body"])
    assert request_digest(method, body).hex() == request["digest"]
    assert request["id"].encode() in body
    for digest in (request_digest(method, body + b"\0"), request_digest(f"{method}s", body)):
        with pytest.raises(RefusedError, match="5"):
            SEALER.opened(blob("answer"), address("answer")._replace(attributes=digest))


def test_the_metadata_are_the_bytes_of_what_they_say() -> None:
    said = json.loads(METADATA)
    assert said == {"content_type": "text/plain", "labels": {"author": "Zoë", "topic": "🔑"}}
    assert metadata_bytes(said["content_type"], said["labels"]) == METADATA
    assert plaintext("metadata") == METADATA
    assert value_attributes().hex() == SEALED["value"]["attributes"]


@pytest.mark.parametrize(
    ("labels", "written"),
    [
        ({}, b"{}"),
        ({"b": "2", "a": '"\\/'}, rb'{"a":"\"\\/","b":"2"}'),
        ({"\U0001f511": "", "\ufffd": "~"}, rb'{"\ufffd":"~","\ud83d\udd11":""}'),
    ],
    ids=["none", "escapes", "code points, not UTF-16"],
)
def test_labels_are_written_as_the_document_says(labels: dict[str, str], written: bytes) -> None:
    assert metadata_bytes("", labels) == b'{"content_type":"","labels":%s}' % written


def test_the_record_is_stored_under_a_hash_of_its_name() -> None:
    key, name = plaintext("name key"), PARTS["record_name"]
    assert stored_name(key, name) == PARTS["stored_name"]
    assert len(PARTS["stored_name"]) == 43
    assert plaintext("name").decode() == name
    others = {stored_name(key, f"{name}s"), stored_name(bytes(32), name), PARTS["stored_name"]}
    assert len(others) == 3


@pytest.mark.parametrize("name", SEALED)
@pytest.mark.parametrize("shown", ["plaintext", "salt", "info", "key", "commitment", "blob"])
def test_the_document_shows_a_part(name: str, shown: str) -> None:
    assert SEALED[name][shown] in BYTES


def test_the_document_shows_what_the_parts_are_made_of() -> None:
    request = PARTS["request"]
    values = [
        *(PARTS[name] for name in ("metadata", "stored_name")),
        *(request[name] for name in ("id", "body", "digest")),
        str(EXPIRES_AT),
        SEALED["value"]["attributes"],
    ]
    assert [value for value in values if re.sub(r"\s", "", value) not in BYTES] == []
