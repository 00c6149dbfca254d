"""One question and one answer on the socket of an ssh-agent, in bounded size and time."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from sealwire.client.signers.agent_messages import FAILURE, MAX_MESSAGE_BYTES
from sealwire.client.signers.errors import SignerError

SOCKET_VARIABLE: Final = "SSH_AUTH_SOCK"
_LENGTH_BYTES: Final = 4
_LEAST_SECONDS: Final = 0.001


@dataclass(frozen=True, slots=True)
class AgentSocket:
    """Where an agent listens. Each question has a connection of its own, so threads may share it.

    `monotonic` gives seconds.
    """

    path: str
    monotonic: Callable[[], float] = time.monotonic

    @classmethod
    def of_user(cls) -> Self:
        """Return the one that SSH_AUTH_SOCK names.

        Raises:
            SignerError: if it names none.
        """
        path = os.environ.get(SOCKET_VARIABLE)
        if not path:
            raise SignerError(
                f"No ssh-agent is running for this session: {SOCKET_VARIABLE} is not set. Start "
                'one with: eval "$(ssh-agent)" && ssh-add'
            )
        return cls(path)

    def ask(self, request: bytes, *, seconds: float) -> bytes:
        """Return the agent's whole answer.

        Raises:
            SignerError: if the request is larger than agents take, the agent can't be reached,
                refuses, or does not answer in time and in bounds.
        """
        if len(request) > MAX_MESSAGE_BYTES:
            raise SignerError(
                "An ssh-agent signs at most 256 KiB at once, and this request is larger; split the "
                "value, or use a key in a file or on a token."
            )
        deadline = self.monotonic() + seconds
        try:
            answer = self._exchange(request, deadline)
        except TimeoutError:
            raise SignerError(f"The ssh-agent did not answer in {seconds:g} seconds.") from None
        except OSError as error:
            raise SignerError(
                f"The ssh-agent at {self.path!r} can't be used ({error.strerror or error}); check "
                f"that it runs and that {SOCKET_VARIABLE} names its socket."
            ) from error
        if answer == bytes([FAILURE]):
            raise SignerError(
                "The ssh-agent refused: it may be locked (ssh-add -X), or somebody declined to "
                "confirm the use of the key."
            )
        return answer

    def _exchange(self, request: bytes, deadline: float) -> bytes:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(self._left(deadline))
            connection.connect(self.path)
            connection.sendall(len(request).to_bytes(_LENGTH_BYTES, "big") + request)
            size = int.from_bytes(self._receive(connection, _LENGTH_BYTES, deadline), "big")
            if not 0 < size <= MAX_MESSAGE_BYTES:
                raise SignerError(
                    f"The ssh-agent announced an answer of {size} bytes, so it was not read."
                )
            return self._receive(connection, size, deadline)

    def _receive(self, connection: socket.socket, size: int, deadline: float) -> bytes:
        data = bytearray()
        while len(data) < size:
            # One deadline for all of it: an agent can't hold us up by sending a byte at a time.
            connection.settimeout(self._left(deadline))
            piece = connection.recv(size - len(data))
            if not piece:
                raise SignerError("The ssh-agent closed the connection in the middle of an answer.")
            data += piece
        return bytes(data)

    def _left(self, deadline: float) -> float:
        left = deadline - self.monotonic()
        if left < _LEAST_SECONDS:
            raise TimeoutError
        return left
