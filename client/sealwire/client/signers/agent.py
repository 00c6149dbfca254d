"""A key in an ssh-agent: it never enters this process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sealwire.client.signers.agent_messages import (
    AgentIdentity,
    identities_request,
    parse_identities,
    parse_signature,
    sign_request,
)
from sealwire.client.signers.agent_socket import AgentSocket
from sealwire.client.signers.errors import SignerError
from sealwire.client.signers.spec import Settled
from sealwire.client.signers.statements import signed_elsewhere
from sealwire.core.errors import MalformedError
from sealwire.core.keys import PublicKey, Random

LIST_SECONDS: Final = 10.0
SIGN_SECONDS: Final = 50.0
"""Long enough to confirm the use of a key; a request is fresh for 60 seconds."""


@dataclass(frozen=True, slots=True)
class AgentSigner:
    """Signs by asking an agent; a `Signer`."""

    public_key: PublicKey
    socket: AgentSocket

    def sign(self, message: bytes) -> bytes:
        """Return the agent's signature of a statement, verified.

        Raises:
            SignerError: if the agent gives none, or one that does not hold.
        """
        return signed_elsewhere(message, key=self.public_key, sign=self._ask, where="The ssh-agent")

    def _ask(self, message: bytes) -> bytes:
        answer = self.socket.ask(sign_request(self.public_key, message), seconds=SIGN_SECONDS)
        try:
            return parse_signature(answer)
        except MalformedError as error:
            raise SignerError(f"The ssh-agent's answer is no signature. {error}") from None


@dataclass(frozen=True, slots=True)
class AgentKey:
    """One of the agent's Ed25519 keys.

    `which` is its key id, its SHA256 fingerprint or its comment; empty for the only one there is.
    """

    which: str

    @property
    def text(self) -> str:
        """The spec as it is written."""
        return f"agent:{self.which}" if self.which else "agent"

    def settle(self, folder: Path, *, random: Random) -> Settled:
        """Choose the key, and name it by its id from now on."""
        signer = self.open(folder)
        return Settled(f"agent:{signer.public_key.key_id}", signer)

    def open(self, folder: Path) -> AgentSigner:
        """Find the key among those that the agent holds."""
        agent = AgentSocket.of_user()
        answer = agent.ask(identities_request(), seconds=LIST_SECONDS)
        try:
            held = parse_identities(answer)
        except MalformedError as error:
            raise SignerError(f"The ssh-agent's list of keys can't be used. {error}") from None
        return AgentSigner(self._choose(held), agent)

    def _choose(self, held: Sequence[AgentIdentity]) -> PublicKey:
        matching = self._matching(held)
        if len(matching) == 1:
            return matching[0].public_key
        if matching:
            raise SignerError(
                f"The ssh-agent holds {len(matching)} keys that this could mean; name one: "
                + ", ".join(f"agent:{identity.public_key.key_id}" for identity in matching)
            )
        wanted = f"no key {self.which!r}" if self.which else "no Ed25519 key"
        raise SignerError(
            f"The ssh-agent holds {wanted}; see what it holds with: ssh-add -l, and give it the "
            "key with: ssh-add FILE (a locked agent shows none; unlock it with: ssh-add -X)."
        )

    def _matching(self, held: Sequence[AgentIdentity]) -> Sequence[AgentIdentity]:
        if not self.which:
            return held
        # A comment is free text: it must not pass for the id of another key.
        by_id = [i for i in held if self.which in (i.public_key.key_id, i.fingerprint)]
        return by_id or [i for i in held if self.which == i.comment]
