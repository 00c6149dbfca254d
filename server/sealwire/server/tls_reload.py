"""A deployment while it is served: its certificates change without a restart.

Nothing is read on the event loop, and nothing at a handshake. What is wrong with new files stands
in the log, and what was in use before stays in use.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from pathlib import Path
from typing import Final, TypedDict

import structlog

from sealwire.core.clock import Clock
from sealwire.core.errors import SealwireError
from sealwire.interceptors import ReloadableTls
from sealwire.server.deployment import Deployment
from sealwire.server.tls_material import (
    TlsMaterial,
    authority_files,
    load_tls,
    outside_file,
    server_files,
)

_log = structlog.get_logger("sealwire.server")

CHECK_SECONDS: Final = 5.0
"""How often the files are looked at."""

_Stamp = tuple[tuple[int, int, int] | None, ...]


class LiveDeployment:
    """A deployment of which `current` always has the certificates and keys that are in use."""

    def __init__(
        self, deployment: Deployment, *, clock: Clock, check_seconds: float = CHECK_SECONDS
    ) -> None:
        """Begin with what was loaded; `start` begins to notice changes."""
        self.current = deployment
        self.tls = ReloadableTls(trust_domain=deployment.trust_domain, **_shown(deployment.tls))
        self._clock = clock
        self._check_seconds = check_seconds
        self._seen: _Stamp | None = None
        self._asked = asyncio.Event()
        self._reading = asyncio.Lock()
        self._watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look at the files again and again."""
        self._watching = asyncio.create_task(self._watch(), name="certificate files")

    async def stop(self) -> None:
        """Look at them no more."""
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching

    def request_reload(self) -> None:
        """Have the files read at once, whether they seem to have changed or not."""
        self._asked.set()

    async def reload(self) -> None:
        """Read the files, and use what they hold if it is fit for use; the log says what became."""
        if await self._read_again():
            return
        _log.info("certificates_unchanged")

    async def _read_again(self) -> bool:
        """Return whether the files hold anything new, be it fit for use or not."""
        async with self._reading:
            self._seen = await asyncio.to_thread(self._stamp)
            try:
                loaded = await asyncio.to_thread(load_tls, self.current.directory)
                if not loaded.differs_from(self.current.tls):
                    return False
                loaded.require_servable(self.current.config, now=self._clock())
                self.tls.replace(**_shown(loaded))
            except SealwireError as error:
                _log.warning("certificates_not_reloaded", detail=str(error))
                return True
            self.current = dataclasses.replace(self.current, tls=loaded)
        _log.info(
            "certificates_reloaded",
            server_certificate_ends=loaded.server_chain[0].not_valid_after_utc.isoformat(),
            authorities=[ca.subject.rfc4514_string() for ca in loaded.authorities],
            outside_authorities=[ca.subject.rfc4514_string() for ca in loaded.outside],
        )
        return True

    async def _watch(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), self._check_seconds)
            try:
                if self._asked.is_set():
                    self._asked.clear()
                    await self.reload()
                elif self._seen != await asyncio.to_thread(self._stamp):
                    await self._read_again()
            except Exception:  # a fault in here must not end the watching
                _log.exception("certificates_not_reloaded")

    def _stamp(self) -> _Stamp:
        """Return what changes whenever one of the files does."""
        directory = self.current.directory
        pairs = (authority_files(directory), server_files(directory))
        files = [file for pair in pairs for file in (pair.certificate, pair.key, pair.next_key)]
        return tuple(_file_stamp(file) for file in (*files, outside_file(directory)))


class _Shown(TypedDict):
    certificate_chain: bytes
    private_key: bytes
    client_ca: bytes
    outside_ca: bytes | None


def _shown(material: TlsMaterial) -> _Shown:
    return {
        "certificate_chain": material.server_certificate_pem,
        "private_key": material.server_key_pem,
        "client_ca": material.ca_pem,
        "outside_ca": material.outside_pem,
    }


def _file_stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    # Whatever is done to a file, its contents, name or mode, moves the time of its last change.
    return status.st_ctime_ns, status.st_ino, status.st_size
