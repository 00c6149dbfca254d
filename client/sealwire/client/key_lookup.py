"""One question to a server: how its signing key came to follow the pinned one. No I/O.

docs/protocol.md section 10. The answer is signed by a key that the client does not believe yet, so
it carries its own proof: a chain of successions from the pinned key to the key that signed it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sealwire.client.exchange import ClientExchange, Session
from sealwire.core.envelope import parse_body, parse_canonical, parse_envelope
from sealwire.core.errors import AuthenticationError
from sealwire.core.keys import PublicKey
from sealwire.core.successions import follow
from sealwire.v1.envelope_pb2 import ResponseStatement
from sealwire.v1.keys_pb2 import ListServerKeysRequest, ListServerKeysResponse

LIST_SERVER_KEYS: Final = "/sealwire.v1.KeyService/ListServerKeys"


@dataclass(frozen=True, slots=True)
class KeyLookup:
    """Whether the key `signer_id`, which signed another answer, is the server's key now."""

    signer_id: str
    audience: str
    _exchange: ClientExchange

    @classmethod
    def begin(cls, session: Session, signer_id: str) -> KeyLookup:
        """Ask in `session`, whose pin is where the chain has to start."""
        return cls(signer_id, session.requests.audience, session.exchange(LIST_SERVER_KEYS))

    def request(self) -> bytes:
        """Return the signed question."""
        return self._exchange.request(ListServerKeysRequest())

    def conclude(self, data: bytes) -> PublicKey:
        """Return the key, if the chain ends with it and it has signed this answer, too.

        Raises:
            AuthenticationError: if the chain does not lead from the pinned key to it.
            MalformedError: if the chain or the answer is not what any server sends.
            ResponseVerificationError: if it has not signed the answer to this very question.
        """
        key = self._end_of_chain(data)
        self._exchange.server_key = key
        self._exchange.response(data)
        return key

    def _end_of_chain(self, data: bytes) -> PublicKey:
        """Follow the chain in an answer that isn't verified: each of its links verifies itself."""
        statement = parse_canonical(ResponseStatement, parse_envelope(data).payload)
        answer = parse_body(ListServerKeysResponse, statement.body)
        keys = follow(answer.successions, pinned=self._exchange.server_key, audience=self.audience)
        if not keys or keys[-1].key_id != self.signer_id:
            raise AuthenticationError("The chain of successions does not end with the signer.")
        return keys[-1]
