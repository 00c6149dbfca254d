"""docs/protocol.md, checked by an implementation that was written from it: see handmade.py."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.docs import handmade
from tests.docs.handmade import Fields, Schema

DOCS = Path(__file__).resolve().parents[2] / "docs"
TEXT = (DOCS / "protocol.md").read_text(encoding="utf-8")
BYTES = re.sub(r"\s", "", TEXT)
VECTORS: dict[str, Any] = json.loads((DOCS / "vectors" / "protocol.json").read_text("utf-8"))
CLIENT, SERVER = (bytes.fromhex(VECTORS[who]["public_key"]) for who in ("client", "server"))
UNARY = {example["name"]: example for example in VECTORS["unary"]}
STREAM = {example["name"]: example for example in VECTORS["stream"]}
CONDITIONAL = {example["name"]: example for example in VECTORS["conditional"]}
EXAMPLES = [*VECTORS["unary"], *VECTORS["conditional"], *VECTORS["stream"]]
SUCCESSION, ROTATION = VECTORS["succession"], VECTORS["rotation"]
METHOD = UNARY["request"]["statement"]["method"]


def named(value: Mapping[str, Any]) -> str:
    return str(value["name"])


def kind_of(example: Fields) -> str:
    return "request" if example["payload_type"] == handmade.TYPES["request"] else "response"


def from_json(schema: Schema, values: Fields) -> Fields:
    """Return a statement's fields as an implementation has them: hexadecimal as bytes."""
    kinds = dict(schema.values())
    return {
        name: from_json(kinds[name], value)
        if isinstance(kinds[name], Mapping)
        else value
        if kinds[name] == "texts"
        else bytes.fromhex(value)
        if kinds[name].startswith("bytes")
        else value
        for name, value in values.items()
    }


def payload(example: Fields) -> bytes:
    return bytes.fromhex(example["payload"])


def section(number: int) -> str:
    return TEXT.split(f"\n## {number}. ", 1)[1].split("\n## ", 1)[0]


def reason_of_step() -> dict[str, str]:
    """Return what the table of section 4 says of each step that fails."""
    rows = re.findall(r"^\| (\d+) \|.*\| `(\w+)`[^|]*\|$", section(4), re.MULTILINE)
    return {**dict(rows), "6.1": "MALFORMED"}


def code_of_reason() -> dict[str, int]:
    rows = re.findall(r"^\| `(\w+)` \| \w+ \((\d+)\) \|", section(5), re.MULTILINE)
    return {reason: int(code) for reason, code in rows}


@pytest.mark.parametrize("who", ["client", "server"])
def test_a_key_id_follows_from_the_public_key(who: str) -> None:
    key = VECTORS[who]
    assert handmade.base64url(bytes.fromhex(key["public_key"])) == key["public_key_base64url"]
    assert handmade.key_id(bytes.fromhex(key["public_key"])) == key["public_key_id"]
    assert key["public_key_id"] in TEXT


@pytest.mark.parametrize("example", EXAMPLES, ids=named)
def test_an_examples_payload_follows_from_its_statement(example: Fields) -> None:
    schema = handmade.REQUEST if kind_of(example) == "request" else handmade.RESPONSE
    statement = from_json(schema, example["statement"])
    assert handmade.encode(schema, statement).hex() == example["payload"]
    assert handmade.decode_canonical(schema, payload(example)) == statement


@pytest.mark.parametrize("example", EXAMPLES, ids=named)
def test_an_examples_envelope_follows_from_its_payload_and_a_seed(example: Fields) -> None:
    kind = kind_of(example)
    signer = VECTORS["client" if kind == "request" else "server"]
    signature = handmade.sign(bytes.fromhex(signer["seed"]), kind, payload(example))
    envelope = {
        "payload": payload(example),
        "signature": signature,
        "public_key_id": signer["public_key_id"],
    }
    assert handmade.pae(kind, payload(example)).hex() == example["pae"]
    assert hashlib.sha256(payload(example)).hexdigest() == example["payload_sha256"]
    assert signature.hex() == example["signature"]
    assert handmade.encode(handmade.ENVELOPE, envelope).hex() == example["envelope"]


@pytest.mark.parametrize("part", ["payload_sha256", "pae", "signature", "envelope"])
@pytest.mark.parametrize("example", [*VECTORS["unary"], CONDITIONAL["conflict"]], ids=named)
def test_the_document_shows_the_bytes_of_a_unary_example(example: Fields, part: str) -> None:
    assert example[part] in BYTES


@pytest.mark.parametrize(
    "example", [*VECTORS["stream"], CONDITIONAL["conditional-request"]], ids=named
)
def test_the_document_shows_the_bytes_of_a_short_example(example: Fields) -> None:
    assert example["payload_sha256"] in BYTES
    assert example["signature"] in BYTES


