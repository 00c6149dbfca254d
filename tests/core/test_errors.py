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
