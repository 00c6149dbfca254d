from __future__ import annotations

import re

import grpc
import pytest

from sealwire.core import errors
from sealwire.core.errors import STATUS_CODES, Code, SealwireError
from sealwire.core.responses import ResponseVerificationError

KINDS: list[type[SealwireError]] = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, SealwireError)
]
# What is raised at start-up or in a client, and the two whose code is said elsewhere.
NOT_SENT: set[type[SealwireError]] = {
    errors.SealwireError,
    errors.StatusError,
    errors.PolicyError,
    errors.ConfigurationError,
}
SENT = [kind for kind in KINDS if kind not in NOT_SENT]


@pytest.mark.parametrize("kind", SENT)
def test_an_error_that_travels_has_a_code_of_its_own_kind(kind: type[SealwireError]) -> None:
    assert STATUS_CODES[kind.reason] not in {Code.OK, Code.UNKNOWN, Code.INTERNAL}


@pytest.mark.parametrize("kind", sorted(NOT_SENT, key=str))
def test_an_error_that_does_not_travel_has_no_code(kind: type[SealwireError]) -> None:
    assert kind.reason not in STATUS_CODES


def test_the_table_holds_the_errors_that_travel_and_no_others() -> None:
    assert set(STATUS_CODES) == {kind.reason for kind in SENT}
    assert len(SENT) >= 10


def test_reasons_are_unique_and_machine_readable() -> None:
    kinds: list[type[SealwireError]] = [
        *SENT,
        SealwireError,
        errors.PolicyError,
        errors.ConfigurationError,
        ResponseVerificationError,
    ]
    reasons = [kind.reason for kind in kinds]
    assert len(set(reasons)) == len(reasons)
    assert all(re.fullmatch(r"[A-Z][A-Z_]*[A-Z]", reason) for reason in reasons)


def error_of(kind: type[SealwireError]) -> SealwireError:
    """Return an error with the largest numbers that it can have."""
    largest = 2**64 - 1
    if issubclass(kind, errors.VersionMismatchError):
        return kind("It is another.", current_version=largest, condition=999)
    if issubclass(kind, errors.CompactedError):
        return kind("They are gone.", oldest_revision=largest)
    if issubclass(kind, errors.ErasedError):
        return kind()
    return kind("A sentence.")


def test_a_version_mismatch_says_which_version_and_which_condition() -> None:
    error = errors.VersionMismatchError("It is another.", current_version=0)
    assert error.metadata == {"current_version": "0"}
    error = errors.VersionMismatchError("It is another.", current_version=7, condition=0)
    assert error.metadata == {"current_version": "7", "condition": "0"}
    assert str(error) == "It is another."


def test_compacted_changes_say_from_where_there_are_some() -> None:
    error = errors.CompactedError("They are gone.", oldest_revision=41)
    assert error.metadata == {"oldest_revision": "41"}


def test_an_unknown_outcome_is_an_unavailability_that_says_so() -> None:
    error = errors.UnknownOutcomeError("It may have been done.")
    assert isinstance(error, errors.UnavailableError)
    assert error.metadata == {"outcome": "unknown"}
    assert STATUS_CODES[error.reason] == STATUS_CODES[errors.UnavailableError.reason]
    assert error.reason != errors.UnavailableError.reason


def test_an_erasure_names_nobody() -> None:
    assert str(errors.ErasedError()) == str(errors.ErasedError())
    assert errors.ErasedError().metadata == {}


@pytest.mark.parametrize("kind", SENT)
def test_what_an_error_says_to_programs_is_short_and_plain(kind: type[SealwireError]) -> None:
    # A status travels three times in the metadata of an answer, of which gRPC takes 8 KiB.
    metadata = error_of(kind).metadata
    assert sum(len(key) + len(value) for key, value in metadata.items()) <= 64
    assert all(re.fullmatch(r"[a-z_]+", key) for key in metadata)
    assert all(re.fullmatch(r"[a-z0-9]+", value) for value in metadata.values())


@pytest.mark.parametrize("kind", SENT)
def test_no_key_of_an_errors_metadata_begins_with_another(kind: type[SealwireError]) -> None:
    # Serializers differ in the order of such keys, and so in what they sign.
    keys = error_of(kind).metadata
    assert not [(a, b) for a in keys for b in keys if a != b and a.startswith(b)]


@pytest.mark.parametrize("kind", KINDS)
def test_an_errors_name_ends_in_error(kind: type[SealwireError]) -> None:
    assert kind.__name__.endswith("Error")


def test_codes_are_those_of_grpc() -> None:
    assert {code.name: code.value for code in Code} == {
        code.name: code.value[0] for code in grpc.StatusCode
    }


def test_a_handlers_error_keeps_what_its_clients_are_to_see() -> None:
    error = errors.StatusError(Code.OUT_OF_RANGE, "PAGE_TOO_LARGE", "Ask for fewer.")
    assert (error.code, error.status_reason, str(error)) == (
        Code.OUT_OF_RANGE,
        "PAGE_TOO_LARGE",
        "Ask for fewer.",
    )
    assert error.reason == SealwireError.reason