def test_the_document_shows_the_inputs_of_the_examples() -> None:
    values = [VECTORS[who][part] for who in ("client", "server") for part in ("seed", "public_key")]
    assert [value for value in values if value not in BYTES] == []
    assert VECTORS["audience"] in TEXT


def test_the_example_request_holds_the_body_that_the_document_describes() -> None:
    body = from_json(handmade.PUT_REQUEST, VECTORS["unary_request_body"])
    assert (
        handmade.encode(handmade.PUT_REQUEST, body).hex() == UNARY["request"]["statement"]["body"]
    )
    assert body == {"namespace": "notes", "name": "hello", "value": b"hello, world"}


@pytest.mark.parametrize("answer", ["response", "error"])
def test_an_example_answer_is_about_the_example_request(answer: str) -> None:
    about = UNARY[answer]["statement"]["request_digest"]
    assert about == UNARY["request"]["payload_sha256"]


@pytest.mark.parametrize("error", [UNARY["error"], CONDITIONAL["conflict"]], ids=named)
def test_an_example_error_is_the_one_in_the_table_of_reasons(error: Fields) -> None:
    status = error["statement"]["status"]
    assert code_of_reason()[status["reason"]] == status["code"]


def test_the_example_conflict_says_which_version_there_is() -> None:
    request, conflict = (CONDITIONAL[name] for name in ("conditional-request", "conflict"))
    body = bytes.fromhex(request["statement"]["body"])
    assert handmade.decode_canonical(handmade.PUT_REQUEST, body)["if_version"] == 0
    assert body.endswith(b"\x38\x00")  # 0 is a condition, and written out
    assert conflict["statement"]["request_digest"] == request["payload_sha256"]
    assert conflict["statement"]["status"]["metadata"] == {"current_version": "1"}


@pytest.mark.parametrize("request_case", VECTORS["requests"], ids=named)
def test_a_request_fails_at_the_step_that_the_vector_names(request_case: Fields) -> None:
    step = handmade.request_fails_at(
        bytes.fromhex(request_case["envelope"]),
        key=CLIENT,
        method=METHOD,
        audience=VECTORS["audience"],
        now=UNARY["request"]["statement"]["issued_at"],
    )
    assert step == request_case["fails_at"]


@pytest.mark.parametrize("request_case", VECTORS["requests"], ids=named)
def test_a_request_is_refused_as_the_documents_table_says(request_case: Fields) -> None:
    if request_case["fails_at"]:
        reason = reason_of_step()[request_case["fails_at"]]
        assert request_case["reason"] == reason
        assert request_case["code"] == code_of_reason()[reason]
    else:
        assert (request_case["code"], request_case["reason"]) == (0, "")


def test_the_document_has_twelve_steps_and_eleven_rules() -> None:
    assert [*reason_of_step()] == [*(str(step) for step in range(1, 13)), "6.1"]
    rules = re.findall(r"^\| (R\d+) \|", section(5), re.MULTILINE)
    assert rules == [f"R{rule}" for rule in range(1, 12)]


@pytest.mark.parametrize("response", VECTORS["responses"], ids=named)
def test_a_response_breaks_the_rule_that_the_vector_names(response: Fields) -> None:
    rule = handmade.response_breaks(
        bytes.fromhex(response["envelope"]),
        key=SERVER,
        method=METHOD,
        sent=payload(UNARY["request"]),
        body=handmade.PUT_RESPONSE,
    )
    assert rule == response["breaks"]


@pytest.mark.parametrize("stream", VECTORS["response_streams"], ids=named)
def test_a_response_stream_is_complete_only_if_the_vector_says_so(stream: Fields) -> None:
    *messages, end = (bytes.fromhex(envelope) for envelope in stream["envelopes"])
    sent = [payload(example) for example in VECTORS["stream"] if kind_of(example) == "request"]
    method = STREAM["request-0"]["statement"]["method"]
    complete = handmade.stream_is_complete(messages, end, key=SERVER, method=method, sent=sent)
    assert complete == stream["complete"]


def test_the_example_request_stream_is_chained_and_closed() -> None:
    requests = [STREAM[name] for name in ("request-0", "request-1", "request-closing")]
    statements = [request["statement"] for request in requests]
    digest = ""
    for index, (statement, request) in enumerate(zip(statements, requests, strict=True)):
        assert statement["stream"].get("index", 0) == index
        assert statement["stream"].get("previous_digest", "") == digest
        assert statement["stream"].get("last", False) == ("body" not in statement) == (index == 2)
        digest = request["payload_sha256"]
    for repeated in ("method", "audience", "public_key_id", "issued_at", "nonce"):
        assert len({statement[repeated] for statement in statements}) == 1


