"""One effect for each request id, however often the request comes.

The answer is kept in the transaction that has the effect; so either both are there or neither.
"""

from __future__ import annotations

import contextlib
import hashlib
import uuid
from typing import Final, Generic, Protocol, TypeVar, cast

from google.protobuf.message import Message

from sealwire.core.encoding import length_prefixed
from sealwire.core.errors import ErasedError, MalformedError
from sealwire.interceptors import Call
from sealwire.server.authorization import Authorization, Unit

M = TypeVar("M", bound=Message)

DIGEST_LABEL: Final = "sealwire/v1/answered-request"


class Mutation(Protocol):
    """A request that may have an id."""

    request_id: str

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes:
        """Return the request as bytes."""
        ...


class Answering(Protocol[M]):
    """How answers are kept that are not to be kept whole."""

    def shortened(self, answer: M) -> M:
        """Return what of an answer is kept."""
        ...

    def completed(self, auth: Authorization, kept: M) -> M:
        """Return the answer to a retry."""
        ...


class _Whole(Generic[M]):
    def shortened(self, answer: M) -> M:
        return answer

    def completed(self, _auth: Authorization, kept: M) -> M:
        return kept


def once(
    call: Call, request: Mutation, unit: Unit[M], answering: Answering[M] | None = None
) -> Unit[M]:
    """Return the unit that does what `unit` does, unless this request was answered before.

    Raises:
        MalformedError: if the request id is no UUID.
    """
    request_id = request.request_id
    if not request_id:
        return unit
    _require_uuid(request_id)
    answers: Answering[M] = answering or _Whole()
    body = request.SerializeToString(deterministic=True)
    digest = hashlib.sha256(length_prefixed(DIGEST_LABEL, call.method.path.encode(), body)).digest()

    def run(auth: Authorization) -> M:
        asker, tx = auth.caller.identity.id, auth.rights.tx
        known = tx.answers.find(asker, request_id, digest=digest)
        if known is not None:
            auth.settle()
            return answers.completed(auth, cast("M", call.method.response.FromString(known)))
        answer = unit(auth)
        response = answers.shortened(answer).SerializeToString()
        with contextlib.suppress(ErasedError):  # who erased themselves can't ask again
            tx.answers.add(asker, request_id, digest=digest, response=response, now=auth.now)
        return answer

    return run


def _require_uuid(text: str) -> None:
    try:
        if str(uuid.UUID(text)) == text:
            return
    except ValueError:
        pass
    raise MalformedError("A request id is a UUID in its usual form, in lower case.")
