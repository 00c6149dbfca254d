"""Tokens of SoftHSM2, each test's own."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from sealwire.core.keys import PrivateKey
from sealwire.core.secret_files import write_new_secret

PIN = "314159"
_MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)
MODULE = next((path for path in _MODULES if Path(path).exists()), "")

needs_softhsm = pytest.mark.skipif(
    not MODULE or shutil.which("softhsm2-util") is None,
    reason="SoftHSM2 (Debian: softhsm2) is not installed",
)


@dataclass(frozen=True)
class SoftHsm:
    """A directory of tokens; programs find it through their environment."""

    directory: Path

    @classmethod
    def create(cls, directory: Path) -> SoftHsm:
        (directory / "tokens").mkdir(parents=True)
        settings = f"directories.tokendir = {directory / 'tokens'}\nobjectstore.backend = file\n"
        hsm = cls(directory)
        hsm.settings.write_text(settings)
        write_new_secret(directory / "pin", f"{PIN}\n".encode())
        return hsm

    @property
    def settings(self) -> Path:
        """What SOFTHSM2_CONF must name."""
        return self.directory / "softhsm2.conf"

    @property
    def pin_source(self) -> str:
        return f"pin-source=file:{self.directory / 'pin'}"

    def new_token(self, label: str) -> None:
        self._run("--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", PIN)

    def new_key(self, token: str, label: str, key_id: str, *options: str) -> PrivateKey:
        """Make an Ed25519 key and put it on the token."""
        key = PrivateKey.generate(os.urandom)
        loaded = Ed25519PrivateKey.from_private_bytes(key.seed)
        self.store(loaded, token, "--label", label, "--id", key_id, *options)
        return key

    def store(self, key: PrivateKeyTypes, token: str, *options: str) -> None:
        """Put a key on the token."""
        path = self.directory / "key.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        self._run("--import", str(path), "--token", token, "--pin", PIN, *options)
        path.unlink()

    def uri(self, *path: str, query: str | None = None) -> str:
        """Return a URI of this module; with the PIN's file, unless `query` says otherwise."""
        more = self.pin_source if query is None else query
        return f"pkcs11:{';'.join(path)}?module-path={MODULE}{'&' if more else ''}{more}"

    def _run(self, *arguments: str) -> None:
        subprocess.run(
            ["softhsm2-util", *arguments],
            env={**os.environ, "SOFTHSM2_CONF": str(self.settings)},
            check=True,
            capture_output=True,
        )