@pytest.mark.parametrize("asked", ["0", "1", "closing"])
def test_an_example_answer_in_a_stream_is_about_the_latest_request(asked: str) -> None:
    answer = STREAM["response-end" if asked == "closing" else f"response-{asked}"]
    about = answer["statement"]["request_digest"]
    assert about == STREAM[f"request-{asked}"]["payload_sha256"]


def test_the_example_succession_follows_from_its_statement_and_a_seed() -> None:
    statement = from_json(handmade.SUCCESSION, SUCCESSION["statement"])
    assert handmade.encode(handmade.SUCCESSION, statement) == payload(SUCCESSION)
    signature = handmade.sign(
        bytes.fromhex(VECTORS["server"]["seed"]), "succession", payload(SUCCESSION)
    )
    envelope = {
        "payload": payload(SUCCESSION),
        "signature": signature,
        "public_key_id": statement["old_public_key_id"],
    }
    assert statement["old_public_key_id"] == VECTORS["server"]["public_key_id"]
    assert handmade.pae("succession", payload(SUCCESSION)).hex() == SUCCESSION["pae"]
    assert handmade.encode(handmade.ENVELOPE, envelope).hex() == SUCCESSION["envelope"]


@pytest.mark.parametrize("chain", VECTORS["chains"], ids=named)
def test_a_chain_breaks_the_rule_that_the_vector_names(chain: Fields) -> None:
    rule = handmade.chain_breaks(
        [bytes.fromhex(link) for link in chain["successions"]],
        pinned=SERVER,
        audience=VECTORS["audience"],
        signer=chain["signer"],
    )
    assert rule == chain["breaks"]


def test_the_document_has_seven_rules_of_succession_and_a_chain_for_each() -> None:
    rules = re.findall(r"^\| (S\d+) \|", section(10), re.MULTILINE)
    assert rules == [f"S{rule}" for rule in range(1, 8)]
    assert {chain["breaks"] for chain in VECTORS["chains"]} == {"", *rules}


def test_the_example_rotation_follows_from_its_statement_and_a_seed() -> None:
    statement = from_json(handmade.ROTATION, ROTATION["statement"])
    encoded = handmade.encode(handmade.ROTATION, statement)
    assert statement["old_public_key_id"] == VECTORS["client"]["public_key_id"]
    assert handmade.pae("rotation", encoded).hex() == ROTATION["pae"]
    signature = handmade.sign(bytes.fromhex(ROTATION["next_seed"]), "rotation", encoded)
    assert signature.hex() == ROTATION["signature"]


def test_the_example_rotation_proves_one_step_at_one_audience() -> None:
    old = VECTORS["client"]["public_key_id"]
    proof = bytes.fromhex(ROTATION["next_key"])
    server = VECTORS["server"]["public_key_id"]
    itself = ROTATION["statement"]["new_public_key_id"]
    assert handmade.rotation_holds(proof, audience=VECTORS["audience"], old_public_key_id=old)
    for audience, other in (("other", old), *((VECTORS["audience"], i) for i in (server, itself))):
        assert not handmade.rotation_holds(proof, audience=audience, old_public_key_id=other)


@pytest.mark.parametrize(
    "value",
    [
        *(SUCCESSION[part] for part in ("payload_sha256", "pae", "signature", "envelope")),
        *(ROTATION[part] for part in ("next_seed", "pae", "signature", "next_key")),
    ],
)
def test_the_document_shows_the_bytes_of_succession_and_rotation(value: str) -> None:
    assert value in BYTES


@pytest.mark.parametrize("kind", ["request", "response", "succession", "rotation"])
def test_the_document_names_every_payload_type(kind: str) -> None:
    assert f"`{handmade.TYPES[kind]}`" in section(2)


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
@pytest.mark.parametrize(("appended", "succeeds"), [("", True), ("x", False)])
def test_the_documents_commands_verify_the_example_request(
    tmp_path: Path, appended: str, *, succeeds: bool
) -> None:
    commands = re.search(r"```sh\n(.*?)```", TEXT.split("\n## Appendix A")[1], re.DOTALL)
    assert commands
    *prepare, verify = commands[1].strip().splitlines()
    script = "\n".join([*prepare, f"printf '%s' '{appended}' >> pae.bin", verify])
    done = subprocess.run(
        ["sh", "-e", "-c", script], cwd=tmp_path, check=False, capture_output=True, text=True
    )
    assert (done.returncode == 0) == succeeds
    assert ("Signature Verified Successfully" in done.stdout) == succeeds


def test_the_other_implementation_knows_nothing_of_ours() -> None:
    tests = [f"test_{about}_doc.py" for about in ("protocol", "sealing", "sealed_parts")]
    for name in ("handmade.py", "handmade_sealing.py", *tests):
        source = (Path(__file__).parent / name).read_text(encoding="utf-8")
        assert not re.search(r"^\s*(?:from|import) (?:sealwire|docs)\b", source, re.MULTILINE)
